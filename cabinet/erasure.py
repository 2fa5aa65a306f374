"""Erases a person: nothing of theirs stays here, and one row says when, at whose wish and how much.

    request   in one transaction: the account is switched off, the outbox emptied, the row written
    work off  by a worker, a few cases in a transaction each; then sessions, addresses, the account itself
    look again, an hour later, at the same places: what was under way meanwhile may have left something

From the request on nothing more is sent. What the help desk holds is its own affair: nothing is deleted over
there.
The steps may be repeated, so a killed worker costs time and nothing else. Nothing is logged but numbers.
"""

import hashlib
import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.db import IntegrityError, OperationalError, connection, models, router, transaction
from django.db.models import F, ProtectedError, Q, RestrictedError
from django.db.models.deletion import Collector
from django.utils import timezone
from django.utils.module_loading import import_string

from cabinet import chores, drafts, limits
from cabinet.batches import batches
from cabinet.draft_models import UnsentForm
from cabinet.models import OPEN_STATES, Case, CaseFile, Message, OutboxEntry
from cabinet.privacy_models import Consent, DataExport, ErasedBytes, Erasure
from cabinet.search import schema
from cabinet.signals import cases_erased, person_erased

logger = logging.getLogger(__name__)

TASK = "cabinet.erase"
CASES_AT_ONCE = 50
"""In one transaction: short enough that others who write need not wait long for SQLite's one lock."""

REQUESTS = 5
LEASE = timedelta(minutes=5)
MAX_TIME = timedelta(seconds=60)
SECOND_LOOK = timedelta(hours=1)
"""Longer than any request or call that was under way can last."""

LONGEST_WAIT = timedelta(hours=1)
BATCH = 500
UNSEEN_NAME = "—"
"""Stands for an author whose name is erased, in what he wrote into cases of others."""

OURS = frozenset({"cabinet", "account", "admin", "auth", "sessions"})
"""Apps whose rows may go with an account. If rows of any other app would, the account belongs to more than
the cabinet, and is kept without name and address."""


class StaffAccount(Exception):
    """The person works here: what admins did is signed with this account. Take the rights away first."""


def counts_of(person: AbstractBaseUser) -> dict[str, int]:
    """What erasing would take away, in numbers; `waiting` has not reached the help desk and would be lost."""
    cases = Case.objects.filter(owner_id=person.pk)
    return {
        "cases": cases.count(),
        "messages": Message.objects.filter(case__in=cases).count(),
        "files": CaseFile.objects.filter(Q(message__case__in=cases) | Q(owner_id=person.pk))
        .distinct()
        .count(),
        "waiting": _on_their_way(person).filter(message__isnull=False).count(),
        "consents": Consent.objects.filter(person_id=person.pk).count(),
    }


def request(*, person: AbstractBaseUser, asked_by: Erasure.AskedBy, now: datetime) -> Erasure:
    """Begins to erase a person. From here on the account is closed and nothing more is sent.

    Asking twice gives the same row. Raises `StaffAccount`.
    """
    for _time in range(REQUESTS - 1):
        # A worker that begins with a message just now notes it beside the row that is taken away here.
        with suppress(IntegrityError):
            return _request(person, asked_by, now)
    return _request(person, asked_by, now)


def _request(person: AbstractBaseUser, asked_by: Erasure.AskedBy, now: datetime) -> Erasure:
    with transaction.atomic():
        locked = get_user_model()._default_manager.select_for_update().get(pk=person.pk)
        if getattr(locked, "is_staff", False) or getattr(locked, "is_superuser", False):
            raise StaffAccount
        earlier = Erasure.objects.filter(person_key=str(locked.pk), erased_at=None).first()
        if earlier is not None:
            return earlier
        erasure = Erasure(person_key=str(locked.pk), asked_by=asked_by, requested_at=now, due_at=now)
        erasure.confirmed = counts_of(locked)
        erasure.save(force_insert=True)
        # The entries before the attempts that hang on them, as workers do: each of two that begin at another
        # end would wait for the other. What a worker has just delivered is no longer among them afterwards.
        list(_on_their_way(locked).select_for_update(of=("self",)).order_by("pk").values_list("pk"))
        _on_their_way(locked).delete()
        type(locked)._default_manager.filter(pk=locked.pk).update(is_active=False)
        chores.ring_after_commit(TASK, erasure.pk)
    return erasure


def _on_their_way(person: AbstractBaseUser) -> "models.QuerySet[OutboxEntry]":
    return OutboxEntry.objects.filter(case__owner_id=person.pk, state__in=OPEN_STATES)


def due(now: datetime) -> list[uuid.UUID]:
    return list(Erasure.objects.filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)[:20])


def work_off(erasure_id: uuid.UUID) -> bool:
    """Does the work of one erasure, if it is due and nobody else is at it. True when there is more to do."""
    now = timezone.now()
    rows = Erasure.objects.filter(pk=erasure_id, due_at__lte=now)
    if rows.update(due_at=now + LEASE, attempts=F("attempts") + 1) != 1:
        return False
    erasure = Erasure.objects.get(pk=erasure_id)
    try:
        finished = _erase(erasure, until=now + MAX_TIME)
    except Exception as error:  # noqa: BLE001 - whatever it was, the row comes again
        # Only the class: the text of a database's error quotes values.
        logger.error("erasure %s stopped: %s; it is tried again", erasure_id, type(error).__name__)
        wait = min(timedelta(seconds=5 * 2 ** min(erasure.attempts, 12)), LONGEST_WAIT)
        _store(erasure, due_at=timezone.now() + wait, last_error=type(error).__name__)
        return False
    if not finished:
        _store(erasure, due_at=timezone.now(), attempts=0)
        chores.ring(TASK, erasure_id)
        return True
    _conclude(erasure)
    return False


def _conclude(erasure: Erasure) -> None:
    """The first time through, a second look is planned; after that there is nothing more to do."""
    now = timezone.now()
    if erasure.erased_at is None:
        _store(erasure, erased_at=now, due_at=now + SECOND_LOOK, attempts=0, last_error="")
        logger.info("erasure %s is done", erasure.pk)
    else:
        erasure.bytes_left.all().delete()
        _store(erasure, due_at=None, last_error="")


def _store(erasure: Erasure, **values: Any) -> None:
    Erasure.objects.filter(pk=erasure.pk).update(**values)


def _erase(erasure: Erasure, *, until: datetime) -> bool:
    """All of it, in the order in which what remains is still known to be theirs. False when time ran out."""
    person = _person(erasure)
    while person is not None and _erase_some_cases(erasure, person):
        if timezone.now() >= until:
            _delete_bytes(erasure)
            return False
    if person is not None:
        addresses = _addresses(person)
        _end_sessions(person, addresses)
        _erase_person(erasure, person, addresses)
    _delete_bytes(erasure)
    # Here and not only after each commit: a worker may be killed between the two.
    schema.put_in_order(connection)
    _empty_the_log_of_sqlite()
    return True


def _empty_the_log_of_sqlite() -> None:
    """Its write-ahead log holds the pages as they were. With readers in the way the second look does it."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _person(erasure: Erasure) -> AbstractBaseUser | None:
    """Whose data they are. At the second look only if the account is still closed: whoever was let in again
    begins anew."""
    people = get_user_model()._default_manager.filter(pk=erasure.person_key)
    if erasure.erased_at is None:
        people.update(is_active=False)
    found: AbstractBaseUser | None = people.filter(is_active=False).first()
    return found


# ── cases ───────────────────────────────────────────────────────────────────────────────────────────────


def _erase_some_cases(erasure: Erasure, person: AbstractBaseUser) -> bool:
    """A few cases with everything in them. False when there were none.

    Listeners come before the cases' own locks: workers take theirs first and the case's after it.
    """
    ids = list(
        Case.objects.filter(owner_id=person.pk).order_by("pk").values_list("pk", flat=True)[:CASES_AT_ONCE]
    )
    if not ids:
        return False
    with transaction.atomic():
        cases_erased.send(sender=Case, case_ids=ids)
        cases = Case.objects.filter(pk__in=ids)
        list(cases.select_for_update().order_by("pk").values_list("pk"))
        files = CaseFile.objects.filter(message__case__in=ids)
        _note_bytes(erasure, files)
        _unname_in_the_admins_log(Case, ids)
        _unname_in_the_admins_log(CaseFile, list(files.values_list("pk", flat=True)))
        _count(erasure, cases=len(ids), files=files.count())
        _count(erasure, messages=Message.objects.filter(case__in=ids).count())
        cases.delete()
    return True


def _note_bytes(erasure: Erasure, rows: Any) -> None:
    """What will lie on the disk without a row: it must be found again whoever is killed meanwhile."""
    names = rows.exclude(blob="").values_list("blob", flat=True)
    ErasedBytes.objects.bulk_create(
        (ErasedBytes(erasure=erasure, name=name) for name in names.iterator()), batch_size=BATCH
    )


def _delete_bytes(erasure: Erasure) -> None:
    """The rows stay until the second look: who was just writing such a file has then come to an end."""
    storage = CaseFile._meta.get_field("blob").storage
    for name in erasure.bytes_left.values_list("name", flat=True).iterator(chunk_size=BATCH):
        storage.delete(name)


def _count(erasure: Erasure, **more: int) -> None:
    """Inside the transaction that takes the rows away, so that each is counted once."""
    known = {name: int(value) for name, value in erasure.erased.items()}
    erasure.erased = {**known, **{name: known.get(name, 0) + value for name, value in more.items()}}
    _store(erasure, erased=erasure.erased)


# ── the person ──────────────────────────────────────────────────────────────────────────────────────────


def _addresses(person: AbstractBaseUser) -> list[str]:
    """Every address under which the person is known here."""
    rows = EmailAddress.objects.filter(user_id=person.pk).values_list("email", flat=True)
    own = getattr(person, person.get_email_field_name(), "") or ""
    return sorted({address.lower() for address in [*rows, own] if address})


def _erase_person(erasure: Erasure, person: AbstractBaseUser, addresses: list[str]) -> None:
    """What hangs on the account, and the account. A case that came in this moment is found by the lock."""
    with transaction.atomic():
        list(type(person)._default_manager.select_for_update().filter(pk=person.pk).values_list("pk"))
        if Case.objects.filter(owner_id=person.pk).exists():
            raise _NotYet
        uploads = CaseFile.objects.filter(owner_id=person.pk)
        exports = DataExport.objects.filter(person_id=person.pk)
        _note_bytes(erasure, uploads)
        # Forms that wait for their person to sign in again name files that are nobody's so far.
        waiting = UnsentForm.objects.filter(user_id=person.pk)
        unclaimed = drafts.unclaimed([key for form in waiting for key in form.files])
        _note_bytes(erasure, unclaimed)
        unclaimed.delete()
        waiting.delete()
        _note_bytes(erasure, exports)
        _count(erasure, files=uploads.count(), consents=Consent.objects.filter(person_id=person.pk).count())
        uploads.delete()
        exports.delete()
        Message.objects.filter(author_user_id=person.pk).update(author_user=None, author_name=UNSEEN_NAME)
        person_erased.send(sender=type(person), user_id=person.pk, addresses=addresses)
        EmailAddress.objects.filter(user_id=person.pk).delete()
        for column in columns_of_a_person():
            column.model._default_manager.filter(**{column.attname: person.pk}).delete()
        limits.forget_person(person)
        _forget_sign_ins(person, addresses)
        _unname_person_in_the_admins_log(person, addresses)
        kept = _let_go(person)
        _store(erasure, account_kept=kept)


def columns_of_a_person() -> list["models.ForeignKey[Any, Any]"]:
    """Where a row of the cabinet is a person's own, so that it goes also when the account is kept."""
    return [
        column
        for model in apps.get_app_config("cabinet").get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, models.ForeignKey)
        and column.related_model is get_user_model()
        and column.remote_field.on_delete is models.CASCADE
    ]


class _NotYet(Exception):
    """A case has appeared between two steps: begin again."""


def _let_go(person: AbstractBaseUser) -> bool:
    """Deletes the account, or lets the site decide (`CABINET_LET_GO`, a function of one user).

    True when the account is kept.
    """
    own = getattr(settings, "CABINET_LET_GO", "")
    if own:
        import_string(own)(person)
    elif _belongs_to_more(person):
        make_nameless(person)
    else:
        try:
            with transaction.atomic():
                person.delete()
        except (ProtectedError, RestrictedError, IntegrityError):
            make_nameless(person)
    return type(person)._default_manager.filter(pk=person.pk).exists()


def _belongs_to_more(person: AbstractBaseUser) -> bool:
    """Whether deleting the account would take rows of the site's other apps with it, or one forbids it."""
    collector = Collector(using=router.db_for_write(type(person)), origin=person)
    try:
        collector.collect([person])
    except (ProtectedError, RestrictedError):
        return True
    own = {*OURS, person._meta.app_label}
    known = {model for model in collector.data if model._meta.app_label not in own}
    fast = [rows for rows in collector.fast_deletes if rows.model._meta.app_label not in own]
    return bool(known) or any(rows.exists() for rows in fast)


def make_nameless(person: AbstractBaseUser) -> None:
    """Empties every text of the account and leaves the row, switched off, for what else points to it."""
    stand_in = f"erased-{uuid.uuid4().hex[:20]}"
    for column in person._meta.concrete_fields:
        if column.primary_key or column.name == "password" or column.choices:
            continue
        if isinstance(column, (models.CharField, models.TextField)):
            must_differ = column.unique or column.name == getattr(person, "USERNAME_FIELD", "")
            empty = None if column.null else ""
            setattr(person, column.attname, stand_in if must_differ and not column.null else empty)
    person.last_login = None
    person.is_active = False
    person.set_unusable_password()
    person.save()


# ── what others keep beside an account ──────────────────────────────────────────────────────────────────


def _end_sessions(person: AbstractBaseUser, addresses: Sequence[str]) -> None:
    """Sessions of the person, and those in which a code was asked for to one of these addresses."""
    if not apps.is_installed("django.contrib.sessions"):
        return
    session_model = apps.get_model("sessions", "Session")
    key = str(person.pk)
    for session in session_model._default_manager.iterator(chunk_size=BATCH):
        said = session.get_decoded()
        words = repr(said).lower() if addresses else ""
        if said.get(SESSION_KEY) == key or any(address in words for address in addresses):
            session.delete()


def _forget_sign_ins(person: AbstractBaseUser, addresses: Sequence[str]) -> None:
    """What the guards against guessing keep: rows of tries with a name, counters by an address's hash."""
    for action in getattr(settings, "ACCOUNT_RATE_LIMITS", None) or {}:
        for address in addresses:
            digest = hashlib.sha256(address.encode()).hexdigest()
            cache.delete(f"allauth:rl:allauth.account:{action}:{digest}")
    if not apps.is_installed("axes"):
        return
    names = {person.get_username(), *addresses}
    for model in apps.get_app_config("axes").get_models():
        columns = {column.name for column in model._meta.concrete_fields}
        if "username" not in columns:
            continue
        found = Q(pk__in=[])
        for name in names:
            found |= Q(username__iexact=name)
        for address in addresses:
            found |= Q(path_info__icontains=address)
            if "post_data" in columns:
                found |= Q(post_data__icontains=address) | Q(get_data__icontains=address)
        model._default_manager.filter(found).delete()


def _unname_person_in_the_admins_log(person: AbstractBaseUser, addresses: Sequence[str]) -> None:
    if not apps.is_installed("django.contrib.admin"):
        return
    name = str(person.get_username())
    found = Q(object_repr=name) | Q(object_repr=str(person))
    for address in addresses:
        found |= Q(object_repr__icontains=address) | Q(change_message__icontains=address)
    _log_entries().filter(found).update(object_repr="", change_message="")
    _unname_in_the_admins_log(type(person), [person.pk])


def _unname_in_the_admins_log(model: type[models.Model], keys: Sequence[object]) -> None:
    """What was done stays, and by whom; the words of what it was done to go."""
    if not apps.is_installed("django.contrib.admin"):
        return
    for some in batches([str(key) for key in keys], BATCH):
        entries = _log_entries().filter(
            content_type__app_label=model._meta.app_label,
            content_type__model=model._meta.model_name,
            object_id__in=some,
        )
        entries.update(object_repr="", change_message="")


def _log_entries() -> "models.QuerySet[Any]":
    entries: models.QuerySet[Any] = apps.get_model("admin", "LogEntry")._default_manager.all()
    return entries
