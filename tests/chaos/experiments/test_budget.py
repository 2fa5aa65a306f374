"""The account is taken away and given back while people write.

A small account under load takes many minutes; tests/omnidesk_sync/test_budget_under_load.py lets them fly.
"""

import time

import requests

from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.sides import await_all, both, in_order
from tests.chaos.premises import double
from tests.house.checks import await_true, opened, somebody
from tests.house.conftest import Builder
from tests.house.premises import Premises


def test_the_key_is_revoked_while_people_write_and_given_back(new_house: Builder, figure: Figure) -> None:
    house = new_house(before=double)
    desk = house.desk
    visitors = [house.sign_in(somebody()) for _ in range(2)]
    cases = [opened(house, visitor, f"Revoked {visitor.email}") for visitor in visitors]
    desk.fault("wrong_key")
    since = len(desk.calls())
    for number in range(4):
        for visitor, (path, _) in zip(visitors, cases, strict=True):
            visitor.reply(path, f"message {number}")
    new = visitors[0].open_case("Opened meanwhile", "Is anybody there?")
    for _, case_id in cases:
        desk.reply(case_id, "answered meanwhile")
    await_true("a sign of it", lambda: paused(house), seconds=30)
    threads = [visitor.thread(path) for visitor, (path, _) in zip(visitors, cases, strict=True)]
    states = {row.state for thread in threads for row in thread}
    assert states == {"sent", "sending"}, "nothing is given up"
    figure("calls made with the bad key", len(desk.calls()) - since)
    assert len(desk.calls()) - since <= 4, "what was under way when it happened, and a probe"

    desk.do("faults", clear=True)
    began = time.monotonic()
    after = len(desk.calls())
    for visitor, (path, case_id) in zip(visitors, cases, strict=True):
        ours = [("customer", f"message {number}") for number in range(4)]
        # The answer stands first over there; here it became known after what had been written.
        lines = [("customer", "Hello?"), *ours, ("staff", "answered meanwhile")]
        # The account is probed once a minute.
        await_all(house, visitor, path, case_id, lines, seconds=150)
        assert all(in_order(side, ours) for side in both(house, visitor, path, case_id))
    await_true("the new case", lambda: len(desk.cases("Opened meanwhile")) == 1)
    await_true("its word", lambda: visitors[0].thread(new)[0].state == "sent")
    figure("seconds until all had gone out", time.monotonic() - began)
    assert not paused(house)
    posts = [call for call in desk.calls()[after:] if call["method"] == "POST"]
    assert len(posts) == 9, "each once"
    figure("units for 9 messages", sum(call["units"] for call in posts))


def paused(house: Premises) -> bool:
    """What the health page says of it."""
    answer = requests.get(f"{house.cabinet}/readyz/", timeout=5)
    return bool(answer.json().get("degraded"))
