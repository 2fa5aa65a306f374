"""Keeps what cases and messages say, in the transaction of the rows it comes from.

Whoever changes words holds the lock of their case already; a whole case is locked here.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import connections, router, transaction
from django.db.models import F, Q

from cabinet.search import schema
from cabinet.search.words import keys, keys_within, owner_key

MOST_BYTES = 500_000
"""Of the words of one case; a tsvector of PostgreSQL holds a megabyte. The oldest beyond are left out."""

BATCH = 100
"""Cases that are indexed in one transaction where many are."""

_COLUMNS = ["head", "words", "revision"]


class Indexer:
    """Writes entries and passages. A migration gives its own models."""

    def __init__(self, get_model: Callable[[str, str], type[Any]] = apps.get_model) -> None:
        self.cases, self.messages, self.files, self.entries, self.passages = (
            get_model("cabinet", name)._base_manager
            for name in ("Case", "Message", "CaseFile", "SearchEntry", "SearchPassage")
        )

    def case_saved(self, case: Any, *, added: bool = False) -> None:
        """Number or subject may be new. A revision between ours and this one was written without us."""
        head = _head(case.number, case.subject, case.owner_id)
        if added:
            self._store([self._entry(case.pk, head, head, case.revision)], _COLUMNS)
            return
        ours = self.entries.filter(
            case_id=case.pk, head=head, revision__in=(case.revision - 1, case.revision)
        )
        if not ours.update(revision=case.revision):
            self.index_cases([case.pk])

    def index_cases(self, case_ids: Collection[uuid.UUID]) -> None:
        """Everything anew from the rows themselves."""
        with transaction.atomic(using=self._database):
            rows = self.cases.select_for_update().filter(pk__in=case_ids).order_by("pk")
            revisions = dict(rows.values_list("pk", "revision"))
            self._write_passages(Q(case_id__in=list(revisions)))
            self.gather(revisions, revisions)

    def index_messages(self, ids: Collection[uuid.UUID], *, added: bool = False) -> None:
        """These messages anew, and the entries of their cases."""
        with transaction.atomic(using=self._database):
            said = self._write_passages(Q(pk__in=list(ids)))
            known = {case_id for case_id in said if added and self._add(case_id, said[case_id])}
            self.gather(said.keys() - known)

    def gather(self, case_ids: Iterable[uuid.UUID], revisions: dict[uuid.UUID, int] | None = None) -> None:
        """Puts entries together from what is stored. One that is not there yet is made from the rows."""
        wanted = list(case_ids)
        old = dict(self.entries.filter(case_id__in=wanted).values_list("case_id", "words"))
        if revisions is None and (missing := [pk for pk in wanted if pk not in old]):
            self.index_cases(missing)
            wanted = [pk for pk in wanted if pk in old]
        passages = defaultdict(list)
        newest_first = self.passages.filter(message__case_id__in=wanted).order_by("-message__position")
        for case_id, words in newest_first.values_list("message__case_id", "words"):
            passages[case_id].append(words)
        entries = []
        for pk, *facts, revision in self.cases.filter(pk__in=wanted).values_list(
            "pk", "number", "subject", "owner_id", "revision"
        ):
            head = _head(*facts)
            words = _together([head, *passages[pk]])
            entries.append(self._entry(pk, head, words, revision))
        self._store(entries, _COLUMNS if revisions is not None else ["head", "words"])
        if any(set(old.get(entry.case_id, "").split()) - set(entry.words.split()) for entry in entries):
            self.erased()

    def erased(self) -> None:
        """Words were taken away: the index is to hold none of them."""
        schema.erase_after_commit(connections[self._database])

    def stale(self, since: datetime | None = None) -> Any:
        """Cases that were written without us, the latest first."""
        cases = self.cases.filter(changed_at__gte=since) if since else self.cases.all()
        unknown = Q(search_entry=None) | ~Q(search_entry__revision=F("revision"))
        return cases.filter(unknown).order_by("-changed_at").values_list("pk", flat=True)

    def index_many(self, case_ids: Iterable[uuid.UUID]) -> int:
        """These cases in batches, each its own transaction. Returns how many."""
        ids, count = iter(case_ids), 0
        while batch := list(islice(ids, BATCH)):
            self.index_cases(batch)
            count += len(batch)
        return count

    @property
    def _database(self) -> str:
        return router.db_for_write(self.entries.model)

    def _write_passages(self, which: Q) -> dict[uuid.UUID, str]:
        """What these messages say, by case; a withdrawn one says nothing any more."""
        names: dict[uuid.UUID, list[str]] = defaultdict(list)
        messages = self.messages.filter(which)
        files = self.files.filter(message__in=messages).order_by("position", "created_at")
        for message_id, name in files.values_list("message_id", "name"):
            names[message_id].append(name)
        said: dict[uuid.UUID, str] = {}
        passages, silent = [], []
        for pk, case_id, text, withdrawn_at in messages.values_list("pk", "case_id", "text", "withdrawn_at"):
            found = set() if withdrawn_at else keys(text).union(*map(keys_within, names[pk]))
            words = " ".join(sorted(found))
            said[case_id] = f"{said.get(case_id, '')} {words}"
            if found:
                # A space at both ends, so that every word can be looked for as a whole.
                passages.append(
                    self.passages.model(message_id=pk, words=f" {words} ", file_names="\n".join(names[pk]))
                )
            else:
                silent.append(pk)
        self.passages.filter(pk__in=silent).delete()
        self.passages.bulk_create(
            passages,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["message"],
            update_fields=["words", "file_names"],
        )
        return said

    def _add(self, case_id: uuid.UUID, words: str) -> bool:
        """A new message takes nothing away: its words come to the others. False if there is no entry yet."""
        entry = self.entries.filter(case_id=case_id)
        before = entry.values_list("words", flat=True).first()
        if before is None:
            return False
        together = _together([before, words])
        if set(together.split()) >= set(words.split()):
            entry.update(words=together)
            return True
        return False

    def _entry(self, case_id: uuid.UUID, head: str, words: str, revision: int) -> Any:
        return self.entries.model(case_id=case_id, head=head, words=words, revision=revision)

    def _store(self, entries: list[Any], columns: list[str]) -> None:
        self.entries.bulk_create(
            entries, batch_size=BATCH, update_conflicts=True, unique_fields=["case"], update_fields=columns
        )


def _head(number: str, subject: str, owner_id: object) -> str:
    """What a case says by itself, its owner first."""
    return " ".join([owner_key(owner_id), *sorted(keys_within(number) | keys(subject))])


def _together(texts: Iterable[str]) -> str:
    """The words of all, each once, as many as one entry may hold; what comes first counts most."""
    return " ".join(_as_many_as_fit(dict.fromkeys(word for text in texts for word in text.split())))


def _as_many_as_fit(words: Iterable[str]) -> Iterator[str]:
    room = MOST_BYTES
    for word in words:
        room -= len(word.encode())
        if room < 0:
            return
        yield word
