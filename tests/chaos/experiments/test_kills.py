"""SIGKILL just between the desk's answer and our commit: another transaction keeps the answer waiting."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.crowd import CROWD_SETTINGS, FULL_LENGTH
from tests.chaos.premises import WORKERS, begin_again, double, kill, nothing_can_be_written
from tests.house.checks import await_same, await_true, only_case, opened, somebody
from tests.house.conftest import Builder
from tests.house.premises import Premises

# Long enough for all calls to be on their way, shorter than the client's patience.
HANG_SECONDS = 3.0
SETTLE_SECONDS = 150
# A download may last minutes, so whoever dies in one keeps the file from the others as long.
DOWNLOAD_SECONDS = 240


def test_killed_between_the_answer_and_the_commit(new_house: Builder, figure: Figure) -> None:
    """An opening, a reply and a close at once, and with CHAOS_FULL_LENGTH=1 the fetching of a file, which
    takes minutes to be tried again. All had happened, and none happens twice."""
    house = new_house(before=double, **CROWD_SETTINGS)
    visitor, desk = house.sign_in(somebody()), house.desk
    replied, replied_id = opened(house, visitor, "A reply")
    closed, closed_id = opened(house, visitor, "A close")
    filed, filed_id = opened(house, visitor, "A file")
    for method, path in (("POST", r"/cases\.json"), ("POST", r"/messages\.json"), ("PUT", r"/cases/\d+")):
        desk.fault("slow", method=method, path=path, when="after", seconds=HANG_SECONDS, count=1)
    with ThreadPoolExecutor(3) as pool:
        opening = pool.submit(visitor.open_case, "An opening", "Hello?")
        pool.submit(visitor.reply, replied, "a reply").result()
        pool.submit(visitor.close_case, closed).result()
        path = opening.result()
    calls = 3
    if FULL_LENGTH:
        desk.fault("slow", path="/attachment/", when="after", seconds=HANG_SECONDS, count=1)
        desk.reply(filed_id, "with a file", ("plan.txt", b"the plan", "text/plain"))
        calls = 4
    await_true("calls that hang", lambda: desk.see("faults")["fired"].get("slow", 0) == calls)
    with nothing_can_be_written(house):
        time.sleep(HANG_SECONDS + 0.5)
        kill(house, *WORKERS)
    assert attempting(house) == 3, "the kill came before or after the moment it was meant for"
    began = time.monotonic()
    begin_again(house, *WORKERS)
    both = [("customer", "Hello?"), ("customer", "a reply")]
    await_same(house, visitor, replied, replied_id, both, seconds=SETTLE_SECONDS)
    opened_id = int(only_case(desk, "An opening")["case_id"])
    await_same(house, visitor, path, opened_id, both[:1], seconds=SETTLE_SECONDS)
    await_true("a settled close", lambda: attempting(house) == 0, seconds=SETTLE_SECONDS)
    assert desk.case(closed_id)["status"] == "closed"
    assert f"{closed}reopen/" in {form.action for form in visitor.page(closed).forms}
    figure("settled after the kill, seconds", time.monotonic() - began)
    if FULL_LENGTH:
        thread = [*both[:1], ("staff", "with a file")]
        await_same(house, visitor, filed, filed_id, thread, seconds=SETTLE_SECONDS)
        await_true("the file", lambda: bool(visitor.thread(filed)[1].files), seconds=DOWNLOAD_SECONDS)
        (address,) = visitor.thread(filed)[1].files.values()
        assert visitor.download(address) == b"the plan"
        figure("the file came after, seconds", time.monotonic() - began)
    only_case(desk, "An opening")
    writes = [call for call in desk.calls() if call["method"] in ("POST", "PUT")]
    assert len(writes) == 6, "three openings before, and each of the three calls once"
    figure("kills", len(WORKERS))
    figure("messages", 5)


def attempting(house: Premises) -> int:
    """Calls that may have happened."""
    return sum(b"'attempting'" in row for where, row in house.rows() if where == "table cabinet_outboxentry")
