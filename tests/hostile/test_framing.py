"""Who may show our pages in a frame: nobody, or the origins that the site names."""

import pytest
from pytest_django import Settings

from tests import factories
from tests.hostile.conftest import HostileClient, Premises, finish
from tests.hostile.doors import Door, all_doors
from tests.hostile.test_headers import FILE_POLICY, STRICT, policy

COMPANY = ["https://www.acme.example", "https://shop.acme.example:8443"]


@pytest.fixture
def framed(settings: Settings) -> None:
    settings.FRAME_ANCESTORS = COMPANY


def may_frame(answer: object) -> set[str]:
    return policy(answer)["frame-ancestors"]


@pytest.mark.slow
def test_every_door_of_customers_opens_for_the_named_origins_and_no_other(
    premises: Premises, framed: None
) -> None:
    for door in all_doors():
        answer = premises.client(door).get(premises.path(door))
        if answer.streaming:
            assert policy(answer) == FILE_POLICY
            assert answer["X-Frame-Options"] == "DENY"
        elif door.is_admin:
            assert policy(answer) == STRICT, str(door)
            assert answer["X-Frame-Options"] == "DENY", str(door)
        elif door.route.startswith("brand/"):
            assert "sandbox" in policy(answer), str(door)
        else:
            # Everything else stays as strict as it was.
            assert policy(answer) == STRICT | {"frame-ancestors": set(COMPANY)}, str(door)
            assert "X-Frame-Options" not in answer, str(door)
        finish(answer)


def test_pages_that_say_no_open_in_the_frame_too(premises: Premises, framed: None) -> None:
    client = factories.signed_in(premises.alice, HostileClient())
    for answer in (
        client.post("/cases/new/", {}),
        client.get("/cases/00000000-0000-0000-0000-000000000000/"),
        HostileClient().get("/accounts/login/"),
        HostileClient().get("/chat/"),
    ):
        assert may_frame(answer) == set(COMPANY)


@pytest.mark.parametrize("path", ["/nowhere/", "/admin/login/", "/admin/nowhere/"])
def test_what_is_nobodys_page_stays_closed(premises: Premises, framed: None, path: str) -> None:
    answer = HostileClient().get(path)
    assert may_frame(answer) == {"'none'"}
    assert answer["X-Frame-Options"] == "DENY"


def test_without_the_setting_nobody_may(premises: Premises) -> None:
    answer = premises.client(Door("cases/")).get("/cases/")
    assert may_frame(answer) == {"'none'"}
    assert answer["X-Frame-Options"] == "DENY"
