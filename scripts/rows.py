"""The rows of docs/architecture.md, driven once as a customer and the staff would, each one timed."""

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from scripts.desk import Desk, Json
from scripts.visitor import Shown, Visitor

T = TypeVar("T")

SECONDS = 30
PAUSE_SECONDS = 0.1

SUBJECT = "Two parcels instead of one"
OPENING = "Good afternoon! I ordered one kettle and got two.\nA picture is attached."
STAFF_ANSWER = "Thank you for telling us. The label for sending it back is attached."
MAIL_ANSWER = "Got it, I will bring it to the post office tomorrow."
CABINET_ANSWER = "Done: it is on its way to you."
QUIET_SUBJECT = "Where is my order"
QUESTION = "It was to come yesterday."
QUIET_ANSWER = "The courier comes today between six and eight."
CHAT_QUESTION = "Are you open on Sunday?"
CHAT_ANSWER = "Yes, from ten to four."
CHAT_AGAIN = "And on Monday?"


def picture(*, width: int = 240, height: int = 160) -> bytes:
    """A real PNG, a calm blue square: what a mail program or a browser can show."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes((70, 110, 180 - row // 4)) * width for row in range(height))
    pixels = zlib.compress(b"".join(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


PICTURE = picture()


class RowFailed(Exception):
    """What was to appear on the other side did not appear."""


class Timed:
    """Acts one after another, each with its title."""

    rows: list[tuple[str, Callable[[], None]]]

    def timed(self) -> Iterator[tuple[str, float]]:
        for title, act in self.rows:
            began = time.monotonic()
            act()
            yield title, time.monotonic() - began


@dataclass
class Walk(Timed):
    """One customer and one case on their way through the rows."""

    visitor: Visitor
    desk: Desk
    path: str = ""
    case_id: int = 0
    rows: list[tuple[str, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = [
            ("customer opens a case with a file  → it is in Omnidesk", self.open),
            ("staff answer with a file           → it is in the cabinet", self.staff_answers),
            ("customer answers that mail         → it is in the cabinet", self.mail_answers),
            ("customer answers in the cabinet    → it is in Omnidesk", self.cabinet_answers),
        ]

    def open(self) -> None:
        known = {case["case_id"] for case in self.desk.cases()}
        picture = ("kettle.png", PICTURE, "image/png")
        self.path = self.visitor.open_case(SUBJECT, OPENING, [picture])
        case = until("the case in Omnidesk", lambda: next(iter(self._new_cases(known)), None))
        self.case_id = case["case_id"]
        [opening] = case["messages"]
        expect(opening["text"] == OPENING, f"Omnidesk has another text: {opening['text']!r}")
        expect([file["size"] for file in opening["files"]] == [len(PICTURE)], "Omnidesk lacks the file")

    def staff_answers(self) -> None:
        label = ("label.png", PICTURE, "image/png")
        self.desk.reply(self.case_id, STAFF_ANSWER, label)
        shown = until("the staff's answer in the cabinet", lambda: self._shown(STAFF_ANSWER, files=1))
        expect(shown.author == "staff", f"the cabinet shows it as of {shown.author!r}")
        [file] = shown.files.values()
        expect(self.visitor.download(file) == PICTURE, "the cabinet's copy of the file differs")

    def mail_answers(self) -> None:
        self.desk.mail_reply(self.case_id, MAIL_ANSWER)
        shown = until("the mailed answer in the cabinet", lambda: self._shown(MAIL_ANSWER))
        expect(shown.author == "customer", f"the cabinet shows it as of {shown.author!r}")

    def cabinet_answers(self) -> None:
        self.visitor.reply(self.path, CABINET_ANSWER)
        until("the customer's answer in Omnidesk", lambda: CABINET_ANSWER in self._texts_at_the_desk())
        until("the word that it was sent", lambda: self._sent(CABINET_ANSWER))
        thread = self.visitor.thread(self.path)
        expect(len(thread) == 4, f"the cabinet shows {len(thread)} messages instead of 4")
        expect(len(self._texts_at_the_desk()) == 4, "Omnidesk has a message too many or too few")

    def _new_cases(self, known: set[int]) -> list[Json]:
        return new_cases(self.desk, known)

    def _texts_at_the_desk(self) -> list[str]:
        return [message["text"] for message in self.desk.case(self.case_id)["messages"]]

    def _shown(self, text: str, files: int = 0) -> Shown | None:
        thread = self.visitor.thread(self.path)
        return next((row for row in thread if text in row.text and len(row.files) >= files), None)

    def _sent(self, text: str) -> bool:
        shown = self._shown(text)
        return shown is not None and shown.state == "sent"


@dataclass
class WalkWithoutMail(Timed):
    """Row 5: somebody without an e-mail address, in the cabinet alone and in a chat."""

    visitor: Visitor
    desk: Desk
    rows: list[tuple[str, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = [
            ("without mail: there and back       → no letter, one thread", self.without_mail),
            ("chat: there, back, ended, the next → one conversation", self.chat),
        ]

    def without_mail(self) -> None:
        letters = len(self.desk.see("state")["letters"])
        known = {case["case_id"] for case in self.desk.cases()}
        path = self.visitor.open_case(QUIET_SUBJECT, QUESTION, mode="cabinet")
        case = self._case_after(known)
        self._answered(case["case_id"], QUIET_ANSWER, path)
        self.visitor.reply(path, MAIL_ANSWER)
        self._agree(case["case_id"], path, [QUESTION, QUIET_ANSWER, MAIL_ANSWER])
        expect(len(self.desk.see("state")["letters"]) == letters, "somebody was sent a letter")

    def chat(self) -> None:
        self._end_what_runs()
        known = {case["case_id"] for case in self.desk.cases()}
        earlier = [message.text for message in self.visitor.thread("/chat/")]
        self.visitor.say(CHAT_QUESTION)
        first = self._case_after(known)
        expect(first["chat_active"], "Omnidesk does not show it as a running chat")
        self._answered(first["case_id"], CHAT_ANSWER, "/chat/")
        self.desk.do("staff/finish", case_id=first["case_id"])
        until("the word that the chat is over", self._is_over)
        self.visitor.say(CHAT_AGAIN)
        second = self._case_after({*known, first["case_id"]})
        self._agree(second["case_id"], "/chat/", [*earlier, CHAT_QUESTION, CHAT_ANSWER, CHAT_AGAIN])

    def _end_what_runs(self) -> None:
        """A chat of an earlier start goes on until somebody ends it, or the desk's time limit does."""
        forms = self.visitor.page("/chat/").forms
        ending = next(
            (form.action for form in forms if form.action and form.action.endswith("/close/")), None
        )
        if ending:
            self.visitor.act("/chat/", ending, {})
            until("the word that the earlier chat is over", self._is_over)

    def _case_after(self, known: set[int]) -> Json:
        return until("the case in Omnidesk", lambda: next(iter(new_cases(self.desk, known)), None))

    def _answered(self, case_id: int, text: str, path: str) -> None:
        self.desk.reply(case_id, text)
        until("the staff's answer", lambda: [row for row in self.visitor.thread(path) if row.text == text])

    def _is_over(self) -> bool:
        return any("?new=1" in link for link in self.visitor.page("/chat/").links)

    def _agree(self, case_id: int, path: str, texts: list[str]) -> None:
        def sent() -> bool:
            return all(row.state == "sent" for row in self.visitor.thread(path))

        until("the word that it was sent", sent)
        shown = [row.text for row in self.visitor.thread(path)]
        expect(shown == texts, f"the cabinet shows {shown}")
        there = [message["text"] for message in self.desk.case(case_id)["messages"]]
        expect(there == texts[-len(there) :], f"Omnidesk has {there}")


def new_cases(desk: Desk, known: set[int]) -> list[Json]:
    return [case for case in desk.cases() if case["case_id"] not in known]


def until(what: str, look: Callable[[], T | None], *, seconds: float = SECONDS) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(PAUSE_SECONDS)
    raise RowFailed(f"{what} did not appear within {seconds:.0f} s")


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise RowFailed(otherwise)
