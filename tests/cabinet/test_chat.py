"""The chat: one conversation of many chats, what begins the next one, and how it is shown."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from cabinet import chat, services
from cabinet.models import Case, Message, OutboxEntry, Profile, ReadMark
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, changed, staff_reply, upload

Say = Callable[..., Message]


@pytest.fixture(autouse=True)
def chats_are_on(settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "chat"]


@pytest.fixture
def say(alice: AbstractBaseUser) -> Say:
    """Alice says something and the desk has it."""

    def _say(text: str = "Is anybody there?") -> Message:
        message = chat.say(author=alice, text=text, submission_key=uuid.uuid4())
        Message.objects.filter(pk=message.pk).update(state="sent")
        message.refresh_from_db()
        return message

    return _say


def end(case: Case) -> Case:
    case.refresh_from_db()
    return changed(case, status=Case.Status.CLOSED)


def show(client: Client, address: str = "/chat/") -> Page:
    answer = client.get(address)
    assert answer.status_code == 200
    return Page(answer)


def items(page: Page) -> list[str]:
    """What stands in the thread, line after line, by its id's first word."""
    return [
        attrs["id"].split("-")[0]
        for tag, attrs in page.tags
        if tag == "li" and attrs.get("id", "").startswith(("m-", "day-", "end-"))
    ]


# ── saying something ────────────────────────────────────────────────────────────────────────────────────


def test_the_first_words_begin_a_chat(as_alice: Client) -> None:
    answer = as_alice.post("/chat/", {"text": "My  invoice\nis wrong"})
    assert (answer.status_code, answer["Location"]) == (302, "/chat/")
    case = Case.objects.get()
    assert (case.mode, case.subject) == ("chat", "My invoice is wrong")
    assert list(case.outbox.values_list("kind", flat=True)) == ["open_case"]


def test_what_follows_goes_into_the_same_chat(as_alice: Client) -> None:
    for text in ("one", "two"):
        as_alice.post("/chat/", {"text": text})
    case = Case.objects.get()
    assert list(case.messages.values_list("text", flat=True)) == ["one", "two"]
    assert list(case.outbox.values_list("kind", flat=True)) == ["open_case", "reply"]


@pytest.mark.parametrize(
    "fields", [{"status": "closed"}, {"availability": "merged"}, {"availability": "archived"}]
)
def test_a_chat_that_is_over_is_followed_by_the_next(
    as_alice: Client, say: Say, fields: dict[str, str]
) -> None:
    first = changed(say().case, **fields)
    as_alice.post("/chat/", {"text": "Me again"})
    first.refresh_from_db()
    second = Case.objects.exclude(pk=first.pk).get()
    assert [message.text for message in second.messages.all()] == ["Me again"]
    assert first.messages.count() == 1
    assert not OutboxEntry.objects.filter(kind=OutboxEntry.Kind.ENSURE_OPEN).exists()


def test_a_file_alone_begins_a_chat_by_its_name(as_alice: Client) -> None:
    as_alice.post("/chat/", {"text": "", "files": [upload("bill.pdf")]})
    case = Case.objects.get()
    assert case.subject == "bill.pdf"
    assert [file.name for file in case.messages.get().files.all()] == ["bill.pdf"]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("short", "short"),
        ("word " * 30, "word " * 13 + "word…"),
        ("x" * 200, "x" * 69 + "…"),
    ],
)
def test_a_chat_is_named_by_its_first_words(text: str, subject: str) -> None:
    assert chat.subject_of(text) == subject


def test_a_double_click_says_it_once_even_if_the_chat_was_closed_between(as_alice: Client) -> None:
    data = {"text": "Hello", "submission": str(uuid.uuid4())}
    as_alice.post("/chat/", data)
    as_alice.post("/chat/", data)
    end(Case.objects.get())
    as_alice.post("/chat/", data)
    assert Message.objects.count() == 1


def test_a_bad_message_keeps_what_was_typed_and_attached(as_alice: Client) -> None:
    answer = as_alice.post("/chat/", {"text": "x" * 100_001, "files": [upload("kept.txt")]})
    page = Page(answer)
    assert answer.status_code == 422
    assert "x" * 100_001 in page.source
    assert "kept.txt" in page.text
    assert as_alice.post("/chat/", {"text": " "}).status_code == 422
    assert Case.objects.count() == 0


def test_the_pages_own_script_learns_which_message_its_words_became(as_alice: Client) -> None:
    answer = as_alice.post("/chat/", {"text": "Hello"}, headers={"hx-request": "true"})
    assert answer.status_code == 201
    assert answer["Location"] == f"/chat/#m-{Message.objects.get().pk}"
    assert answer["Location"].split("#")[1] in {li.get("id") for li in show(as_alice).all("li")}


@pytest.mark.parametrize("headers", [{"hx-request": "true"}, {}])
def test_words_with_a_file_that_are_sent_again_after_they_arrived_are_said_once(
    as_alice: Client, headers: dict[str, str]
) -> None:
    token = as_alice.post("/uploads/", {"file": upload("bill.pdf"), "case": "chat"}).json()["id"]
    for text in ("Look at this", ""):
        data = {"text": text, "uploaded": token, "submission": str(uuid.uuid4())}
        first, again = (as_alice.post("/chat/", data, headers=headers) for _ in range(2))
        assert (first.status_code, first["Location"]) == (again.status_code, again["Location"])
        token = as_alice.post("/uploads/", {"file": upload("more.pdf"), "case": "chat"}).json()["id"]
    assert [message.files.count() for message in Message.objects.order_by("position")] == [1, 1]


def test_words_do_not_go_without_a_file_that_is_no_longer_here(as_alice: Client) -> None:
    data = {"text": "Look at this", "uploaded": str(uuid.uuid4())}
    answer = as_alice.post("/chat/", data)
    assert answer.status_code == 422
    assert "A file is no longer kept here" in Page(answer).text
    assert not Message.objects.exists()


def test_the_pages_own_script_finds_its_words_by_their_key(as_alice: Client, as_charlie: Client) -> None:
    key = str(uuid.uuid4())
    as_alice.post("/chat/", {"text": "Hello", "submission": key}, headers={"hx-request": "true"})
    staff_reply(Case.objects.get())
    assert [article.get("data-key") for article in show(as_alice).all("article")] == [key, None]


# ── a chat that was closed ──────────────────────────────────────────────────────────────────────────────


def test_a_closed_chat_takes_no_reply_and_stays_closed(alice: AbstractBaseUser, say: Say) -> None:
    message = say()
    case = end(message.case)
    with pytest.raises(services.ChatEnded):
        services.post_reply(case=case, author=alice, text="too late")
    with pytest.raises(services.CaseUnavailable):
        services.reopen_case(case=case)
    services.close_case(case=case)
    assert list(case.outbox.values_list("kind", flat=True)) == ["open_case"]


def test_a_failed_message_of_a_closed_chat_can_be_written_in_the_next(as_alice: Client, say: Say) -> None:
    message = say("Precious words")
    OutboxEntry.objects.update(state="rejected")
    Message.objects.update(state="failed", failure="rejected")
    retry = f"/cases/{message.case_id}/messages/{message.pk}/retry/"
    assert show(as_alice).all("form", action=retry)
    end(message.case)
    page = show(as_alice)
    assert not page.all("form", action=retry)
    assert page.all("a", href=f"/chat/?new=1&again={message.pk}#id_text")
    assert "Precious words</textarea>" in show(as_alice, f"/chat/?new=1&again={message.pk}").source
    assert "can no longer be changed" in Page(as_alice.post(retry, follow=True)).text


def test_nobody_elses_words_are_brought_back(as_charlie: Client, say: Say) -> None:
    message = say("Precious words")
    for wanted in (message.pk, "nonsense", ""):
        assert "Precious" not in show(as_charlie, f"/chat/?again={wanted}").source


def test_the_page_says_that_the_chat_was_closed_and_offers_the_next(as_alice: Client, say: Say) -> None:
    case = say().case
    assert "This chat was closed" not in show(as_alice).text
    end(case)
    page = show(as_alice)
    assert "Support ended it, or nothing was written in it for a while" in page.text
    assert page.all("a", href="?new=1#id_text")
    assert page.all("textarea", name="text")
    assert "Is anybody there?" in page.text
    again = show(as_alice, "/chat/?new=1")
    assert "What you write now begins a new chat" in again.text
    assert not again.all("a", href="?new=1#id_text")


def test_whoever_ended_it_is_told_so(as_alice: Client, say: Say) -> None:
    case = say().case
    answer = as_alice.post(f"/cases/{case.pk}/close/", {"next": "/chat/"})
    assert answer["Location"] == "/chat/"
    assert "You ended it" in show(as_alice).text


def test_the_cases_own_page_leads_to_the_chat(as_alice: Client, say: Say) -> None:
    case = say().case
    page = show(as_alice, f"/cases/{case.pk}/")
    assert page.all("textarea", name="text")
    assert page.all("a", href="/chat/", class_="button")
    end(case)
    page = show(as_alice, f"/cases/{case.pk}/")
    assert not page.all("textarea", name="text")
    assert page.all("a", href="/chat/?new=1")
    assert not page.all("form", action=f"/cases/{case.pk}/reopen/")
    late = as_alice.post(f"/cases/{case.pk}/reply/", {"text": "too late"})
    assert late.status_code == 422
    assert "too late</textarea>" in Page(late).source


def test_where_chats_are_off_there_is_no_door_but_the_case_stays(
    as_alice: Client, say: Say, settings: Settings
) -> None:
    case = end(say().case)
    settings.CABINET_MODES = ["mail"]
    assert as_alice.get("/chat/").status_code == 404
    assert as_alice.post("/chat/", {"text": "x"}).status_code == 404
    assert as_alice.post("/chat/settings/").status_code == 404
    page = show(as_alice, f"/cases/{case.pk}/")
    assert not [link for link in page.all("a") if link.get("href", "").startswith("/chat/")]


# ── how it went ─────────────────────────────────────────────────────────────────────────────────────────


def asks(page: Page, case: Case) -> bool:
    return bool(page.all("form", action=f"/cases/{case.pk}/rate/", method="post"))


def back_to_the_chat(page: Page) -> bool:
    form = page.source.partition('id="rate"')[2].partition("</form>")[0]
    return '<input type="hidden" name="next" value="/chat/">' in form


def test_a_chat_that_ended_asks_how_it_went_on_its_own_page(as_alice: Client, say: Say) -> None:
    case = say().case
    assert not asks(show(as_alice), case)
    end(case)
    assert not asks(show(as_alice), case), "nobody has answered"
    staff_reply(case, "Yes.")
    assert not asks(show(as_alice), case), "it goes on"
    end(case)
    page = show(as_alice)
    assert asks(page, case)
    assert [box["value"] for box in page.all("input", type="radio")] == ["high", "middle", "low"]
    assert asks(show(as_alice, f"/cases/{case.pk}/"), case)
    again = as_alice.post("/chat/", {"text": "Next"}, follow=True)
    assert not asks(Page(again), case)


def test_a_rating_given_in_the_chat_leads_back_there(as_alice: Client, say: Say) -> None:
    case = say().case
    staff_reply(case)
    end(case)
    assert back_to_the_chat(show(as_alice))
    data = {"rating": "middle", "comment": "Slow", "next": "/chat/"}
    answer = as_alice.post(f"/cases/{case.pk}/rate/", data)
    assert (answer.status_code, answer["Location"]) == (302, "/chat/")
    page = show(as_alice)
    for words in ("Thank you", "Your rating: So-so", "Change the rating"):
        assert words in page.text
    case.refresh_from_db()
    assert (case.rating, case.rating_comment) == ("middle", "Slow")
    assert case.outbox.filter(kind=OutboxEntry.Kind.RATE).count() == 1


def test_a_bad_rating_comes_back_to_the_chat_with_its_comment(as_alice: Client, say: Say) -> None:
    case = say().case
    staff_reply(case)
    end(case)
    answer = as_alice.post(f"/cases/{case.pk}/rate/", {"comment": "kept words", "next": "/chat/"})
    page = Page(answer)
    assert answer.status_code == 422
    assert "kept words</textarea>" in page.source
    assert "Choose one of the three" in page.text
    assert page.all("form", id="chat-form")
    assert back_to_the_chat(page)
    say("Next")
    answer = as_alice.post(f"/cases/{case.pk}/rate/", {"comment": "kept words", "next": "/chat/"})
    assert answer.status_code == 422
    assert "kept words</textarea>" in Page(answer).source, "the next chat has begun: on the case's page then"
    assert not Page(answer).all("form", id="chat-form")


# ── how it is shown ─────────────────────────────────────────────────────────────────────────────────────


def test_all_chats_are_one_conversation(as_alice: Client, say: Say) -> None:
    first = say("first")
    Case.objects.filter(pk=first.case_id).update(
        status="closed", number="12-3", created_at=timezone.now() - timedelta(days=2)
    )
    Message.objects.filter(pk=first.pk).update(written_at=timezone.now() - timedelta(days=2))
    say("second")
    page = show(as_alice)
    assert items(page) == ["day", "m", "end", "day", "m"]
    assert "Chat № 12-3 was closed" in page.text
    assert page.text.index("first") < page.text.index("12-3") < page.text.index("second")


def test_bubbles_are_grouped_by_author_and_minute(as_alice: Client, say: Say) -> None:
    say("one")
    say("two")
    staff_reply(Case.objects.get(), "three")
    now = timezone.now().replace(second=30)
    Message.objects.update(written_at=now)
    Message.objects.filter(text="one").update(written_at=now - timedelta(minutes=1))
    page = show(as_alice)
    looks = [li["class"] for li in page.all("li") if li.get("id", "").startswith("m-")]
    assert looks == [
        "say say-customer say-opens say-closes",
        "say say-customer say-opens say-closes",
        "say say-staff say-opens say-closes",
    ]
    Message.objects.update(written_at=now)
    looks = [li["class"] for li in show(as_alice).all("li") if li.get("id", "").startswith("m-")]
    assert looks == ["say say-customer say-opens", "say say-customer say-closes", looks[2]]


def test_staff_have_a_name_and_initials(as_alice: Client, say: Say) -> None:
    say()
    case = Case.objects.get()
    staff_reply(case, author_name="Maria van der Berg")
    staff_reply(case, author_name="")
    staff_reply(case, author_name="<b> «")
    source = show(as_alice).source
    assert '<span class="avatar" aria-hidden="true">MB</span>' in source
    assert "Maria van der Berg" in source
    for initials in ("S", "?"):
        assert f'<span class="avatar" aria-hidden="true">{initials}</span>' in source


def test_each_message_is_marked_as_on_the_cases_page(as_alice: Client, say: Say) -> None:
    own = say()
    answer = staff_reply(own.case, "Yes.")
    gone = staff_reply(own.case, "", html=" ", withdrawn_at=timezone.now())
    page = show(as_alice)
    assert [(a["data-message"], a["data-author"], a["data-state"]) for a in page.all("article")] == [
        (str(own.pk), "customer", "sent"),
        (str(answer.pk), "staff", "sent"),
        (str(gone.pk), "staff", "sent"),
    ]
    assert "has been withdrawn" in page.text


def test_earlier_messages_are_fetched_by_address(
    as_alice: Client, say: Say, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    case = say("the very first").case
    for number in range(chat.PAGE_SIZE + chat.STEP):
        factories.file_in(staff_reply(case, f"answer {number}"))
    page = show(as_alice)
    assert "the very first" not in page.text
    assert page.all("a", href=f"?shown={2 * chat.PAGE_SIZE}")
    # Session and person; draft, mark, latest chat, how many, messages, files, what is read, settings.
    with django_assert_num_queries(10):
        page = show(as_alice, f"/chat/?shown={2 * chat.PAGE_SIZE}")
    assert "the very first" in page.text
    assert not page.all("a", data_older="")


def test_an_answer_pushes_no_earlier_line_off_the_page(as_alice: Client, say: Say) -> None:
    case = say("the very first").case
    for number in range(chat.PAGE_SIZE + chat.STEP - 2):
        staff_reply(case, f"answer {number}")
    assert "the very first" in show(as_alice).text
    staff_reply(case, "one more")
    page = show(as_alice)
    assert "the very first" not in page.text
    assert len(page.all("article")) == chat.PAGE_SIZE


@pytest.mark.parametrize("shown", ["", "-1", "x", "٣", "99999999999999999999", "1" * 5000])
def test_an_address_nobody_meant_shows_the_usual_page(as_alice: Client, say: Say, shown: str) -> None:
    say()
    assert "Is anybody there?" in show(as_alice, f"/chat/?shown={shown}").text


def test_a_stranger_sees_nothing_of_it_and_says_nothing_in_it(as_charlie: Client, say: Say) -> None:
    case = say("private words").case
    assert "private words" not in show(as_charlie).source
    as_charlie.post("/chat/", {"text": "hello"})
    assert case.messages.count() == 1
    assert Case.objects.count() == 2


def test_what_the_chat_shows_is_read_once_somebody_looks(
    as_alice: Client, alice: AbstractBaseUser, say: Say
) -> None:
    case = say().case
    staff_reply(case, "New to her")
    hidden = {"hx-request": "true", "x-visit-looking": "0"}
    assert "(1) Chat" in as_alice.get("/chat/", headers=hidden).content.decode()
    assert not ReadMark.objects.exists()
    answer = as_alice.get("/chat/")
    assert "(1) Chat" not in answer.content.decode()
    assert ReadMark.objects.get().position == 2
    assert answer["X-Live-Mark"] == as_alice.get("/live/")["ETag"]
    staff_reply(case, "Newer still")
    as_alice.get("/chat/", headers=hidden | {"x-visit-looking": "1"})
    assert ReadMark.objects.get().position == 3


def test_a_line_stands_before_what_is_new_and_stays_for_the_visit(as_alice: Client, say: Say) -> None:
    case = say().case
    staff_reply(case, "read before")
    show(as_alice)
    assert "new" not in {li.get("id") for li in show(as_alice).all("li")}
    first = staff_reply(case, "first new")
    staff_reply(case, "second new")
    page = show(as_alice)
    ids = [li["id"] for li in page.all("li") if li.get("id", "").startswith(("m-", "new"))]
    assert ids[2:4] == ["new", f"m-{first.pk}"]
    [live] = page.all("div", id="live")
    visit = {"hx-request": "true", "x-visit-looking": "1", "x-visit-since": live["data-since"]}
    for address in ("/chat/", "/chat/?shown=120"):
        later = Page(as_alice.get(address, headers=visit))
        assert [li["id"] for li in later.all("li") if li.get("id", "").startswith(("m-", "new"))] == ids
        assert later.all("div", id="live")[0]["data-since"] == live["data-since"]
    assert "new" not in {li.get("id") for li in show(as_alice).all("li")}, "the next visit"


def test_what_comes_while_the_page_is_open_gets_no_line(as_alice: Client, say: Say) -> None:
    case = say().case
    [live] = show(as_alice).all("div", id="live")
    staff_reply(case, "just now")
    visit = {"hx-request": "true", "x-visit-looking": "1", "x-visit-since": live["data-since"]}
    page = Page(as_alice.get("/chat/", headers=visit))
    assert "just now" in page.text
    assert "new" not in {li.get("id") for li in page.all("li")}


def test_the_line_stands_in_the_chat_where_the_news_begin(as_alice: Client, say: Say) -> None:
    first = say("the first chat").case
    show(as_alice)
    late = staff_reply(first, "a late answer")
    end(first)
    staff_reply(say("the next chat").case, "another answer")
    ids = [li.get("id") for li in show(as_alice).all("li")]
    assert ids.index("new") + 1 == ids.index(f"m-{late.pk}")
    assert ids.count("new") == 1


def test_the_list_knows_chats_too(as_alice: Client, say: Say) -> None:
    say("about the invoice")
    assert "about the invoice" in Page(as_alice.get("/cases/")).text


def test_other_cases_stay_out_of_the_chat(as_alice: Client, alice: AbstractBaseUser) -> None:
    case_of(alice, text="by mail")
    assert "by mail" not in show(as_alice).text
    as_alice.post("/chat/", {"text": "by chat"})
    assert Case.objects.filter(mode="chat").count() == 1


# ── the foot ──


@pytest.mark.parametrize("status", ["open", "closed"])
def test_the_menu_leads_to_the_policy_ones_data_and_the_other_language(
    as_alice: Client, say: Say, settings: Settings, status: str
) -> None:
    settings.PRIVACY_POLICY_URL = "https://shop.example/privacy"
    changed(say().case, status=status)
    menu = show(as_alice).source.partition('id="chat-settings"')[2].partition("</details>")[0]
    assert 'href="https://shop.example/privacy"' in menu
    assert 'href="/account/"' in menu
    assert "Up to 25 MB a file, 50 MB together." in menu
    [form] = show(as_alice).all("form", class_="languages")
    answer = as_alice.post(form["action"], {"language": "ru", "next": "/chat/"})
    assert answer["Location"] == "/chat/"
    assert 'name="language" value="ru"' in menu


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_ticked_is_off(as_alice: Client, alice: AbstractBaseUser) -> None:
    ticked = [box["name"] for box in show(as_alice).all("input", type="checkbox") if "checked" in box]
    assert ticked == ["enter_sends", "chat_sound", "chat_flash"]
    assert as_alice.post("/chat/settings/", {"chat_sound": "on"})["Location"] == "/chat/"
    profile = Profile.objects.get(user_id=alice.pk)
    assert (profile.enter_sends, profile.chat_sound, profile.chat_flash) == (False, True, False)
    ticked = [box["name"] for box in show(as_alice).all("input", type="checkbox") if "checked" in box]
    assert ticked == ["chat_sound"]
