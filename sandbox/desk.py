"""The pretend desk as one object: what tests, the server and the pages hold on to.

    desk = Desk()                                   # in memory, webhooks only collected
    case = desk.mailbox.write(sender="anna@example.ru", subject="Счёт", text="Где счёт?")
    desk.staffroom.reply(case.case_id, text="Вот он.")
    desk.switch(api_echo=False)
    desk.faults.add("cut_after", count=1, path="messages")
    desk.sent_webhooks                              # what the rules have sent

It speaks no HTTP: ``exchange`` puts the API and the pages in front of it.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any

from .cases import Cases, Refused
from .channels import Channels, cabinet_channels
from .chats import Chats
from .company import Company
from .core import Clock, Core, Event, Ids
from .faults import Faults
from .letters import PostOffice
from .limits import RateLimit
from .mailbox import Mailbox
from .people import People
from .records import Channel, Json, Rule
from .rules import CONDITIONS, cabinet_rules
from .staffroom import StaffRoom
from .store import Store
from .switches import Switches
from .webhooks import Dispatcher, Send, Webhook


class Desk:
    """All parts of the desk, wired together. Safe to use from several threads."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        switches: dict[str, Any] | None = None,
        api_key: str = "sandbox-key",
        staff_email: str = "robot@acme.example",
        limit: int = 300,
        base_url: str = "http://127.0.0.1:8100",
        desk_address: str = "support@acme.example",
        send_webhook: Send | None = None,
        background: bool = False,
        clock: Clock = time.time,
        ids: Ids | None = None,
        seed: int = 1,
        company: Company | None = None,
    ) -> None:
        settings = Switches()
        self.core = Core(
            store=store,
            switches=settings,
            clock=clock,
            ids=ids,
            base_url=base_url,
            desk_address=desk_address,
            seed=seed,
        )
        self.company = company
        self.api_key = api_key
        self.staff_email = staff_email
        self.faults = Faults(seed)
        self.limit = RateLimit(limit, clock, settings)
        self.people = People(self.core)
        self.post = PostOffice(self.core)
        self.cases = Cases(self.core, self.post)
        self.mailbox = Mailbox(self.core, self.cases, self.people)
        self.webhooks = Dispatcher(self.core, self.faults, send_webhook, background=background)
        self.channels = Channels(self.core, self.webhooks)
        self.chats = Chats(self.core, self.cases)
        self.staffroom = StaffRoom(self.core, self.cases, self.people, self.mailbox, self.chats)
        self.core.on_event = self._hear
        self.core.after_work = self.webhooks.pump
        self.calls: list[Json] = []
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._turns = itertools.count()
        if switches:
            settings.update(switches)
        self._hire_everybody()

    @property
    def switches(self) -> Switches:
        return self.core.switches

    @property
    def sent_webhooks(self) -> list[Webhook]:
        """Every webhook that went out (or, without a sender, would have), oldest first."""
        return self.webhooks.sent

    def switch(self, **values: Any) -> None:
        """Set switches by name (ValueError for an unknown name or value); they are kept over restarts."""
        with self.core.work():
            self.core.switches.update(values)
            self.core.save_switches()

    def tick(self) -> None:
        """Do what has become due: delayed answers, chats without a word, late work, late webhooks."""
        with self.core.work():
            self.cases.release_due()
            self.chats.end_idle()
        while True:
            with self.core.lock:
                if not self._later or self._later[0][0] > self.core.clock():
                    break
                _, _, act = heapq.heappop(self._later)
            act()
        self.webhooks.pump()

    def do_later(self, seconds: float, act: Callable[[], object]) -> None:
        with self.core.lock:
            heapq.heappush(self._later, (self.core.clock() + seconds, next(self._turns), act))

    def save_rule(self, *, test: bool = True, **details: Any) -> Rule:
        """Make a rule, or replace the one of the same name; the form's test request follows."""
        if details.get("condition") not in CONDITIONS or not details.get("name") or not details.get("url"):
            raise Refused("incorrect_rule")
        known = next((row for row in self.core.rules.all() if row.name == details["name"]), None)
        with self.core.work():
            rule_id = known.rule_id if known else self.core.next_id("rule")
            rule = self.core.rules.put(Rule(**{**details, "rule_id": rule_id}))
            if test and rule.enabled and self.switches.webhook_test_on_save:
                self.webhooks.test(rule)
        return rule

    def remove_rule(self, rule_id: int) -> None:
        with self.core.work():
            self.core.rules.drop(rule_id)

    def enable_rules(self, *, enabled: bool, name: str = "") -> None:
        """Switch one rule on or off, or all of them."""
        with self.core.work():
            for rule in self.core.rules.all():
                if name in ("", rule.name):
                    rule.enabled = enabled
                    self.core.rules.put(rule)

    def install_cabinet_rules(self, url: str, secret: str = "") -> list[Rule]:
        """The four rules of a cabinet. Those already there keep their switch, so that a restart on
        another port corrects the address without turning anything on again."""
        known = {row.name: row.enabled for row in self.core.rules.all()}
        found = cabinet_rules(url, secret)
        return [
            self.save_rule(test=False, **{**rule, "enabled": known.get(rule["name"], True)}) for rule in found
        ]

    def add_channel(
        self, title: str, *, channel_type: str = "async", webhook_url: str = "", **details: Any
    ) -> Channel:
        """A custom channel; its ``api_key`` is what ``channel`` in a case is called (``cch101``).

        ``channel_id`` may be given (the one of that id is replaced), as may ``icon`` and ``active``;
        ``test=False`` keeps the form's test request back.
        """
        return self.channels.save(title=title, channel_type=channel_type, webhook_url=webhook_url, **details)

    def install_cabinet_channels(self, url: str, secret: str = "") -> list[Channel]:
        """The two channels of a cabinet, the first for cases and the second for chats. Those of the same
        titles keep their id and their switch, so that a restart on another port only corrects the address."""
        known = {row.title: row for row in self.core.channels.all()}
        found = []
        for channel in cabinet_channels(url, secret):
            old = known.get(channel["title"])
            kept = {"channel_id": old.channel_id, "active": old.active} if old else {}
            found.append(self.channels.save(test=False, **channel, **kept))
        return found

    def reset(self) -> None:
        """Forget cases, people, letters, faults, calls, webhooks; keep staff, rules, channels, switches."""
        with self.core.work():
            self.core.forget_everything()
            self.calls.clear()
            self._later.clear()
        self.faults.clear()
        self.limit.reset()
        self.webhooks.forget()

    def close(self) -> None:
        self.webhooks.close()
        with self.core.lock:
            self.core.store.close()

    def _hear(self, event: Event) -> None:
        """The chat first: what channels and rules tell is the case as it is then."""
        self.chats.hear(event)
        self.channels.hear(event)
        self.webhooks.on_event(event)

    def _hire_everybody(self) -> None:
        """Two people who answer, and the technical account the API key belongs to - last, so that an
        answer "as somebody" is a person's."""
        with self.core.work():
            self.people.hire("maria@acme.example", "Мария Орлова")
            self.people.hire("pavel@acme.example", "Павел Громов")
            self.people.hire(self.staff_email, "Личный кабинет")
