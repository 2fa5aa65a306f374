"""People, cases and files for tests, made the way the cabinet makes them."""

import uuid
from dataclasses import dataclass, field
from typing import cast

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from cabinet import export, faces, reading_marks, services, thread
from cabinet.models import Case, CaseFile, Message
from cabinet.privacy_models import DataExport

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\xdac\xfc\xcf\xf0\x0f\x00\x03\x86\x01\x80Z4}k\x00\x00\x00\x00IEND\xaeB`\x82"
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40">'
    '<path fill="#e30613" d="M0 0h120v40H0z"/></svg>'
)


def person(name: str, **fields: object) -> AbstractBaseUser:
    """A user `name`@example.com with a proved address."""
    user = get_user_model().objects.create(username=name, email=f"{name}@example.com", **fields)
    user.set_unusable_password()
    user.save()
    EmailAddress.objects.create(user=user, email=f"{name}@example.com", verified=True, primary=True)
    return user


def signed_in(user: AbstractBaseUser, client: Client | None = None) -> Client:
    """A browser of this person that prefers English."""
    client = client or Client(HTTP_ACCEPT_LANGUAGE="en")
    # SQLite is asked once a process whether it knows JSON: not in the middle of a count of queries.
    connection.features.supports_json_field  # noqa: B018
    client.force_login(cast("User", user), backend="django.contrib.auth.backends.ModelBackend")
    return client


def upload(name: str = "report.txt", content: bytes = b"words") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def case_of(
    owner: AbstractBaseUser,
    subject: str = "The printer smokes",
    text: str = "Since this morning.",
    **fields: object,
) -> Case:
    """An open case with its first message; `fields` are then set on the row, as the desk's side would."""
    case = services.open_case(owner=owner, subject=subject, text=text)
    return changed(case, **fields)


def delivered(case: Case, number: str = "123-456") -> Case:
    """The case as it stands once the desk has it."""
    case.messages.update(state=Message.State.SENT)
    return changed(case, number=number)


def changed(case: Case, **fields: object) -> Case:
    for name, value in fields.items():
        setattr(case, name, value)
    case.save()
    return case


def staff_reply(case: Case, text: str = "Please switch it off.", html: str = "", **fields: object) -> Message:
    """An answer of support, as it becomes known from the desk; it is the customer's turn then."""
    locked = thread.lock(case.pk)
    now = timezone.now()
    values: dict[str, object] = {"author_name": "Maria", "written_at": now, "html": html or f"<p>{text}</p>"}
    message = Message.objects.create(
        case=locked,
        position=thread.take_position(locked),
        author=Message.Author.STAFF,
        origin=Message.Origin.DESK,
        text=text,
        **(values | fields),
    )
    locked.status = Case.Status.WAITING
    locked.last_activity_at = now
    thread.store(locked, now)
    case.refresh_from_db()
    return message


def long_thread(case: Case, count: int = 200) -> Case:
    """The case with so many messages, all but the first of staff, nothing of it new to its owner."""
    now = timezone.now()
    Message.objects.bulk_create(
        Message(
            case=case,
            position=position,
            author=Message.Author.STAFF,
            author_name="Maria",
            origin=Message.Origin.DESK,
            text=f"message {position}",
            html=f"<p>message {position}</p>",
            written_at=now,
        )
        for position in range(2, count + 1)
    )
    changed(case, next_position=count + 1)
    reading_marks.mark_read(user=case.owner, case=case, position=count, now=now)
    return case


def file_in(
    message: Message, name: str = "report.txt", content: bytes = b"words", **fields: object
) -> CaseFile:
    """A stored file of a message."""
    file = services.stage_file(owner=message.case.owner, upload=upload(name, content), name=name)
    CaseFile.objects.filter(pk=file.pk).update(message=message, **fields)
    file.refresh_from_db()
    return file


def with_face(message: Message, content: bytes = PNG) -> str:
    """A picture of whoever wrote this answer; its address."""
    face = faces.begin(now=timezone.now())
    faces.put_beside(face.pk, [message.pk])
    faces.keep(face.pk, content, now=timezone.now())
    message.refresh_from_db()
    return faces.address_of(message)


def packed(person: AbstractBaseUser) -> DataExport:
    """A copy of the person's data that can be fetched."""
    made = export.ask(person=person, now=timezone.now(), language="en")
    export.build(made.pk)
    made.refresh_from_db()
    return made


@dataclass
class NewCase:
    """What the form for a new case posts."""

    subject: str = "The printer smokes"
    text: str = "Since this morning."
    files: list[SimpleUploadedFile] = field(default_factory=list)
    submission: str = field(default_factory=lambda: str(uuid.uuid4()))

    def data(self, **more: object) -> dict[str, object]:
        values: dict[str, object] = {"subject": self.subject, "text": self.text}
        values |= {"submission": self.submission}
        return values | ({"files": self.files} if self.files else {}) | more
