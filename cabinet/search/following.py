"""Whichever way a searched row is written, the words follow in the same transaction.

Saving and deleting say so by themselves; `update` and `bulk_create` of Django do not, hence the queryset.
What gets round both (a version of the code that knows no index, SQL by hand) is found by the case's revision,
or by `manage.py index_search --all`.
"""

import uuid
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from django.apps import apps
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save

from cabinet.batches import batches
from cabinet.search.indexing import BATCH, Indexer

M = TypeVar("M", bound=models.Model)

SEARCHED = {
    "Case": {"number", "subject", "owner", "owner_id", "revision"},
    "Message": {"text", "withdrawn_at", "case", "case_id"},
    "CaseFile": {"name", "message", "message_id"},
}
"""The columns whose words, or whose place, are searched."""

_OF_A_CASE = SEARCHED["Case"] - {"owner_id"}
_ABOVE = {"Message": "case_id", "CaseFile": "message_id"}


class SearchedQuerySet(models.QuerySet[M]):
    """Writes the words together with the rows."""

    def update(self, **values: Any) -> int:
        name = self.model.__name__
        if not SEARCHED[name] & values.keys():
            return super().update(**values)
        with transaction.atomic(using=self.db):
            # Taken down before: afterwards the filter may find other rows, and a row stand elsewhere.
            ids = list(self.values_list("pk", flat=True))
            before = _above(self.model, ids)
            count = super().update(**values)
            _refresh(self.model, ids, before)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        with transaction.atomic(using=self.db):
            made = super().bulk_create(objs, *args, **kwargs)
            ids = [row.pk for row in made]
            if self.model.__name__ == "Case":
                Indexer().index_many(ids)
            else:
                _refresh(self.model, ids)
        return made


def _above(model: type[models.Model], ids: list[uuid.UUID]) -> set[uuid.UUID]:
    """What these rows hang on: the messages of files, the cases of messages."""
    column = _ABOVE.get(model.__name__)
    if column is None:
        return set()
    rows = (
        model._base_manager.filter(pk__in=some).values_list(column, flat=True) for some in batches(ids, BATCH)
    )
    return {key for some in rows for key in some} - {None}


def _refresh(model: type[models.Model], ids: list[uuid.UUID], left: Collection[uuid.UUID] = ()) -> None:
    indexer = Indexer()
    if model.__name__ == "Case":
        for some in batches(ids, BATCH):
            for case in model._base_manager.filter(pk__in=some).only(*sorted(_OF_A_CASE)):
                indexer.case_saved(case)
    elif model.__name__ == "Message":
        indexer.gather(left)
        for some in batches(ids, BATCH):
            indexer.index_messages(some)
    else:
        for some in batches([*_above(model, ids) | set(left)], BATCH):
            indexer.index_messages(some)


def saved(
    sender: type[models.Model],
    instance: Any,
    created: bool,
    update_fields: Collection[str] | None,
    raw: bool,
    **_: object,
) -> None:
    """A row was written. What a fixture loads comes in any order: index it with the command."""
    name = sender.__name__
    if raw or (update_fields is not None and not SEARCHED[name] & set(update_fields)):
        return
    if name == "Case":
        Indexer().case_saved(instance, added=created)
    elif name == "Message":
        Indexer().index_messages([instance.pk], added=created)
    elif instance.message_id:
        Indexer().index_messages([instance.message_id])


def deleted(sender: type[models.Model], instance: Any, origin: Any, **_: object) -> None:
    """A row was deleted. What goes with its case, or its message, needs no word of its own."""
    name, goes_with = sender.__name__, getattr(origin, "model", type(origin)).__name__
    if name == "Message" and goes_with != "Case":
        Indexer().gather([instance.case_id])
    elif name == "CaseFile" and goes_with not in ("Case", "Message") and instance.message_id:
        Indexer().index_messages([instance.message_id])
    elif name == "SearchEntry":
        Indexer().erased()


def connect() -> None:
    """Once, when the models are there."""
    for name in SEARCHED:
        post_save.connect(saved, apps.get_model("cabinet", name))
    for name in ("Message", "CaseFile", "SearchEntry"):
        post_delete.connect(deleted, apps.get_model("cabinet", name))
