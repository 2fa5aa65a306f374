"""A new case with a topic: what is asked, what is kept, and that no script of a browser decides any of it."""

import re
from datetime import date
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation

from cabinet import topics
from cabinet.draft_models import MECHANICS
from cabinet.models import Case, CaseFile, Topic, TopicField
from cabinet.topic_models import RESERVED
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import NewCase, signed_in, upload

NEW = "/cases/new/"
Kind = TopicField.Kind


@pytest.fixture
def repair(db: None) -> Topic:
    """A topic with a field of each kind; the serial number is asked only of a printer."""
    topic = Topic.objects.create(
        key="repair",
        title_ru="Ремонт",
        title_en="Repair",
        hint_en="Have the device at hand.",
        subject_hint_en="What is broken",
    )
    for values in (
        {"key": "device", "kind": Kind.CHOICE, "label_en": "Device", "required": True}
        | {"choices_ru": "printer=Принтер\nphone=Телефон", "choices_en": "printer=Printer"},
        {"key": "serial", "label_en": "Serial number", "required": True}
        | {"only_if": "device", "only_if_value": "printer", "hint_en": "On the back"},
        {"key": "story", "kind": Kind.TEXTAREA, "label_en": "How it came"},
        {"key": "urgent", "kind": Kind.CHECKBOX, "label_en": "Nobody can work"},
        {"key": "bought", "kind": Kind.DATE, "label_en": "Bought on"},
        {"key": "price", "kind": Kind.NUMBER, "label_en": "Price"},
    ):
        row = TopicField(topic=topic, label_ru="Поле", position=topic.fields.count(), **values)
        row.full_clean()
        row.save()
    return topic


@pytest.fixture
def billing(db: None) -> Topic:
    topic = Topic.objects.create(key="billing", title_ru="Оплата", position=1)
    TopicField.objects.create(topic=topic, key="serial", label_ru="Номер")
    TopicField.objects.create(topic=topic, key="invoice", label_ru="Счёт")
    return topic


def filled(**more: object) -> dict[str, object]:
    data = {"topic": "repair", "device": "printer", "serial": "X-1", "story": "It\r\nfell", "urgent": "on"}
    return NewCase().data(**data, bought="2026-02-28", price="12.50", **more)


def asked_for(page: Page) -> set[str]:
    """The names of the topic's fields on the page."""
    own = {"topic", "subject", "text", "files", "uploaded", "remove", "q", "language"}
    tags = [attrs for tag, attrs in page.tags if tag in ("input", "textarea", "select")]
    return {attrs["name"] for attrs in tags if attrs.get("type") != "hidden" and attrs.get("name")} - own


# ── what is asked ──


def test_without_topics_the_form_is_as_short_as_before(as_alice: Client, repair: Topic) -> None:
    Topic.objects.update(active=False)
    page = Page(as_alice.get(NEW))
    assert not page.all("select")
    assert not page.all("button", name="choose")
    assert asked_for(page) == set()


def test_topics_are_offered_and_none_is_needed(as_alice: Client, repair: Topic, billing: Topic) -> None:
    page = Page(as_alice.get(NEW))
    assert [option["value"] for option in page.all("option")] == ["", "repair", "billing"]
    assert "Repair" in page.text
    assert asked_for(page) == set()
    assert as_alice.post(NEW, NewCase().data()).status_code == 302
    case = Case.objects.get()
    assert (case.topic, case.fields, case.answers) == (None, None, [])


def test_a_topic_asks_its_fields(as_alice: Client, repair: Topic) -> None:
    page = Page(as_alice.get(f"{NEW}?topic=repair"))
    assert asked_for(page) == {"device", "serial", "story", "urgent", "bought", "price"}
    assert "Have the device at hand." in page.text
    assert "What is broken" in page.text
    assert "On the back" in page.text
    assert page.all("select", name="device", required="")
    # A browser would insist on what is hidden; the server asks for it when it is wanted.
    serial = page.all("input", name="serial")[0]
    assert "required" not in serial
    assert serial["aria-required"] == "true"
    assert "Only if “Device” is “Printer”" in page.text


def test_the_first_button_of_the_form_sends(as_alice: Client, repair: Topic) -> None:
    """Enter in a field presses that one."""
    page = Page(as_alice.get(NEW))
    form = page.source[page.source.index('action="/cases/new/"') :]
    first = re.search("<button[^>]*>", form)
    assert first
    assert "choose" not in first[0]


# ── what is kept ──


def test_what_was_given_is_kept_with_the_words_of_that_day(as_alice: Client, repair: Topic) -> None:
    answer = as_alice.post(NEW, filled())
    assert answer.status_code == 302
    case = Case.objects.get()
    assert case.topic == repair
    assert {given.key: given.value for given in case.answers} == {
        "device": "printer",
        "serial": "X-1",
        "story": "It\nfell",
        "urgent": "yes",
        "bought": "2026-02-28",
        "price": "12.50",
    }
    TopicField.objects.all().delete()
    page = Page(as_alice.get(answer["Location"]))
    for words in ("Repair", "Device Printer", "Serial number X-1", "Nobody can work yes", "28 February 2026"):
        assert words in page.text
    ru = Page(as_alice.get(answer["Location"], headers={"accept-language": "ru"}))
    assert "Ремонт" in ru.text
    assert "Принтер" in ru.text


def test_an_answer_of_another_version_is_read(alice: AbstractBaseUser) -> None:
    case = factories.case_of(
        alice, fields=[{"key": "a", "kind": "text", "value": "v", "label_ru": "П", "x": "y"}]
    )
    assert [(given.value, given.choice_ru) for given in case.answers] == [("v", "")]


def test_a_double_click_with_a_topic_makes_one_case_and_another_answer_another(
    as_alice: Client, repair: Topic
) -> None:
    data = filled()
    for _click in range(2):
        as_alice.post(NEW, data)
    assert Case.objects.count() == 1
    as_alice.post(NEW, data | {"serial": "X-2"})
    assert Case.objects.count() == 2


# ── required, conditions ──


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        ({"device": ""}, ["Device"]),
        ({"serial": ""}, ["Serial number"]),
        ({"serial": " "}, ["Serial number"]),
        ({"device": "phone", "serial": ""}, []),
        ({"device": "", "serial": ""}, ["Device"]),
    ],
)
def test_what_is_required_is_decided_by_the_server(
    as_alice: Client, repair: Topic, data: dict[str, str], missing: list[str]
) -> None:
    answer = as_alice.post(NEW, filled() | data)
    assert answer.status_code == (422 if missing else 302)
    if missing:
        page = Page(answer)
        assert [
            name for name in ("Device", "Serial number") if f"Please fill in “{name}”" in page.text
        ] == missing
        assert "X-1" in page.source or "serial" in data
        assert "It\r\nfell" in page.source
        assert page.all("input", name="urgent", checked="")
        assert not Case.objects.exists()


def test_what_is_not_asked_is_not_kept_and_stays_typed(as_alice: Client, repair: Topic) -> None:
    page = Page(as_alice.post(NEW, filled() | {"device": "phone", "subject": ""}))
    assert page.all("input", name="serial", value="X-1")
    assert 'class="field not-asked"' in page.source
    as_alice.post(NEW, filled() | {"device": "phone"})
    assert "serial" not in {given.key for given in Case.objects.get().answers}


def test_conditions_follow_one_another() -> None:
    rows = [
        TopicField(key="a", kind=Kind.CHECKBOX),
        TopicField(key="b", only_if="a", only_if_value="yes"),
        TopicField(key="c", only_if="b", only_if_value="x"),
        TopicField(key="d", only_if="a", only_if_value="no"),
        TopicField(key="e", only_if="nothing", only_if_value="x"),
        TopicField(key="f", only_if="g", only_if_value="1"),
        TopicField(key="g", only_if="f", only_if_value="1"),
    ]
    assert topics.asked(rows, {"a": "on", "b": "x"}) == {"a", "b", "c", "e"}
    assert topics.asked(rows, {"b": "x"}) == {"a", "d", "e"}
    assert topics.asked(rows, {"a": "1", "f": "1", "g": "1"}) == {"a", "b", "e", "f", "g"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "fax"),
        ("bought", "yesterday"),
        ("price", "much"),
        ("price", "NaN"),
        ("serial", "x" * 201),
        ("story", "x" * 5001),
        ("topic", "gone"),
    ],
)
def test_what_does_not_fit_comes_back_with_everything_typed(
    as_alice: Client, repair: Topic, name: str, value: str
) -> None:
    answer = as_alice.post(NEW, filled() | {name: value})
    page = Page(answer)
    assert answer.status_code == 422
    assert 'role="alert"' in page.source
    assert "The printer smokes" in page.source
    assert not Case.objects.exists()


def test_a_date_may_be_written_as_people_write_it(as_alice: Client, repair: Topic) -> None:
    as_alice.post(NEW, filled() | {"bought": "28.02.2026"})
    assert next(given.value for given in Case.objects.get().answers if given.key == "bought") == "2026-02-28"


def test_whoever_changes_the_topic_and_sends_at_once_is_shown_its_questions(
    as_alice: Client, billing: Topic
) -> None:
    data = NewCase().data(topic="billing", fields_of="")
    answer = as_alice.post(NEW, data)
    page = Page(answer)
    assert answer.status_code == 422
    assert "a few questions of its own" in page.text
    assert asked_for(page) == {"serial", "invoice"}
    assert as_alice.post(NEW, data | {"fields_of": page.values("fields_of")[0]}).status_code == 302


# ── a switch of the topic ──


def test_a_switch_keeps_what_was_typed_and_judges_nothing(
    as_alice: Client, repair: Topic, billing: Topic
) -> None:
    data = filled(choose="1", files=[upload("kept.txt")]) | {
        "topic": "billing",
        "subject": "",
        "text": "words",
    }
    answer = as_alice.post(NEW, data)
    page = Page(answer)
    assert answer.status_code == 200
    assert 'role="alert"' not in page.source
    assert asked_for(page) == {"serial", "invoice"}
    assert page.all("input", name="serial", value="X-1", type_="text")
    assert "words</textarea>" in page.source
    assert "kept.txt" in page.text
    assert page.all("option", value="billing", selected="")
    assert not Case.objects.exists()
    # And back: what the other topic did not ask has come along.
    data = {name: page.values(name)[0] for name in ("serial", "device", "story", "urgent", "price", "bought")}
    back = Page(
        as_alice.post(NEW, data | {"topic": "repair", "choose": "1", "uploaded": page.values("uploaded")})
    )
    assert back.all("option", value="printer", selected="")
    assert "It\r\nfell" in back.source
    assert back.all("input", name="urgent", checked="")
    assert back.all("input", name="price", value="12.50")
    assert back.all("input", name="bought", value="2026-02-28")
    assert "kept.txt" in back.text
    assert CaseFile.objects.count() == 1


def test_a_switch_keeps_even_what_does_not_fit(as_alice: Client, repair: Topic) -> None:
    page = Page(as_alice.post(NEW, filled(choose="1") | {"price": "much", "subject": "x" * 200}))
    assert page.all("input", name="price", value="much")
    assert "x" * 200 in page.source


def test_the_page_asks_for_the_fields_by_itself(as_alice: Client, repair: Topic) -> None:
    page = Page(as_alice.get(f"{NEW}?topic=repair"))
    for name in ("topic", "device"):
        chooser = page.all("select", name=name)[0]
        assert (chooser["hx-post"], chooser["hx-select"]) == (NEW, "#topic-fields")
    assert "hx-post" not in page.all("input", name="price")[0]


# ── by the address ──


def test_every_field_can_be_filled_by_the_address(as_alice: Client, repair: Topic) -> None:
    query = "topic=repair&subject=It+smokes&text=Since+dawn&device=printer&serial=X-1&story=It%0Afell"
    page = Page(as_alice.get(f"{NEW}?{query}&urgent=1&bought=2026-02-28&price=12.5"))
    assert page.all("option", value="repair", selected="")
    assert page.all("option", value="printer", selected="")
    assert page.values("subject") == ["It smokes"]
    assert "Since dawn" in page.source
    assert page.values("serial") == ["X-1"]
    assert "It\nfell" in page.source
    assert page.all("input", name="urgent", checked="")
    assert page.values("bought") == ["2026-02-28"]
    assert page.values("price") == ["12.5"]
    assert not Case.objects.exists()


def test_what_an_address_says_is_cut_and_checked(as_alice: Client, repair: Topic) -> None:
    long, evil = "y" * 300, "<script>alert(1)</script>"
    query = f"topic=repair&subject={long}&text={evil}&device=fax&serial={long}&bought=now&price=1e99&urgent=0"
    page = Page(as_alice.get(f"{NEW}?{query}"))
    assert page.values("subject") == ["y" * 140]
    assert page.values("serial") == ["y" * 200]
    assert evil not in page.source
    assert not page.all("option", value="printer", selected="")
    assert (page.values("bought"), page.values("price")) == ([""], [""])
    assert not page.all("input", name="urgent", checked="")
    assert 'role="alert"' not in page.source
    assert as_alice.get(f"{NEW}?topic=gone&subject=%00%0D%0Ax").status_code == 200


def test_whoever_is_not_signed_in_keeps_the_address(client: Client, repair: Topic) -> None:
    assert client.get(f"{NEW}?topic=repair&serial=1")["Location"].endswith(
        "next=%2Fcases%2Fnew%2F%3Ftopic%3Drepair%26serial%3D1"
    )


# ── the admin ──


@pytest.fixture
def staff(db: None) -> Client:
    return signed_in(get_user_model().objects.create_superuser("root", "root@example.com", "pw"))


def posted(**more: object) -> dict[str, object]:
    topic = {"key": "repair", "title_ru": "Ремонт", "position": "0", "active": "on"}
    field = {"key": "device", "kind": "choice", "label_ru": "Устройство", "position": "0"}
    field |= {"choices_ru": "printer=Принтер", "choices_en": "", "only_if": "", "only_if_value": ""}
    second = {"key": "serial", "kind": "text", "label_ru": "Номер", "position": "1", "only_if": "device"}
    second |= {"only_if_value": "printer"}
    values: dict[str, object] = {"fields-TOTAL_FORMS": "2", "fields-INITIAL_FORMS": "0"}
    values |= {f"fields-0-{name}": value for name, value in field.items()}
    values |= {f"fields-1-{name}": value for name, value in second.items()}
    return topic | values | more


def test_topics_are_edited_with_their_fields(staff: Client) -> None:
    assert staff.post("/admin/cabinet/topic/add/", posted()).status_code == 302
    topic = Topic.objects.get()
    assert [row.key for row in topic.fields.all()] == ["device", "serial"]
    assert "?topic=repair" in staff.get("/admin/cabinet/topic/").content.decode()


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ({"fields-1-only_if": "colour"}, "no such field"),
        ({"fields-1-only_if_value": "fax"}, "no such value"),
        ({"fields-0-choices_ru": ""}, "at least one choice"),
        ({"fields-0-choices_ru": "a=1\na=2"}, "stand there once"),
        ({"fields-0-choices_en": "b=2"}, "those of the Russian choices"),
        ({"fields-1-key": "text"}, "taken by the form"),
        ({"fields-1-key": "a_hint"}, "taken by the form"),
        ({"fields-1-key": "Ключ"}, "Small Latin letters"),
        ({"fields-1-only_if": "serial"}, "depend on itself"),
    ],
)
def test_a_mistake_is_said_before_it_is_kept(staff: Client, mistake: dict[str, str], words: str) -> None:
    answer = staff.post("/admin/cabinet/topic/add/", posted(**mistake))
    assert words in answer.content.decode()
    assert not Topic.objects.exists()


def test_a_topic_that_cases_have_is_switched_off_rather_than_deleted(
    staff: Client, as_alice: Client, repair: Topic
) -> None:
    as_alice.post(NEW, filled())
    answer = staff.post(f"/admin/cabinet/topic/{repair.pk}/delete/", {"post": "yes"})
    assert Topic.objects.exists()
    assert answer.status_code == 200
    page = staff.get(f"/admin/cabinet/case/{Case.objects.get().pk}/change/").content.decode()
    assert "Serial number: X-1" in page


def test_the_languages_stand_in_for_each_other(repair: Topic) -> None:
    device = repair.fields.get(key="device")
    with translation.override("en"):
        assert device.choices == {"printer": "Printer", "phone": "Телефон"}
    with translation.override("ru"):
        assert repair.title == "Ремонт"
        assert repair.hint == "Have the device at hand."


def test_values_are_written_for_machines(repair: Topic) -> None:
    row = TopicField(key="a", kind=Kind.DATE, label_ru="Д")
    given = topics.answer(row, date(2026, 3, 2))
    assert given
    assert given.value == "2026-03-02"
    assert topics.answer(row, None) is None
    with pytest.raises(ValidationError):
        TopicField(topic=repair, key="files", kind=Kind.TEXT, label_ru="Ф").full_clean()


NAME_IN_PAGE = re.compile(r'<(?:input|textarea|select|button)\b[^>]*? name="([^"]+)"')
NAME_IN_SCRIPT = re.compile(r'(?:data|body)\.(?:append|set|delete)\("(\w+)"|\[?name=(\w+)')


def test_no_field_can_have_a_name_that_the_forms_use_themselves(
    as_alice: Client, alice: AbstractBaseUser, repair: Topic
) -> None:
    """Such an answer would be taken for a part of the form, and never be kept."""
    page = as_alice.get(f"{NEW}?topic=repair&follow_up={factories.case_of(alice).pk}")
    script = (Path(topics.__file__).parent / "static/cabinet/composer.js").read_text("utf-8")
    form = page.content.decode().partition("data-draft=")[2].partition("</form>")[0]
    used = set(NAME_IN_PAGE.findall(form))
    used |= {name for found in NAME_IN_SCRIPT.findall(script) for name in found if name}
    assert {"revision", "step", "case", "swap", "file", "uploaded"} <= used
    assert used - {row.key for row in repair.fields.all()} <= RESERVED
    assert MECHANICS < RESERVED


@pytest.mark.parametrize("key", sorted(RESERVED))
def test_a_name_of_the_forms_is_refused_as_a_key(repair: Topic, key: str) -> None:
    with translation.override("en"), pytest.raises(ValidationError, match="taken by the form"):
        TopicField(topic=repair, key=key, label_ru="Поле").full_clean()
