
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='InboxEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('received_at', models.DateTimeField(verbose_name='received')),
                ('event', models.CharField(blank=True, max_length=40, verbose_name='event')),
                ('case_id', models.BigIntegerField(blank=True, null=True, verbose_name='case in Omnidesk')),
                ('message_id', models.BigIntegerField(blank=True, null=True, verbose_name='message in Omnidesk')),
                ('note', models.BooleanField(blank=True, null=True, verbose_name='internal note')),
                ('size', models.PositiveIntegerField(verbose_name='size in bytes')),
                ('sha256', models.CharField(max_length=64, verbose_name='SHA-256 of the body')),
                ('keys', models.CharField(blank=True, max_length=300, verbose_name='names of the keys')),
                ('parse_error', models.CharField(blank=True, max_length=200, verbose_name='reading error')),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('done', 'done'), ('ignored', 'nothing to do'), ('given_up', 'given up')], default='waiting', max_length=10, verbose_name='state')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('due_at', models.DateTimeField(verbose_name='due')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('settled_at', models.DateTimeField(blank=True, null=True, verbose_name='settled')),
            ],
            options={
                'verbose_name': 'inbox entry',
                'verbose_name_plural': 'inbox',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='inbox_due'), models.Index(fields=['settled_at'], name='inbox_settled')],
            },
        ),
    ]
