"""The desk's outgoing post: the letter a customer gets when staff answer."""

from __future__ import annotations

from html import escape

from .core import DESK_NAME, Core
from .records import Case, Letter, Message


class PostOffice:
    """Puts letters into mailboxes. Only cases with an e-mail identity have one; in a custom channel answers
    are not mailed, whatever addresses are known (kb item/202)."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def mail_answer(self, case: Case, message: Message) -> Letter | None:
        """The letter about one message, as the desk sends it of its own accord (kb/185753)."""
        if not case.recipient or case.in_custom_channel:
            return None
        core = self._core
        number = f"[#{case.case_number}]"
        html = (
            f'<div class="omni_reply">{message.html}</div>'
            f'<p style="color:#888">{escape(message.full_name)}, {DESK_NAME} {number}</p>'
        )
        return core.letters.put(
            Letter(
                letter_id=core.next_id("letter"),
                origin="desk",
                sender=f"{DESK_NAME} <{core.desk_address}>",
                to=case.recipient,
                subject=f"Re: {case.subject} {number}",
                text=f"{message.text}\n\n-- \n{message.full_name}, {DESK_NAME} {number}",
                html=html,
                created_at=core.now(),
                case_id=case.case_id,
                message_id=message.message_id,
                file_ids=list(message.file_ids),
            )
        )

    def receive(self, *, sender: str, to: str, subject: str, text: str, html: str) -> Letter:
        """A letter that came through the SMTP door, such as the cabinet's sign-in code."""
        core = self._core
        with core.work():
            return core.letters.put(
                Letter(
                    letter_id=core.next_id("letter"),
                    origin="smtp",
                    sender=sender,
                    to=to,
                    subject=subject,
                    text=text,
                    html=html,
                    created_at=core.now(),
                )
            )

    def mailbox(self, address: str) -> list[Letter]:
        """All letters of one address, sent and received, newest first."""
        wanted = address.strip().lower()
        found = [row for row in self._core.letters.all() if wanted in (row.to.lower(), row.sender.lower())]
        return sorted(found, key=lambda row: row.letter_id, reverse=True)

    def addresses(self) -> list[str]:
        """Everybody who has a mailbox here."""
        letters = self._core.letters.all()
        return sorted({(row.sender if row.origin == "customer" else row.to).lower() for row in letters})
