"""Somebody else acts between two questions that a piece of work puts to the database.

On PostgreSQL every question sees what others have committed by then: a decision that rests on two of them may
rest on two different moments. Threads that start together hit such a gap once in a hundred runs; this hits
every gap of a piece of work, one after the other.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from django.db import connection

Scene = TypeVar("Scene")

PATIENCE = {"postgresql": 0.25, "sqlite": 0.1}
"""Seconds until somebody who has not come through counts as waiting for a lock of ours."""

MOST_QUESTIONS = 100


class Gap:
    """Where the other one acted: `met` is false once the work asks fewer than that many questions."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.before = ""
        self.raised: BaseException | None = None

    @property
    def met(self) -> bool:
        return bool(self.before)


@contextmanager
def somebody(act: Callable[[], object], *, number: int) -> Iterator[Gap]:
    """`act` happens on a connection of its own just before the question of this number is put.

    If it has to wait for what we hold, the work goes on without it. What it raises is kept in the gap.
    """
    gap, asked, other = Gap(number), 0, threading.Thread(target=lambda: _alone(act, gap))

    def ask(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal asked
        asked += 1
        if asked == number:
            gap.before = sql
            other.start()
            other.join(PATIENCE[connection.vendor])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(ask):
        yield gap
    if gap.met:
        other.join(30)
        assert not other.is_alive(), f"whoever came before {gap.before} never came through"


def in_every_gap(
    make: Callable[[int], Scene],
    first: Callable[[Scene], object],
    second: Callable[[Scene], object],
    *,
    fewest: int,
) -> Iterator[tuple[Scene, Gap]]:
    """Plays a new scene for every gap of `first`, and one more in which there is none left (`met` is false).

    Raises what `second` raised. Fewer questions than `fewest` cannot be all of it.
    """
    for number in range(1, MOST_QUESTIONS):
        scene = make(number)
        with somebody(partial(second, scene), number=number) as gap:
            first(scene)
        if gap.raised is not None:
            raise gap.raised
        yield scene, gap
        if not gap.met:
            assert number > fewest
            return
    raise AssertionError("There is no end to its questions.")


def _alone(act: Callable[[], object], gap: Gap) -> None:
    try:
        act()
    except BaseException as error:  # noqa: BLE001
        gap.raised = error
    finally:
        connection.close()
