"""The cabinet's own letters: that there is an answer, one until read, and never where mail comes anyway."""

import smtplib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractBaseUser
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinet import desk, notices, presence, services
from cabinet.models import Case, Message, Notice, Profile, ReadMark
from cabinet.tasks import send_notices
from cabinet.types import IncomingMessage
from tests.cabinet.pages import Page
from tests.factories import changed, signed_in

State = Notice.State
SECOND = timedelta(seconds=1)
Answer = Callable[..., Message]


@pytest.fixture(autouse=True)
def notices_are_on(settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "cabinet", "chat"]
    settings.CABINET_NOTICES = True


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return services.open_case(owner=alice, subject="A secret subject", text="Words.", mode=Case.Mode.CABINET)


@pytest.fixture
def answer(case: Case, now: datetime) -> Answer:
    def _answer(at: datetime = now, **fields: Any) -> Message:
        values: dict[str, Any] = {"author": "staff", "author_name": "Maria", "written_at": at}
        values |= {"html": "", "text": "Secret words of an answer"}
        return desk.record_message(case.pk, IncomingMessage(**(values | fields)), now=at)[0]

    return _answer


def read(case: Case, upto: int = 10_000) -> None:
    ReadMark.objects.update_or_create(case=case, user=case.owner, defaults={"position": upto})


def sent() -> list[EmailMessage]:
    return mail.outbox


def why() -> tuple[str, str]:
    return Notice.objects.values_list("state", "reason").get()


def later(now: datetime, seconds: float = 61) -> datetime:
    return now + timedelta(seconds=seconds)


# ── when a letter goes out ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["cabinet", "chat"])
def test_an_answer_nobody_reads_makes_one_letter_after_a_grace(
    case: Case, answer: Answer, now: datetime, mode: str
) -> None:
    changed(case, mode=mode)
    answer()
    assert notices.send_due(now=later(now, 59)) == 0
    assert notices.send_due(now=later(now, 61)) == 1
    assert notices.send_due(now=later(now, 999)) == 0
    assert [letter.to for letter in sent()] == [["alice@example.com"]]
    assert why() == ("sent", "")


def test_a_case_by_mail_never_has_one(case: Case, answer: Answer, now: datetime) -> None:
    changed(case, mode="mail")
    answer()
    assert Notice.objects.count() == 0


def test_switched_off_means_none_not_even_later(settings: Settings, answer: Answer, now: datetime) -> None:
    settings.CABINET_NOTICES = False
    answer()
    assert Notice.objects.count() == 0
    settings.CABINET_NOTICES = True
    answer()
    settings.CABINET_NOTICES = False
    assert notices.send_due(now=later(now)) == 0
    settings.CABINET_NOTICES = True
    assert notices.send_due(now=later(now, 3 * 86400)) == 0
    assert why() == ("quiet", "no longer news")


def test_what_an_import_finds_is_no_news(answer: Answer, now: datetime) -> None:
    answer(written_at=now - timedelta(days=2))
    assert Notice.objects.count() == 0


def test_a_customers_own_words_from_elsewhere_are_none(answer: Answer) -> None:
    answer(author="customer", author_name="Alice")
    assert Notice.objects.count() == 0


def test_what_was_read_in_time_makes_none(case: Case, answer: Answer, now: datetime) -> None:
    answer()
    read(case)
    assert notices.send_due(now=later(now)) == 0
    assert why() == ("quiet", "read")


def test_what_was_withdrawn_in_time_makes_none(answer: Answer, now: datetime) -> None:
    desk.withdraw_message(answer(), now=now)
    assert notices.send_due(now=later(now)) == 0
    assert why() == ("quiet", "read")


def test_while_the_thread_is_open_in_a_tab_none_goes_out(
    case: Case, alice: AbstractBaseUser, answer: Answer, now: datetime
) -> None:
    answer()
    presence.here(user=alice, case=case, now=now)
    for seconds in (61, 120, 149):
        assert notices.send_due(now=later(now, seconds)) == 0
    presence.here(user=alice, case=case, now=later(now, 149))
    assert notices.send_due(now=later(now, 200)) == 0
    assert notices.send_due(now=later(now, 149 + 151)) == 1


def test_whoever_read_it_in_the_tab_needs_none_when_it_is_closed(
    case: Case, alice: AbstractBaseUser, answer: Answer, now: datetime
) -> None:
    answer()
    presence.here(user=alice, case=case, now=now)
    notices.send_due(now=later(now))
    read(case)
    assert notices.send_due(now=later(now, 999)) == 0
    assert why() == ("quiet", "read")


def test_answers_until_it_is_read_make_one_letter(case: Case, answer: Answer, now: datetime) -> None:
    for minute in range(5):
        answer(later(now, 90 * minute))
        notices.send_due(now=later(now, 90 * minute + 70))
    assert len(sent()) == 1
    assert why() == ("quiet", "told before, not read since")
    read(case)
    answer(later(now, 3600))
    read(case, upto=6)
    notices.send_due(now=later(now, 3700))
    assert len(sent()) == 2


def test_the_grace_is_counted_from_the_first_unread_answer(answer: Answer, now: datetime) -> None:
    for second in (0, 20, 40):
        answer(later(now, second))
    assert notices.send_due(now=later(now, 61)) == 1
    assert Notice.objects.get().told_position == 4


def test_each_case_has_its_own(case: Case, alice: AbstractBaseUser, answer: Answer, now: datetime) -> None:
    answer()
    other = services.open_case(owner=alice, subject="s", text="t", mode=Case.Mode.CHAT)
    desk.record_message(other.pk, IncomingMessage("staff", "M", "", "x", now), now=now)
    assert notices.send_due(now=later(now)) == 2


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (lambda case: EmailAddress.objects.filter(user=case.owner).delete(), "no proved address"),
        (lambda case: changed(case, availability="moved"), "not this person's any more"),
        (lambda case: notices.set_muted(user=case.owner, case=case, muted=True), "muted"),
        (lambda case: notices.set_wanted(user=case.owner, wanted=False), "muted"),
    ],
)
def test_nobody_is_written_to_who_should_not_be(
    case: Case, answer: Answer, now: datetime, trouble: Callable[[Case], object], reason: str
) -> None:
    answer()
    case.refresh_from_db()
    trouble(case)
    assert notices.send_due(now=later(now)) == 0
    assert why() == ("quiet", reason)


def test_a_switched_off_account_gets_none(alice: Any, answer: Answer, now: datetime) -> None:
    answer()
    alice.is_active = False
    alice.save()
    assert notices.send_due(now=later(now)) == 0


def test_the_clock_rings_for_it(answer: Answer, now: datetime) -> None:
    answer(now - 70 * SECOND)
    send_notices()
    assert len(sent()) == 1


# ── what it says ────────────────────────────────────────────────────────────────────────────────────────


def test_a_letter_is_a_link_without_content(case: Case, answer: Answer, now: datetime) -> None:
    answer()
    notices.send_due(now=later(now))
    letter = sent()[0]
    words = letter.message().as_string()
    text = str(letter.body)
    assert f"http://testserver/cases/{case.pk}/" in text
    for secret in ("ecret", "Maria", "Words"):
        assert secret not in words
        assert secret not in text
    headers = letter.message()
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Unsubscribe"].strip("<>") in text


def test_a_chats_letter_leads_to_the_chat(
    case: Case, answer: Answer, now: datetime, settings: Settings
) -> None:
    changed(case, mode="chat")
    answer()
    notices.send_due(now=later(now))
    assert "http://testserver/chat/\n" in str(sent()[0].body)


@pytest.mark.parametrize("mode", ["cabinet", "chat"])
@pytest.mark.parametrize(
    ("status", "rated", "asked"), [("open", "", False), ("closed", "", True), ("closed", "low", False)]
)
def test_where_the_case_can_be_rated_the_letter_says_so(
    case: Case, answer: Answer, now: datetime, mode: str, status: str, rated: str, asked: bool
) -> None:
    changed(case, mode=mode, status=status, rating=rated)
    answer()
    notices.send_due(now=later(now))
    assert ("отмечен как решённый" in str(sent()[0].body)) is asked


@pytest.mark.parametrize(("language", "subject"), [("en", "There is an answer for you"), ("ru", None)])
def test_it_speaks_the_persons_language(
    case: Case, answer: Answer, now: datetime, language: str, subject: str | None
) -> None:
    Profile.objects.create(user=case.owner, language=language)
    answer()
    notices.send_due(now=later(now))
    assert (sent()[0].subject == subject) is (language == "en")


# ── a mail server with trouble ──────────────────────────────────────────────────────────────────────────


class Server(EmailBackend):
    """A mail server that fails as it is told."""

    opening: Exception | None = None
    sending: Exception | None = None
    meanwhile: Callable[[], object] | None = None
    asked = 0

    def open(self) -> None:
        if Server.opening:
            raise Server.opening

    def send_messages(self, letters: Any) -> int:
        Server.asked += 1
        meanwhile, Server.meanwhile = Server.meanwhile, None
        if meanwhile:
            meanwhile()
        if Server.sending:
            raise Server.sending
        return super().send_messages(letters)


@pytest.fixture
def server(settings: Settings) -> Iterator[type[Server]]:
    settings.EMAIL_BACKEND = f"{__name__}.Server"
    Server.opening, Server.sending, Server.meanwhile, Server.asked = None, None, None, 0
    yield Server
    Server.opening, Server.sending = None, None


@pytest.mark.parametrize(
    ("opening", "sending", "reason"),
    [
        (ConnectionRefusedError("no"), None, "ConnectionRefusedError"),
        (smtplib.SMTPAuthenticationError(535, b"bad"), None, "SMTPAuthenticationError"),
        (None, smtplib.SMTPDataError(451, b"later"), "SMTPDataError 451"),
        (
            None,
            smtplib.SMTPRecipientsRefused({"alice@example.com": (450, b"busy")}),
            "SMTPRecipientsRefused [450]",
        ),
    ],
)
def test_what_surely_did_not_go_is_tried_again_later_and_later(
    server: type[Server],
    answer: Answer,
    now: datetime,
    opening: Exception | None,
    sending: Exception | None,
    reason: str,
) -> None:
    answer()
    server.opening, server.sending = opening, sending
    assert notices.send_due(now=later(now)) == 0
    assert why() == ("waiting", reason)
    assert notices.send_due(now=later(now, 62)) == 0
    first = Notice.objects.get()
    assert (first.attempts, first.told_position) == (1, 0)
    assert first.due_at == later(now, 91)
    notices.send_due(now=later(now, 92))
    assert Notice.objects.get().due_at == later(now, 152)
    server.opening = server.sending = None
    assert notices.send_due(now=later(now, 153)) == 1


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPDataError(550, b"no"),
        smtplib.SMTPRecipientsRefused({"alice@example.com": (550, b"unknown")}),
    ],
)
def test_what_the_server_refuses_for_good_is_given_up(
    server: type[Server], answer: Answer, now: datetime, error: Exception
) -> None:
    answer()
    server.sending = error
    notices.send_due(now=later(now))
    assert why()[0] == "refused"
    server.sending = None
    assert notices.send_due(now=later(now, 9999)) == 0
    answer(later(now, 9999))
    assert notices.send_due(now=later(now, 10_100)) == 1


@pytest.mark.parametrize("error", [TimeoutError("slow"), smtplib.SMTPServerDisconnected("cut")])
def test_what_nobody_can_know_is_not_repeated_but_seen_and_can_be_sent(
    server: type[Server], answer: Answer, now: datetime, error: Exception
) -> None:
    answer()
    server.sending = error
    notices.send_due(now=later(now))
    assert why()[0] == "unknown"
    server.sending = None
    answer(later(now, 100))
    assert notices.send_due(now=later(now, 9999)) == 0
    Notice.objects.update(state=State.UNKNOWN)
    assert notices.send_again(Notice.objects.get(), now=later(now, 9999)) is True
    assert notices.send_due(now=later(now, 9999)) == 1
    assert notices.send_again(Notice.objects.get(), now=now) is False


def test_a_worker_that_died_in_the_middle_leaves_a_row_that_says_so(
    server: type[Server], answer: Answer, now: datetime
) -> None:
    answer()
    server.sending = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        notices.send_due(now=later(now))
    assert why()[0] == "sending"
    server.sending = None
    assert notices.send_due(now=later(now, 62)) == 0
    assert notices.send_due(now=later(now, 900)) == 0
    assert why() == ("unknown", "ended in the middle")


def test_with_the_server_away_a_round_asks_it_once(
    server: type[Server], case: Case, alice: AbstractBaseUser, answer: Answer, now: datetime
) -> None:
    answer()
    for _other in range(3):
        other = services.open_case(owner=alice, subject="s", text="t", mode=Case.Mode.CABINET)
        desk.record_message(other.pk, IncomingMessage("staff", "M", "", "x", now), now=now)
    server.sending = smtplib.SMTPDataError(451, b"later")
    notices.send_due(now=later(now))
    assert server.asked == 1


def test_an_answer_while_a_letter_is_on_its_way_is_not_forgotten(
    server: type[Server], answer: Answer, now: datetime
) -> None:
    answer()

    server.meanwhile = lambda: answer(later(now, 61))
    server.sending = smtplib.SMTPDataError(451, b"later")
    notices.send_due(now=later(now))
    row = Notice.objects.get()
    assert (row.state, row.told_position, row.position) == ("waiting", 0, 3)
    server.sending = None
    assert notices.send_due(now=later(now, 130)) == 1


def test_two_workers_at_once_write_each_letter_once(
    server: type[Server], alice: AbstractBaseUser, answer: Answer, now: datetime
) -> None:
    answer()
    other = services.open_case(owner=alice, subject="s", text="t", mode=Case.Mode.CABINET)
    desk.record_message(other.pk, IncomingMessage("staff", "M", "", "x", now), now=now)
    second: list[int] = []
    # The first has found both, and is still about the first of them.
    server.meanwhile = lambda: second.append(notices.send_due(now=later(now)))
    assert notices.send_due(now=later(now)) == 1
    assert second == [1]
    assert server.asked == 2
    assert set(Notice.objects.values_list("state", flat=True)) == {"sent"}


def test_after_a_day_of_trouble_it_is_given_up(server: type[Server], answer: Answer, now: datetime) -> None:
    answer()
    server.opening = ConnectionRefusedError("no")
    moment = now
    for _attempt in range(notices.MOST_ATTEMPTS):
        moment = Notice.objects.get().due_at or moment
        notices.send_due(now=moment)
    assert why() == ("refused", "ConnectionRefusedError")
    assert timedelta(hours=20) < moment - now < timedelta(hours=30)


# ── no more of them ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def link(answer: Answer, now: datetime) -> str:
    answer()
    notices.send_due(now=later(now))
    found = sent()[0].message()["List-Unsubscribe"]
    return str(found).strip("<>").removeprefix("http://testserver")


def test_a_scanner_that_opens_the_link_mutes_nothing(client: Client, case: Case, link: str) -> None:
    for _visit in range(10):
        assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200
    assert not notices.is_muted(user=case.owner, case=case)
    assert notices.wanted_by(case.owner)


def test_the_button_behind_the_link_mutes_the_case(client: Client, case: Case, link: str) -> None:
    page = Page(client.get(link, headers={"accept-language": "en"}))
    assert [button["value"] for button in page.all("button", name="scope")] == ["case", "all"]
    assert client.post(link, {"scope": "case"}).status_code == 200
    assert notices.is_muted(user=case.owner, case=case)
    assert notices.wanted_by(case.owner)


def test_a_mail_programs_own_button_ends_all_of_them(case: Case, link: str) -> None:
    program = Client(enforce_csrf_checks=True)
    assert program.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not notices.wanted_by(case.owner)


@pytest.mark.parametrize("token", ["x", "1", "MQ:1abc:xyz"])
def test_a_link_we_did_not_sign_is_none(client: Client, link: str, token: str) -> None:
    assert client.get(f"/letters/{token}/").status_code == 404
    assert client.post(f"/letters/{token}/").status_code == 404


def test_letters_about_a_case_are_switched_on_its_page(as_alice: Client, case: Case) -> None:
    door = f"/cases/{case.pk}/letters/"
    for wanted, muted in (("no", True), ("yes", False)):
        page = Page(as_alice.get(f"/cases/{case.pk}/"))
        assert page.all("form", action=door)
        assert page.values("wanted") == [wanted]
        assert as_alice.post(door, {"wanted": wanted})["Location"] == f"/cases/{case.pk}/"
        assert notices.is_muted(user=case.owner, case=case) is muted


def test_there_is_no_switch_where_there_are_no_letters(
    as_alice: Client, case: Case, settings: Settings
) -> None:
    door = f"/cases/{case.pk}/letters/"
    changed(case, mode="mail")
    assert not Page(as_alice.get(f"/cases/{case.pk}/")).all("form", action=door)
    changed(case, mode="cabinet")
    settings.CABINET_NOTICES = False
    assert not Page(as_alice.get(f"/cases/{case.pk}/")).all("form", action=door)
    assert as_alice.get("/letters/").status_code == 404


def test_letters_as_a_whole_are_switched_on_a_page_of_their_own(as_alice: Client, case: Case) -> None:
    notices.set_muted(user=case.owner, case=case, muted=True)
    page = Page(as_alice.get("/letters/"))
    assert "alice@example.com" in page.text
    assert "A secret subject" in page.text
    assert as_alice.post("/letters/", {"wanted": "no"})["Location"] == "/letters/"
    assert not notices.wanted_by(case.owner)
    assert "switched off" in Page(as_alice.get("/letters/")).text
    assert "You have switched letters about answers off" in Page(as_alice.get(f"/cases/{case.pk}/")).text
    as_alice.post("/letters/", {"wanted": "yes"})
    assert notices.wanted_by(case.owner)
    as_alice.post(f"/cases/{case.pk}/letters/", {"wanted": "yes", "next": "/letters/"})
    assert "A secret subject" not in Page(as_alice.get("/letters/")).text


def test_a_stranger_sees_no_muted_case(as_charlie: Client, case: Case) -> None:
    notices.set_muted(user=case.owner, case=case, muted=True)
    assert "A secret subject" not in as_charlie.get("/letters/").content.decode()


# ── presence ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_open_page_says_that_it_is_there(as_alice: Client, case: Case) -> None:
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    address = next(tag["data-here"] for tag in page.all("script") if "data-here" in tag)
    revision = Case.objects.get().revision
    for _beat in range(2):
        assert as_alice.post(address).status_code == 204
    mark = ReadMark.objects.get()
    assert (mark.user_id, mark.position) == (case.owner_id, 0)
    assert mark.seen_at is not None
    assert Case.objects.get().revision == revision


def test_the_chat_says_it_for_the_chat_that_is_open(as_alice: Client, case: Case) -> None:
    assert not Page(as_alice.get("/chat/")).all("div", id="chat-state")[0]["data-here"]
    changed(case, mode="chat")
    assert (
        Page(as_alice.get("/chat/")).all("div", id="chat-state")[0]["data-here"] == f"/cases/{case.pk}/here/"
    )


def test_being_there_does_not_touch_how_far_was_read(
    case: Case, alice: AbstractBaseUser, now: datetime
) -> None:
    read(case, upto=7)
    presence.here(user=alice, case=case, now=now)
    assert ReadMark.objects.get().position == 7


# ── the admin ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_admin_shows_what_did_not_go_and_sends_it(
    server: type[Server], answer: Answer, now: datetime, admin_user: AbstractBaseUser
) -> None:
    answer()
    server.sending = smtplib.SMTPDataError(550, b"no")
    notices.send_due(now=later(now))
    admin = signed_in(admin_user)
    page = Page(admin.get("/admin/cabinet/notice/")).text
    assert "SMTPDataError 550" in page
    data = {"action": "send_again", "_selected_action": [Notice.objects.get().pk]}
    said = Page(admin.post("/admin/cabinet/notice/", data, follow=True)).text
    assert "1 letter will be sent now." in said
    assert why() == ("waiting", "")
