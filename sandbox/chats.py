"""The life of a chat: a case of a sync channel begins as one, and leaves the chat window some day (6).

While a chat is active, lists of cases leave it out. It ends when nobody has written for a while, when staff
finish it, or when its case is closed by whatever hand; it begins again when the customer writes and the case
is open then. Time is the desk's own, looked at in ``Desk.tick``.
"""

from __future__ import annotations

from .cases import Cases, Draft, Refused
from .core import Core, Event
from .records import Body, Case

BEGUN, ENDED = "Чат начат", "Чат завершён"
_MESSAGES = ("user_replied", "staff_replied")


class Chats:
    def __init__(self, core: Core, cases: Cases) -> None:
        self._core, self._cases = core, cases

    def hear(self, event: Event) -> None:
        """Called under the desk's lock for everything that happens to any case."""
        case = self._core.cases.get(event.case_id)
        if case is None:
            return
        if event.condition == "case_closed":
            self._end(case, "omnidesk")
        elif event.condition == "new_case" and self._core.in_sync_channel(case) and case.status != "closed":
            self._begin(case)
        elif event.condition in _MESSAGES and self._core.in_sync_channel(case):
            self._spoken(case, by_customer=event.condition == "user_replied")

    def check_takes_message(self, case: Case) -> None:
        """Refused where the desk takes no customer's message into a closed chat."""
        if (
            self._core.switches.closed_chat_refuses
            and case.status == "closed"
            and self._core.in_sync_channel(case)
        ):
            code = self._core.switches.closed_chat_error
            raise Refused(code, 404 if code == "case_not_found" else 400)

    def finish(self, case: Case, *, done_by: str) -> None:
        """What the staff's button does."""
        if not case.chat_active:
            raise Refused("chat_not_active")
        self._leave(case, closes=self._core.switches.chat_finish_closes, done_by=done_by)

    def set_active(self, case: Case, *, active: bool) -> None:
        """Make any case a running chat or not, without anything else happening to it."""
        case.chat_active = active
        case.chat_spoken_at = self._core.now() if active and self._core.in_sync_channel(case) else 0
        self._core.cases.put(case)

    def end_idle(self) -> None:
        """Let every chat go in which nobody has written for too long."""
        limit, now = self._core.switches.chat_idle_seconds, self._core.now()
        for case in self._core.cases.all():
            if limit and case.chat_active and case.chat_spoken_at and case.chat_spoken_at + limit <= now:
                self._leave(case, closes=self._core.switches.chat_timeout_closes, done_by="omnidesk")

    def _leave(self, case: Case, *, closes: bool, done_by: str) -> None:
        self._end(case, done_by)
        if closes and case.status != "closed":
            self._cases.set_status(case, "closed", done_by=done_by)
        else:
            case.updated_at = self._core.now()
            self._core.cases.put(case)
            self._core.on_event(Event(condition="chat_left", kind="changed", case_id=case.case_id))

    def _spoken(self, case: Case, *, by_customer: bool) -> None:
        if case.chat_active:
            case.chat_spoken_at = self._core.now()
            self._core.cases.put(case)
        elif by_customer and case.status != "closed" and self._core.switches.chat_reactivates:
            self._begin(case)

    def _begin(self, case: Case) -> None:
        self.set_active(case, active=True)
        self._core.log_change(case, "chat_activation", f"user_{case.user_id}")
        self._row(case, BEGUN)

    def _end(self, case: Case, done_by: str) -> None:
        if not case.chat_active:
            return
        self.set_active(case, active=False)
        self._core.log_change(case, "chat_completion", done_by)
        self._row(case, ENDED)

    def _row(self, case: Case, text: str) -> None:
        if self._core.switches.chat_service_rows and case.in_custom_channel:
            self._cases.add_message(case, Draft(body=Body(text=text, html=text)))
