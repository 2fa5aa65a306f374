
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('cabinet', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('version', models.PositiveBigIntegerField(default=0)),
                ('window_started_at', models.DateTimeField(blank=True, null=True, verbose_name='minute begun')),
                ('limit', models.PositiveIntegerField(default=20, verbose_name='calls a minute')),
                ('used_writes', models.PositiveIntegerField(default=0, verbose_name='units for writes')),
                ('used_readings', models.PositiveIntegerField(default=0, verbose_name='units for readings')),
                ('used_background', models.PositiveIntegerField(default=0, verbose_name='units in the background')),
                ('used_by_others', models.PositiveIntegerField(default=0, verbose_name='units of others')),
                ('blocked_until', models.DateTimeField(blank=True, null=True, verbose_name='blocked until')),
                ('paused_since', models.DateTimeField(blank=True, null=True, verbose_name='paused since')),
                ('pause_reason', models.CharField(blank=True, max_length=300, verbose_name='reason of the pause')),
                ('next_probe_at', models.DateTimeField(blank=True, null=True, verbose_name='next probe')),
                ('last_ok_at', models.DateTimeField(blank=True, null=True, verbose_name='last success')),
            ],
            options={
                'verbose_name': 'account',
                'verbose_name_plural': 'account',
            },
        ),
        migrations.CreateModel(
            name='Reconciliation',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('walked_to', models.DateTimeField(blank=True, null=True, verbose_name='walked up to')),
                ('next_due_at', models.DateTimeField(blank=True, null=True, verbose_name='next walk')),
                ('last_done_at', models.DateTimeField(blank=True, null=True, verbose_name='last walk')),
                ('last_error', models.CharField(blank=True, max_length=300, verbose_name='last error')),
            ],
            options={
                'verbose_name': 'reconciliation',
                'verbose_name_plural': 'reconciliation',
            },
        ),
        migrations.CreateModel(
            name='Stranger',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('desk_user_id', models.BigIntegerField(unique=True, verbose_name='id of the profile over there')),
                ('address_hash', models.CharField(blank=True, db_index=True, max_length=64, verbose_name='hash of the address')),
                ('seen_at', models.DateTimeField(verbose_name='seen')),
            ],
            options={
                'verbose_name': 'stranger',
                'verbose_name_plural': 'strangers',
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('baseline', models.BigIntegerField(default=0, verbose_name='highest id known before')),
                ('started_at', models.DateTimeField(verbose_name='begun')),
                ('dead_at', models.DateTimeField(verbose_name='certainly over')),
                ('outcome', models.CharField(choices=[('unknown', 'unknown'), ('delivered', 'delivered'), ('not_sent', 'not sent'), ('refused', 'refused'), ('absent', 'looked, not there')], default='unknown', max_length=10, verbose_name='outcome')),
                ('status', models.PositiveIntegerField(blank=True, null=True, verbose_name='HTTP status')),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='detail')),
                ('first_look_at', models.DateTimeField(blank=True, null=True, verbose_name='first look')),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='cabinet.outboxentry', verbose_name='outbox entry')),
            ],
            options={
                'verbose_name': 'attempt',
                'verbose_name_plural': 'attempts',
                'ordering': ['entry', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Candidate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('desk_case_id', models.BigIntegerField(unique=True, verbose_name='id of the case over there')),
                ('desk_user_id', models.BigIntegerField(default=0, verbose_name='id of the profile over there')),
                ('not_ours', models.BooleanField(default=False, verbose_name='not ours')),
                ('due_at', models.DateTimeField(blank=True, null=True, verbose_name='due')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('last_error', models.CharField(blank=True, max_length=300, verbose_name='last error')),
            ],
            options={
                'verbose_name': 'candidate case',
                'verbose_name_plural': 'candidate cases',
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='candidate_due')],
            },
        ),
        migrations.CreateModel(
            name='Lane',
            fields=[
                ('case', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='lane', serialize=False, to='cabinet.case', verbose_name='case')),
                ('lane_until', models.DateTimeField(blank=True, null=True, verbose_name='held until')),
                ('token', models.UUIDField(blank=True, null=True, verbose_name='token')),
                ('wanted', models.PositiveIntegerField(default=0, verbose_name='wishes to read')),
                ('wanted_since', models.DateTimeField(blank=True, null=True, verbose_name='wanted since')),
                ('raised_at', models.DateTimeField(blank=True, null=True, verbose_name='last wish')),
                ('urgent', models.BooleanField(default=False, verbose_name='urgent')),
                ('read_due_at', models.DateTimeField(blank=True, null=True, verbose_name='read at')),
                ('read_failures', models.PositiveIntegerField(default=0, verbose_name='failed readings')),
                ('last_error', models.CharField(blank=True, max_length=300, verbose_name='last error')),
                ('look_again_at', models.DateTimeField(blank=True, null=True, verbose_name='look again at')),
                ('last_read_at', models.DateTimeField(blank=True, null=True, verbose_name='last read')),
                ('held_back', models.PositiveIntegerField(default=0, verbose_name='rows held back as not known to be public')),
            ],
            options={
                'verbose_name': 'lane',
                'verbose_name_plural': 'lanes',
                'indexes': [models.Index(condition=models.Q(('wanted__gt', 0)), fields=['read_due_at'], name='lane_wanted'), models.Index(condition=models.Q(('look_again_at__isnull', False)), fields=['look_again_at'], name='lane_look_again')],
            },
        ),
        migrations.CreateModel(
            name='PersonLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('desk_user_id', models.BigIntegerField(unique=True, verbose_name='id of the profile over there')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='desk_links', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'person link',
                'verbose_name_plural': 'person links',
            },
        ),
        migrations.CreateModel(
            name='AddressImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.EmailField(max_length=254, verbose_name='address')),
                ('page', models.PositiveIntegerField(default=1, verbose_name='page')),
                ('due_at', models.DateTimeField(blank=True, null=True, verbose_name='due')),
                ('done_at', models.DateTimeField(blank=True, null=True, verbose_name='done')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('last_error', models.CharField(blank=True, max_length=300, verbose_name='last error')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'import of older cases',
                'verbose_name_plural': 'imports of older cases',
                'constraints': [models.UniqueConstraint(fields=('user', 'address'), name='one_import_per_address')],
            },
        ),
        migrations.CreateModel(
            name='CaseLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('desk_case_id', models.BigIntegerField(verbose_name='id of the case over there')),
                ('desk_user_id', models.BigIntegerField(verbose_name='id of the profile over there')),
                ('detached', models.BooleanField(default=False, verbose_name='handed to somebody else')),
                ('read_through_id', models.BigIntegerField(default=0, verbose_name='read up to message')),
                ('opening_read', models.BooleanField(default=False, verbose_name='opening read')),
                ('updated_at', models.DateTimeField(blank=True, null=True, verbose_name='changed over there')),
                ('snapshot', models.JSONField(blank=True, null=True, verbose_name='snapshot')),
                ('snapshot_at', models.DateTimeField(blank=True, null=True, verbose_name='snapshot taken')),
                ('audit_wanted', models.BooleanField(default=False, verbose_name='audit wanted')),
                ('audited_at', models.DateTimeField(blank=True, null=True, verbose_name='audited')),
                ('case', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='desk_link', to='cabinet.case', verbose_name='case')),
            ],
            options={
                'verbose_name': 'case link',
                'verbose_name_plural': 'case links',
                'constraints': [models.UniqueConstraint(condition=models.Q(('detached', False)), fields=('desk_case_id',), name='one_case_per_desk_case')],
            },
        ),
        migrations.CreateModel(
            name='FileLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('desk_file_id', models.BigIntegerField(default=0, verbose_name='id of the file over there')),
                ('url', models.CharField(blank=True, max_length=1000, verbose_name='address')),
                ('due_at', models.DateTimeField(blank=True, null=True, verbose_name='due')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('last_error', models.CharField(blank=True, max_length=300, verbose_name='last error')),
                ('file', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='desk_link', to='cabinet.casefile', verbose_name='file')),
            ],
            options={
                'verbose_name': 'file link',
                'verbose_name_plural': 'file links',
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='file_due')],
            },
        ),
        migrations.CreateModel(
            name='MessageLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('desk_message_id', models.BigIntegerField(verbose_name='id of the message over there')),
                ('desk_hash', models.CharField(blank=True, max_length=64, verbose_name='hash over there')),
                ('linked_at', models.DateTimeField(verbose_name='linked')),
                ('absent', models.PositiveSmallIntegerField(default=0, verbose_name='times not found')),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='message_links', to='cabinet.case', verbose_name='case')),
                ('message', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='desk_link', to='cabinet.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'message link',
                'verbose_name_plural': 'message links',
                'indexes': [models.Index(fields=['desk_message_id'], name='message_link_desk_id')],
                'constraints': [models.UniqueConstraint(fields=('case', 'desk_message_id'), name='one_message_per_desk_message')],
            },
        ),
    ]
