
import cabinet.search
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.CharField(blank=True, max_length=40, verbose_name='number')),
                ('subject', models.CharField(blank=True, max_length=255, verbose_name='subject')),
                ('status', models.CharField(choices=[('open', 'With support'), ('waiting', 'Your turn'), ('closed', 'Closed')], default='open', max_length=10, verbose_name='status')),
                ('availability', models.CharField(blank=True, choices=[('', 'Available'), ('merged', 'Merged into another case'), ('spam', 'Marked as spam'), ('deleted', 'Deleted'), ('archived', 'Archived'), ('moved', 'Handed to another person')], default='', max_length=10, verbose_name='availability')),
                ('submission_key', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('last_activity_at', models.DateTimeField(verbose_name='last activity')),
                ('revision', models.PositiveIntegerField(default=1, editable=False)),
                ('changed_at', models.DateTimeField(editable=False)),
                ('next_position', models.PositiveIntegerField(default=1, editable=False)),
                ('next_entry_number', models.PositiveIntegerField(default=1, editable=False)),
                ('folded', cabinet.search.FoldedField(blank=True, default='', editable=False, of=('number', 'subject'))),
                ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='merged_cases', to='cabinet.case', verbose_name='merged into')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
            ],
            options={
                'verbose_name': 'case',
                'verbose_name_plural': 'cases',
                'ordering': ['-last_activity_at'],
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveIntegerField(verbose_name='position')),
                ('author', models.CharField(choices=[('customer', 'Customer'), ('staff', 'Support')], max_length=10, verbose_name='author')),
                ('author_name', models.CharField(blank=True, max_length=200, verbose_name='name of the author')),
                ('origin', models.CharField(choices=[('cabinet', 'Cabinet'), ('desk', 'Help desk')], max_length=10, verbose_name='origin')),
                ('text', models.TextField(blank=True, verbose_name='text')),
                ('quoted_text', models.TextField(blank=True, verbose_name='quoted text')),
                ('html', models.TextField(blank=True, verbose_name='HTML')),
                ('state', models.CharField(choices=[('sending', 'Sending'), ('sent', 'Sent'), ('failed', 'Not delivered')], default='sent', max_length=10, verbose_name='state')),
                ('failure', models.CharField(blank=True, max_length=40, verbose_name='reason of the failure')),
                ('submission_key', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('written_at', models.DateTimeField(verbose_name='written')),
                ('edited_at', models.DateTimeField(blank=True, null=True, verbose_name='edited')),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True, verbose_name='withdrawn')),
                ('folded', cabinet.search.FoldedField(blank=True, default='', editable=False, of=('text',))),
                ('author_user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='cabinet_messages', to=settings.AUTH_USER_MODEL, verbose_name='person')),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='cabinet.case', verbose_name='case')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='CaseFile',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveIntegerField(default=0, verbose_name='position')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('size', models.PositiveBigIntegerField(verbose_name='size in bytes')),
                ('content_type', models.CharField(blank=True, max_length=120, verbose_name='type')),
                ('blob', models.FileField(blank=True, max_length=200, upload_to='files/%Y/%m', verbose_name='content')),
                ('state', models.CharField(choices=[('ready', 'Ready'), ('fetching', 'Being fetched'), ('unavailable', 'Not available')], default='ready', max_length=12, verbose_name='state')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('folded', cabinet.search.FoldedField(blank=True, default='', editable=False, of=('name',))),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, verbose_name='owner')),
                ('message', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='files', to='cabinet.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'file',
                'verbose_name_plural': 'files',
                'ordering': ['position', 'created_at'],
            },
        ),
        migrations.CreateModel(
            name='OutboxEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('kind', models.CharField(choices=[('open_case', 'open the case'), ('reply', 'reply'), ('close', 'close'), ('reopen', 'reopen'), ('ensure_open', 'reopen if still closed')], max_length=20, verbose_name='kind')),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('attempting', 'being sent'), ('unsettled', 'outcome unknown'), ('delivered', 'delivered'), ('rejected', 'rejected'), ('undecided', 'a person decides'), ('dropped', 'dropped')], default='waiting', max_length=12, verbose_name='state')),
                ('due_at', models.DateTimeField(verbose_name='due')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('reason', models.CharField(blank=True, max_length=40, verbose_name='reason')),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='detail')),
                ('created_at', models.DateTimeField(verbose_name='created')),
                ('settled_at', models.DateTimeField(blank=True, null=True, verbose_name='settled')),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='outbox', to='cabinet.case', verbose_name='case')),
                ('message', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='outbox', to='cabinet.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'outbox entry',
                'verbose_name_plural': 'outbox',
                'ordering': ['case', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('time_zone', models.CharField(blank=True, max_length=64, verbose_name='time zone')),
                ('language', models.CharField(blank=True, max_length=8, verbose_name='language')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='cabinet_profile', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'profile',
                'verbose_name_plural': 'profiles',
            },
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(fields=['owner', '-last_activity_at'], name='case_list'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(fields=['changed_at'], name='case_changed'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.UniqueConstraint(fields=('owner', 'submission_key'), name='one_case_per_submission'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('case', 'position'), name='one_message_per_position'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('case', 'submission_key'), name='one_message_per_submission'),
        ),
        migrations.AddIndex(
            model_name='outboxentry',
            index=models.Index(condition=models.Q(('state__in', ['waiting', 'attempting', 'unsettled'])), fields=['due_at'], name='outbox_due'),
        ),
        migrations.AddConstraint(
            model_name='outboxentry',
            constraint=models.UniqueConstraint(fields=('case', 'number'), name='one_entry_per_number'),
        ),
    ]
