"""Drafts: kept while typing, shown again anywhere, gone when sent; two devices lose nothing to each other."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from cabinet import drafts, services, uploads
from cabinet.draft_models import Draft
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from cabinet.storage import PrivateStorage
from tests.cabinet.pages import Page
from tests.factories import NewCase, case_of, changed, delivered, signed_in, upload

NEW = "/cases/new/"
SESSION_AND_USER = 2


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


@pytest.fixture
def phone(alice: AbstractBaseUser) -> Client:
    """Alice's other device."""
    return signed_in(alice)


def save(client: Client, case: Case | None, text: str, **more: object) -> Any:
    values: dict[str, object] = {"text": text, "case": str(case.pk) if case else ""}
    return client.post("/drafts/", values | more)


def attach(client: Client, case: Case | None, name: str = "photo.heic", **more: object) -> Any:
    values: dict[str, object] = {"file": upload(name), "case": str(case.pk) if case else ""}
    return client.post("/uploads/", values | more)


def typed(client: Client, case: Case | None) -> str:
    """What stands in the box of the page."""
    page = Page(client.get(f"/cases/{case.pk}/" if case else NEW))
    box = page.source.partition('id="id_text"')[2]
    return str(box.partition(">")[2].partition("</textarea>")[0].strip())


def reply(client: Client, case: Case, text: str, **more: object) -> HttpResponse:
    return client.post(f"/cases/{case.pk}/reply/", {"text": text, **more})  # type: ignore[return-value]


# ── keeping ──


def test_what_is_typed_is_there_on_another_device(as_alice: Client, phone: Client, case: Case) -> None:
    answer = save(as_alice, case, "half a sentence")
    assert answer.status_code == 200
    assert typed(phone, case) == "half a sentence"
    page = Page(phone.get(f"/cases/{case.pk}/"))
    assert page.values("revision") == [str(answer.json()["revision"])]
    assert "Draft saved" in page.text
    assert typed(phone, None) == ""


def test_a_new_case_has_a_draft_of_its_own_with_every_field(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    save(as_alice, None, "It smokes", subject="Printer", topic="hardware", colours=["red", "blue"])
    page = Page(as_alice.get(NEW))
    assert page.values("subject") == ["Printer"]
    assert typed(as_alice, None) == "It smokes"
    draft = Draft.objects.get()
    assert draft.extra == {"topic": ["hardware"], "colours": ["red", "blue"]}
    assert drafts.values_of(draft).getlist("colours") == ["red", "blue"]


def test_files_come_one_by_one_and_live_in_the_draft(as_alice: Client, phone: Client, case: Case) -> None:
    answer = attach(as_alice, case)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["name"], told["size"]) == ("photo.heic", 5)
    page = Page(phone.get(f"/cases/{case.pk}/"))
    assert page.values("uploaded") == [told["id"]]
    assert "photo.heic" in page.text
    listed = phone.get(f"/drafts/?case={case.pk}").json()
    assert [file["name"] for file in listed["files"]] == ["photo.heic"]
    assert phone.post(f"/uploads/{told['id']}/remove/").json() == {"revision": 0}
    assert not CaseFile.objects.filter(message=None).exists()
    assert not Draft.objects.exists()
    assert phone.post(f"/uploads/{told['id']}/remove/").status_code == 404


def test_nothing_typed_leaves_no_draft(as_alice: Client, case: Case) -> None:
    revision = save(as_alice, case, "x").json()["revision"]
    assert save(as_alice, case, " ", revision=revision).json() == {"revision": 0, "aside": {}}
    assert save(as_alice, case, "").json()["revision"] == 0
    assert not Draft.objects.exists()


def test_files_keep_a_draft_whose_words_were_taken_out(as_alice: Client, case: Case) -> None:
    attach(as_alice, case)
    save(as_alice, case, "x")
    save(as_alice, case, "", revision=Draft.objects.get().revision)
    assert Draft.objects.get().files.count() == 1


def test_a_page_costs_one_query_more_and_two_with_a_draft(
    as_alice: Client, case: Case, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    as_alice.get(f"/cases/{case.pk}/")
    with django_assert_num_queries(4 + SESSION_AND_USER):
        as_alice.get(f"/cases/{case.pk}/")
    save(as_alice, case, "x")
    for number in range(5):
        attach(as_alice, case, f"{number}.txt")
    with django_assert_num_queries(5 + SESSION_AND_USER):
        as_alice.get(f"/cases/{case.pk}/")


def test_a_bad_form_is_kept_as_a_draft_too(as_alice: Client, phone: Client, case: Case) -> None:
    assert reply(as_alice, case, "x" * 100_001, files=[upload("kept.txt")]).status_code == 422
    page = Page(phone.get(f"/cases/{case.pk}/"))
    assert "x" * 100_001 in page.source
    assert "kept.txt" in page.text
    assert as_alice.post(NEW, NewCase(subject="", text="words").data()).status_code == 422
    assert typed(phone, None) == "words"


def test_what_came_too_late_stands_there_still_after_a_reload(as_alice: Client, case: Case) -> None:
    changed(case, availability="archived")
    reply(as_alice, case, "my precious words")
    assert "my precious words" in as_alice.get(f"/cases/{case.pk}/").content.decode()


def test_an_address_goes_before_an_old_draft_which_is_offered(as_alice: Client) -> None:
    save(as_alice, None, "older words", subject="Older")
    page = Page(as_alice.get(f"{NEW}?subject=From+a+link"))
    assert page.values("subject") == ["From a link"]
    assert page.all("a", href=NEW)
    assert "unfinished draft" in page.text
    assert "Older" in page.text
    assert "older words" not in page.source
    assert page.values("revision") == ["0"]
    save(as_alice, None, "newer words", subject="From a link", revision="0")
    draft = Draft.objects.get()
    assert draft.text == "newer words"
    assert draft.aside == {"subject": "Older", "text": "older words", "extra": {}}


# ── two devices ──


def test_the_last_device_wins_and_the_others_words_are_put_aside(
    as_alice: Client, phone: Client, case: Case
) -> None:
    base = save(as_alice, case, "Hello").json()["revision"]
    assert save(phone, case, "Hello from the phone", revision=base).status_code == 200
    answer = save(as_alice, case, "Hello from the desk", revision=base)
    assert answer.status_code == 409
    assert answer.json()["aside"]["text"] == "Hello from the phone"
    page = Page(phone.get(f"/cases/{case.pk}/"))
    assert "Hello from the desk" in page.source
    assert "Hello from the phone" in page.text


def test_words_put_aside_can_be_taken_and_the_others_go_there(
    as_alice: Client, phone: Client, case: Case
) -> None:
    save(phone, case, "of the phone")
    revision = save(as_alice, case, "of the desk", revision=1).json()["revision"]
    answer = save(as_alice, case, "of the phone", revision=revision, swap="1")
    assert answer.json()["aside"]["text"] == "of the desk"
    assert typed(phone, case) == "of the phone"


def test_answers_in_a_topics_fields_are_words_too(as_alice: Client, phone: Client) -> None:
    save(phone, None, "", topic="repair", serial="X-1")
    answer = save(as_alice, None, "", topic="repair", serial="Y-2", revision="1")
    assert answer.status_code == 409
    extra = {"topic": ["repair"], "serial": ["X-1"]}
    assert answer.json()["aside"] == {"subject": "", "text": "", "extra": extra}
    page = Page(as_alice.get(NEW))
    assert page.all("input", data_aside_value="serial", value="X-1")
    assert phone.get("/drafts/").json()["extra"] == {"topic": ["repair"], "serial": ["Y-2"]}
    as_alice.post(NEW, NewCase().data(revision=str(answer.json()["revision"])))
    draft = Draft.objects.get()
    assert (draft.extra, draft.aside) == (extra, {})


def test_fields_that_nobody_filled_in_are_no_quarrel(as_alice: Client, phone: Client) -> None:
    save(phone, None, "same")
    assert save(as_alice, None, "same", serial="", revision="1").status_code == 200


def test_a_file_added_on_a_page_does_not_make_it_know_the_others_words(
    as_alice: Client, phone: Client, case: Case
) -> None:
    desk = {"submission": str(uuid.uuid4()), "revision": "0"}
    save(phone, case, "of the phone", submission=str(uuid.uuid4()))
    added = attach(as_alice, case, **desk).json()
    assert added["revision"] == 0
    assert as_alice.post(f"/uploads/{added['id']}/remove/", desk).json() == {"revision": 0}
    assert save(as_alice, case, "of the desk", **desk).status_code == 409


def test_going_on_with_words_of_another_device_is_no_quarrel(
    as_alice: Client, phone: Client, case: Case
) -> None:
    """As on the phone, whose words became the draft when the desk sent its own."""
    save(phone, case, "of the phone")
    assert save(as_alice, case, "of the phone and more", revision=1).status_code == 200
    assert Draft.objects.get().aside == {}
    assert save(phone, case, "of the phone", revision=1).status_code == 409


def test_the_same_words_are_no_quarrel(as_alice: Client, phone: Client, case: Case) -> None:
    save(phone, case, "same")
    assert save(as_alice, case, "same", revision=1).status_code == 200
    assert Draft.objects.get().aside == {}


def test_a_page_does_not_quarrel_with_itself(as_alice: Client, case: Case) -> None:
    """The answer to its last saving is still on its way when it is left."""
    page = str(uuid.uuid4())
    save(as_alice, case, "one", submission=page, step="1")
    assert save(as_alice, case, "one two", submission=page, step="3", revision="0").status_code == 200
    save(as_alice, case, "one t", submission=page, step="2", revision="0")
    assert (Draft.objects.get().text, Draft.objects.get().aside) == ("one two", {})


def test_two_people_have_two_drafts(as_alice: Client, as_charlie: Client) -> None:
    save(as_alice, None, "hers")
    save(as_charlie, None, "his")
    assert typed(as_alice, None) == "hers"
    assert typed(as_charlie, None) == "his"
    assert as_charlie.post(f"/uploads/{attach(as_alice, None).json()['id']}/remove/").status_code == 404


# ── sending ──


def test_a_sent_draft_is_gone_and_its_files_are_in_the_message(as_alice: Client, case: Case) -> None:
    save(as_alice, case, "It still smokes")
    token = attach(as_alice, case).json()["id"]
    data = {"uploaded": [token], "revision": str(Draft.objects.get().revision)}
    assert reply(as_alice, case, "It still smokes, and more", **data).status_code == 302
    message = case.messages.last()
    assert message
    assert [str(file.pk) for file in message.files.all()] == [token]
    assert not Draft.objects.exists()
    assert typed(as_alice, case) == ""


def test_a_sent_case_takes_its_draft_along(as_alice: Client) -> None:
    save(as_alice, None, "text", subject="subject")
    assert as_alice.post(NEW, NewCase("subject", "text").data()).status_code == 302
    assert not Draft.objects.exists()


def test_files_taken_out_of_what_is_sent_go_with_the_draft(
    as_alice: Client, case: Case, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    token = attach(as_alice, case, "other.txt").json()["id"]
    name = str(CaseFile.objects.get().blob.name)
    with django_capture_on_commit_callbacks(execute=True):
        reply(as_alice, case, "words", remove=[token], revision=str(Draft.objects.get().revision))
    assert not CaseFile.objects.exists()
    assert not Draft.objects.exists()
    assert not PrivateStorage().exists(name)


def test_a_file_that_the_sending_page_has_not_seen_stays(
    as_alice: Client,
    phone: Client,
    case: Case,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """Typed on the desk, photographed with the phone, sent from the desk, whose page was never left."""
    desk = {"submission": str(uuid.uuid4())}
    own = attach(as_alice, case, "log.txt", **desk).json()
    save(as_alice, case, "See the photo", **desk, step="1", revision=own["revision"])
    photo = attach(phone, case, submission=str(uuid.uuid4())).json()
    known = save(as_alice, case, "See the photo.", **desk, step="2", revision=own["revision"]).json()
    with django_capture_on_commit_callbacks(execute=True):
        data = {"uploaded": [own["id"]], "revision": str(known["revision"]), **desk}
        reply(as_alice, case, "See the photo.", **data)
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    assert page.values("uploaded") == [photo["id"]]
    assert typed(as_alice, case) == ""
    assert PrivateStorage().exists(str(CaseFile.objects.get(pk=photo["id"]).blob.name))
    revision = str(Draft.objects.get().revision)
    reply(as_alice, case, "Here it is", uploaded=[photo["id"]], revision=revision)
    assert not Draft.objects.exists()
    assert [file.name for message in case.messages.all() for file in message.files.all()] == [
        "log.txt",
        "photo.heic",
    ]


def test_an_unseen_file_outlives_a_new_case_too(as_alice: Client, phone: Client) -> None:
    save(as_alice, None, "text", subject="subject")
    photo = attach(phone, None).json()["id"]
    as_alice.post(NEW, NewCase("subject", "text").data())
    page = Page(as_alice.get(NEW))
    assert (page.values("uploaded"), page.values("subject"), typed(as_alice, None)) == ([photo], [""], "")


def test_a_saving_that_comes_late_does_not_bring_sent_words_to_an_unseen_file(
    as_alice: Client, phone: Client, case: Case
) -> None:
    desk = {"submission": str(uuid.uuid4())}
    save(as_alice, case, "See the", **desk, step="1")
    attach(phone, case)
    reply(as_alice, case, "See the photo", **desk)
    save(as_alice, case, "See the pho", **desk, step="2")
    draft = Draft.objects.get()
    assert (draft.text, draft.aside, draft.files.count()) == ("", {}, 1)


def test_words_put_aside_become_the_draft_when_the_others_are_sent(
    as_alice: Client, phone: Client, case: Case
) -> None:
    save(phone, case, "of the phone")
    revision = save(as_alice, case, "of the desk", revision=1).json()["revision"]
    reply(as_alice, case, "of the desk", revision=str(revision))
    draft = Draft.objects.get()
    assert (draft.text, draft.aside) == ("of the phone", {})
    assert draft.revision > revision
    assert typed(as_alice, case) == "of the phone"
    reply(as_alice, case, "of the phone", revision=str(draft.revision))
    assert not Draft.objects.exists()


def test_words_put_aside_that_are_sent_with_the_others_do_not_come_back(
    as_alice: Client, phone: Client, case: Case
) -> None:
    save(phone, case, "of the phone")
    revision = save(as_alice, case, "of the desk", revision=1).json()["revision"]
    reply(as_alice, case, "of the desk and of the phone", revision=str(revision))
    assert not Draft.objects.exists()


def test_the_same_words_sent_from_elsewhere_end_the_draft(
    as_alice: Client, phone: Client, case: Case
) -> None:
    save(as_alice, case, "my words")
    reply(phone, case, "my words\r\n")
    assert not Draft.objects.exists()


def test_other_words_of_another_device_outlive_a_sending(as_alice: Client, phone: Client, case: Case) -> None:
    save(phone, case, "quite another thought")
    reply(as_alice, case, "my words", revision="1")
    assert typed(as_alice, case) == "quite another thought"


def test_a_second_click_brings_no_draft_back(as_alice: Client, case: Case) -> None:
    key = str(uuid.uuid4())
    for _click in range(2):
        reply(as_alice, case, "twice", submission=key)
    assert case.messages.count() == 2
    form = NewCase()
    for _click in range(2):
        as_alice.post(NEW, form.data())
    assert not Draft.objects.exists()


def test_a_saving_overtaken_by_its_sending_changes_nothing(as_alice: Client, case: Case) -> None:
    reply(as_alice, case, "It still smokes")
    assert save(as_alice, case, "It still smo").json()["revision"] == 0
    as_alice.post(NEW, NewCase(text="A story").data())
    save(as_alice, None, "A story", subject="The printer smokes")
    assert not Draft.objects.exists()
    as_alice.post(NEW, NewCase(text="A sequel").data(follow_up=str(case.pk)))
    save(as_alice, None, "A sequel", subject="The printer smokes", follow_up=str(case.pk))
    assert not Draft.objects.exists()
    Message.objects.update(written_at=timezone.now() - timedelta(minutes=5))
    assert save(as_alice, case, "It still smo").json()["revision"] > 0


def test_discarding_takes_words_and_files_away(as_alice: Client, case: Case) -> None:
    save(as_alice, case, "x")
    attach(as_alice, case)
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    assert page.all("form", action="/drafts/discard/")
    answer = as_alice.post("/drafts/discard/", {"case": str(case.pk)})
    assert answer["Location"] == f"/cases/{case.pk}/"
    assert not Draft.objects.exists()
    assert not CaseFile.objects.filter(message=None).exists()
    assert as_alice.post("/drafts/discard/")["Location"] == NEW


def test_a_file_taken_out_of_a_bad_form_does_not_come_back(as_alice: Client, case: Case) -> None:
    token = attach(as_alice, case).json()["id"]
    reply(as_alice, case, "", uploaded=[token], remove=[token])
    assert Page(as_alice.get(f"/cases/{case.pk}/")).values("uploaded") == []


# ── limits ──


def test_a_file_over_the_limit_is_refused_by_name_and_leaves_nothing(
    as_alice: Client, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", 4)
    answer = attach(as_alice, case, "huge.zip")
    assert answer.status_code == 422
    assert "“huge.zip” is larger than" in answer.json()["error"]
    assert not Draft.objects.exists()
    assert as_alice.post("/uploads/").status_code == 422


def test_all_files_of_a_draft_share_a_limit(
    as_alice: Client, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_MESSAGE_BYTES", 8)
    one = attach(as_alice, case, "one").json()["id"]
    assert "“two” does not fit" in attach(as_alice, case, "two").json()["error"]
    monkeypatch.setattr(uploads, "MAX_MESSAGE_BYTES", 100)
    two = attach(as_alice, case, "two").json()["id"]
    monkeypatch.setattr(uploads, "MAX_MESSAGE_BYTES", 8)
    answer = reply(as_alice, case, "both came at the same moment", uploaded=[one, two])
    assert answer.status_code == 422
    assert "“two” does not fit" in Page(answer).text


def test_a_person_cannot_fill_the_disk_with_drafts(
    as_alice: Client, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach(as_alice, None)
    monkeypatch.setattr(uploads, "MAX_WAITING_BYTES", 4)
    assert "very many files wait" in attach(as_alice, case).json()["error"]
    monkeypatch.setattr(uploads, "MAX_WAITING_BYTES", 100)
    monkeypatch.setattr(uploads, "MAX_WAITING_FILES", 1)
    assert attach(as_alice, case).status_code == 422


@pytest.mark.parametrize(
    "values",
    [
        {"text": "x" * (drafts.LONGEST_TEXT + 1)},
        {"subject": "x" * (drafts.LONGEST_SUBJECT + 1)},
        {"x" * 61: "long name"},
        {f"field{number}": "x" for number in range(41)},
        {"field": "x" * 50_001},
    ],
)
def test_a_draft_has_bounds(as_alice: Client, values: dict[str, str]) -> None:
    assert as_alice.post("/drafts/", values).status_code == 413
    assert not Draft.objects.exists()


def test_characters_no_database_takes_are_left_out(as_alice: Client, case: Case) -> None:
    save(as_alice, case, "a\x00b\r\nc", field="d\x00")
    draft = Draft.objects.get()
    assert (draft.text, draft.extra) == ("ab\nc", {"field": ["d"]})


@pytest.mark.parametrize("named", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_a_case_that_is_none_is_not_found(as_alice: Client, named: str) -> None:
    assert as_alice.get(f"/drafts/?case={named}").status_code == 404


@pytest.mark.parametrize("revision", ["nonsense", "-1", "9" * 40, "²"])
def test_a_made_up_revision_means_none(revision: str) -> None:
    assert drafts.Seen.of(QueryDict(f"revision={revision}")).revision == 0


def test_a_draft_lives_a_month_and_so_do_its_files(as_alice: Client, case: Case) -> None:
    attach(as_alice, case)
    now = timezone.now()
    CaseFile.objects.update(created_at=now - timedelta(days=20))
    Draft.objects.update(updated_at=now - timedelta(days=29))
    services.forget_stale_uploads(before=now - timedelta(days=1))
    drafts.forget_old(now=now)
    assert CaseFile.objects.filter(message=None).count() == 1
    drafts.forget_old(now=now + timedelta(days=2))
    assert not Draft.objects.exists()
    assert not CaseFile.objects.filter(message=None).exists()


# ── send and mark as solved ──


def test_a_reply_may_close_the_case_after_it(as_alice: Client, case: Case) -> None:
    assert reply(as_alice, case, "Thank you", close="1").status_code == 302
    case.refresh_from_db()
    assert case.status == Case.Status.CLOSED
    kinds = case.outbox.order_by("number").values_list("kind", flat=True)
    assert list(kinds) == [OutboxEntry.Kind.OPEN_CASE, OutboxEntry.Kind.REPLY, OutboxEntry.Kind.CLOSE]


def test_a_second_click_closes_once(as_alice: Client, case: Case) -> None:
    key = str(uuid.uuid4())
    for _click in range(2):
        reply(as_alice, case, "Thank you", close="1", submission=key)
    assert case.outbox.filter(kind=OutboxEntry.Kind.CLOSE).count() == 1


def test_with_nothing_written_the_case_is_only_closed(as_alice: Client, case: Case) -> None:
    assert reply(as_alice, case, " ", close="1").status_code == 302
    case.refresh_from_db()
    assert case.status == Case.Status.CLOSED
    assert case.messages.count() == 1


def test_a_closed_case_stays_closed_if_the_reply_says_so(as_alice: Client, case: Case) -> None:
    changed(case, status=Case.Status.CLOSED)
    reply(as_alice, case, "No, it works", close="1")
    case.refresh_from_db()
    assert case.status == Case.Status.CLOSED
    assert not case.outbox.filter(kind=OutboxEntry.Kind.ENSURE_OPEN).exists()


# ── sent, and not heard of ──


@pytest.mark.parametrize("text", ["with a photo", ""])
def test_a_reply_with_a_file_sent_again_is_said_once(as_alice: Client, case: Case, text: str) -> None:
    form = {"submission": str(uuid.uuid4()), "uploaded": attach(as_alice, case).json()["id"]}
    for _time in range(2):
        assert reply(as_alice, case, text, **form).status_code == 302
    assert case.messages.count() == 2
    assert [file.name for file in case.messages.latest("position").files.all()] == ["photo.heic"]


@pytest.mark.parametrize("text", ["with a photo", ""])
def test_a_new_case_with_a_file_sent_again_is_opened_once(
    as_alice: Client, alice: AbstractBaseUser, text: str
) -> None:
    uploaded = attach(as_alice, None).json()["id"]
    form = {"submission": str(uuid.uuid4()), "uploaded": uploaded, "subject": "Printer", "text": text}
    answers = [as_alice.post(NEW, form) for _time in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert Case.objects.filter(owner_id=alice.pk).count() == 1


def test_a_file_that_was_sent_makes_no_message_of_another_form(as_alice: Client, case: Case) -> None:
    uploaded = attach(as_alice, case).json()["id"]
    reply(as_alice, case, "with a photo", uploaded=uploaded)
    assert reply(as_alice, case, "", uploaded=uploaded, submission=str(uuid.uuid4())).status_code == 422
    assert case.messages.count() == 2


def test_taking_the_words_put_aside_into_an_empty_box_puts_nothing_aside(
    as_alice: Client, phone: Client, case: Case
) -> None:
    save(as_alice, case, "on the desk")
    save(phone, case, "on the phone", submission="phone", step=1)
    save(phone, case, "", submission="phone", step=2)
    save(phone, case, "on the desk", submission="phone", step=3, swap="1")
    assert Draft.objects.get().aside == {}
    save(phone, case, "", submission="phone", step=4)
    assert not Draft.objects.exists()
