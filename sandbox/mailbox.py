"""The customers' side of the post: answering a desk letter, writing a new one.

What arrives here becomes a customer's message in the desk, the way a real desk ingests mail - with the
quoted history of the mail program still in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parseaddr

from .cases import Cases, Draft, Refused
from .core import Core
from .people import People, is_address
from .quoting import Original, Quote, quote
from .records import Body, Case, Letter, Message, Upload, User
from .text import make_body


class Mailbox:
    def __init__(self, core: Core, cases: Cases, people: People) -> None:
        self._core, self._cases, self._people = core, cases, people

    def write(
        self, *, sender: str, subject: str, text: str = "", html: str = "", files: Sequence[Upload] = ()
    ) -> Case:
        """A new letter to the desk: opens a case in the e-mail channel."""
        with self._core.work():
            body = make_body(text, html, style="br_newline", strict=False)
            user = self._user(sender)
            self._remember(sender, subject, body)
            return self._open(user, subject, body, list(files))

    def answer(
        self,
        *,
        letter_id: int = 0,
        case_id: int = 0,
        text: str,
        style: str = "gmail",
        language: str = "ru",
        sender: str = "",
        files: Sequence[Upload] = (),
    ) -> Message:
        """Answer a desk letter (or the last one of a case); the desk takes it as the customer's reply.

        ``sender`` other than the customer's own address is a person writing from a second mailbox: the
        switch foreign_mail_reply says what the desk makes of that (omnidesk-api.md 10.22).
        """
        with self._core.work():
            letter = self._letter(letter_id, case_id)
            case = self._core.cases.get(letter.case_id)
            if case is None or case.destroyed:
                raise Refused("case_not_found", 404)
            case = self._core.cases.get(case.parent_case_id) or case
            body = self._quoted(
                make_body(text, None, style="br_newline", strict=False), letter, style, language
            )
            writer = sender or letter.to
            self._remember(writer, letter.subject, body)
            user = self._user(writer)
            if user.user_id != case.user_id and self._core.switches.foreign_mail_reply == "new_case":
                opened = self._open(user, letter.subject, body, list(files))
                return self._core.thread(opened.case_id)[0]
            return self._cases.add_message(case, Draft(body=body, user_id=user.user_id, files=list(files)))

    def _open(self, user: User, subject: str, body: Body, files: list[Upload]) -> Case:
        draft = Draft(body=body, user_id=user.user_id, files=files)
        return self._cases.open_case(user, draft, subject=subject, channel="email", status="open")

    def _user(self, sender: str) -> User:
        name, address = parseaddr(sender)
        if not is_address(address):
            raise Refused("incorrect_user_email")
        return self._people.meet(email=address, name=name)

    def _remember(self, sender: str, subject: str, body: Body) -> None:
        core = self._core
        core.letters.put(
            Letter(
                letter_id=core.next_id("letter"),
                origin="customer",
                sender=parseaddr(sender)[1].lower(),
                to=core.desk_address,
                subject=subject,
                text=body.text,
                html=body.html,
                created_at=core.now(),
            )
        )

    def _letter(self, letter_id: int, case_id: int) -> Letter:
        if letter_id:
            found = self._core.letters.get(letter_id)
        else:
            letters = [
                row for row in self._core.letters.all() if row.case_id == case_id and row.origin == "desk"
            ]
            found = max(letters, key=lambda row: row.letter_id, default=None)
        if found is None or found.origin != "desk":
            raise Refused("letter_not_found", 404)
        return found

    def _quoted(self, own: Body, letter: Letter, style: str, language: str) -> Body:
        name, address = parseaddr(letter.sender)
        original = Original(
            name=name,
            address=address,
            to=letter.to,
            subject=letter.subject,
            sent_at=letter.created_at,
            html=letter.html,
            text=letter.text,
        )
        return self._ingest(own, quote(original, style, language))

    def _ingest(self, own: Body, history: Quote) -> Body:
        """What the desk keeps of the quoted history (omnidesk-api.md 3.2, switch quoted_original)."""
        wanted = self._core.switches.quoted_original
        if not history.html or wanted == "none":
            return own
        html = f'<div class="omni_orig_reply">{history.html}</div>' if wanted == "marked" else history.html
        return Body(text=f"{own.text}\n\n{history.text}", html=f'<div dir="ltr">{own.html}</div>{html}')
