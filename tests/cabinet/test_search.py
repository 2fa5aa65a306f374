"""The search as people see it: what it finds, what it shows of it, and what it never does."""

import re
import unicodedata

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cabinet.models import Case
from cabinet.search import excerpts
from cabinet.search.lookup import found
from cabinet.search.words import Search, Term, keys, keys_within, owner_key
from cabinet.selectors import cases_of
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, changed, delivered, staff_reply

FORMS = [
    ("счёт", "счетами"),
    ("заказ", "заказов"),
    ("доставка", "доставкой"),
    ("принтеры", "принтера"),
    ("документ", "документами"),
    ("оплаченный", "оплаченного"),
    ("ошибка", "ошибками"),
    ("письмо", "письме"),
    ("ёлка", "елки"),
    ("Ещё", "ЕЩЕ"),
    ("возвраты", "возвратом"),
    ("красного", "красная"),
    ("работает", "работают"),
    ("договорам", "договор"),
    ("компания", "компаний"),
    ("printers", "printer"),
    ("returning", "returned"),
    ("delivery", "deliveries"),
    ("invoices", "INVOICE"),
    ("connected", "connections"),
    ("stopped", "stopping"),
    ("companies", "company"),
    ("Running", "runs"),
]


def subjects(client: Client, query: str, **more: str) -> list[str]:
    answer = client.get("/cases/", {"q": query, **more})
    assert answer.status_code == 200
    return [case.subject for case, *_ in answer.context["rows"]]


def says(text: str, query: str) -> bool:
    """Whether a message with this text is found by the query."""
    return bool(Search.of(query).terms) and all(term.is_in(keys(text)) for term in Search.of(query).terms)


def rows(client: Client, query: str) -> str:
    """The list as HTML, without the rest of the page."""
    source = client.get("/cases/", {"q": query}).content.decode()
    match = re.search(r'<ul class="cases".*?</ul>', source, re.DOTALL)
    assert match
    return match.group()


# ── words ──


@pytest.mark.parametrize(("written", "asked"), FORMS)
def test_a_word_is_found_in_its_other_forms(written: str, asked: str) -> None:
    assert says(f"Начало {written}, end.", f"{asked} начало")
    assert says(f"{asked} end.", f"{written} END")


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("принтер", "доставка"),
        ("стол", "столица аренды"),
        ("printer", "rinter"),
        ("printing", "paint"),
        ("а", "б"),
        ("номер 12345", "23456"),
        ("words", "!!!"),
        ("words", ""),
    ],
)
def test_another_word_is_not_found(written: str, asked: str) -> None:
    assert not says(written, asked)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Жду доставку сегодня", "сегодня дост"),
        ("anna.k@example.com", "anna.k@example.com"),
        ("anna.k@example.com", "example"),
        ("звоните 8-912-345-67-89", "345-67"[:3]),
        ("звоните 8-912-345-67-89", "89123456789"),
        ("номер 664-245651", "664245651"),
        ("номер 664–245651", "№664-245651"),
        ("номер 664-245651", "245651"),
        ("номер 664-245651", "#664-245"),
        (unicodedata.normalize("NFD", "Ёлочный йогурт"), "йогурты елочные"),
        ("доку\u00adмент", "документы"),
        ("ﬁle №１２３", "FILE 123"),
        ("iPhone15 сломан", "iphone15"),
        ("x" * 100, "x" * 90),
    ],
)
def test_words_numbers_and_addresses_are_found_as_people_write_them(written: str, asked: str) -> None:
    assert says(written, asked)


def test_only_the_last_word_may_be_unfinished() -> None:
    assert says("принтер дымит", "дымит прин")
    assert not says("принтер дымит", "прин дымит")
    assert not says("принтер", "пр")


def test_only_the_first_words_of_a_query_count() -> None:
    assert len(Search.of(" ".join(f"word{letter}" for letter in "abcdefghijkl")).terms) == 8
    assert Search.of("да Да ДА").terms == (Term("да"),)


@pytest.mark.parametrize("piece", ["report", "eport-fin", "inal", "2024", "202", "xlsx", "отч", "тчет"])
def test_any_piece_of_a_file_name_finds_it(piece: str) -> None:
    found = keys_within("Report-final_2024.Отчёт.xlsx")
    assert all(term.is_in(found) for term in Search.of(piece).terms)


def test_nobody_can_write_a_mark() -> None:
    own = owner_key(7)
    assert not any(key == own or key.startswith("/") for key in keys(f"{own} /rint @7 ＠7"))
    assert Search.of(f"{own} /abc").terms == Search.of("7 abc").terms


# ── the page ──


def test_an_inflected_word_from_the_middle_of_an_answer_finds_its_case(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    filler = "Добрый день. " * 30
    staff_reply(case_of(alice, "Оплата"), f"{filler}Мы отправили вам закрывающие документы почтой. {filler}")
    case_of(alice, "Другое", "Ничего такого")
    assert subjects(as_alice, "закрывающим документам") == ["Оплата"]
    listed = rows(as_alice, "закрывающим документам")
    assert "<mark>закрывающие</mark> <mark>документы</mark> почтой" in listed
    assert "Maria:" in listed


def test_words_of_number_subject_messages_and_files_are_asked_together(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    case = delivered(case_of(alice, "Принтер дымит", "С утра"), "664-245651")
    factories.file_in(staff_reply(case, "Выключите его"), "Инструкция_по-ремонту.pdf")
    case_of(alice, "Принтер", "Выключите")
    assert subjects(as_alice, "#664-245651 принтеры утром выключить инструкций емонт pdf") == [
        "Принтер дымит"
    ]
    assert subjects(as_alice, "#664-245651 принтеры вечером") == []


@pytest.mark.parametrize(
    "query", ["664-245651", "№664-245651", "#664", "245", "4565", "651", "664245651", "64-24"]
)
def test_a_number_is_found_whole_and_by_its_pieces(
    as_alice: Client, alice: AbstractBaseUser, query: str
) -> None:
    delivered(case_of(alice, "one"), "664-245651")
    delivered(case_of(alice, "another"), "773-999888")
    assert subjects(as_alice, query) == ["one"]


def test_the_case_with_that_number_comes_first(as_alice: Client, alice: AbstractBaseUser) -> None:
    delivered(case_of(alice, "the one"), "664-245651")
    delivered(case_of(alice, "speaks of it", "As in 664-245651"), "700-100200")
    delivered(case_of(alice, "the latest", "see 664-245651"), "700-100201")
    assert subjects(as_alice, "№664-245651") == ["the one", "the latest", "speaks of it"]
    assert subjects(as_alice, "664") == ["the latest", "speaks of it", "the one"]


def test_counts_and_pages_are_of_what_was_found(as_alice: Client, alice: AbstractBaseUser) -> None:
    for number in range(21):
        case_of(alice, f"printers {number}")
    case_of(alice, "printer", status=Case.Status.CLOSED)
    case_of(alice, "something else")
    answer = as_alice.get("/cases/?q=printer&tab=open")
    assert {name: count for name, _label, count in answer.context["tabs"]} == {
        "all": 22,
        "turn": 0,
        "open": 21,
        "closed": 1,
    }
    page = Page(answer)
    assert "1–20 of 21" in page.text
    assert "21 cases found for “printer”" in page.text
    assert page.all("a", rel="next")[0]["href"] == "?q=printer&tab=open&page=2"


def test_nothing_found_leads_back_to_everything(as_alice: Client, alice: AbstractBaseUser) -> None:
    case_of(alice)
    page = Page(as_alice.get("/cases/?q=zebra&tab=open"))
    assert "Nothing was found" in page.text
    assert "0 cases found for “zebra”. Clear the search" in page.text
    assert page.all("a", href="?tab=open")


def test_a_strangers_case_is_never_found(
    as_alice: Client, as_charlie: Client, alice: AbstractBaseUser, charlie: AbstractBaseUser
) -> None:
    case = delivered(case_of(alice, "secret printer", "Password is swordfish"), "664-245651")
    factories.file_in(case.messages.get(), "payroll.xlsx")
    case_of(charlie, "printer of Charlie")
    for query in ("secret", "swordfish", "664-245651", "payroll", f"@{alice.pk} secret", owner_key(alice.pk)):
        assert subjects(as_charlie, query) == []
    assert subjects(as_charlie, "printer") == ["printer of Charlie"]
    assert subjects(as_alice, "swordfish") == ["secret printer"]


def test_the_queryset_is_the_law_whatever_the_index_says(
    alice: AbstractBaseUser, charlie: AbstractBaseUser
) -> None:
    case_of(alice, "secret")
    assert not found(cases_of(charlie), Search.of("secret"), alice).exists()


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '"printer',
        "printer*",
        "*",
        "(",
        "printer AND (",
        "printer OR other",
        "NEAR(printer smokes, 2)",
        "NOT printer",
        "subject:printer",
        "words:printer -smokes",
        "^printer + {x}",
        "'; DROP TABLE cabinet_case; --",
        "' | 'printer':*",
        "\\",
        "printer\\",
        "!& |",
        "....",
        "%",
        "_",
        "\x00",
        "a\x00b",
        "printer " * 1250,
        "ъ" * 10_000,
        "\udce4\ud800 printer",
        "🖨️ 👩‍👩‍👧",
        "ﷺ İ ß ŉ",
        "הסמן מדפסת",
        "\u202eprinter\u202c",
    ],
)
def test_no_query_breaks_the_page(as_alice: Client, alice: AbstractBaseUser, query: str) -> None:
    case_of(alice)
    encoded = query.encode("utf-8", "surrogatepass")
    assert as_alice.get("/cases/", {"q": encoded}).status_code == 200
    # And past the form's own cleaning.
    search = Search.of(query)
    list(found(cases_of(alice), search, alice))
    excerpts.of(cases_of(alice), search)


@pytest.mark.parametrize(
    "query", ["printer AND smokes", "printer OR zebra", "printer -smokes", "NOT printer"]
)
def test_operators_are_words(as_alice: Client, alice: AbstractBaseUser, query: str) -> None:
    case_of(alice)
    assert subjects(as_alice, query) == (["The printer smokes"] if query == "printer -smokes" else [])


# ── excerpts ──


def test_the_best_matching_message_is_shown_and_of_several_the_latest(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    case = case_of(alice, "Subject", "My invoice came")
    staff_reply(case, "The invoice and the delivery, first", author_name="Maria")
    staff_reply(case, "The invoices and deliveries, second", author_name="Nina")
    staff_reply(case, "The delivery alone")
    listed = rows(as_alice, "invoice delivery")
    assert "Nina:" in listed
    assert "The <mark>invoices</mark> and <mark>deliveries</mark>, second" in listed
    assert "You:" in rows(as_alice, "came")


def test_subject_number_and_file_name_are_marked(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = delivered(case_of(alice, "Smoking printers", "Since today"), "664-245651")
    factories.file_in(case.messages.get(), "Договор-подряда.pdf")
    assert "Smoking <mark>printers</mark>" in rows(as_alice, "printer")
    assert "You:</span> Since today" in rows(as_alice, "printer")
    assert "№ <mark>664-245651</mark>" in rows(as_alice, "4565")
    assert "<mark>Договор</mark>-<mark>подряда</mark>.pdf" in rows(as_alice, "договоры одряд")
    assert "<mark>" not in as_alice.get("/cases/").content.decode()


def test_hostile_texts_are_shown_as_text(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = case_of(
        alice,
        "<b>alert</b> & co",
        "x <script>alert('printer')</script> <mark>fake</mark> & <img src=x onerror=alert(1)>",
    )
    factories.file_in(case.messages.get(), "<svg onload=zebra>.png")
    listed = rows(as_alice, "script alert")
    assert (
        "&lt;<mark>script</mark>&gt;<mark>alert</mark>(&#x27;printer&#x27;)&lt;/<mark>script</mark>&gt;"
        in listed
    )
    assert "&lt;b&gt;<mark>alert</mark>&lt;/b&gt; &amp; co" in listed
    assert "&lt;mark&gt;fake&lt;/mark&gt; &amp; &lt;img src=x onerror=<mark>alert</mark>(1)&gt;" in listed
    assert not re.search(r"<(script|b|img|svg)\b", listed)
    listed = rows(as_alice, "zebra")
    assert "<mark>zebra</mark>&gt;.png" in listed
    assert not re.search(r"<(script|b|img|svg)\b", listed)


def test_an_excerpt_is_short_and_cut_between_words() -> None:
    text = "before words " * 50 + "\n\n  the\tprinter \n stands here " + "after words " * 50
    shown = str(excerpts.excerpt(text, Search.of("printers")))
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert "the <mark>printer</mark> stands here after" in shown
    plain = re.sub(r"</?mark>", "", shown)
    assert len(plain) <= excerpts.LENGTH + 2
    assert set(plain.strip("…").split()) <= set(text.split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("printer", "<mark>printer</mark>"),
        ("  printer\n", "<mark>printer</mark>"),
        ("a printer", "a <mark>printer</mark>"),
        ("printer" + " " * 2000 + "end", "<mark>printer</mark>…"),
        (" " * 2000 + "printer", "…<mark>printer</mark>"),
        ("http://x/" + "q" * 300 + "/printer", "…" + "q" * 49 + "/<mark>printer</mark>"),
    ],
)
def test_excerpts_at_the_edges(text: str, shown: str) -> None:
    assert str(excerpts.excerpt(text, Search.of("printer"))).replace(" ", "") == shown.replace(" ", "")


def test_an_excerpt_of_nothing_is_none() -> None:
    assert excerpts.excerpt("words", Search.of("printer")) is None
    assert excerpts.excerpt("", Search.of("printer")) is None


# ── whatever is written ──

WRITTEN = st.text(
    st.one_of(
        st.sampled_from("абвгдеёжийОШЬЁ abcXYZ 0123456789 -_.,@№#«»\n\t"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=200,
)


@settings(max_examples=50)
@given(WRITTEN, st.data())
@example("664-245651abc 12-34-", None)
@example("йод\u0306 e\u0301cole ﷺ ŉ İx", None)
def test_any_word_of_a_text_is_found_and_marked(text: str, data: st.DataObject | None) -> None:
    written = text.split()
    for word in written if data is None else [data.draw(st.sampled_from(written))] if written else []:
        search = Search.of(word)
        assert says(text, word) or not search.terms
        if search.terms and len(text) < excerpts.LENGTH:
            assert "<mark>" in str(excerpts.excerpt(text, search))


@settings(max_examples=50)
@given(WRITTEN, st.text(max_size=20))
def test_marking_changes_nothing_but_adds_marks(text: str, query: str) -> None:
    shown = excerpts.marked(text, Search.of(query))
    plain = re.sub(r"</?mark>", "", shown)
    assert plain == re.sub(r"</?mark>", "", excerpts.marked(text, Search.of("")))


@pytest.mark.django_db
def test_every_word_of_a_message_finds_its_case(as_alice: Client, alice: AbstractBaseUser) -> None:
    text = "Ёлки-палки! Письмо №77/2024 от «Ромашки» (anna_k@example.com): don’t print 1 234,50 ₽ — см. v2.1"
    changed(case_of(alice, "it", text), number="1-1")
    for word in text.split():
        expected = ["it"] if Search.of(word).terms else []
        assert subjects(as_alice, word) == expected, word
