"""Pictures of staff: what is taken for one, who gets it, and where it is shown."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinet import chat, erasure, faces
from cabinet.models import Case, Message, StaffFace
from cabinet.privacy_models import Erasure
from tests.cabinet.pages import Page
from tests.factories import PNG, case_of, staff_reply, with_face

GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00"


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> None:
    """Bytes of other tests outlive their rows."""
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def answer(alice: AbstractBaseUser) -> Message:
    case = case_of(alice)
    with transaction.atomic():
        return staff_reply(case, author_name="Maria Orlova")


def get(client: Client, address: str) -> Any:
    """The answer, read to its end (`body`), so that its file is closed."""
    answer: Any = client.get(address)
    answer.body = b"".join(answer.streaming_content) if answer.streaming else b""
    return answer


def stored() -> list[Path]:
    storage = StaffFace._meta.get_field("blob").storage
    return sorted(Path(storage.path("faces")).glob("*.bin")) if storage.exists("faces") else []


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(PNG, "image/png"), (GIF, "image/gif"), (JPEG, "image/jpeg"), (WEBP, "image/webp")],
    ids=["png", "gif", "jpeg", "webp"],
)
def test_a_picture_is_served_as_what_it_is(
    as_alice: Client, answer: Message, content: bytes, content_type: str
) -> None:
    got = get(as_alice, with_face(answer, content))
    assert (got.status_code, got["Content-Type"], got.body) == (200, content_type, content)
    assert got["X-Content-Type-Options"] == "nosniff"
    assert got["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert got["Cache-Control"] == "private, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><h1>Sign in</h1></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"BM" + bytes(60),
        b"%PDF-1.4",
        PNG + bytes(faces.MAX_BYTES),
    ],
    ids=["nothing", "html", "svg", "bmp", "pdf", "huge"],
)
def test_what_is_none_is_not_taken(db: None, content: bytes) -> None:
    face = faces.begin(now=timezone.now())
    with pytest.raises(faces.NotAPicture):
        faces.keep(face.pk, content, now=timezone.now())
    assert stored() == []


def test_only_people_who_were_answered_get_it(
    client: Client, as_charlie: Client, as_alice: Client, answer: Message, charlie: AbstractBaseUser
) -> None:
    address = with_face(answer)
    assert client.get(address)["Location"].startswith("/accounts/login/")
    assert get(as_charlie, address).status_code == 404
    his = staff_reply(case_of(charlie))
    faces.put_beside(StaffFace.objects.get().pk, [his.pk])
    assert get(as_charlie, address).status_code == 200
    assert get(as_alice, f"/faces/{uuid.uuid4()}/{'0' * 16}/").status_code == 404
    assert get(as_alice, address.replace(address.split("/")[-2], "0" * 16)).status_code == 404


def test_another_picture_has_another_address_and_takes_the_place(as_alice: Client, answer: Message) -> None:
    before = with_face(answer)
    face = StaffFace.objects.get()
    assert not faces.keep(face.pk, PNG, now=timezone.now()), "it is the same"
    assert faces.keep(face.pk, GIF, now=timezone.now())
    answer.refresh_from_db()
    assert faces.address_of(answer) != before
    assert get(as_alice, before).status_code == 404
    assert get(as_alice, faces.address_of(answer))["Content-Type"] == "image/gif"
    assert len(stored()) == 1


def test_bytes_that_are_gone_are_fetched_anew(as_alice: Client, answer: Message) -> None:
    address = with_face(answer)
    face = StaffFace.objects.get()
    face.blob.storage.delete(str(face.blob.name))
    assert get(as_alice, address).status_code == 404
    assert faces.keep(face.pk, PNG, now=timezone.now())
    assert get(as_alice, address).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_was_taken_away_leaves_initials(as_alice: Client, answer: Message) -> None:
    address = with_face(answer)
    faces.forget(answer.staff_face_id or uuid.uuid4(), now=timezone.now())
    answer.refresh_from_db()
    assert faces.address_of(answer) == ""
    assert get(as_alice, address).status_code == 404
    assert stored() == []


def test_open_pages_of_late_answers_hear_of_it(alice: AbstractBaseUser) -> None:
    new, old = staff_reply(case_of(alice)), staff_reply(case_of(alice))
    Message.objects.filter(pk=old.pk).update(written_at=timezone.now() - timedelta(days=1))
    face = faces.begin(now=timezone.now())
    faces.put_beside(face.pk, [new.pk, old.pk])
    before = dict(Case.objects.values_list("pk", "revision"))
    faces.keep(face.pk, PNG, now=timezone.now())
    after = dict(Case.objects.values_list("pk", "revision"))
    assert after[new.case_id] == before[new.case_id] + 1
    assert after[old.case_id] == before[old.case_id]


def test_a_customers_words_get_no_face(alice: AbstractBaseUser) -> None:
    own = case_of(alice).messages.get()
    assert with_face(own) == ""


def test_it_stands_beside_the_name_on_the_cases_page(as_alice: Client, answer: Message) -> None:
    page = f"/cases/{answer.case_id}/"
    assert 'class="avatar"' not in Page(as_alice.get(page)).source
    address = with_face(answer)
    [picture] = Page(as_alice.get(page)).all("img", src=address)
    assert picture["alt"] == ""


def test_it_stands_once_beside_a_group_of_bubbles(
    as_alice: Client, alice: AbstractBaseUser, settings: Settings
) -> None:
    settings.CABINET_MODES = ["chat"]
    message = chat.say(author=alice, text="Hello", submission_key=uuid.uuid4())
    now = timezone.now().replace(second=30)
    answers = [staff_reply(message.case, author_name="Maria Orlova", written_at=now) for _ in range(2)]
    address = with_face(answers[0])
    faces.put_beside(answers[0].staff_face_id or uuid.uuid4(), [answers[1].pk])
    page = Page(as_alice.get("/chat/"))
    [picture] = page.all("img", src=address)
    assert picture["alt"] == ""
    assert "MO<img" in page.source, "where it does not load, initials show"


def test_who_answered_stays_when_a_customer_is_erased(alice: AbstractBaseUser, answer: Message) -> None:
    with_face(answer)
    answer.case.outbox.all().delete()
    asked = erasure.request(person=alice, asked_by=Erasure.AskedBy.STAFF, now=timezone.now())
    while erasure.work_off(asked.pk):
        pass
    assert not Message.objects.exists()
    assert StaffFace.objects.get().digest
    assert len(stored()) == 1
