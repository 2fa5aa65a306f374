from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cabinet", "0002_modes_and_read_marks")]

    operations = [
        migrations.CreateModel(
            name="UsedToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={"verbose_name": "used token", "verbose_name_plural": "used tokens"},
        ),
        migrations.AddField(
            model_name="profile",
            name="external_id",
            field=models.CharField(
                blank=True, max_length=200, null=True, unique=True, verbose_name="id at the company's site"
            ),
        ),
    ]
