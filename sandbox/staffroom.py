"""What staff do in the desk's own interface. Every method takes ids, as a form or a script has them."""

from __future__ import annotations

from collections.abc import Sequence

from .cases import Cases, Draft, Refused
from .chats import Chats
from .core import Core
from .mailbox import Mailbox
from .people import People, is_address
from .records import Body, Case, Message, Upload
from .text import make_body

STATUSES = ("open", "waiting", "closed")


class StaffRoom:
    def __init__(self, core: Core, cases: Cases, people: People, mailbox: Mailbox, chats: Chats) -> None:
        self._core, self._cases, self._people, self._mailbox = core, cases, people, mailbox
        self._chats = chats

    def reply(
        self,
        case_id: int,
        *,
        text: str = "",
        html: str = "",
        files: Sequence[Upload] = (),
        delay_seconds: int = 0,
        staff_id: int = 0,
        sent_via_rule: bool = False,
    ) -> Message:
        """A public answer; with a delay it stands in the thread at once and goes out later.

        ``sent_via_rule`` makes it an automatic answer that no person signed.
        """
        author = 0 if sent_via_rule else staff_id or self.default_author()
        with self._core.work():
            draft = Draft(
                body=self._body(text, html),
                staff_id=author,
                sent_via_rule=sent_via_rule,
                files=list(files),
                send_at=self._core.now() + delay_seconds if delay_seconds > 0 else None,
            )
            return self._cases.add_message(self._case(case_id), draft)

    def note(
        self, case_id: int, *, text: str = "", html: str = "", files: Sequence[Upload] = (), staff_id: int = 0
    ) -> Message:
        """An internal note: no customer may ever see it."""
        with self._core.work():
            author = staff_id or self.default_author()
            draft = Draft(body=self._body(text, html), staff_id=author, note=True, files=list(files))
            return self._cases.add_message(self._case(case_id), draft)

    def service_row(self, case_id: int, *, text: str) -> Message:
        """A row of the desk itself: no author, an empty message_type (omnidesk-api.md 3.2)."""
        with self._core.work():
            return self._cases.add_message(self._case(case_id), Draft(body=self._body(text, "")))

    def set_status(self, case_id: int, status: str, *, staff_id: int = 0) -> Case:
        if status not in STATUSES:
            raise Refused("incorrect_status")
        with self._core.work():
            case = self._case(case_id)
            self._cases.set_status(case, status, done_by=f"staff_{staff_id or self.default_author()}")
            return case

    def edit(self, message_id: int, *, text: str = "", html: str = "") -> Message:
        with self._core.work():
            return self._cases.edit(self._message(message_id), self._body(text, html))

    def delete(self, message_id: int) -> Message:
        with self._core.work():
            message = self._message(message_id)
            self._cases.remove(message)
            return message

    def trash(self, case_id: int) -> Case:
        return self._flag(case_id, deleted=True, spam=False)

    def spam(self, case_id: int) -> Case:
        return self._flag(case_id, deleted=False, spam=True)

    def restore(self, case_id: int) -> Case:
        return self._flag(case_id, deleted=False, spam=False)

    def destroy(self, case_id: int) -> Case:
        with self._core.work():
            case = self._case(case_id)
            self._cases.destroy(case)
            return case

    def merge(self, case_id: int, into: int) -> Case:
        """Merge one case into another; gives the other."""
        with self._core.work():
            parent = self._case(into)
            self._cases.merge(self._case(case_id), parent, done_by=f"staff_{self.default_author()}")
            return parent

    def give(self, case_id: int, email: str) -> Case:
        """Make another customer the owner of the case."""
        if not is_address(email):
            raise Refused("incorrect_user_email")
        with self._core.work():
            case = self._case(case_id)
            self._cases.give(case, self._people.meet(email=email))
            return case

    def set_chat(self, case_id: int, *, active: bool) -> Case:
        """Make a case a running chat, which lists leave out, or not; nothing else happens to it."""
        with self._core.work():
            case = self._case(case_id)
            self._chats.set_active(case, active=active)
            return case

    def finish_chat(self, case_id: int, *, staff_id: int = 0) -> Case:
        """End a running chat, as the button does; the switch chat_finish_closes says whether it is closed."""
        with self._core.work():
            case = self._case(case_id)
            self._chats.finish(case, done_by=f"staff_{staff_id or self.default_author()}")
            return case

    def open_case(self, email: str, *, subject: str, text: str, files: Sequence[Upload] = ()) -> Case:
        """A case for somebody's address, as though a letter had come."""
        return self._mailbox.write(sender=email, subject=subject, text=text, files=files)

    def enable(self, staff_id: int, *, active: bool) -> None:
        """Switch a staff member on or off; a key whose owner is off is refused."""
        with self._core.work():
            member = self._core.staff.get(staff_id)
            if member is None:
                raise Refused("staff_not_found", 404)
            member.active = active
            self._core.staff.put(member)

    def default_author(self) -> int:
        """The first active person who is not the technical owner of the API key."""
        active = [row for row in self._core.staff.all() if row.active]
        if not active:
            raise Refused("staff_not_active")
        return min(row.staff_id for row in active)

    def _flag(self, case_id: int, *, deleted: bool, spam: bool) -> Case:
        with self._core.work():
            case = self._case(case_id)
            self._cases.set_flags(case, deleted=deleted, spam=spam)
            return case

    def _case(self, case_id: int) -> Case:
        case = self._core.cases.get(case_id)
        if case is None or case.destroyed:
            raise Refused("case_not_found", 404)
        return case

    def _message(self, message_id: int) -> Message:
        message = self._core.messages.get(message_id)
        if message is None or message.deleted:
            raise Refused("message_not_found", 404)
        return message

    def _body(self, text: str, html: str) -> Body:
        if not text.strip() and not html.strip():
            raise Refused("content_required")
        return make_body(text, html, style=self._core.switches.text_as_html, strict=False)
