"""The two histories as plain values: what the desk holds, and what the cabinet's pages show."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.desk import Json
from scripts.visitor import Page, Visitor, is_case
from tests.chaos.words import CHAT_CHANNEL, chat_of, first_line, subject_in

MOST_PAGES = 50
FILE_GIVEN_UP = ">not available<"


@dataclass(frozen=True)
class Row:
    """A public message on one side."""

    key: str
    author: str
    text: str
    file_sizes: tuple[int, ...] = ()
    state: str = "sent"


@dataclass
class Thread:
    """A case on one side, oldest message first."""

    closed: bool
    rows: list[Row] = field(default_factory=list)
    files_given_up: int = 0


History = dict[str, list[Thread]]
"""Threads by the marker in their subject; more than one under a marker is a twin."""


def of_the_desk(state: Json) -> History:
    history: History = _chats_of_the_desk(state)
    for case in state["cases"]:
        if subject := subject_in(case["subject"]):
            thread = Thread(case["status"] == "closed", [_desk_row(row) for row in _public(case)])
            history.setdefault(subject, []).append(thread)
    return history


def _chats_of_the_desk(state: Json) -> History:
    """Each person's chats as one thread; the last one says whether it is over."""
    history: History = {}
    names = {user["user_id"]: user["full_name"] for user in state["users"]}
    for case in sorted(state["cases"], key=lambda case: int(case["case_id"])):
        if case["channel"] == CHAT_CHANNEL:
            [thread] = history.setdefault(chat_of(names[case["user_id"]]), [Thread(closed=False)])
            thread.closed = case["status"] == "closed"
            thread.rows += [_desk_row(row) for row in _public(case)]
    return history


def _public(case: Json) -> list[Json]:
    rows = [row for row in case["messages"] if not (row["note"] or row["deleted"] or row["pending"])]
    return sorted(rows, key=lambda row: int(row["message_id"]))


def _desk_row(row: Json) -> Row:
    return Row(
        key=first_line(row["text"]),
        author="customer" if row["user_id"] else "staff",
        text=row["text"],
        file_sizes=tuple(file["size"] for file in row["files"]),
    )


def of_the_cabinet(visitors: Iterable[Visitor]) -> History:
    """Everything that these customers see, page by page."""
    history: History = {}
    for visitor in visitors:
        for path, words in all_cases(visitor).items():
            if subject := subject_in(words):
                history.setdefault(subject, []).append(_thread(visitor, path))
    return history


def chats_of_the_cabinet(visitors: dict[str, Visitor]) -> History:
    """What these people see in the chat, by the name that the desk knows them by."""
    history: History = {}
    for name, visitor in visitors.items():
        thread = _thread(visitor, "/chat/?shown=3000", over="?new=1")
        if thread.rows:
            history[chat_of(name)] = [thread]
    return history


def all_cases(visitor: Visitor) -> dict[str, str]:
    """Path and words of every case in the list, over all of its pages."""
    found: dict[str, str] = {}
    for number in itertools.count(1):
        links = visitor.page(f"/cases/?page={number}").links
        fresh = {path: words for path, words in links.items() if is_case(path) and path not in found}
        if not fresh or number > MOST_PAGES:
            return found
        found |= fresh
    return found


def _thread(visitor: Visitor, path: str, *, over: str = "") -> Thread:
    """`over`: a link of the page says that it is closed, not a form."""
    answer = visitor.get(path)
    answer.raise_for_status()
    page = Page(answer.text)
    # Sizes are not on the page: there the number of files that can be opened is what counts.
    rows = [
        Row(
            key=first_line(shown.text),
            author=shown.author,
            text=shown.text,
            file_sizes=tuple(0 for _ in shown.files),
            state=shown.state,
        )
        for shown in page.messages
    ]
    closed = any(form.action.endswith("/reopen/") for form in page.forms)
    if over:
        closed = any(over in link for link in page.links)
    return Thread(closed, rows, files_given_up=answer.text.count(FILE_GIVEN_UP))
