"""What can happen to a case, whoever does it: the API, the staff page or a letter.

The rules kept here are the desk's own (omnidesk-api.md 2-4): who becomes the author, what a message does
to the status, which letters go out and which events rules get to see.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .core import Core, Event
from .letters import PostOffice
from .records import CHANNEL_PREFIX, Body, Case, Message, Upload, User


class Refused(Exception):
    """The desk will not do it. ``code`` is the word in the answer, ``status`` its HTTP status."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message about to be written: user_id or staff_id is set, or neither for a service row."""

    body: Body
    user_id: int = 0
    staff_id: int = 0
    note: bool = False
    sent_via_rule: bool = False
    files: list[Upload] = field(default_factory=list)
    created_at: int | None = None
    send_at: int | None = None
    mail_customer: bool = True
    by_api: bool = False


class Cases:
    def __init__(self, core: Core, post: PostOffice) -> None:
        self.core, self.post = core, post

    def open_case(self, user: User, draft: Draft, *, subject: str, channel: str, status: str) -> Case:
        """A new case whose first message is the customer's; fires the rules for new cases."""
        core = self.core
        moment = draft.created_at or core.now()
        case_id = core.next_id("case")
        case = Case(
            case_id=case_id,
            case_number=f"{100 + case_id * 37 % 900}-{case_id * 271 % 1_000_000:06d}",
            subject=subject,
            user_id=user.user_id,
            channel=channel,
            status=status,
            recipient="" if channel.startswith(CHANNEL_PREFIX) else user.email,
            language_id=user.language_id,
            created_at=moment,
            updated_at=core.now(),
            last_response_at=moment,
        )
        core.cases.put(case)
        message = self._store(case, draft)
        self._fire("new_case", "new", case, message, by_api=draft.by_api)
        return case

    def add_message(self, case: Case, draft: Draft) -> Message:
        """One more row in the thread, with everything that follows from its author and its time."""
        message = self._store(case, draft)
        if not message.note or self.core.switches.note_touches_case:
            self._touch(case)
        if message.note:
            if self.core.switches.notes_trigger_staff_replied:
                self._fire("staff_replied", "changed", case, message, by_api=draft.by_api)
            self._fire("note_added", "changed", case, message, by_api=draft.by_api)
        elif not message.pending or self.core.switches.delayed_fires == "written":
            self._takes_effect(case, message)
        return message

    def release_due(self) -> None:
        """Let every delayed answer whose time has come go out."""
        now = self.core.now()
        for message in [row for row in self.core.messages.all() if row.pending and row.sent_at <= now]:
            case = self.core.cases.get(message.case_id)
            message.pending = False
            self.core.messages.put(message)
            if case is None or message.deleted:
                continue
            if self.core.switches.delayed_touches_case:
                self._touch(case)
            if self.core.switches.delayed_fires == "due":
                self._takes_effect(case, message)

    def set_status(self, case: Case, status: str, *, done_by: str, by_api: bool = False) -> None:
        """Change the status; nothing happens if it is the same already."""
        if status == case.status:
            return
        self._change_status(case, status, done_by=done_by)
        self._touch(case)
        self._fire("status_changed", "changed", case, None, by_api=by_api)

    def edit(self, message: Message, body: Body) -> Message:
        message.text, message.html, message.edited_at = body.text, body.html, self.core.now()
        self._quiet_change(message)
        return message

    def remove(self, message: Message) -> None:
        message.deleted = True
        self._quiet_change(message)

    def set_flags(self, case: Case, *, deleted: bool, spam: bool) -> None:
        """Into the trash, among spam, or back from both."""
        case.deleted, case.spam = deleted, spam
        self._touch(case)

    def destroy(self, case: Case) -> None:
        """Deleted for good: the API answers 404 from now on."""
        case.destroyed = True
        self._touch(case)

    def merge(self, child: Case, parent: Case, *, done_by: str) -> None:
        """The child's messages move to the parent; the child stays as a closed, hidden pointer to it."""
        if child is parent or parent.parent_case_id:
            raise Refused("case_cannot_be_merged")
        for message in self.core.thread(child.case_id):
            message.came_from_case_id, message.case_id = child.case_id, parent.case_id
            self.core.messages.put(message)
        child.parent_case_id = parent.case_id
        self._change_status(child, "closed", done_by=done_by)
        self._touch(child)
        self._touch(parent)
        if self.core.switches.merge_fires_rules:
            self._fire("status_changed", "changed", child, None, by_api=False)

    def give(self, case: Case, user: User) -> None:
        """Hand the case to another customer; what was written keeps its authors."""
        case.user_id, case.recipient = user.user_id, user.email
        self._touch(case)

    def _store(self, case: Case, draft: Draft) -> Message:
        core = self.core
        now = core.now()
        created_at = draft.created_at or now
        sent_at = max(draft.send_at or created_at, created_at)
        message = Message(
            message_id=core.next_id("message"),
            case_id=case.case_id,
            user_id=draft.user_id,
            staff_id=draft.staff_id,
            text=draft.body.text,
            html=draft.body.html,
            message_type=_message_type(draft),
            note=draft.note,
            sent_via_rule=draft.sent_via_rule,
            full_name=self._author(draft),
            created_at=created_at,
            sent_at=sent_at,
            pending=sent_at > now and not draft.note,
            mail_customer=draft.mail_customer,
            by_api=draft.by_api,
        )
        message.file_ids = [core.keep_file(case.case_id, upload) for upload in draft.files]
        return core.messages.put(message)

    def _author(self, draft: Draft) -> str:
        user = self.core.users.get(draft.user_id) if draft.user_id else None
        if user:
            return user.full_name
        member = self.core.staff.get(draft.staff_id) if draft.staff_id else None
        return member.full_name if member else ""

    def _takes_effect(self, case: Case, message: Message) -> None:
        status_before = case.status
        case.last_response_at = self.core.now()
        if message.user_id:
            self._customer_wrote(case, message)
        elif message.message_type == "reply_staff":
            self._staff_wrote(case, message)
        self.core.cases.put(case)
        if case.status != status_before and self.core.switches.reply_fires_status_changed:
            self._fire("status_changed", "changed", case, None, by_api=message.by_api)

    def _customer_wrote(self, case: Case, message: Message) -> None:
        switches = self.core.switches
        if not message.by_api or switches.api_user_message_reopens:
            self._change_status(case, "open", done_by=f"user_{message.user_id}")
        if message.by_api and message.mail_customer and switches.api_user_message_mails == "customer":
            self.post.mail_answer(case, message)
        self._fire("user_replied", "changed", case, message, by_api=message.by_api)

    def _staff_wrote(self, case: Case, message: Message) -> None:
        case.first_response_at = case.first_response_at or self.core.now()
        status = self.core.switches.staff_reply_status
        if status != "keep":
            self._change_status(case, status, done_by=f"staff_{message.staff_id}")
        if message.mail_customer:
            self.post.mail_answer(case, message)
        self._fire("staff_replied", "changed", case, message, by_api=message.by_api)

    def _change_status(self, case: Case, status: str, *, done_by: str) -> None:
        if status == case.status:
            return
        self.core.log_change(case, "status", done_by, old_value=case.status, value=status)
        case.status = status
        case.closed_at = self.core.now() if status == "closed" else None
        if status == "closed":
            self._fire("case_closed", "changed", case, None, by_api=False)

    def _quiet_change(self, message: Message) -> None:
        self.core.messages.put(message)
        case = self.core.cases.get(message.case_id)
        if case and self.core.switches.edit_touches_case:
            self._touch(case)

    def _touch(self, case: Case) -> None:
        case.updated_at = self.core.now()
        self.core.cases.put(case)

    def _fire(self, condition: str, kind: str, case: Case, message: Message | None, *, by_api: bool) -> None:
        message_id = message.message_id if message else 0
        self.core.on_event(
            Event(condition=condition, kind=kind, case_id=case.case_id, message_id=message_id, by_api=by_api)
        )


def _message_type(draft: Draft) -> str:
    if draft.note:
        return "note"
    if draft.user_id:
        return "reply_user"
    return "reply_staff" if draft.staff_id or draft.sent_via_rule else ""
