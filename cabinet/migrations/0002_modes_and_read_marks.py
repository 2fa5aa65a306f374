import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def give_ids(apps, schema_editor):
    """Each its own: the column's default would be computed once for all rows."""
    profiles = apps.get_model("cabinet", "Profile").objects.all()
    for key in list(profiles.values_list("pk", flat=True)):
        profiles.filter(pk=key).update(custom_id=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [
        ("cabinet", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="case",
            name="mode",
            field=models.CharField(
                choices=[("mail", "With answers by e-mail"), ("cabinet", "In the cabinet only"), ("chat", "Chat")],
                db_default="mail",
                default="mail",
                max_length=10,
                verbose_name="mode",
            ),
        ),
        migrations.AddField(
            model_name="profile",
            name="custom_id",
            field=models.UUIDField(editable=False, null=True, verbose_name="own id"),
        ),
        migrations.RunPython(give_ids, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="profile",
            name="custom_id",
            field=models.UUIDField(
                default=uuid.uuid4, editable=False, null=True, unique=True, verbose_name="own id"
            ),
        ),
        migrations.CreateModel(
            name="ReadMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("position", models.PositiveIntegerField(default=0, verbose_name="read up to")),
                ("seen_at", models.DateTimeField(blank=True, null=True, verbose_name="last looked at")),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="read_marks",
                        to="cabinet.case",
                        verbose_name="case",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="read_marks",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "read mark",
                "verbose_name_plural": "read marks",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "case"), name="one_mark_per_reader")
                ],
            },
        ),
    ]
