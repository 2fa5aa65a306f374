"""How cases stand, in words: one row gives label, sentence, turn and looks, everywhere and at once."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from cabinet import selectors, standings, wording
from cabinet.models import Case, StatusText, Turn
from tests.cabinet.pages import Page
from tests.factories import case_of, changed, delivered, signed_in

LANGUAGES = ("ru", "en")


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


def say(key: str, **texts: str) -> None:
    StatusText.objects.update_or_create(key=key, defaults=texts)


def stand(case: Case, key: str) -> Case:
    status = {"status": key} if key in Case.Status else {"availability": key}
    return changed(case, **status)


def pills(page: Page) -> list[dict[str, str]]:
    return [
        attrs
        for attrs in page.all("span")
        if attrs.get("class", "").startswith("pill pill-") and "title" in attrs
    ]


def test_everything_a_case_can_be_has_words() -> None:
    keys = {*Case.Status.values, *filter(None, Case.Availability.values)}
    assert keys == set(wording.STANDINGS) == set(StatusText.Key.values)


@pytest.mark.django_db
def test_admins_find_the_whole_table() -> None:
    assert set(StatusText.objects.values_list("key", flat=True)) == set(StatusText.Key.values)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", StatusText.Key.values)
def test_list_page_and_notice_say_the_same(as_alice: Client, case: Case, key: str, language: str) -> None:
    stand(case, key)
    texts = {f"{what}_{each}": f"{what} {each} <&>" for what in ("label", "sentence") for each in LANGUAGES}
    for own in (False, True):
        if not own:
            with translation.override(language):
                words = wording.STANDINGS[key]
                label, sentence = str(words.label), str(words.sentence)
        else:
            say(key, **texts)
            label, sentence = f"label {language} <&>", f"sentence {language} <&>"
        for path in ("/cases/", f"/cases/{case.pk}/"):
            page = Page(as_alice.get(path, headers={"accept-language": language}))
            assert label in page.text
            assert {pill["title"] for pill in pills(page)} == {sentence}
            assert {pill["class"] for pill in pills(page)} == {f"pill pill-{standings.standing(case).kind}"}
            assert path == "/cases/" or sentence in page.text


def test_only_your_turn_has_the_accent(case: Case) -> None:
    kinds = {key: standings.standing(stand(case, key)).kind for key in Case.Status.values}
    assert kinds == {"open": "open", "waiting": "turn", "closed": "closed", "unknown": "open"}
    for key in filter(None, Case.Availability.values):
        changed(case, status="waiting", availability=key)
        assert standings.standing(case).kind == "gone"


def test_a_word_of_another_version_is_one_that_nobody_has_described(as_alice: Client, case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(status="paused")
    say("unknown", label_en="Being looked into")
    for path in ("/cases/", f"/cases/{case.pk}/"):
        assert "Being looked into" in Page(as_alice.get(path)).text
    assert "paused" not in Page(as_alice.get("/cases/")).source


def test_what_is_left_empty_is_said_in_our_own_words(case: Case) -> None:
    say("open", label_ru="Думаем", turn=Turn.NOBODY)
    with translation.override("en"):
        said = standings.standing(case)
        assert (said.label, said.whose_turn) == ("With support", "Nobody has to do anything")
    with translation.override("ru"):
        assert standings.standing(case).label == "Думаем"


def test_whose_turn_it_is_is_said(as_alice: Client, case: Case) -> None:
    for key, words in (("open", "Support’s turn"), ("waiting", "Your turn"), ("closed", "Nobody has to do")):
        assert words in Page(as_alice.get(f"/cases/{stand(case, key).pk}/")).text


def test_a_changed_word_is_there_with_the_next_page(as_alice: Client, case: Case) -> None:
    """No copy of it is kept anywhere: label, colour and tooltip cannot be of different age."""
    for word in ("one", "two"):
        say("open", label_en=word, sentence_en=f"sentence {word}")
        page = Page(as_alice.get("/cases/"))
        assert word in page.text
        assert pills(page)[0]["title"] == f"sentence {word}"


def test_words_cost_no_query(
    alice: AbstractBaseUser, case: Case, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        stand(case_of(alice, f"case {number}"), StatusText.Key.values[number])
    with django_assert_num_queries(1):
        assert len({standings.standing(each).label for each in selectors.cases_under(alice, "all")}) == 3
    with django_assert_num_queries(1):
        standings.standing(selectors.case_pages(alice).get(pk=case.pk))
    never = case_of(alice, "never arrived")
    never.outbox.update(state="rejected")
    with django_assert_num_queries(1):
        kinds = [standings.standing(each).kind for each in selectors.cases_under(alice, "all")]
    assert kinds[0] == "failed"
    assert "failed" not in kinds[1:]
    with django_assert_num_queries(1):
        assert standings.standing(selectors.case_pages(alice).get(pk=never.pk)).kind == "failed"
    bare = Case.objects.get(pk=case.pk)
    with django_assert_num_queries(1):
        standings.standing(bare)
        standings.standing(bare)
    say("closed", label_ru="Готово")
    bare.status = Case.Status.CLOSED
    with translation.override("ru"):
        assert standings.standing(bare).label == "Готово"


# ── the admin ──


@pytest.fixture
def staff(db: None) -> Client:
    return signed_in(get_user_model().objects.create_superuser("root", "root@example.com", "pw"))


def test_the_admin_shows_and_changes_the_words(staff: Client) -> None:
    page = staff.get("/admin/cabinet/statustext/").content.decode()
    for words in ("With support", "Your turn", "Marked as spam", "Closed"):
        assert words in page
    row = StatusText.objects.get(key="open")
    address = f"/admin/cabinet/statustext/{row.pk}/change/"
    assert "Support is working on it" in staff.get(address).content.decode()
    data = {"label_ru": "Думаем", "label_en": "", "sentence_ru": "", "sentence_en": "", "turn": "support"}
    assert staff.post(address, data).status_code == 302
    row.refresh_from_db()
    assert (row.label_ru, row.turn, row.key) == ("Думаем", "support", "open")
    assert "customer’s turn" in staff.post(address, data | {"turn": "customer"}).content.decode()
    assert staff.get("/admin/cabinet/statustext/add/").status_code == 403
    StatusText.objects.filter(key="spam").delete()
    assert staff.get("/admin/cabinet/statustext/add/").status_code == 200


@pytest.mark.parametrize(
    ("key", "turn"), [("open", "customer"), ("spam", "customer"), ("waiting", "support")]
)
def test_whose_turn_cannot_be_turned_around(key: str, turn: str) -> None:
    with pytest.raises(ValidationError):
        StatusText(key=key, turn=turn).clean()
