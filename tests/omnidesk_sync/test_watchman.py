"""With the broker away everything still happens, one sweep later."""

import errno
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from django.utils import timezone

from config import broker
from config.celery import app
from omnidesk_sync import bells, doorbell
from omnidesk_sync.watchman import Watchman
from tests.omnidesk_sync.world import World
from webhooks.models import InboxEntry


def test_what_was_written_reaches_the_desk_and_what_was_answered_comes_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "ring", doorbell.ring)
    # A worker has loaded its tasks before it starts.
    app.loader.import_default_modules()
    watchman = Watchman(app, seconds=15)
    case = world.opened("без брокера")
    world.reply(case, "и ещё")
    watchman.do_a_round()
    assert world.desk_texts(world.desk_id(case)) == ["без брокера", "и ещё"]
    row = world.desk.staffroom.reply(world.desk_id(case), text="вижу")
    world.wait(10)
    InboxEntry.objects.create(
        event="staff_reply",
        case_id=world.desk_id(case),
        message_id=row.message_id,
        received_at=timezone.now(),
        due_at=timezone.now() - timedelta(seconds=1),
        size=1,
        sha256="-",
    )
    watchman.do_a_round()
    assert world.thread(case) == ["без брокера", "и ещё", "вижу"]


# A round closes this thread's connections, as it must in a thread of a worker.
pytestmark = pytest.mark.django_db(transaction=True)


def an_app(broker: str = "memory://", **tasks: Callable[..., object]) -> Celery:
    """An application of its own whose beat would send every one of these tasks but `later`."""
    own = Celery("own", broker=broker, set_as_current=False)
    for name, work in tasks.items():
        own.task(name=name, shared=False)(work)
    own.conf.beat_schedule = {name: {"task": name} for name in tasks if name != "later"}
    return own


def test_one_broken_task_does_not_stop_the_round() -> None:
    done: list[str] = []

    def breaks() -> None:
        raise ZeroDivisionError

    def works() -> None:
        done.append("works")

    Watchman(an_app(breaks=breaks, works=works), seconds=1).do_a_round()
    assert done == ["works"]


def test_a_ring_in_the_round_is_heard_in_the_round() -> None:
    heard: list[int] = []

    def first() -> None:
        assert doorbell.ring("later", 7)

    def later(number: int) -> None:
        heard.append(number)

    Watchman(an_app("redis://127.0.0.1:1/0", first=first, later=later), seconds=1).do_a_round()
    assert heard == [7]


def test_a_broker_that_is_full_counts_as_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = an_app("filesystem://localhost")
    own.conf.broker_transport = "config.broker:Transport"
    own.conf.broker_transport_options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
    }
    guard = Watchman(own, seconds=1)
    assert guard.broker_answers()
    assert list(tmp_path.glob("*.msg")) == [], "nothing of the trial is left"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(broker, "_write_whole", full)
    assert not guard.broker_answers()


@pytest.mark.parametrize(("address", "answers"), [("redis://127.0.0.1:1/0", False), ("memory://", True)])
def test_it_works_only_while_the_broker_is_away(address: str, answers: bool) -> None:
    worked: list[str] = []

    def work() -> None:
        worked.append("round")

    guard = Watchman(an_app(address, work=work), seconds=0.01)
    assert guard.broker_answers() is answers
    guard.start()
    guard.join(timeout=0.3)
    guard.end()
    guard.join(timeout=3)
    assert bool(worked) is not answers
