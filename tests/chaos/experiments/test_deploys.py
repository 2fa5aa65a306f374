"""SIGTERM, as every deploy sends it: whoever gets it finishes what he holds, or hands it back."""

import threading
import time

from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.crowd import CROWD_SETTINGS
from tests.chaos.premises import double, nothing_can_be_written
from tests.house.checks import await_same, next_fault, opened, somebody
from tests.house.conftest import Builder
from tests.house.premises import SETTINGS

HANG_SECONDS = 2.0
ROUNDS = 3
LEASE_SECONDS = float(SETTINGS["OMNIDESK_TIMEOUT_SECONDS"]) + 30
"""Who waits this long has waited for a lane that nobody gave back."""


def test_workers_are_replaced_while_posts_hang(new_house: Builder, figure: Figure) -> None:
    """Old and new overlap. Three replies wait in the case each time, and each call hangs."""
    house = new_house(before=double, **CROWD_SETTINGS)
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "Deployed")
    thread = [("customer", "Hello?")]
    house.commands["worker-3"] = f"{house.commands['worker']} --hostname third@%h"
    desk.fault("slow", path=r"/messages\.json", method="POST", when="after", seconds=HANG_SECONDS)
    old, spare = ["worker", "worker-2"], "worker-3"
    longest, slowest_stop = 0.0, 0.0
    for number in range(ROUNDS):
        hung = next_fault(house, "slow")
        for word in ("first", "second", "third"):
            visitor.reply(path, f"{word} of round {number}")
            thread.append(("customer", f"{word} of round {number}"))
        hung()
        began = time.monotonic()
        # The new one is there before the old ones go: nobody knows which of them holds the lane.
        house.start(spare)
        house.processes.stop(*old)
        slowest_stop = max(slowest_stop, time.monotonic() - began)
        house.start(old[0])
        old, spare = [spare, old[0]], old[1]
        await_same(house, visitor, path, case_id, thread)
        longest = max(longest, time.monotonic() - began)
    assert longest < LEASE_SECONDS
    figure("workers ended with SIGTERM", 2 * ROUNDS)
    figure("longest time to settle, seconds", longest)
    figure("slowest stop, seconds", slowest_stop)
    figure("messages", len(thread))


def test_web_is_ended_in_the_middle_of_a_request(new_house: Builder, figure: Figure) -> None:
    """The request is answered, and what it wrote is there."""
    house = new_house()
    visitor = house.sign_in(somebody())
    path, case_id = opened(house, visitor, "In the middle")
    action = f"{path}reply/"
    # The page is open before: showing it writes too, how far it was read.
    form = next(form for form in visitor.page(path).forms if form.action == action)
    answers: list[object] = []

    def reply() -> None:
        values = {**form.fields, "text": "sent while the site was ended"}
        try:
            answers.append(visitor.post(action, values, referer=path).status_code)
        except OSError as error:
            answers.append(repr(error))

    sender = threading.Thread(target=reply)
    ender = threading.Thread(target=lambda: house.processes.stop("web"))
    with nothing_can_be_written(house):
        sender.start()
        time.sleep(1)
        began = time.monotonic()
        ender.start()
        time.sleep(1.5)
        assert answers == [], "the request was over before the site was ended"
    sender.join(20)
    ender.join(20)
    figure("the site took to end, seconds", time.monotonic() - began)
    assert answers == [302]
    house.start("web")
    await_same(
        house, visitor, path, case_id, [("customer", "Hello?"), ("customer", "sent while the site was ended")]
    )
