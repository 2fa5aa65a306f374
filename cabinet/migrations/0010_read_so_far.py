from django.db import migrations, models

FORMER_CASES = 1000


def read_so_far(apps, schema_editor):
    """Nothing was counted before: what stands in a case today is nothing new to its owner."""
    case_model, mark_model = apps.get_model("cabinet", "Case"), apps.get_model("cabinet", "ReadMark")
    batch = []
    for case_id, owner_id, following in case_model.objects.values_list(
        "pk", "owner_id", "next_position"
    ).iterator(chunk_size=FORMER_CASES):
        batch.append(mark_model(user_id=owner_id, case_id=case_id, position=max(following - 1, 0)))
        if len(batch) == FORMER_CASES:
            mark_model.objects.bulk_create(batch, ignore_conflicts=True)
            batch = []
    mark_model.objects.bulk_create(batch, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("cabinet", "0009_statuses_and_follow_ups")]

    operations = [
        migrations.AddField(
            model_name="readmark",
            name="history_until",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="older is history"),
        ),
        migrations.RunPython(read_so_far, migrations.RunPython.noop),
    ]
