"""What is typed in the chat: a draft of its own, on every device, until it is said."""

import io
import json
import uuid
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinet import chat, drafts, uploads
from cabinet.draft_models import Draft
from cabinet.models import Case, CaseFile, Message
from tests.cabinet.pages import Page
from tests.factories import case_of, packed, signed_in, upload

NEW = "/cases/new/"


@pytest.fixture(autouse=True)
def chats_are_on(settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "chat"]


@pytest.fixture
def phone(alice: AbstractBaseUser) -> Client:
    """Alice's other device."""
    return signed_in(alice)


def save(client: Client, text: str, **more: object) -> Any:
    return client.post("/drafts/", {"case": "chat", "text": text, **more})


def attach(client: Client, name: str = "photo.heic", **more: object) -> str:
    answer = client.post("/uploads/", {"case": "chat", "file": upload(name), **more})
    return str(answer.json()["id"])


def say(client: Client, text: str, **more: object) -> Any:
    """As the page's own script does."""
    data = {"text": text, "submission": str(uuid.uuid4()), **more}
    return client.post("/chat/", data, headers={"hx-request": "true"})


def typed(client: Client, address: str = "/chat/") -> str:
    """What stands in the box of the page."""
    box = Page(client.get(address)).source.partition('id="id_text"')[2]
    return str(box.partition(">")[2].partition("</textarea>")[0].strip())


def test_what_is_typed_is_in_the_chat_of_another_device_and_on_no_other_page(
    as_alice: Client, phone: Client, alice: AbstractBaseUser
) -> None:
    case = case_of(alice)
    save(as_alice, "half a sentence")
    attach(as_alice)
    assert typed(phone) == "half a sentence"
    assert "photo.heic" in Page(phone.get("/chat/")).text
    for address in (NEW, f"/cases/{case.pk}/"):
        assert typed(phone, address) == ""
        assert "photo.heic" not in Page(phone.get(address)).text
    told = phone.get("/drafts/?case=chat").json()
    assert (told["text"], [file["name"] for file in told["files"]]) == ("half a sentence", ["photo.heic"])


def test_a_new_case_and_the_chat_have_a_draft_each(as_alice: Client, phone: Client) -> None:
    as_alice.post("/drafts/", {"subject": "Refund", "text": "to the desk"})
    save(as_alice, "to the chat")
    assert (typed(phone, NEW), typed(phone)) == ("to the desk", "to the chat")
    save(as_alice, "more to the chat")
    assert Draft.objects.count() == 2


def test_what_is_said_is_no_draft_any_more(as_alice: Client, phone: Client) -> None:
    token = attach(as_alice, submission="page")
    revision = save(as_alice, "Hel", submission="page", step=1).json()["revision"]
    # The last letters were typed after the last saving.
    assert say(as_alice, "Hello", uploaded=token, revision=revision).status_code == 201
    assert not Draft.objects.exists()
    assert typed(phone) == ""
    assert [file.name for file in Message.objects.get().files.all()] == ["photo.heic"]


def test_said_on_another_device_it_is_no_draft_either(as_alice: Client, phone: Client) -> None:
    save(as_alice, "Hello")
    say(phone, "Hello")
    assert not Draft.objects.exists()
    # The page that typed it saves once more: it was overtaken on its way.
    save(as_alice, "Hello")
    assert not Draft.objects.exists()


def test_sent_again_because_nobody_heard_of_it_the_draft_ends_too(as_alice: Client) -> None:
    key = str(uuid.uuid4())
    say(as_alice, "Hello", submission=key)
    Message.objects.update(written_at=timezone.now() - drafts.JUST_SENT * 2)
    save(as_alice, "Hello")
    assert Draft.objects.exists()
    say(as_alice, "Hello", submission=key)
    assert Message.objects.count() == 1
    assert not Draft.objects.exists()


def test_what_is_typed_while_words_are_on_their_way_stays(as_alice: Client) -> None:
    revision = save(as_alice, "first", submission="page", step=1).json()["revision"]
    save(as_alice, "second", submission="page", step=2, revision=revision)
    say(as_alice, "first", revision=revision)
    assert typed(as_alice) == "second"


def test_files_on_their_way_are_not_lost_with_the_emptied_box(as_alice: Client) -> None:
    """The page saves the empty box at once; the words wait in it for a connection, and so does their file."""
    revision = save(as_alice, "with a file", submission="page", step=1).json()["revision"]
    token = attach(as_alice, submission="page", revision=revision)
    save(as_alice, "", submission="page", step=2, revision=revision)
    assert CaseFile.objects.filter(message=None).count() == 1
    assert say(as_alice, "with a file", uploaded=token).status_code == 201
    assert [file.name for file in Message.objects.get().files.all()] == ["photo.heic"]
    save(as_alice, "", submission="page", step=3)
    assert not Draft.objects.exists()


def test_words_of_another_device_are_put_aside_and_not_lost(as_alice: Client, phone: Client) -> None:
    save(as_alice, "on the desk")
    assert save(phone, "on the phone").status_code == 409
    shown = Page(as_alice.get("/chat/"))
    assert (typed(as_alice), "on the desk" in shown.text) == ("on the phone", True)
    say(phone, "on the phone")
    assert typed(as_alice) == "on the desk"


def test_without_a_script_what_is_refused_is_a_draft(as_alice: Client, phone: Client) -> None:
    assert as_alice.post("/chat/", {"text": "x" * 100_001, "files": [upload("kept.txt")]}).status_code == 422
    assert typed(phone) == "x" * 100_001
    assert "kept.txt" in Page(phone.get("/chat/")).text


def test_words_to_be_said_once_more_stand_before_the_draft(as_alice: Client, alice: AbstractBaseUser) -> None:
    message = chat.say(author=alice, text="Are you there?", submission_key=uuid.uuid4())
    assert typed(as_alice, f"/chat/?again={message.pk}") == "Are you there?"
    save(as_alice, "and another thing")
    shown = typed(as_alice, f"/chat/?again={message.pk}")
    assert shown == "Are you there?\n\nand another thing"
    save(as_alice, shown)
    assert typed(as_alice, f"/chat/?again={message.pk}") == shown, "once, however often it is loaded"


def test_it_can_be_thrown_away(as_alice: Client) -> None:
    save(as_alice, "never mind")
    attach(as_alice)
    assert as_alice.post("/drafts/discard/", {"case": "chat"})["Location"] == "/chat/"
    assert not Draft.objects.exists()
    assert not CaseFile.objects.exists()


def test_a_stranger_has_another_chat(as_alice: Client, as_charlie: Client) -> None:
    save(as_alice, "between us")
    assert typed(as_charlie) == ""
    assert as_charlie.get("/drafts/?case=chat").json()["text"] == ""


def test_where_chats_are_off_nothing_is_kept_for_them(as_alice: Client, settings: Settings) -> None:
    settings.CABINET_MODES = ["mail"]
    assert save(as_alice, "Hello").status_code == 404
    assert not Draft.objects.exists()


def test_the_copy_of_ones_data_says_that_it_was_typed_in_the_chat(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    save(as_alice, "half a sentence")
    with packed(alice).blob.open() as file:
        data = json.loads(zipfile.ZipFile(io.BytesIO(file.read())).read("data.json"))
    assert [(row["in_chat"], row["case"], row["text"]) for row in data["drafts"]] == [
        (True, None, "half a sentence")
    ]


def test_a_first_word_of_a_chat_leaves_the_draft_of_a_new_case(as_alice: Client) -> None:
    as_alice.post("/drafts/", {"subject": "Refund", "text": "Hello"})
    say(as_alice, "Hello")
    assert Case.objects.get().mode == Case.Mode.CHAT
    assert typed(as_alice, NEW) == "Hello"


def test_a_page_that_was_emptied_by_sending_leaves_what_another_device_has_typed(
    as_alice: Client, phone: Client
) -> None:
    """It saves its empty box, and knows nothing of the other words."""
    save(phone, "typed on the phone", submission="phone", step=1)
    say(as_alice, "Hello")
    told = save(as_alice, "", submission="desk", step=1)
    assert (told.status_code, told.json()) == (200, {"revision": 0, "aside": {}})
    draft = Draft.objects.get()
    assert (draft.text, draft.aside) == ("typed on the phone", {})
    # What it holds next begins like what was said: it still does not know the other words.
    assert save(as_alice, "He", submission="desk", step=2).json()["revision"] == 0
    assert save(as_alice, "Here", submission="desk", step=3).status_code == 409
    draft.refresh_from_db()
    assert (draft.text, draft.aside["text"]) == ("Here", "typed on the phone")


def test_words_put_aside_that_are_taken_and_sent_at_once_leave_the_others(
    as_alice: Client, phone: Client
) -> None:
    save(as_alice, "on the desk")
    revision = save(phone, "on the phone").json()["revision"]
    say(phone, "on the desk", revision=revision)
    assert typed(as_alice) == "on the phone"


def test_files_that_wait_with_an_unsent_message_take_no_room_of_the_next(as_alice: Client) -> None:
    waiting = [attach(as_alice, f"{number}.txt") for number in range(uploads.MAX_FILES)]
    refused = as_alice.post("/uploads/", {"case": "chat", "file": upload("one.txt")})
    assert refused.status_code == 422
    taken = as_alice.post("/uploads/", {"case": "chat", "file": upload("one.txt"), "remove": waiting})
    assert taken.status_code == 201
    assert CaseFile.objects.count() == uploads.MAX_FILES + 1


@pytest.mark.parametrize("door", ["/drafts/", "/uploads/", "/chat/"])
def test_a_page_of_somebody_who_has_left_gives_nothing_to_who_came_after(
    as_charlie: Client, alice: AbstractBaseUser, door: str
) -> None:
    data = {"case": "chat", "text": "between us", "file": upload()}
    headers = {"x-person": str(alice.pk), "hx-request": "true"}
    assert as_charlie.post(door, data, headers=headers).status_code == 401
    assert as_charlie.get(door, headers=headers).status_code == 401
    assert not Draft.objects.exists()
    assert not Message.objects.exists()
    assert not CaseFile.objects.exists()
