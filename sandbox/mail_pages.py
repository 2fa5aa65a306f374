"""The customers' mailboxes: every letter the desk or the cabinet sent, and forms to write back."""

from __future__ import annotations

from urllib.parse import quote

from .desk import Desk
from .inbound import Request
from .markup import Markup, choices, joined, render
from .quoting import STYLES
from .records import Letter
from .staff_pages import file_links, files_of
from .text import rfc2822

LANGUAGES = (("ru", "Русский"), ("en", "English"))


class MailPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def index(self, _request: Request) -> Markup:
        rows = joined(
            render(
                "mailbox_row",
                place=_place(address),
                address=address,
                count=len(self._desk.post.mailbox(address)),
            )
            for address in self._desk.post.addresses()
        )
        return render("mailboxes", rows=rows or Markup("<p>No letters yet.</p>"), address="")

    def mailbox(self, _request: Request, address: str) -> Markup:
        letters = joined(self._letter(row) for row in self._desk.post.mailbox(address))
        return render("mailbox", address=address, letters=letters or Markup("<p>No letters yet.</p>"))

    def write(self, request: Request) -> str:
        form = request.payload()
        self._desk.mailbox.write(
            sender=form["from"], subject=form["subject"], text=form["text"], files=files_of(form)
        )
        return _place(form["from"])

    def answer(self, request: Request, letter_id: str) -> str:
        form = request.payload()
        self._desk.mailbox.answer(
            letter_id=int(letter_id),
            text=form["text"],
            style=form["style"],
            language=form["language"],
            sender=form.get("from", ""),
            files=files_of(form),
        )
        letter = self._desk.core.letters.get(int(letter_id))
        return _place(letter.to) if letter else "/mailbox/"

    def _letter(self, letter: Letter) -> Markup:
        found = (self._desk.core.files.get(file_id) for file_id in letter.file_ids)
        form = Markup("")
        if letter.origin == "desk":
            styles = [(name, name) for name in (*STYLES, "none")]
            form = render(
                "answer", letter_id=letter.letter_id, styles=choices(styles), languages=choices(LANGUAGES)
            )
        return render(
            "letter",
            letter_id=letter.letter_id,
            origin=letter.origin,
            sender=letter.sender,
            to=letter.to,
            subject=letter.subject,
            created=rfc2822(letter.created_at),
            text=letter.text,
            html=letter.html,
            files=file_links([row for row in found if row]),
            form=form,
        )


def _place(address: str) -> str:
    return f"/mailbox/{quote(address)}/"
