import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cabinet", "0006_search_words"),
    ]

    operations = [
        migrations.CreateModel(
            name='Topic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='Stands in addresses: /cases/new/?topic=key', max_length=40, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z][a-z0-9_]*\\Z', 'Small Latin letters, digits and underscores, beginning with a letter.')], verbose_name='key')),
                ('title_ru', models.CharField(max_length=100, verbose_name='title in Russian')),
                ('title_en', models.CharField(blank=True, max_length=100, verbose_name='title in English')),
                ('hint_ru', models.CharField(blank=True, max_length=300, verbose_name='hint in Russian')),
                ('hint_en', models.CharField(blank=True, max_length=300, verbose_name='hint in English')),
                ('subject_hint_ru', models.CharField(blank=True, max_length=140, verbose_name='example of a subject in Russian')),
                ('subject_hint_en', models.CharField(blank=True, max_length=140, verbose_name='example of a subject in English')),
                ('position', models.PositiveIntegerField(default=0, verbose_name='order')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
            ],
            options={
                'verbose_name': 'topic',
                'verbose_name_plural': 'topics',
                'ordering': ['position', 'key'],
            },
        ),
        migrations.AddField(
            model_name='case',
            name='fields',
            field=models.JSONField(blank=True, editable=False, null=True, verbose_name='fields'),
        ),
        migrations.AddField(
            model_name='case',
            name='topic',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='cabinet.topic', verbose_name='topic'),
        ),
        migrations.CreateModel(
            name='TopicField',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='Stands in addresses. What is typed moves along between topics under the same key.', max_length=40, validators=[django.core.validators.RegexValidator('\\A[a-z][a-z0-9_]*\\Z', 'Small Latin letters, digits and underscores, beginning with a letter.')], verbose_name='key')),
                ('kind', models.CharField(choices=[('text', 'one line'), ('textarea', 'several lines'), ('choice', 'one of several'), ('checkbox', 'yes or no'), ('date', 'date'), ('number', 'number')], default='text', max_length=10, verbose_name='kind')),
                ('label_ru', models.CharField(max_length=100, verbose_name='label in Russian')),
                ('label_en', models.CharField(blank=True, max_length=100, verbose_name='label in English')),
                ('hint_ru', models.CharField(blank=True, max_length=300, verbose_name='hint in Russian')),
                ('hint_en', models.CharField(blank=True, max_length=300, verbose_name='hint in English')),
                ('required', models.BooleanField(default=False, verbose_name='required')),
                ('choices_ru', models.TextField(blank=True, help_text='One a line: key=label. For “one of several”.', verbose_name='choices in Russian')),
                ('choices_en', models.TextField(blank=True, help_text='The same keys; what is left out stays Russian.', verbose_name='choices in English')),
                ('only_if', models.CharField(blank=True, help_text='The key of another field of this topic. Empty: always asked.', max_length=40, verbose_name='only if the field')),
                ('only_if_value', models.CharField(blank=True, help_text='The key of a choice; for “yes or no”: yes or no.', max_length=100, verbose_name='has the value')),
                ('position', models.PositiveIntegerField(default=0, verbose_name='order')),
                ('topic', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fields', to='cabinet.topic', verbose_name='topic')),
            ],
            options={
                'verbose_name': 'field',
                'verbose_name_plural': 'fields',
                'ordering': ['position', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('topic', 'key'), name='one_field_per_key')],
            },
        ),
    ]
