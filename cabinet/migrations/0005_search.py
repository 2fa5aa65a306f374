import django.db.models.deletion
from django.db import migrations, models

from cabinet.search import schema


def create(apps, schema_editor):
    schema.create(schema_editor.connection)


def drop(apps, schema_editor):
    schema.drop(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("cabinet", "0004_chat_settings_and_notices")]

    operations = [
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("revision", models.PositiveIntegerField()),
                ("head", models.TextField()),
                ("words", models.TextField()),
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="search_entry",
                        to="cabinet.case",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SearchPassage",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_passage",
                        serialize=False,
                        to="cabinet.message",
                    ),
                ),
                ("words", models.TextField()),
                ("file_names", models.TextField()),
            ],
        ),
        migrations.RunPython(create, drop),
    ]
