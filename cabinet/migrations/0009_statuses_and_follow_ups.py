import django.db.models.deletion
from django.db import migrations, models


KEYS = ("open", "waiting", "closed", "unknown", "merged", "spam", "deleted", "archived", "moved")


def fill(apps, schema_editor):
    """A whole table to edit: empty texts mean the cabinet's own words."""
    StatusText = apps.get_model("cabinet", "StatusText")
    for key in KEYS:
        StatusText.objects.get_or_create(key=key)
    apps.get_model("cabinet", "CaseRules").objects.get_or_create(pk=1)


class Migration(migrations.Migration):

    dependencies = [
        ("cabinet", "0008_rating"),
    ]

    operations = [
        migrations.CreateModel(
            name='CaseRules',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('follow_up_days', models.PositiveSmallIntegerField(default=30, help_text='After these a new case about the same is offered instead. 0: never.', verbose_name='days until a closed case is not reopened')),
            ],
            options={
                'verbose_name': 'rules for cases',
                'verbose_name_plural': 'rules for cases',
            },
        ),
        migrations.CreateModel(
            name='StatusText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(choices=[('open', 'open'), ('waiting', 'waiting for the customer'), ('closed', 'closed'), ('unknown', 'a status that nobody has described'), ('merged', 'merged into another case'), ('spam', 'marked as spam'), ('deleted', 'deleted'), ('archived', 'no longer kept at the help desk'), ('moved', 'handed to another person')], max_length=10, unique=True, verbose_name='how the case stands')),
                ('label_ru', models.CharField(blank=True, max_length=60, verbose_name='label in Russian')),
                ('label_en', models.CharField(blank=True, max_length=60, verbose_name='label in English')),
                ('sentence_ru', models.CharField(blank=True, max_length=300, verbose_name='sentence in Russian')),
                ('sentence_en', models.CharField(blank=True, max_length=300, verbose_name='sentence in English')),
                ('turn', models.CharField(blank=True, choices=[('customer', 'Your turn'), ('support', 'Support’s turn'), ('nobody', 'Nobody has to do anything')], max_length=10, verbose_name='whose turn')),
            ],
            options={
                'verbose_name': 'status in words',
                'verbose_name_plural': 'statuses in words',
                'ordering': ['pk'],
            },
        ),
        migrations.AddField(
            model_name='case',
            name='closed_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='closed since'),
        ),
        migrations.AddField(
            model_name='case',
            name='follow_up_of',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='followers', to='cabinet.case', verbose_name='follow-up to'),
        ),
        migrations.AlterField(
            model_name='case',
            name='status',
            field=models.CharField(choices=[('open', 'With support'), ('waiting', 'Your turn'), ('closed', 'Closed'), ('unknown', 'In progress')], default='open', max_length=10, verbose_name='status'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
