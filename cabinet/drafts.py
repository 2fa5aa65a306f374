"""Drafts: what is typed and attached lives here until it is sent, whatever happens to the page.

Two devices may write the same draft. The last one wins, and what the other had typed is kept beside it
(`Draft.aside`) if both had changed: nothing is ever thrown away but by sending or discarding.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet
from django.http import QueryDict

from cabinet.draft_models import MECHANICS, WORDS, Draft, UnsentForm
from cabinet.models import MAX_TEXT, Case, CaseFile, Message
from cabinet.storage import delete_after_commit

LONGEST_TEXT = 4 * MAX_TEXT
"""More than can be sent, so that too long a text can still be shortened tomorrow."""
LONGEST_SUBJECT = 2000
MOST_EXTRA = 40
LONGEST_NAME = 60
LONGEST_EXTRA = 50_000
"""Characters in all other fields of a form together."""

DRAFT_LIFE = timedelta(days=30)
UNSENT_LIFE = timedelta(hours=1)
JUST_SENT = timedelta(minutes=1)


CHAT: Final = "chat"
Place = Case | Literal["chat"] | None
"""The page that a draft belongs to: a case's, the chat, or the form for a new case (None)."""


class TooMuch(Exception):
    """More than a draft can hold."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The words of a form, as they stand: nothing is judged."""

    subject: str = ""
    text: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, data: QueryDict) -> "Typed":
        """Out of what a form posted. Raises `TooMuch`."""
        subject, text = _plain(data.get("subject", "")), _plain(data.get("text", ""))
        extra = {_plain(name): [_plain(value) for value in values] for name, values in _others(data)}
        if len(text) > LONGEST_TEXT or len(subject) > LONGEST_SUBJECT:
            raise TooMuch
        if len(extra) > MOST_EXTRA or any(len(name) > LONGEST_NAME for name in extra):
            raise TooMuch
        if sum(len(value) + 1 for values in extra.values() for value in values) > LONGEST_EXTRA:
            raise TooMuch
        return cls(subject, text, extra)

    @property
    def is_empty(self) -> bool:
        return not (self.subject.strip() or self.text.strip() or _answered(self.extra))

    def holds(self, other: "Typed | Draft") -> bool:
        """Whether all that the other one says is said here too, so that nothing is lost with it."""
        words = other.text.strip() in self.text and other.subject.strip() in self.subject
        return words and all(self.extra.get(name) == it for name, it in _answered(other.extra).items())

    def says_the_same(self, draft: Draft) -> bool:
        mine = (self.subject.strip(), self.text.strip(), _answered(self.extra))
        return mine == (draft.subject.strip(), draft.text.strip(), _answered(draft.extra))


@dataclass(frozen=True, slots=True)
class Seen:
    """Which draft a page knew of: its revision (0: none), its files, and the page itself by the key of its
    form."""

    revision: int = 0
    page: str = ""
    step: int = 0
    # Those that stand in the form, or were taken out of it. The revision says nothing about them: a page gets
    # to know it by saving its words too.
    files: frozenset[str] = frozenset()

    @classmethod
    def of(cls, data: QueryDict) -> "Seen":
        page, step = data.get("submission", "")[:40], _number(data.get("step"))
        files = frozenset(data.getlist("uploaded") + data.getlist("remove"))
        return cls(_number(data.get("revision")), page, step, files)

    def is_of(self, draft: Draft) -> bool:
        """Whether nobody else has saved since the page last looked."""
        return self.revision == draft.revision or (self.page != "" and self.page == draft.page)


def _others(data: QueryDict) -> Iterator[tuple[str, list[str]]]:
    return ((name, values) for name, values in data.lists() if name not in MECHANICS and name not in WORDS)


def _answered(extra: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without the fields that nobody has filled in: of those, a page may have more or fewer."""
    return {name: values for name, values in extra.items() if any(values)}


def _plain(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def _number(value: str | None) -> int:
    good = value is not None and value.isascii() and value.isdecimal() and len(value) < 16
    return int(value) if good and value else 0


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────


def find(user: AbstractBaseUser, place: Place | uuid.UUID) -> Draft | None:
    """The person's draft for this page with its files: one query where there is none."""
    waiting = CaseFile.objects.filter(message=None).defer("folded").order_by("created_at")
    return _of(user.pk, place).prefetch_related(Prefetch("files", waiting)).first()


def _of(user_id: Any, place: Place | uuid.UUID) -> QuerySet[Draft]:
    if isinstance(place, uuid.UUID):
        return Draft.objects.filter(user_id=user_id, case_id=place)
    return Draft.objects.filter(user_id=user_id, **_fields(place))


def _fields(place: Place) -> dict[str, Any]:
    return {"case": None, "chat": True} if place == CHAT else {"case": place, "chat": False}


def values_of(draft: Draft) -> QueryDict:
    """The draft as a form would post it."""
    data = QueryDict(mutable=True)
    for name, values in draft.extra.items():
        data.setlist(name, values)
    data["subject"], data["text"] = draft.subject, draft.text
    return data


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Saved:
    """`draft` is None when nothing is left to keep. `met_another`: words of another device were put aside."""

    draft: Draft | None
    met_another: bool = False


def save(
    *,
    user: AbstractBaseUser,
    place: Place,
    typed: Typed,
    seen: Seen,
    now: datetime,
    swap: bool = False,
    files: Iterable[CaseFile] = (),
) -> Saved:
    """Keeps what a page holds now. `swap`: the person took the words put aside, so the others go there.

    What arrives after it was sent, or after a later saving of the same page, changes nothing.
    """
    try:
        return _save(user, place, typed, seen, now, swap, list(files))
    except IntegrityError:
        # Two devices began it at once: the second one finds the other's now.
        return _save(user, place, typed, seen, now, swap, list(files))


def _save(
    user: AbstractBaseUser,
    place: Place,
    typed: Typed,
    seen: Seen,
    now: datetime,
    swap: bool,
    files: list[CaseFile],
) -> Saved:
    with transaction.atomic():
        found = _of(user.pk, place).select_for_update().first()
        if found is not None and _is_later(found, seen):
            return Saved(found)
        knows = found is not None and (swap or seen.is_of(found))
        # A page that holds nothing, or only what was said, has nothing to set against what it has not seen.
        # And it learns no revision: what it holds next is put beside that, not in its place.
        if not knows and not files and (typed.is_empty or _was_just_sent(user, place, typed, now)):
            return Saved(None)
        draft = found or Draft(user_id=user.pk, revision=0, **_fields(place))
        differs = not typed.says_the_same(draft)
        # A device that has only gone on with the words that stand here quarrels with nobody.
        met = found is not None and not (knows or typed.holds(draft))
        if met or (swap and differs):
            words = {"subject": draft.subject, "text": draft.text, "extra": draft.extra}
            draft.aside = words if _has_words(draft) else {}
        draft.subject, draft.text, draft.extra = typed.subject, typed.text, typed.extra
        _stamp(draft, seen, now)
        attach(draft, files)
        if typed.is_empty and not draft.aside and not draft.files.filter(message=None).exists():
            draft.delete()
            return Saved(None)
    return Saved(draft, met_another=met)


def _is_later(draft: Draft, seen: Seen) -> bool:
    """Whether the same page has saved again since."""
    return seen.page != "" and seen.page == draft.page and 0 < seen.step <= draft.step


def _stamp(draft: Draft, seen: Seen, now: datetime) -> None:
    draft.revision = max(int(now.timestamp() * 1000), draft.revision + 1)
    draft.page, draft.step, draft.updated_at = seen.page, seen.step, now
    draft.save()


def _has_words(draft: Draft) -> bool:
    return bool(draft.subject.strip() or draft.text.strip() or _answered(draft.extra))


def _was_just_sent(user: AbstractBaseUser, place: Place, typed: Typed, now: datetime) -> bool:
    """Whether these are the first words of what this person has sent a moment ago: a saving overtaken on its
    way must not bring them back."""
    words = typed.text.strip()
    if not words:
        return False
    lately = Message.objects.filter(author_user_id=user.pk, written_at__gt=now - JUST_SENT)
    lately = lately.filter(case=place) if isinstance(place, Case) else lately
    said = lately.order_by("-written_at").values_list("text", flat=True).first() or ""
    # A new case that follows another one begins with a line of its own.
    return said.startswith(words) or (place is None and said.partition("\n\n")[2].startswith(words))


def add_file(file: CaseFile, *, user: AbstractBaseUser, place: Place, seen: Seen, now: datetime) -> Draft:
    """A staged file of the person belongs to the draft of this page from now on."""
    with transaction.atomic():
        begun = {"revision": 0, "updated_at": now}
        Draft.objects.get_or_create(user_id=user.pk, **_fields(place), defaults=begun)
        draft = _of(user.pk, place).select_for_update().get()
        attach(draft, [file])
        _stamp_files(draft, seen, now)
    return draft


def take_file_back(file: CaseFile, *, seen: Seen, now: datetime) -> Draft | None:
    """Deletes a staged file; a draft that held nothing else goes with it."""
    with transaction.atomic():
        drop_files(CaseFile.objects.filter(pk=file.pk))
        if file.draft_id is None:
            return None
        draft = Draft.objects.select_for_update().filter(pk=file.draft_id).first()
        if draft is None:
            return None
        if not (_has_words(draft) or draft.aside or draft.files.filter(message=None).exists()):
            draft.delete()
            return None
        _stamp_files(draft, seen, now)
    return draft


def _stamp_files(draft: Draft, seen: Seen, now: datetime) -> None:
    """Other devices see that it has changed; whose words it holds stays as it is."""
    if seen.is_of(draft) or not _has_words(draft):
        _stamp(draft, Seen(page=seen.page, step=draft.step if seen.page == draft.page else 0), now)
    else:
        _stamp(draft, Seen(page=draft.page, step=draft.step), now)


def revision_for(draft: Draft | None, seen: Seen) -> int:
    """Which revision a page knows after it has added a file or taken one back: of words that another device
    saved and that it has not seen, none."""
    if draft is None:
        return 0
    return draft.revision if draft.page == seen.page else seen.revision


def attach(draft: Draft, files: Iterable[CaseFile]) -> None:
    """These staged files of the person live as long as the draft."""
    ids = [file.pk for file in files]
    if ids:
        CaseFile.objects.filter(pk__in=ids, message=None, owner_id=draft.user_id).update(draft=draft)


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────


def sent(
    *, user_id: int | str, place: Place, subject: str, text: str, seen: Seen | None, now: datetime
) -> None:
    """Ends the draft whose words are being sent, in the sender's transaction.

    What another device has typed or attached meanwhile, and is not sent now, stays: other words, words that
    were put aside, and files that the page that sends does not know.
    """
    draft = _of(user_id, place).select_for_update().first()
    if draft is None:
        return
    same = draft.text.strip() == text.strip() and (
        place is not None or draft.subject.strip() == subject.strip()
    )
    if same or (seen is not None and seen.is_of(draft)):
        _end_words(draft, subject, text, seen.files if seen else frozenset(), now)


def _end_words(draft: Draft, subject: str, text: str, known: frozenset[str], now: datetime) -> None:
    """The draft's words are sent. If something else is left of it, that is the draft from now on."""
    files = list(draft.files.filter(message=None))
    left = _left_aside(draft, subject, text)
    if left.is_empty and all(str(file.pk) in known for file in files):
        _end(draft)
        return
    drop_files(CaseFile.objects.filter(pk__in=[file.pk for file in files if str(file.pk) in known]))
    draft.subject, draft.text, draft.extra, draft.aside = left.subject, left.text, left.extra, {}
    # No page has this one: what was typed before comes too late for it.
    _stamp(draft, Seen(), now)


def _left_aside(draft: Draft, subject: str, text: str) -> Typed:
    """The words put aside, unless they are sent too. If it is just those that are sent: the others."""
    aside = Typed(draft.aside.get("subject", ""), draft.aside.get("text", ""), draft.aside.get("extra", {}))
    sent, own = Typed(subject, text, draft.extra), Typed(draft.subject, draft.text, draft.extra)
    if not sent.holds(aside):
        return aside
    return Typed() if aside.is_empty or sent.holds(own) else own


def discard(*, user: AbstractBaseUser, place: Place) -> None:
    """Throws away what is typed and attached on this page."""
    with transaction.atomic():
        draft = _of(user.pk, place).select_for_update().first()
        if draft is not None:
            _end(draft)


def _end(draft: Draft) -> None:
    drop_files(CaseFile.objects.filter(draft=draft, message=None))
    draft.delete()


def drop_files(files: QuerySet[CaseFile]) -> int:
    """Deletes staged uploads with their bytes. Returns how many."""
    count = 0
    for file in list(files):
        # Asked once more while deleting: in this very moment it may have found its message.
        if CaseFile.objects.filter(pk=file.pk, message=None).delete()[0]:
            delete_after_commit(file.blob)
            count += 1
    return count


def forget_old(*, now: datetime) -> None:
    """Drafts that nobody touched for a month, and forms for which nobody has signed in within an hour."""
    for pk in list(Draft.objects.filter(updated_at__lt=now - DRAFT_LIFE).values_list("pk", flat=True)[:100]):
        with transaction.atomic():
            old = Draft.objects.select_for_update().filter(pk=pk, updated_at__lt=now - DRAFT_LIFE).first()
            if old is not None:
                _end(old)
    for form in UnsentForm.objects.filter(created_at__lt=now - UNSENT_LIFE)[:100]:
        forget_unsent(form)


def forget_unsent(form: UnsentForm) -> None:
    """Nobody gets this form, and its files go with it."""
    with transaction.atomic():
        if UnsentForm.objects.filter(pk=form.pk).delete()[0]:
            drop_files(unclaimed(form.files))


def unclaimed(ids: Iterable[str]) -> QuerySet[CaseFile]:
    """Those of these uploads that still belong to nobody."""
    return CaseFile.objects.filter(
        pk__in=[uuid.UUID(each) for each in ids], owner=None, message=None, draft=None
    )
