from django.db import migrations

from cabinet.search.indexing import Indexer


def index(apps, schema_editor):
    """The latest first, a hundred cases in a transaction. Broken off, it goes on where it was.

    What older processes write meanwhile the sweep finds by its revision.
    """
    indexer = Indexer(apps.get_model)
    indexer.index_many(list(indexer.stale()))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cabinet", "0005_search")]

    operations = [migrations.RunPython(index, migrations.RunPython.noop)]
