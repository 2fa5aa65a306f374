"""Sending webhooks, of rules and of custom channels: when, how often, and with which switched-on troubles.

With no ``send`` the deliveries are only collected (``sent``): a test then hands them on itself. With one
they go out after the work that caused them was committed, in the background if asked to, so that an
echo may well arrive before the answer to the API call that caused it.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

import requests

from .core import Core, Event
from .faults import Faults
from .records import Json, Rule
from .rules import as_form, fill, matching, values_of


@dataclass(kw_only=True)
class Webhook:
    """One request as it goes over the wire. ``status`` is the receiver's answer, None if there was none;
    ``rule`` is the name of the rule, or the key of the channel (``cch101``)."""

    rule: str
    method: str
    url: str
    headers: dict[str, str]
    body: str
    timeout_seconds: float = 5.0
    at: float = 0.0
    attempt: int = 1
    status: int | None = None
    outcome: str = "collected"


Send = Callable[[Webhook], "int | None"]
Make = Callable[[], Webhook]


@dataclass(order=True)
class _Waiting:
    due: float
    turn: int
    make: Make = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Dispatcher:
    def __init__(self, core: Core, faults: Faults, send: Send | None, *, background: bool) -> None:
        self._core, self._faults, self._send = core, faults, send
        self._pool = ThreadPoolExecutor(8, "webhook") if background else None
        self._lock = threading.Lock()
        self._closed = False
        self._turns = itertools.count()
        self._waiting: list[_Waiting] = []
        self.sent: list[Webhook] = []
        self.lost: list[Webhook] = []

    def on_event(self, event: Event) -> None:
        """Called under the desk's lock: render what fires and put it into the queue. What came by API fires
        nothing on a desk that keeps quiet then; nor need cases of custom channels fire anything."""
        case, switches = self._core.cases.get(event.case_id), self._core.switches
        if case is None or (event.by_api and not switches.api_echo):
            return
        if case.in_custom_channel and not switches.rules_match_custom_channels:
            return
        for rule in self._in_firing_order(matching(self._core.rules.all(), event)):
            title = f"{rule.name} (ID - {rule.rule_id})"
            self._core.log_change(case, "rules", f"rule_{rule.rule_id}", old_value=title)
            self._core.cases.put(case)
            self._fire(rule, event.case_id)

    def test(self, rule: Rule) -> None:
        """The request the desk sends when a rule is saved: there is no case in it."""
        hook = self.render(rule, 0)
        self._push(self._core.clock(), lambda: hook)

    def pump(self) -> None:
        """Send everything that is due by now."""
        while True:
            with self._lock:
                if self._closed or not self._waiting or self._waiting[0].due > self._core.clock():
                    return
                waiting = heapq.heappop(self._waiting)
                if self._pool is not None:
                    self._pool.submit(self._deliver, waiting)
                    continue
            self._deliver(waiting)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def forget(self) -> None:
        with self._lock:
            self._waiting.clear()
            self.sent.clear()
            self.lost.clear()

    def log(self) -> list[Json]:
        """Every webhook there was, also those that a fault lost."""
        return [asdict(hook) for hook in [*self.sent, *self.lost]]

    def render(self, rule: Rule, case_id: int) -> Webhook:
        """The request with its placeholders filled in as of now."""
        core, switches = self._core, self._core.switches
        with core.lock:
            values = values_of(core, core.cases.get(case_id))
        form = switches.webhook_encoding == "form"
        body = fill(rule.body, values, escaping="json" if switches.webhook_escapes_json or form else "")
        content_type = "application/x-www-form-urlencoded" if form else rule.content_type
        url = rule.url if switches.webhook_headers else rule.url_without_headers or rule.url
        return Webhook(
            rule=rule.name,
            method=rule.method,
            url=fill(url, values, escaping="url"),
            headers={**(rule.headers if switches.webhook_headers else {}), "Content-Type": content_type},
            body=as_form(body) if form else body,
            timeout_seconds=switches.webhook_timeout_seconds,
        )

    def _in_firing_order(self, rules: list[Rule]) -> list[Rule]:
        if self._core.switches.rule_order == "random":
            self._core.random.shuffle(rules)
        return rules[::-1] if self._core.switches.rule_order == "reversed" else rules

    def _fire(self, rule: Rule, case_id: int) -> None:
        target = f"{rule.name} {rule.url}"
        if self._core.switches.webhook_values_at == "firing":
            hook = self.render(rule, case_id)
            self._queue(rule.method, target, lambda: hook)
        else:
            self._queue(rule.method, target, lambda: self.render(rule, case_id))

    def post(self, hook: Webhook) -> None:
        """Put a request that is written already into the queue; the same faults may strike it."""
        self._queue(hook.method, f"{hook.rule} {hook.url}", lambda: hook)

    def _queue(self, method: str, target: str, make: Make) -> None:
        now = self._core.clock()
        fault = self._faults.strike_webhook(method, target)
        kind = fault.kind if fault else ""
        seconds = fault.seconds if fault else 0.0
        if kind == "webhook_lost":
            lost = make()
            lost.at, lost.outcome = now, "lost"
            self.lost.append(lost)
            return
        delay = {"webhook_late": seconds, "webhook_shuffled": self._faults.spread(seconds)}.get(kind, 0.0)
        self._push(now + delay, make)
        if fault and kind == "webhook_doubled":
            for _ in range(fault.times - 1):
                self._push(now + self._faults.spread(seconds), make)

    def _push(self, due: float, make: Make, attempt: int = 1) -> None:
        with self._lock:
            heapq.heappush(self._waiting, _Waiting(due, next(self._turns), make, attempt))

    def _deliver(self, waiting: _Waiting) -> None:
        hook = waiting.make()
        sent = Webhook(**{**asdict(hook), "at": self._core.clock(), "attempt": waiting.attempt})
        self.sent.append(sent)
        if self._send is None:
            return
        sent.status = self._send(sent)
        good = sent.status is not None and 200 <= sent.status < 300
        sent.outcome = "delivered" if good else "refused" if sent.status else "failed"
        if not good and waiting.attempt <= self._core.switches.webhook_retries:
            due = self._core.clock() + self._core.switches.webhook_retry_seconds
            self._push(due, lambda: hook, waiting.attempt + 1)


def post_webhook(hook: Webhook) -> int | None:
    """Send as the vendor would: no redirects followed, a few seconds' patience, no questions."""
    try:
        answer = requests.request(
            hook.method,
            hook.url,
            headers={"User-Agent": "Omnidesk", **hook.headers},
            data=None if hook.method == "GET" else hook.body.encode(),
            timeout=hook.timeout_seconds,
            allow_redirects=False,
        )
    except requests.RequestException:
        return None
    return answer.status_code
