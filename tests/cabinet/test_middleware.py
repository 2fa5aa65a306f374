"""What every request passes, one piece at a time."""

import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from cabinet.middleware import LONGEST_SEARCH, MadeUpCookiesMiddleware, PrivatePagesMiddleware
from tests.factories import case_of, signed_in


def test_a_cookie_with_a_nul_is_forgotten_and_the_others_are_not() -> None:
    """PostgreSQL would answer every address with an error: such a session cannot even be looked for."""
    seen: list[dict[str, str]] = []

    def page(request: HttpRequest) -> HttpResponse:
        seen.append(request.COOKIES)
        return HttpResponse()

    cookies = 'sessionid="abcdefgh\\000ijkl"; tz=Asia/Omsk'
    MadeUpCookiesMiddleware(page)(RequestFactory().get("/", HTTP_COOKIE=cookies))
    assert seen == [{"tz": "Asia/Omsk"}]


def test_what_says_nothing_about_it_is_kept_by_no_proxy() -> None:
    answers = [HttpResponse(), HttpResponse(headers={"Cache-Control": "max-age=60"})]
    said = [PrivatePagesMiddleware(lambda _, a=answer: a)(HttpRequest()) for answer in answers]  # type: ignore[misc]
    assert [answer["Cache-Control"] for answer in said] == ["private, no-cache", "max-age=60"]


def test_a_missing_page_that_names_the_person_is_private(as_alice: Client) -> None:
    answer = as_alice.get("/nowhere/")
    assert "alice@example.com" in answer.content.decode()
    assert answer["Cache-Control"] == "private, no-cache"


@pytest.fixture
def as_root(db: None) -> Client:
    return signed_in(User.objects.create_superuser("root", "root@example.com"))


@pytest.mark.parametrize(
    "address",
    [
        "?created_at__year=99999999999",
        "?q=" + "x+" * LONGEST_SEARCH,
        "00000000-0000-0000-0000-000000000007/delete/?_to_field=",
    ],
)
def test_an_address_of_the_admin_that_no_column_can_hold_is_a_bad_request(
    as_root: Client, address: str
) -> None:
    assert as_root.get(f"/admin/cabinet/case/{address}").status_code == 400


def test_a_selection_in_the_admin_of_what_is_no_row_is_a_bad_request(
    as_root: Client, alice: AbstractBaseUser
) -> None:
    case_of(alice)
    answer = as_root.post("/admin/cabinet/case/", {"action": "read_this_case_again", "_selected_action": "x"})
    assert answer.status_code == 400
    assert "could not be understood" in answer.content.decode()
    assert as_root.get("/admin/r/0/x/").status_code == 404


def test_a_fault_outside_the_admin_is_still_one(as_alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise ValueError("ours")

    monkeypatch.setattr("cabinet.selectors.overview", broken)
    with pytest.raises(ValueError, match="ours"):
        as_alice.get("/cases/")
