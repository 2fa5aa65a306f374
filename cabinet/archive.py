"""What stands in a person's export: a ZIP with index.html to read, data.json for programs, and files/.

data.json is one object: `made_at`, then a list of rows per section (the names in `sections()`). A section
yields its rows one after another: ten thousand cases pass through and are never held.

Another module that keeps something of a person registers its own `Section` when its app is ready.
"""

import io
import json
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, TextIO

from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q, QuerySet
from django.template.loader import get_template, render_to_string
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinet import closings, topics, wording
from cabinet.batches import batches
from cabinet.draft_models import Draft
from cabinet.filetypes import safe_name
from cabinet.models import Case, CaseFile, Message, Profile, ReadMark
from cabinet.privacy_models import Consent

Row = dict[str, Any]
CASES_AT_ONCE = 50
FILES_AT_ONCE = 500
LONGEST_NAME = 80
"""Of a file in the ZIP: with the folder it is unpacked into, the path must stay short enough for Windows."""

_UNWELCOME = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))


@dataclass(slots=True)
class Contents:
    """The files that are in the ZIP already, by the id of their row."""

    paths: dict[uuid.UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Section:
    """A kind of thing that is kept of a person.

    `rows` gives what JSON can say; only what is the person's own, and no id of the help desk's. `template`
    shows one row.
    """

    name: str
    title: str | Promise
    rows: Callable[[AbstractBaseUser, Contents], Iterable[Row]]
    template: str = "cabinet/export/row.html"


_sections: dict[str, Section] = {}


def register(section: Section) -> None:
    """Adds a section at the end; the same name replaces the earlier one."""
    _sections[section.name] = section


def sections() -> list[Section]:
    return list(_sections.values())


def write(person: AbstractBaseUser, target: BinaryIO, *, made_at: datetime) -> None:
    """Writes the whole ZIP. Files come first: the pages then name only what is really in it."""
    contents = Contents()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files_of(person):
            _add_file(archive, file, contents, made_at)
        # A ZIP takes one thing at a time, and every row is asked for once: the page waits beside it.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as page:
            with _text(archive, "data.json", made_at) as data:
                _write_rows(person, contents, data, page, made_at)
            page.seek(0)
            with _text(archive, "index.html", made_at) as shown:
                shutil.copyfileobj(page, shown)


def path_in_zip(file: CaseFile) -> str:
    """Unique by the row's id, and harmless wherever it is unpacked."""
    name = safe_name(file.name).translate(_UNWELCOME).rstrip(". ")
    stem, dot, ending = name.rpartition(".")
    short = f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}" if dot and stem else name[:LONGEST_NAME]
    return f"files/{file.pk.hex}-{short}"


def _add_file(archive: zipfile.ZipFile, file: CaseFile, contents: Contents, made_at: datetime) -> None:
    try:
        blob = file.blob.open("rb")
    except (OSError, ValueError):
        # Lost: the pages say that it is not in here.
        return
    path = path_in_zip(file)
    with blob, archive.open(_entry(path, made_at), "w", force_zip64=True) as entry:
        shutil.copyfileobj(blob, entry, 256 * 1024)
    contents.paths[file.pk] = path


def _entry(path: str, made_at: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, date_time=timezone.localtime(made_at).timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


def _text(archive: zipfile.ZipFile, path: str, made_at: datetime) -> io.TextIOWrapper:
    return io.TextIOWrapper(archive.open(_entry(path, made_at), "w", force_zip64=True), "utf-8", newline="\n")


def _write_rows(
    person: AbstractBaseUser, contents: Contents, data: TextIO, page: TextIO, made_at: datetime
) -> None:
    data.write(f'{{\n"made_at": {json.dumps(made_at.isoformat())}')
    page.write(render_to_string("cabinet/export/head.html", {"made_at": made_at, "sections": sections()}))
    for section in sections():
        data.write(f",\n{json.dumps(section.name)}: [")
        page.write(render_to_string("cabinet/export/section.html", {"section": section}))
        template, number = get_template(section.template), 0
        for number, row in enumerate(section.rows(person, contents), 1):
            data.write(("," if number > 1 else "") + "\n")
            data.write(json.dumps(row, ensure_ascii=False, default=_plain))
            page.write(template.render({"row": row}))
        data.write("\n]")
        if not number:
            page.write(render_to_string("cabinet/export/nothing.html"))
    data.write("\n}\n")
    page.write(render_to_string("cabinet/export/foot.html"))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# ── the sections of the cabinet ─────────────────────────────────────────────────────────────────────────


def _files_of(person: AbstractBaseUser) -> Iterator[CaseFile]:
    """Those of the person's cases, and those not sent yet."""
    theirs = Q(message__case__owner_id=person.pk) | Q(message=None, owner_id=person.pk)
    ids = list(CaseFile.objects.filter(theirs, state=CaseFile.State.READY).values_list("pk", flat=True))
    for some in batches(ids, FILES_AT_ONCE):
        yield from CaseFile.objects.filter(pk__in=some).defer("folded")


def _uploads_of(person: AbstractBaseUser) -> QuerySet[CaseFile]:
    return CaseFile.objects.filter(owner_id=person.pk, message=None)


def _cases_of(person: AbstractBaseUser) -> Iterator[Case]:
    """The person's cases with their threads, a few at a time, the oldest first."""
    ids = list(
        Case.objects.filter(owner_id=person.pk).order_by("created_at", "pk").values_list("pk", flat=True)
    )
    for some in batches(ids, CASES_AT_ONCE):
        cases = Case.objects.filter(pk__in=some).defer("folded").select_related("topic")
        yield from cases.order_by("created_at", "pk").prefetch_related("messages__files")


def _profile(person: AbstractBaseUser, contents: Contents) -> Iterator[Row]:  # noqa: ARG001
    profile = Profile.objects.filter(user_id=person.pk).first()
    full_name = getattr(person, "get_full_name", None)
    yield {
        "user_name": person.get_username(),
        "name": str(full_name()) if callable(full_name) else "",
        "external_id": (profile.external_id or "") if profile else "",
        "language": profile.language if profile else "",
        "time_zone": profile.time_zone if profile else "",
        "joined_at": getattr(person, "date_joined", None),
        "last_sign_in_at": person.last_login,
    }


def _addresses(person: AbstractBaseUser, contents: Contents) -> Iterator[Row]:  # noqa: ARG001
    for row in EmailAddress.objects.filter(user_id=person.pk).order_by("-primary", "pk"):
        yield {"address": row.email, "proved": row.verified, "main": row.primary}


def _consents(person: AbstractBaseUser, contents: Contents) -> Iterator[Row]:  # noqa: ARG001
    for row in Consent.objects.filter(person_id=person.pk).order_by("given_at"):
        yield {
            "given_at": row.given_at,
            "version": row.version,
            "policy": row.policy_url,
            "language": row.language,
        }


def _sign_ins(person: AbstractBaseUser, contents: Contents) -> Iterator[Row]:  # noqa: ARG001
    """Kept by the guard against guessing, where the site has it."""
    if not apps.is_installed("axes"):
        return
    log = apps.get_model("axes", "AccessLog")._default_manager.filter(username=person.get_username())
    for row in log.order_by("attempt_time").iterator(chunk_size=500):
        yield {
            "at": row.attempt_time,
            "network_address": row.ip_address,
            "browser": row.user_agent,
            "signed_out_at": row.logout_time,
        }


def _cases(person: AbstractBaseUser, contents: Contents) -> Iterator[Row]:
    marks = dict(ReadMark.objects.filter(user_id=person.pk).values_list("case_id", "position"))
    for case in _cases_of(person):
        yield {
            "id": case.pk,
            "number": case.number,
            "subject": case.subject,
            "mode": case.mode,
            "status": case.status,
            "status_in_words": case.get_status_display(),
            "availability": case.availability,
            "created_at": case.created_at,
            "last_activity_at": case.last_activity_at,
            "closed_and_opened_again": [
                {
                    "closed": change.closed,
                    "by_me": change.is_by(person),
                    "at": change.at,
                    "in_words": str(wording.CLOSINGS[change.closed, change.is_by(person)]),
                }
                for change in closings.of(case)
                if change.at
            ],
            "read_up_to": marks.get(case.pk),
            "topic": case.topic.title if case.topic else "",
            "answers": case.fields or [],
            "answers_in_words": [
                {"label": topics.label_of(answer), "value": topics.shown_value(answer)}
                for answer in case.answers
            ],
            "follow_up_of": case.follow_up_of_id,
            "rating": case.rating,
            "rating_in_words": case.get_rating_display() if case.rating else "",
            "rating_comment": case.rating_comment,
            "rated_at": case.rated_at,
            "messages": [_message(message, person, contents) for message in case.messages.all()],
        }


def _message(message: Message, person: AbstractBaseUser, contents: Contents) -> Row:
    return {
        "id": message.pk,
        "author": message.author,
        "author_name": message.author_name,
        "is_mine": message.author_user_id == person.pk,
        "text": message.text,
        "quoted_text": message.quoted_text,
        "html": message.html,
        "state": message.state,
        "written_at": message.written_at,
        "edited_at": message.edited_at,
        "withdrawn_at": message.withdrawn_at,
        "files": [_file(file, contents) for file in message.files.all()],
    }


def _file(file: CaseFile, contents: Contents) -> Row:
    return {
        "name": file.name,
        "size": file.size,
        "type": file.content_type,
        "path": contents.paths.get(file.pk),
    }


def _uploads(person: AbstractBaseUser, contents: Contents) -> Iterator[Row]:
    for file in _uploads_of(person):
        yield {**_file(file, contents), "uploaded_at": file.created_at}


def _drafts(person: AbstractBaseUser, contents: Contents) -> Iterator[Row]:  # noqa: ARG001
    for row in Draft.objects.filter(user_id=person.pk).order_by("updated_at"):
        yield {
            "case": row.case_id,
            "in_chat": row.chat,
            "subject": row.subject,
            "text": row.text,
            "fields": row.extra,
            "from_another_device": row.aside,
            "changed_at": row.updated_at,
        }


register(Section("profile", _("About you"), _profile))
register(Section("addresses", _("E-mail addresses"), _addresses))
register(Section("consents", _("Consents"), _consents))
register(Section("sign_ins", _("Sign-ins"), _sign_ins))
register(Section("cases", _("Cases"), _cases, template="cabinet/export/case.html"))
register(Section("drafts", _("Drafts"), _drafts))
register(Section("uploads", _("Files not sent yet"), _uploads))
