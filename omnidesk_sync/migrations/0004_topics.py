import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cabinet', '0007_topics'),
        ("omnidesk_sync", "0003_channel_identities"),
    ]

    operations = [
        migrations.CreateModel(
            name='TopicMapping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group_id', models.PositiveBigIntegerField(blank=True, help_text='Empty: as the rules of Omnidesk decide.', null=True, verbose_name='id of the group')),
                ('labels', models.CharField(blank=True, help_text='101, 102', max_length=300, validators=[django.core.validators.RegexValidator('\\A\\s*[0-9]{1,18}(\\s*,\\s*[0-9]{1,18})*\\s*\\Z', 'Numbers with commas: 101, 102.')], verbose_name='ids of labels')),
                ('priority', models.CharField(blank=True, choices=[('low', 'low'), ('normal', 'normal'), ('high', 'high'), ('critical', 'critical')], max_length=10, verbose_name='priority')),
                ('topic', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='desk_mapping', to='cabinet.topic', verbose_name='topic')),
            ],
            options={
                'verbose_name': 'topic at Omnidesk',
                'verbose_name_plural': 'topics at Omnidesk',
            },
        ),
        migrations.CreateModel(
            name='FieldMapping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('desk_field', models.CharField(help_text='cf_25', max_length=12, validators=[django.core.validators.RegexValidator('\\Acf_[0-9]{1,9}\\Z', 'A field of Omnidesk is written cf_25.')], verbose_name='field of Omnidesk')),
                ('options', models.TextField(blank=True, help_text='One a line: our key=key of the choice at Omnidesk. What is left out keeps its key.', verbose_name='choices')),
                ('field', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='desk_mapping', to='cabinet.topicfield', verbose_name='field')),
                ('mapping', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fields', to='omnidesk_sync.topicmapping', verbose_name='topic at Omnidesk')),
            ],
            options={
                'verbose_name': 'field at Omnidesk',
                'verbose_name_plural': 'fields at Omnidesk',
                'constraints': [models.UniqueConstraint(fields=('mapping', 'desk_field'), name='one_desk_field_per_topic')],
            },
        ),
    ]
