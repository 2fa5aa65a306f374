"""Customers, staff and people who write mail: each a thread of its own with dice of its own."""

import base64
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import requests

from scripts.desk import Desk, Json
from scripts.visitor import File, Refused, Visitor, is_case
from tests.chaos.ledger import Fate, Ledger, Side, Written
from tests.chaos.words import (
    CHAT_CHANNEL,
    EQUAL,
    bytes_of,
    chat_of,
    first_line,
    marker,
    subject_in,
    text_with,
)
from tests.chaos.words import subject as new_subject

PATIENCE = 20
"""How often a customer presses the same button again while the site does not answer."""

HIDDEN_SECONDS = 3600
SECRET = "TOMORROW"


class Actor(threading.Thread):
    """Acts at random until told to stop. A site that is away is life; any other error ends it and is kept."""

    def __init__(self, name: str, ledger: Ledger, *, seed: str, pace: float) -> None:
        super().__init__(name=name, daemon=True)
        self.ledger = ledger
        self.dice = random.Random(f"{seed}/{name}")
        self.pace = pace
        self.stopping = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while not self.stopping.wait(self.dice.uniform(0.3, 1.7) * self.pace):
                try:
                    self.act()
                except (requests.RequestException, Refused):
                    # The page before the action did not come: nothing was written.
                    self.stopping.wait(1)
        except Exception as error:  # noqa: BLE001 - shown by whoever joins us
            self.error = error

    def act(self) -> None:
        raise NotImplementedError

    def chance(self, share: float) -> bool:
        return self.dice.random() < share


class Customer(Actor):
    """Opens, replies, attaches, presses twice, closes, reopens and sends again, in a browser of its own."""

    def __init__(self, visitor: Visitor, ledger: Ledger, *, seed: str, pace: float, most: int) -> None:
        super().__init__(f"customer {visitor.email}", ledger, seed=seed, pace=pace)
        self.visitor = visitor
        self.most_cases = most
        self.cases: dict[str, str] = {}

    def act(self) -> None:
        if not self.cases or (len(self.cases) < self.most_cases and self.chance(0.12)):
            self.open()
            return
        if self.chance(0.1):
            self.look_around()
        path = self.dice.choice(sorted(self.cases))
        self.dice.choices(
            [self.reply, self.say_ok, self.reply_with_files, self.close_or_reopen, self.retry],
            weights=[66, 8, 10, 10, 6],
        )[0](path)

    def open(self) -> None:
        subject = new_subject(self.dice)
        text = text_with(self.dice, marker(self.dice, "OPENING"))
        files = self.files() if self.chance(0.2) else []
        entry = self._written(subject, text, files, opening=True)
        values = {"subject": f"{subject} {self.dice.getrandbits(40):x}", "text": text}
        values["mode"] = self.dice.choice(("mail", "mail", "cabinet"))
        fate, location = self.press("/cases/new/", "/cases/new/", values, files, entry)
        if fate is Fate.ACCEPTED and is_case(location):
            self.cases[location] = subject

    def reply(self, path: str) -> None:
        self._say(path, text_with(self.dice, marker(self.dice, "REPLY")), [])

    def say_ok(self, path: str) -> None:
        """Equal words, perhaps in a row: each of them counts."""
        self._say(path, EQUAL, [])

    def reply_with_files(self, path: str) -> None:
        self._say(path, text_with(self.dice, marker(self.dice, "REPLY")), self.files())

    def close_or_reopen(self, path: str) -> None:
        actions = {form.action for form in self.visitor.page(path).forms}
        for action in (f"{path}close/", f"{path}reopen/"):
            if action in actions:
                self.press(path, action, {}, [], None)
                return

    def retry(self, path: str) -> None:
        page = self.visitor.page(path)
        actions = {form.action for form in page.forms}
        for message in page.messages:
            action = f"{path}messages/{message.id}/retry/"
            if message.state == "failed" and action in actions:
                self.ledger.retried(self.cases[path], first_line(message.text))
                self.press(path, action, {}, [], None)
                return

    def look_around(self) -> None:
        """Finds cases that began by mail."""
        for path, words in self.visitor.cases().items():
            if subject := subject_in(words):
                self.cases.setdefault(path, subject)

    def files(self) -> list[File]:
        count = self.dice.choice((1, 1, 2))
        return [(f"{marker(self.dice, 'FILE')}.txt", bytes_of(self.dice), "text/plain") for _ in range(count)]

    def _say(self, path: str, text: str, files: Sequence[File]) -> None:
        entry = self._written(self.cases[path], text, files)
        self.press(path, f"{path}reply/", {"text": text}, files, entry)

    def _written(self, subject: str, text: str, files: Sequence[File], *, opening: bool = False) -> Written:
        sizes = tuple(len(data) for _, data, _ in files)
        key = first_line(text)
        return Written(Side.CABINET, subject, key, text, Fate.REFUSED, opening=opening, file_sizes=sizes)

    def press(
        self,
        page: str,
        action: str,
        values: Mapping[str, str],
        files: Sequence[File],
        entry: Written | None,
    ) -> tuple[Fate, str]:
        """Fills in the form of the page and sends it, again and again while nobody answers, as people do.

        The form's own submission key makes all of these one. Answers what became of it and where it led.
        """
        began = time.monotonic()
        form = next((form for form in self.visitor.page(page).forms if (form.action or page) == action), None)
        self.ledger.page_took(time.monotonic() - began)
        if form is None:
            return Fate.REFUSED, ""
        if entry is not None:
            self.ledger.add(entry)
        twice = self.chance(0.08)
        fate, location = self._send(action, {**form.fields, **values}, files, page, entry)
        if twice and fate is Fate.ACCEPTED and "submission" in " ".join(form.fields):
            self._send(action, {**form.fields, **values}, files, page, entry)
        return fate, location

    def _send(
        self, action: str, values: Mapping[str, str], files: Sequence[File], page: str, entry: Written | None
    ) -> tuple[Fate, str]:
        fate = Fate.REFUSED
        for _ in range(PATIENCE):
            try:
                began = time.monotonic()
                answer = self.visitor.post(action, values, files, referer=page)
                self.ledger.page_took(time.monotonic() - began)
            except requests.RequestException:
                fate = self._so_far(entry, Fate.UNKNOWN)
                time.sleep(1)
                continue
            location = answer.headers.get("Location", "")
            if answer.status_code == 302 and "/accounts/" not in location:
                return self._so_far(entry, Fate.ACCEPTED), location
            self.ledger.remark(f"{action} answered {answer.status_code}")
            if answer.status_code < 500:
                return fate, ""
            fate = self._so_far(entry, Fate.UNKNOWN)
            time.sleep(1)
        return fate, ""

    @staticmethod
    def _so_far(entry: Written | None, fate: Fate) -> Fate:
        if entry is not None and entry.fate is not Fate.ACCEPTED:
            entry.fate = fate
        return fate


@dataclass
class Known:
    """A case as the desk's people see it in their list."""

    case_id: int
    subject: str
    letter_id: int = 0
    """The last letter about it that a customer may answer."""


class AtTheDesk(Actor):
    """Whoever acts over there: sees the list of cases now and then."""

    LOOK_SECONDS = 4.0

    def __init__(self, name: str, desk: Desk, ledger: Ledger, *, seed: str, pace: float) -> None:
        super().__init__(name, ledger, seed=seed, pace=pace)
        self.desk = Desk(desk.base)
        self._cases: list[Known] = []
        self._looked = 0.0

    def cases(self) -> list[Known]:
        if time.monotonic() - self._looked > self.LOOK_SECONDS:
            self._cases = list(self._look())
            self._looked = time.monotonic()
        return self._cases

    def _look(self) -> Iterator[Known]:
        state = self.desk.see("state")
        letters: dict[int, int] = {}
        for letter in state["letters"]:
            # The desk mails tomorrow's words today: quoting them would make a customer's words of them.
            if letter["origin"] == "desk" and SECRET not in letter["text"] + letter["html"]:
                letters[letter["case_id"]] = max(letter["letter_id"], letters.get(letter["case_id"], 0))
        names = {user["user_id"]: user["full_name"] for user in state["users"]}
        for case in state["cases"]:
            chat = chat_of(names[case["user_id"]]) if case["channel"] == CHAT_CHANNEL else ""
            if subject := chat or subject_in(case["subject"]):
                yield Known(case["case_id"], subject, letters.get(case["case_id"], 0))

    def do(self, door: str, **given: object) -> Json | None:
        """None where the desk itself refused, such as an answer to a letter that was never mailed."""
        try:
            found: Json = self.desk.do(door, **given)
        except RuntimeError:
            return None
        return found

    def said(
        self, side: Side, subject: str, text: str, *, opening: bool = False, delayed: bool = False
    ) -> None:
        key = first_line(text)
        self.ledger.add(Written(side, subject, key, text, opening=opening, delayed=delayed))

    def as_json(self, name: str, data: bytes) -> Json:
        content = base64.b64encode(data).decode()
        return {"name": name, "mime_type": "text/plain", "content_base64": content}


class Staff(AtTheDesk):
    """Answers, takes notes, writes answers for tomorrow, closes."""

    def act(self) -> None:
        if not self.cases():
            return
        case = self.dice.choice(self.cases())
        self.dice.choices(
            [
                self.answer,
                self.answer_with_a_file,
                self.answer_soon,
                self.note,
                self.tomorrow,
                self.close,
                self.edit,
                self.delete,
                self.put_away_for_a_moment,
                self.finish,
            ],
            weights=[52, 8, 6, 12, 6, 6, 5, 3, 2, 4],
        )[0](case)

    def answer(self, case: Known) -> None:
        text = text_with(self.dice, marker(self.dice, "STAFF"))
        if row := self.do("staff/reply", case_id=case.case_id, text=text):
            key = first_line(text)
            self.ledger.add(Written(Side.STAFF, case.subject, key, text, desk_id=row["message_id"]))

    def answer_with_a_file(self, case: Known) -> None:
        text, data = marker(self.dice, "STAFF"), bytes_of(self.dice)
        file = self.as_json(f"{marker(self.dice, 'FILE')}.txt", data)
        if self.do("staff/reply", case_id=case.case_id, text=text, files=[file]):
            key = first_line(text)
            self.ledger.add(Written(Side.STAFF, case.subject, key, text, file_sizes=(len(data),)))

    def answer_soon(self, case: Known) -> None:
        text = marker(self.dice, "STAFF")
        if self.do("staff/reply", case_id=case.case_id, text=text, delay_seconds=self.dice.randint(3, 15)):
            self.said(Side.STAFF, case.subject, text, delayed=True)

    def note(self, case: Known) -> None:
        secret, inside = marker(self.dice, "NOTE"), marker(self.dice, "NOTE")
        for words in (secret, inside):
            self.ledger.keep_secret(words)
        files = [self.as_json("note.txt", inside.encode())] if self.chance(0.3) else []
        self.do("staff/note", case_id=case.case_id, text=secret, files=files)

    def tomorrow(self, case: Known) -> None:
        secret = marker(self.dice, SECRET)
        self.ledger.keep_secret(secret)
        self.do("staff/reply", case_id=case.case_id, text=secret, delay_seconds=HIDDEN_SECONDS)

    def edit(self, case: Known) -> None:
        for entry in self._one_of_mine(case):
            text = f"{entry.key}\nnow {self.dice.getrandbits(32):08x}"
            if self.do("staff/edit", message_id=entry.desk_id, text=text):
                entry.text = text

    def delete(self, case: Known) -> None:
        for entry in self._one_of_mine(case):
            if self.do("staff/delete", message_id=entry.desk_id):
                entry.deleted = True

    def put_away_for_a_moment(self, case: Known) -> None:
        """Into the trash or the spam, and back: what customers write meanwhile is refused or comes back."""
        if self.do(self.dice.choice(("staff/trash", "staff/spam")), case_id=case.case_id):
            time.sleep(self.dice.uniform(0.5, 6))
            self.do("staff/restore", case_id=case.case_id)

    def _one_of_mine(self, case: Known) -> list[Written]:
        mine = [
            entry
            for entry in self.ledger.entries(Side.STAFF)
            if entry.subject == case.subject and entry.desk_id and not entry.deleted
        ]
        return [self.dice.choice(mine)] if mine else []

    def finish(self, case: Known) -> None:
        """Ends a chat; the desk refuses where none is running."""
        self.do("staff/finish", case_id=case.case_id)

    def close(self, case: Known) -> None:
        self.do("staff/status", case_id=case.case_id, status="closed")


class Mail(AtTheDesk):
    """Customers who answer the desk's letters, and who begin cases by mail."""

    def __init__(
        self, desk: Desk, ledger: Ledger, *, people: Sequence[str], seed: str, pace: float, most: int
    ) -> None:
        super().__init__("mail", desk, ledger, seed=seed, pace=pace)
        self.people = people
        self.left_to_open = most

    def act(self) -> None:
        if self.left_to_open and self.chance(0.15):
            self.begin()
        elif answerable := [case for case in self.cases() if case.letter_id]:
            self.answer(self.dice.choice(answerable))

    def begin(self) -> None:
        subject, text = new_subject(self.dice), text_with(self.dice, marker(self.dice, "MAIL"))
        given = {"from": self.dice.choice(self.people), "subject": subject, "text": text}
        if self.do("mail/new", **given):
            self.left_to_open -= 1
            self.said(Side.MAIL, subject, text, opening=True)

    def answer(self, case: Known) -> None:
        text = text_with(self.dice, marker(self.dice, "MAIL"))
        if self.do("mail/reply", letter_id=case.letter_id, text=text):
            self.said(Side.MAIL, case.subject, text)
