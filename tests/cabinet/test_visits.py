"""How much of a thread is shown, and what is too long to stand there whole."""

import re

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cabinet import visits
from cabinet.models import Message
from tests.cabinet.pages import Page
from tests.factories import case_of, delivered, long_thread, staff_reply

LONG = "\n".join(f"line {number}" for number in range(40))


def shown(client: Client, path: str, **headers: str) -> list[int]:
    """The numbers of the messages on the page."""
    source = client.get(path, headers=headers or None).content.decode()
    return [int(found) for found in re.findall(r"<p>message (\d+)</p>", source)]


def test_a_thread_is_shown_whole_up_to_a_length(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = long_thread(delivered(case_of(alice)), visits.WHOLE)
    assert len(shown(as_alice, f"/cases/{case.pk}/")) == visits.WHOLE - 1
    assert "earlier message" not in as_alice.get(f"/cases/{case.pk}/").content.decode()


def test_of_a_long_one_the_first_and_the_last_are_shown_and_the_others_on_request(
    as_alice: Client, alice: AbstractBaseUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    case = long_thread(delivered(case_of(alice)), 350)
    with django_assert_num_queries(7):  # one of them for files of messages that are left out
        page = Page(as_alice.get(f"/cases/{case.pk}/"))
    assert "Since this morning." in page.text
    assert "Show 249 earlier messages" in page.text
    assert shown(as_alice, f"/cases/{case.pk}/") == list(range(251, 351))
    link = page.all("a", data_earlier="")[0]["href"]
    assert link.startswith("?all=1#m-")
    assert shown(as_alice, f"/cases/{case.pk}/?all=1") == list(range(2, 351))
    assert "earlier message" not in as_alice.get(f"/cases/{case.pk}/?all=1").content.decode()


def test_everything_new_is_shown_however_much_it_is(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = long_thread(delivered(case_of(alice)), 200)
    alice.read_marks.update(position=20)  # type: ignore[attr-defined]
    assert shown(as_alice, f"/cases/{case.pk}/") == list(range(21, 201))
    assert shown(as_alice, f"/cases/{case.pk}/") == list(range(101, 201))


def test_an_open_page_goes_on_from_where_it_began(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = long_thread(delivered(case_of(alice)), 200)
    first = Page(as_alice.get(f"/cases/{case.pk}/")).all("div", id="live")[0]["data-first"]
    message = staff_reply(case, "one more")
    Message.objects.filter(pk=message.pk).update(html="<p>message 201</p>")
    visit = {"hx-request": "true", "x-visit-looking": "1", "x-visit-since": "200"}
    path = f"/cases/{case.pk}/"
    assert shown(as_alice, path, **visit, **{"x-visit-first": first}) == list(range(101, 202))
    assert len(shown(as_alice, path, **visit, **{"x-visit-first": "0"})) == 200, "once unfolded, whole"


@pytest.mark.parametrize("text", [LONG, "word " * 400])
def test_a_long_message_is_folded_but_never_the_newest_answer(
    as_alice: Client, alice: AbstractBaseUser, text: str
) -> None:
    case = delivered(case_of(alice, text=text))
    staff_reply(case, text)
    newest = staff_reply(case, text)
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    folded = [attrs["id"] for attrs in page.all("div", class_="body long")]
    assert len(folded) == 2
    assert f"body-{newest.pk}" not in folded
    assert {attrs["aria-controls"] for attrs in page.all("button", class_="more only-js")} == set(folded)


def test_a_message_of_usual_length_is_not_folded(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = delivered(case_of(alice, text="\n".join(["line"] * 20)))
    assert "body long" not in as_alice.get(f"/cases/{case.pk}/").content.decode()


def test_the_thread_says_one_newest_answer_even_if_the_customer_spoke_last(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    case = delivered(case_of(alice))
    staff_reply(case, LONG)
    as_alice.post(f"/cases/{case.pk}/reply/", {"text": "thank you"})
    assert "body long" not in as_alice.get(f"/cases/{case.pk}/").content.decode()
