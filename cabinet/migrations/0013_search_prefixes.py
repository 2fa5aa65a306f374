from django.db import migrations

from cabinet.search import schema


def renew(apps, schema_editor):
    schema.renew(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("cabinet", "0012_privacy")]

    operations = [migrations.RunPython(renew, migrations.RunPython.noop)]
