"""Every page of the customer's side in every state that looks different: made by services, reached as people
reach it. One description for the tests of accessibility and for the pictures.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings as site
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import FilePayload, Page, expect

from cabinet import chat, desk, drafts, erasure, export, notices, services
from cabinet.models import Case, Message, Notice, OutboxEntry, ReadMark, Topic, TopicField
from cabinet.privacy_models import DataExport, Erasure
from cabinet.receivers import SIGNED_IN_AT
from cabinet.types import Answer, IncomingFile, IncomingMessage
from scripts.rows import picture
from tests import factories
from tests.cabinet.tokens import token

LONG_NAME = "Константин Константинопольский-Преображенский-Александрович"
LONG_WORD = "Hottentottenpotentatentantenattentaeterlattengitterkofferraum"
ENDLESS = "https://example.com/" + "очень-длинная-ссылка-без-единого-пробела" * 8

Build = Callable[[AbstractBaseUser], str]
Act = Callable[[Page], None]


def nothing(page: Page) -> None:
    """The page is what it is as soon as it is there."""


@dataclass(frozen=True)
class Place:
    """`build` makes what the page shows and answers its address; `act` is what somebody then does there.

    `status` is that of the last page; `scripts` says that the state is one that only scripts can make, `long`
    that a look at it takes so long that it is looked at by `make browser` only.
    """

    name: str
    build: Build
    act: Act
    status: int
    guest: bool
    scripts: bool
    long: bool
    settings: dict[str, object] = field(default_factory=dict)


PLACES: dict[str, Place] = {}


def place(
    name: str,
    *,
    act: Act = nothing,
    status: int = 200,
    guest: bool = False,
    scripts: bool = False,
    long: bool = False,
    **settings: Any,
) -> Callable[[Build], Build]:
    def known(build: Build) -> Build:
        assert name not in PLACES
        PLACES[name] = Place(name, build, act, status, guest, scripts, long, settings)
        return build

    return known


def at(name: str, address: str, **more: Any) -> None:
    """A place that needs nothing made."""
    place(name, **more)(lambda _person: address)


# ── what people do ──────────────────────────────────────────────────────────────────────────────────────


def send(page: Page, form: str) -> None:
    """Sends the form as it is: what the browser itself would hold back, the server has to refuse."""
    page.locator(form).evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    page.wait_for_load_state("load")


def ask_for_code(page: Page) -> None:
    page.locator("#id_email").fill("someone@example.com")
    page.locator("main .button.primary").click()
    page.wait_for_url("**/confirm/**")


def give_wrong_code(page: Page) -> None:
    ask_for_code(page)
    page.locator("#id_code").fill("000000")
    page.locator("main .button.primary").click()
    expect(page.locator(".errorlist")).to_be_visible()


def ask_for_another_code(page: Page) -> None:
    ask_for_code(page)
    page.locator("[name=action][value=resend]").click()
    expect(page.locator("#messages .flash")).to_be_visible()


def give_no_address(page: Page) -> None:
    page.locator("#id_email").fill("not an address")
    send(page, "main form.card")
    expect(page.locator(".errorlist")).to_be_visible()


def send_an_empty_form(page: Page) -> None:
    send(page, "main form.card.form:has(.send)")
    expect(page.locator(".errorlist, .flash.error").first).to_be_visible()


def send_another_word(page: Page) -> None:
    page.locator("#id_word").fill("something else")
    send(page, "main form.card:has(#id_word)")
    expect(page.locator(".errorlist")).to_be_visible()


def attach(page: Page) -> None:
    files: list[FilePayload] = [
        {"name": "чек.png", "mimeType": "image/png", "buffer": picture()},
        {"name": f"{LONG_WORD}.txt", "mimeType": "text/plain", "buffer": b"words"},
        {"name": "пустой.txt", "mimeType": "text/plain", "buffer": b""},
    ]
    page.set_input_files("#id_files", files)
    expect(page.locator(".chip [name=uploaded]")).to_have_count(2)
    expect(page.locator(".chip-bad")).to_have_count(1)


def write(page: Page) -> None:
    page.locator("#id_text").fill("Спасибо, я попробую это вечером и напишу, что получилось.")
    page.locator("#id_text").focus()


def send_an_empty_reply(page: Page) -> None:
    page.locator("#id_text").focus()
    page.locator("#send-reply").click()
    expect(page.locator("#composer [role=alert]")).to_be_visible()


def rate_badly(page: Page) -> None:
    send(page, "#rate")
    expect(page.locator("#rate [role=alert]")).to_be_visible()


def open_help(page: Page) -> None:
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def look_at_picture(page: Page) -> None:
    page.locator("a[data-picture]").first.click()
    expect(page.locator("#viewer img")).to_be_visible()


def unfold(page: Page) -> None:
    for summary in page.locator("main summary").all():
        if summary.is_visible():
            summary.click()


def lose_the_session(page: Page) -> None:
    # The page may ask for news before it is left, and be told 401: what is judged is the page after it.
    page.route("**/live/?*", lambda route: route.abort())
    page.context.clear_cookies(name=site.SESSION_COOKIE_NAME)
    write(page)
    page.locator("#send-reply").click()
    page.wait_for_url("**/accounts/login/**")


def break_the_chat(page: Page) -> None:
    page.context.set_offline(True)
    page.locator("#id_text").fill("Меня кто-нибудь слышит?")
    page.keyboard.press("Enter")
    expect(page.locator(".say [role=alert], .say-failed").first).to_be_visible()


def post_too_much(page: Page) -> None:
    page.evaluate(
        """() => {
            const form = document.querySelector("form.languages");
            const words = { name: "x", value: "x".repeat(3e6) };
            form.append(Object.assign(document.createElement("textarea"), words));
            setTimeout(() => form.submit());
        }"""
    )
    page.wait_for_selector(".oops-number")


def press_too_often(page: Page) -> None:
    """As without scripts. One press a minute is allowed: of three one is too many."""
    for _press in range(3):
        with page.expect_navigation():
            page.locator("form:has(#set-status)").evaluate("form => setTimeout(() => form.submit())")
        if page.locator(".oops-number").count():
            return


def post_without_token(page: Page) -> None:
    page.evaluate(
        """() => {
            const form = document.querySelector("form.languages");
            form.querySelector("[name=csrfmiddlewaretoken]").remove();
            setTimeout(() => form.submit());
        }"""
    )
    page.wait_for_selector(".oops")


# ── signing in ──────────────────────────────────────────────────────────────────────────────────────────

POLICY: dict[str, Any] = {
    "PRIVACY_POLICY_URL": "https://company.example/privacy",
    "PRIVACY_POLICY_VERSION": "2026-03",
    "PRIVACY_CONTACT": "privacy@company.example",
}

at("sign-in", "/accounts/login/", guest=True)
at("sign-in with a policy", "/accounts/login/", guest=True, **POLICY)
at("sign-in: no address", "/accounts/login/", guest=True, act=give_no_address, status=422)
at("code", "/accounts/login/", guest=True, act=ask_for_code)
at("code: wrong", "/accounts/login/", guest=True, act=give_wrong_code, status=422)
at("code: another", "/accounts/login/", guest=True, act=ask_for_another_code)


@place("sign-in: add an address")
def without_address(person: AbstractBaseUser) -> str:
    person.emailaddress_set.all().delete()  # type: ignore[attr-defined]
    return "/accounts/login/"


@place("hand-over refused", guest=True, status=403)
def refused(_person: AbstractBaseUser) -> str:
    return f"/access/jwt?jwt={token(iat=1000, exp=1300)}"


@place("hand-over: a known address", guest=True, status=403)
def known_address(person: AbstractBaseUser) -> str:
    return f"/access/jwt?jwt={token(email=person.email, name=LONG_NAME)}"  # type: ignore[attr-defined]


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────

SUBJECTS = (
    "Две посылки вместо одной",
    "Не приходит письмо с чеком, хотя деньги списаны ещё в понедельник утром",
    "Возврат",
    "Как изменить адрес доставки, если заказ уже передан в службу доставки и едет ко мне?",
    "Счёт № 1042 выставлен на старую организацию",
)
SAID = (
    "Здравствуйте! Одну посылку оставьте себе, вторую отправьте нам по ярлыку из вложения.",
    "Проверили: чек ушёл на почту сегодня в 11:40. Посмотрите, пожалуйста, в папке «Спам».",
    "Хорошо, спасибо.",
    "Передали вашу просьбу курьерской службе, ответ будет до конца дня.",
    "Исправленный счёт во вложении.",
)
STATUSES = ("waiting", "open", "closed", "open", "closed")


def many(owner: AbstractBaseUser, count: int, *, unread: int = 2) -> list[Case]:
    """Cases of all kinds, the latest first; the first `unread` ones hold something new."""
    now = timezone.now()
    cases = [
        Case(
            owner_id=owner.pk,
            number=f"482-{190_000 - n}",
            subject=SUBJECTS[n % 5],
            status=STATUSES[n % 5],
            created_at=now - timedelta(hours=7 * n + 2),
            last_activity_at=now - timedelta(hours=7 * n),
            changed_at=now - timedelta(hours=7 * n),
            closed_at=now - timedelta(hours=7 * n) if STATUSES[n % 5] == "closed" else None,
            next_position=3,
        )
        for n in range(count)
    ]
    Case.objects.bulk_create(cases)
    Message.objects.bulk_create(
        Message(
            case=case,
            position=position,
            author=("customer", "staff")[position - 1],
            author_user_id=owner.pk if position == 1 else None,
            author_name="" if position == 1 else "Мария Соколова",
            origin="desk",
            text=SAID[n % 5],
            html=f"<p>{SAID[n % 5]}</p>",
            written_at=case.last_activity_at,
        )
        for n, case in enumerate(cases)
        for position in (1, 2)
    )
    ReadMark.objects.bulk_create(ReadMark(user_id=owner.pk, case=case, position=2) for case in cases[unread:])
    return cases


at("list: never any", "/cases/")


@place("list: 1")
def one(person: AbstractBaseUser) -> str:
    many(person, 1, unread=0)
    return "/cases/"


@place("list: 5")
def five(person: AbstractBaseUser) -> str:
    many(person, 5)
    return "/cases/"


@place("list: 500")
def five_hundred(person: AbstractBaseUser) -> str:
    many(person, 500, unread=120)
    return "/cases/"


@place("list: page 12 of 500")
def somewhere_inside(person: AbstractBaseUser) -> str:
    many(person, 500)
    return "/cases/?page=12"


for tab in ("turn", "open", "closed"):

    @place(f"list: {tab}")
    def under_a_tab(person: AbstractBaseUser, tab: str = tab) -> str:
        many(person, 30)
        return f"/cases/?tab={tab}"

    @place(f"list: nothing under {tab}")
    def nothing_under_a_tab(person: AbstractBaseUser, tab: str = tab) -> str:
        case = factories.case_of(person, "Возврат")
        factories.changed(case, status="open" if tab != "open" else "closed")
        return f"/cases/?tab={tab}"


@place("list: of every kind")
def of_every_kind(person: AbstractBaseUser) -> str:
    """On its way, failed, gone, unnamed, with a word and a name that do not end."""
    factories.case_of(person, "Ещё не отправлено")
    failed(factories.case_of(person, "Не доставлено"))
    factories.delivered(factories.case_of(person, "", "Без темы, зато с текстом"), "482-1")
    long = factories.delivered(factories.case_of(person, LONG_WORD * 2, LONG_WORD * 3), "482-2")
    factories.staff_reply(long, LONG_WORD * 4, author_name=LONG_NAME)
    for availability in ("spam", "deleted", "archived", "moved"):
        case = factories.case_of(person, f"Это обращение: {availability}")
        factories.delivered(case, f"482-{availability}")
        factories.changed(case, availability=availability)
    last = factories.delivered(factories.case_of(person, "Файл без слов", "См. вложение"), "482-3")
    factories.file_in(factories.staff_reply(last, "", html=" "), "договор.pdf", b"%PDF-1.4")
    return "/cases/"


@place("search: found")
def found(person: AbstractBaseUser) -> str:
    case = factories.delivered(factories.case_of(person, "Две посылки вместо одной"), "482-190311")
    factories.staff_reply(case, SAID[0], author_name="Мария Соколова")
    other = factories.delivered(factories.case_of(person, "Возврат", "Посылка пришла мятой"), "482-190300")
    factories.file_in(other.messages.all()[0], "посылка.png", picture())
    services.index_what_changed(since=timezone.now() - timedelta(days=1))
    return "/cases/?q=посылка"


@place("search: nothing")
def not_found(person: AbstractBaseUser) -> str:
    many(person, 5)
    return f"/cases/?tab=open&q={LONG_WORD}"


@place("list: the keys", act=open_help, scripts=True)
def keys(person: AbstractBaseUser) -> str:
    return five(person)


# ── a new case ──────────────────────────────────────────────────────────────────────────────────────────


def topics() -> None:
    repair = Topic.objects.create(
        key="repair",
        title_ru="Ремонт и гарантия",
        title_en="Repair",
        hint_ru="Серийный номер есть на наклейке снизу.",
        hint_en="The serial number stands on the label below.",
    )
    Topic.objects.create(key="billing", title_ru="Оплата и документы", title_en="Billing", position=1)
    kind = TopicField.Kind
    rows: tuple[dict[str, object], ...] = (
        {"kind": kind.CHOICE, "label_ru": "Устройство", "label_en": "Device", "required": True},
        {"kind": kind.TEXT, "label_ru": "Серийный номер", "label_en": "Serial", "required": True},
        {"kind": kind.NUMBER, "label_ru": "Сколько штук", "label_en": "How many"},
        {"kind": kind.DATE, "label_ru": "Дата покупки", "label_en": "Bought on", "hint_ru": "Если помните"},
        {"kind": kind.TEXTAREA, "label_ru": "Что уже пробовали", "label_en": "What you have tried"},
        {"kind": kind.CHECKBOX, "label_ru": "Коробка сохранилась", "label_en": "The box is still there"},
    )
    for n, row in enumerate(rows):
        choices = "kettle=Чайник\nlamp=Лампа" if row["kind"] == kind.CHOICE else ""
        TopicField.objects.create(topic=repair, key=f"field{n}", position=n, choices_ru=choices, **row)


at("new case", "/cases/new/")
at("new case: how to be answered", "/cases/new/", CABINET_MODES=["mail", "cabinet", "chat"])
at("new case: errors", "/cases/new/", act=send_an_empty_form, status=422)
at("new case: files", "/cases/new/", act=attach, scripts=True)


@place("new case: a topic")
def topic(_person: AbstractBaseUser) -> str:
    topics()
    return "/cases/new/?topic=repair"


@place("new case: a topic with errors", act=send_an_empty_form, status=422)
def topic_in_error(person: AbstractBaseUser) -> str:
    return topic(person)


@place("new case: a follow-up")
def follow_up(person: AbstractBaseUser) -> str:
    case = factories.delivered(factories.case_of(person, SUBJECTS[3]))
    factories.changed(case, status="closed", closed_at=timezone.now() - timedelta(days=40))
    return f"/cases/new/?follow_up={case.pk}"


@place("new case: a draft")
def unsent(person: AbstractBaseUser) -> str:
    typed = drafts.Typed(subject="Возврат", text="Хочу вернуть")
    drafts.save(user=person, place=None, typed=typed, seen=drafts.Seen(), now=timezone.now())
    return "/cases/new/"


# ── a case ──────────────────────────────────────────────────────────────────────────────────────────────

MAIL = """<p>Здравствуйте!</p><p>Одну посылку оставьте себе, вторую отправьте нам:</p>
<ol><li>распечатайте ярлык,</li><li>отнесите посылку в любое почтовое отделение.</li></ol>
<p>Подробности на <a href="https://example.com/returns">странице о возврате</a>.</p>
<blockquote type="cite"><p>Заказывала один чайник, а пришли два.</p></blockquote>"""


def path(case: Case) -> str:
    return f"/cases/{case.pk}/"


def answered(person: AbstractBaseUser, subject: str = SUBJECTS[0], **fields: object) -> Case:
    """A case with a question and its answer, which has been read."""
    case = factories.case_of(person, subject, "Добрый день!\n\nЗаказывала один чайник, а пришли два.")
    factories.delivered(case, "482-190311")
    case.outbox.update(state=OutboxEntry.State.DELIVERED)
    factories.staff_reply(case, SAID[0], author_name="Мария Соколова")
    ReadMark.objects.update_or_create(user_id=person.pk, case=case, defaults={"position": 2})
    return factories.changed(case, **fields)


def from_desk(case: Case, html: str, *, name: str = "Мария Соколова", files: int = 0) -> Message:
    """An answer as it becomes known from the desk, its body made safe on the way."""
    coming = [
        IncomingFile(name=name, size=41_234, content_type="")
        for name in ("ярлык.pdf", f"{LONG_WORD * 2}.docx", "акт сверки за первый квартал 2026 года.xlsx")
    ]
    incoming = IncomingMessage("staff", name, html, "", timezone.now(), files=tuple(coming[:files]))
    message, rows = desk.record_message(case.pk, incoming, now=timezone.now())
    for file in rows[:1]:
        desk.file_unavailable(file, now=timezone.now())
    return message


def failed(case: Case) -> None:
    entry = case.outbox.latest("number")
    entry.state = OutboxEntry.State.ATTEMPTING
    entry.save(update_fields=["state"])
    refused = {"state": OutboxEntry.State.REJECTED, "reason": "rejected", "detail": "no"}
    desk.mark_given_up(entry, now=timezone.now(), **refused)  # type: ignore[arg-type]


@place("case: sending")
def sending(person: AbstractBaseUser) -> str:
    return path(factories.case_of(person, SUBJECTS[1], SAID[2]))


@place("case: refused at the beginning")
def refused_at_the_beginning(person: AbstractBaseUser) -> str:
    case = factories.case_of(person, SUBJECTS[1], SAID[2])
    failed(case)
    return path(case)


@place("case: your turn")
def your_turn(person: AbstractBaseUser) -> str:
    return path(answered(person))


@place("case: writing", act=write)
def writing(person: AbstractBaseUser) -> str:
    return path(answered(person))


@place("case: files attached", act=attach, scripts=True)
def attaching(person: AbstractBaseUser) -> str:
    return path(answered(person))


@place("case: an empty reply", act=send_an_empty_reply, status=422, scripts=True)
def empty_reply(person: AbstractBaseUser) -> str:
    return path(answered(person))


@place("case: with support")
def with_support(person: AbstractBaseUser) -> str:
    case = answered(person)
    services.post_reply(case=case, author=person, text="Готово, посылка едет к вам.")
    case.messages.update(state="sent")
    return path(case)


@place("case: not delivered")
def not_delivered(person: AbstractBaseUser) -> str:
    case = answered(person)
    services.post_reply(case=case, author=person, text="Готово, посылка едет к вам.")
    failed(case)
    return path(case)


@place("case: new answers")
def with_news(person: AbstractBaseUser) -> str:
    case = answered(person)
    from_desk(case, "<p>И ещё одно: ярлык действует до пятницы.</p>")
    return path(case)


def solved(person: AbstractBaseUser) -> Case:
    """Closed by the customer, opened again by a reply, closed at the desk."""
    case = answered(person)
    services.close_case(case=case)
    services.post_reply(case=case, author=person, text="Всё-таки не открывается.")
    case.outbox.update(state=OutboxEntry.State.DELIVERED)
    case.messages.update(state=Message.State.SENT)
    normal = Case.Availability.NORMAL
    facts = desk.CaseFacts(number=case.number, status=Case.Status.CLOSED, availability=normal)
    desk.set_facts(case.pk, facts, merged_into=None, now=timezone.now())
    case.refresh_from_db()
    return case


@place("case: solved, to be rated")
def to_be_rated(person: AbstractBaseUser) -> str:
    return path(solved(person))


@place("case: rated without a word", act=rate_badly, status=422)
def rated_badly(person: AbstractBaseUser) -> str:
    return path(solved(person))


@place("case: rated", act=unfold)
def rated(person: AbstractBaseUser) -> str:
    case = solved(person)
    services.rate_case(case=case, rating=Case.Rating.HIGH, comment="Быстро и по делу. " + LONG_WORD)
    return path(case)


@place("case: closed long ago")
def too_old(person: AbstractBaseUser) -> str:
    case = answered(person, status="closed", closed_at=timezone.now() - timedelta(days=40))
    services.open_case(owner=person, subject="То же самое", text="Снова", follow_up_of=case)
    return path(case)


for gone in ("spam", "deleted", "archived", "moved"):

    @place(f"case: {gone}")
    def unavailable(person: AbstractBaseUser, gone: str = gone) -> str:
        return path(answered(person, availability=gone))


def merged(person: AbstractBaseUser) -> Case:
    other = answered(person, SUBJECTS[4])
    return answered(person, availability="merged", merged_into=other)


@place("case: merged")
def merged_away(person: AbstractBaseUser) -> str:
    return path(merged(person)) + "?stay=1"


@place("case: another was merged into it")
def merged_into(person: AbstractBaseUser) -> str:
    return path(merged(person))


@place("case: being fetched")
def being_fetched(person: AbstractBaseUser) -> str:
    case = answered(person)
    case.messages.all().delete()
    return path(case)


def long_case(person: AbstractBaseUser, count: int) -> Case:
    case = answered(person)
    now = timezone.now()
    Message.objects.bulk_create(
        Message(
            case=case,
            position=number,
            author=("staff", "customer")[number % 2],
            author_name=("Мария Соколова", "")[number % 2],
            author_user_id=(None, person.pk)[number % 2],
            origin="desk",
            text=SAID[number % 5],
            html=f"<p>{SAID[number % 5]}</p>",
            written_at=now - timedelta(hours=2 * (count - number)),
        )
        for number in range(3, count + 1)
    )
    ReadMark.objects.filter(case=case).update(position=count)
    return factories.changed(case, next_position=count + 1)


@place("case: 350 messages")
def very_long(person: AbstractBaseUser) -> str:
    return path(long_case(person, 350))


@place("case: 350 messages, all", long=True)
def very_long_all(person: AbstractBaseUser) -> str:
    return path(long_case(person, 350)) + "?all=1"


@place("case: folded mail", act=unfold)
def folded_mail(person: AbstractBaseUser) -> str:
    case = answered(person)
    from_desk(case, MAIL)
    from_desk(case, "<p>Ещё картинка: <img src='https://tracker.example/p.png' alt='логотип'></p>" + MAIL)
    return path(case)


@place("case: a long letter")
def long_letter(person: AbstractBaseUser) -> str:
    case = answered(person)
    from_desk(case, "".join(f"<p>Пункт {n}. {SAID[n % 5]}</p>" for n in range(40)))
    from_desk(case, "<p>Коротко: всё в порядке.</p>")
    return path(case)


def pictured(person: AbstractBaseUser) -> Case:
    case = answered(person)
    message = from_desk(case, "<p>Вот так это выглядит:</p>", files=3)
    for name, width, height in (("ярлык.png", 1600, 500), ("узкая.png", 60, 700), ("точка.png", 8, 8)):
        content = picture(width=width, height=height)
        factories.file_in(message, name, content)
    first = case.messages.all()[0]
    factories.file_in(first, "фото коробки.png", picture(width=480, height=360))
    return case


@place("case: pictures and files")
def with_pictures(person: AbstractBaseUser) -> str:
    return path(pictured(person))


@place("case: a picture in full", act=look_at_picture, scripts=True)
def one_picture(person: AbstractBaseUser) -> str:
    return path(pictured(person))


@place("case: long words")
def long_words(person: AbstractBaseUser) -> str:
    case = answered(person, LONG_WORD * 2)
    cells = "".join(f"<td>столбец {n}</td>" for n in range(14))
    html = (
        f"<p>{LONG_WORD * 3}</p><p><a href='{ENDLESS}'>{ENDLESS}</a></p><pre>{'код ' * 60}</pre>"
        f"<table><tr><th>{LONG_WORD}</th>{cells}</tr></table><ul><li>{LONG_WORD}</li></ul>"
    )
    from_desk(case, html, name=LONG_NAME, files=2)
    services.post_reply(case=case, author=person, text=f"{ENDLESS}\n{LONG_WORD * 4}")
    return path(case)


@place("case: a topic's answers", act=unfold)
def with_answers(person: AbstractBaseUser) -> str:
    topics()
    given = [
        Answer("field0", "choice", "kettle", "Устройство", "Device", "Чайник", "Kettle"),
        Answer("field1", "text", LONG_WORD, "Серийный номер", "Serial"),
        Answer("field4", "textarea", "Выключить\nи включить", "Что уже пробовали", "What you have tried"),
        Answer("field5", "checkbox", "yes", "Коробка сохранилась", "The box is still there"),
    ]
    case = services.open_case(
        owner=person, subject="Чайник", text="Не греет", topic=Topic.objects.get(key="repair"), answers=given
    )
    return path(case)


@place("case: a draft on two devices", act=unfold)
def two_drafts(person: AbstractBaseUser) -> str:
    case = answered(person)
    typed_twice(person, case)
    return path(case)


def typed_twice(person: AbstractBaseUser, where: drafts.Place) -> None:
    for page, text in (("one", "Начато на телефоне"), ("two", "Начато на компьютере")):
        typed, seen = drafts.Typed(text=text), drafts.Seen(page=page)
        drafts.save(user=person, place=where, typed=typed, seen=seen, now=timezone.now())


@place("case: withdrawn and edited")
def withdrawn(person: AbstractBaseUser) -> str:
    case = answered(person)
    desk.withdraw_message(from_desk(case, "<p>Не то</p>"), now=timezone.now())
    Message.objects.filter(pk=from_desk(case, "<p>То</p>").pk).update(edited_at=timezone.now())
    return path(case)


@place("case: without mail, muted", CABINET_MODES=["mail", "cabinet"], CABINET_NOTICES=True)
def muted(person: AbstractBaseUser) -> str:
    case = answered(person, mode="cabinet")
    notices.set_muted(user=person, case=case, muted=True)
    return path(case)


@place("case: an ended chat", CABINET_MODES=["mail", "chat"])
def ended_chat(person: AbstractBaseUser) -> str:
    return path(answered(person, mode="chat", status="closed"))


@place("case: signed out while typing", act=lose_the_session, scripts=True)
def signed_out(person: AbstractBaseUser) -> str:
    return path(answered(person))


# ── the chat ────────────────────────────────────────────────────────────────────────────────────────────

CHATS: dict[str, Any] = {"CABINET_MODES": ["mail", "chat"], "CABINET_NOTICES": True}


def chatting(person: AbstractBaseUser) -> Case:
    chat.say(author=person, text="Здравствуйте!", submission_key=uuid.uuid4())
    case = chat.say(author=person, text="Заказ 1042 ещё не пришёл, где он?", submission_key=uuid.uuid4()).case
    factories.delivered(case, "12-4")
    from_desk(case, "<p>Здравствуйте! Сейчас посмотрю.</p>")
    from_desk(case, f"<p>Он на складе в Казани, завтра будет у вас. {LONG_WORD}</p>", files=2)
    from_desk(case, "<p>А я подключусь, если что-то пойдёт не так.</p>", name=LONG_NAME)
    chat.say(author=person, text=f"Спасибо. {ENDLESS}", submission_key=uuid.uuid4())
    return case


def ended(case: Case) -> None:
    facts = desk.CaseFacts("12-4", Case.Status.CLOSED, Case.Availability.NORMAL)
    desk.set_facts(case.pk, facts, merged_into=None, now=timezone.now())


at("chat: empty", "/chat/", **CHATS)


@place("chat: running", **CHATS)
def running_chat(person: AbstractBaseUser) -> str:
    chatting(person)
    return "/chat/"


@place("chat: settings", act=unfold, **CHATS)
def chat_settings(person: AbstractBaseUser) -> str:
    return running_chat(person)


@place("chat: files attached", act=attach, scripts=True, **CHATS)
def chat_files(person: AbstractBaseUser) -> str:
    return running_chat(person)


@place("chat: a draft on two devices", act=unfold, **CHATS)
def two_chat_drafts(person: AbstractBaseUser) -> str:
    chatting(person)
    typed_twice(person, drafts.CHAT)
    return "/chat/"


@place("chat: not sent", act=break_the_chat, scripts=True, **CHATS)
def chat_not_sent(person: AbstractBaseUser) -> str:
    return running_chat(person)


@place("chat: not delivered", **CHATS)
def chat_not_delivered(person: AbstractBaseUser) -> str:
    failed(chatting(person))
    return "/chat/"


@place("chat: over by the time limit", **CHATS)
def chat_over(person: AbstractBaseUser) -> str:
    ended(chatting(person))
    return "/chat/"


@place("chat: begun anew", **CHATS)
def chat_anew(person: AbstractBaseUser) -> str:
    return chat_over(person) + "?new=1"


@place("chat: one after another", **CHATS)
def chat_after_chat(person: AbstractBaseUser) -> str:
    ended(chatting(person))
    chat.say(author=person, text="Здравствуйте, это снова я.", submission_key=uuid.uuid4())
    return "/chat/"


# ── one's own data, letters ─────────────────────────────────────────────────────────────────────────────


@place("my data", **POLICY)
def my_data(person: AbstractBaseUser) -> str:
    five(person)
    return "/account/"


@place("my data: a copy in the making", **POLICY)
def copy_in_the_making(person: AbstractBaseUser) -> str:
    export.ask(person=person, now=timezone.now())
    return "/account/"


@place("my data: a copy", **POLICY)
def copy(person: AbstractBaseUser) -> str:
    factories.packed(person)
    return "/account/"


@place("my data: no copy", **POLICY)
def no_copy(person: AbstractBaseUser) -> str:
    export.ask(person=person, now=timezone.now())
    DataExport.objects.update(state=DataExport.State.FAILED)
    return "/account/"


at("consent", "/account/consent/", PRIVACY_CONSENT=True, **POLICY)
at(
    "consent: not given",
    "/account/consent/",
    act=send_an_empty_form,
    status=422,
    PRIVACY_CONSENT=True,
    **POLICY,
)


def wait_too_long(page: Page) -> None:
    """The session is as old as it would be after an hour at the page."""
    for session in Session.objects.all():
        data = session.get_decoded() | {SIGNED_IN_AT: 0}
        Session.objects.filter(pk=session.pk).update(session_data=SessionStore().encode(data))
    page.reload()
    expect(page.locator("#id_word")).to_have_count(0)


@place("erase", **POLICY)
def erase(person: AbstractBaseUser) -> str:
    factories.case_of(person)
    return "/account/erase/"


@place("erase: sign in first", act=wait_too_long, **POLICY)
def erase_later(person: AbstractBaseUser) -> str:
    return erase(person)


@place("erase: another word", act=send_another_word, status=422, **POLICY)
def erase_wrongly(person: AbstractBaseUser) -> str:
    return erase(person)


def erasure_of(person: AbstractBaseUser) -> Erasure:
    case = factories.case_of(person)
    factories.file_in(case.messages.all()[0])
    return erasure.request(person=person, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())


@place("being erased", guest=True, **POLICY)
def being_erased(person: AbstractBaseUser) -> str:
    return f"/account/erased/{erasure_of(person).pk}/"


@place("erased", guest=True, **POLICY)
def erased(person: AbstractBaseUser) -> str:
    row = erasure_of(person)
    erasure.work_off(row.pk)
    return f"/account/erased/{row.pk}/"


LETTERS: dict[str, Any] = {"CABINET_MODES": ["mail", "cabinet"], "CABINET_NOTICES": True}

at("letters", "/letters/", **LETTERS)


@place("letters: some are off", **LETTERS)
def letters_off(person: AbstractBaseUser) -> str:
    for subject in (*SUBJECTS, LONG_WORD * 2):
        notices.set_muted(user=person, case=answered(person, subject, mode="cabinet"), muted=True)
    return "/letters/"


def letter(person: AbstractBaseUser) -> str:
    notice = Notice.objects.create(user_id=person.pk, case=answered(person, mode="cabinet"))
    return f"/letters/{notices.token_of(notice)}/"


def press_first(page: Page) -> None:
    page.locator("main form button").first.click()
    page.wait_for_load_state("load")


place("a letter's link", guest=True, **LETTERS)(letter)
place("a letter's link: done", act=press_first, guest=True, **LETTERS)(letter)


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────

BREAKING: dict[str, Any] = {"ROOT_URLCONF": "tests.browser.breaking_urls"}

at("400", "/breaks/400/", status=400, **BREAKING)
at("403", "/breaks/403/", status=403, **BREAKING)
at("403 for a form", "/accounts/login/", act=post_without_token, status=403, guest=True)
at("404", "/no/such/page/", status=404)
at("404 for a guest", "/no/such/page/", status=404, guest=True)
at("413", "/accounts/login/", act=post_too_much, status=413, guest=True)
at("500", "/breaks/500/", status=500, **BREAKING)


@place("429", act=press_too_often, status=429, POSTS_PER_MINUTE=1)
def too_often(person: AbstractBaseUser) -> str:
    return path(answered(person))
