"""Whether the account is what this site was told it is: a few calls, a line about each thing, no change.

For `manage.py omnidesk_check`. The calls are made beside the budget: it must also be possible to ask while
the account is paused. No line names a secret, a key, or anything that a customer wrote.
"""

import enum
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from celery.app import app_or_default
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from cabinet.models import Case
from omnidesk_sync import budget
from omnidesk_sync.account import connect, describe
from omnidesk_sync.client import MAX_LIMIT, Client
from omnidesk_sync.doorbell import try_broker
from omnidesk_sync.errors import AccountTrouble, OmnideskError, OutcomeUnknown, TryLater, Unreadable
from omnidesk_sync.models import Budget
from omnidesk_sync.parsing import read_channel_key
from omnidesk_sync.types import Answered, Call, CaseFilters, DeskChannel, DeskStaff

CLOCK_TOLERANCE_SECONDS = 60
"""Times of the desk have whole seconds and travel for a moment; more than this is a clock that is wrong."""

FEW_CALLS = 20
"""The smallest plan has so many a minute."""

KINDS = {Case.Mode.CABINET: "async", Case.Mode.CHAT: "sync"}
"""Of which kind the channel of a mode must be: like mail, or like a chat."""


class Mark(enum.Enum):
    """What is to be done about a line: nothing, something, or a person has to look."""

    OK = "ok"
    PROBLEM = "problem"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. `mend` says in a sentence what to do about it."""

    topic: str
    mark: Mark
    text: str
    mend: str = ""


@dataclass(slots=True)
class Findings:
    """What the account said. `channels`: those of this site by mode, None if they could not be listed."""

    lines: list[Line] = field(default_factory=list)
    units: int = 0
    channels: dict[str, DeskChannel] | None = None


def ok(topic: str, text: str) -> Line:
    return Line(topic, Mark.OK, text)


def problem(topic: str, text: str, mend: str) -> Line:
    return Line(topic, Mark.PROBLEM, text, mend)


def look(topic: str, text: str, mend: str) -> Line:
    return Line(topic, Mark.LOOK, text, mend)


# ── the account ─────────────────────────────────────────────────────────────────────────────────────────


def examine_account() -> Findings:
    """Asks the account about itself: 2 units, and 1 more for each thing that is configured."""
    found = Findings()
    if not settings.OMNIDESK_ACCOUNT.url:
        hint = "Set OMNIDESK_URL, OMNIDESK_STAFF_EMAIL and OMNIDESK_API_KEY, and restart all processes."
        found.lines.append(problem("account", "No Omnidesk account is connected: cases wait here.", hint))
        return found
    answers: list[Answered] = []

    def count(call: Call) -> None:
        found.units += call.units

    def hear(answer: Answered) -> None:
        answers.append(answer)
        budget.learn(answer)

    with connect(before_call=count, on_answer=hear) as client:
        try:
            client.list_cases(limit=1)
        except OmnideskError as error:
            found.lines.append(_no_entry(error))
            return found
        asked_at = timezone.now()
        found.lines.append(ok("address", f"{settings.OMNIDESK_ACCOUNT.url} answers as Omnidesk."))
        found.lines.append(ok("key", "The key is accepted."))
        found.lines.append(_clock(answers[-1].server_time, asked_at))
        found.lines.append(_asked("staff", lambda: _staff(client)))
        found.lines += _channels(client, found)
        found.lines += _reference_field(client)
    found.lines.append(_calls_left(answers))
    return found


def _no_entry(error: OmnideskError) -> Line:
    """Why nothing at all can be asked."""
    said = describe(error)
    if isinstance(error, AccountTrouble) and error.status == 401:
        hint = "Put the API key (Settings → API in Omnidesk) into OMNIDESK_API_KEY."
        return problem("key", f"Omnidesk does not accept the key: {said}", hint)
    if isinstance(error, AccountTrouble) and error.status == 403:
        hint = "OMNIDESK_STAFF_EMAIL must be the e-mail of an active staff member with access to every group."
        return problem("staff", f"Omnidesk does not accept the staff member: {said}", hint)
    if isinstance(error, TryLater) and error.status == 429:
        hint = "Ask again in a minute. If it is usual, other integrations use the calls up: see which."
        return problem("budget", "The calls of this minute are used up.", hint)
    if isinstance(error, AccountTrouble | Unreadable):
        hint = "OMNIDESK_URL must be the account's own address, like https://acme.omnidesk.ru, over https."
        return problem("address", f"This address is not Omnidesk's API: {said}", hint)
    if isinstance(error, OutcomeUnknown):
        hint = "Try again. If it stays, look at the network between here and there, and at Omnidesk's status."
        return problem("address", f"Omnidesk gives no usable answer: {said}", hint)
    hint = "Look at OMNIDESK_URL, at the name lookup and at the firewall of this machine."
    return problem("address", f"Omnidesk cannot be reached: {said}", hint)


def _asked(topic: str, ask: Callable[[], Line]) -> Line:
    try:
        return ask()
    except OmnideskError as error:
        hint = "The account works otherwise: look at this in Omnidesk itself, or ask again in a minute."
        return look(topic, f"This could not be looked up: {describe(error)}", hint)


def _clock(server_time: datetime | None, asked_at: datetime) -> Line:
    if server_time is None:
        return look("clock", "The answer names no time.", "Compare this machine's clock with the true time.")
    apart = round((server_time - asked_at).total_seconds())
    if abs(apart) <= CLOCK_TOLERANCE_SECONDS:
        return ok("clock", f"Omnidesk's clock is {apart:+d} s from this machine's.")
    hint = (
        "Let this machine's clock follow the true time (NTP). If it does, theirs is wrong: nothing to mend."
    )
    return problem("clock", f"Omnidesk's clock is {apart:+d} s from this machine's.", hint)


def _staff(client: Client) -> Line:
    address = settings.OMNIDESK_ACCOUNT.staff_email
    member = next((row for row in _all_staff(client) if row.staff_email.lower() == address.lower()), None)
    if member is None:
        hint = "The key works, so look at the staff member in Omnidesk: active, with access to every group."
        return look("staff", f"{address} is not in the list of staff.", hint)
    if not member.active:
        hint = "Switch the staff member on in Omnidesk, with access to every group."
        return problem("staff", f"{address} is switched off.", hint)
    return ok("staff", f"{address} is an active staff member.")


def _all_staff(client: Client) -> Iterator[DeskStaff]:
    for number in range(1, 6):
        page = client.list_staff(page=number)
        yield from page.items
        if len(page.items) < MAX_LIMIT:
            return


def _calls_left(answers: Sequence[Answered]) -> Line:
    """The last answer's word, and what our own books make of it."""
    row = Budget.objects.filter(pk=1).first()
    if row is not None and row.paused_since is not None:
        hint = "Mend what the reason names. A probe a minute ends the pause; so does the admin's button."
        return problem("budget", f"The account is paused: {row.pause_reason}", hint)
    last = answers[-1]
    if last.rate_limit_per_minute is None:
        hint = (
            "A proxy in between may drop headers with underscores (rate_limit_per_minute): let them through."
        )
        return look("budget", "The answers do not say how many calls a minute are allowed.", hint)
    left = "unknown" if last.api_calls_left is None else str(last.api_calls_left)
    text = f"{last.rate_limit_per_minute} units a minute, {left} left in this one; {budget.limit()} are ours."
    if budget.limit() < FEW_CALLS:
        hint = (
            "Raise OMNIDESK_BUDGET_SHARE or the plan: with so few everything is slow, though nothing is lost."
        )
        return look("budget", text, hint)
    return ok("budget", text)


# ── what is configured ──────────────────────────────────────────────────────────────────────────────────


def _channels(client: Client, found: Findings) -> list[Line]:
    wanted = {
        mode: settings.OMNIDESK_CHANNELS.get(mode, "")
        for mode in settings.CABINET_MODES
        if mode != Case.Mode.MAIL
    }
    if not wanted:
        return [ok("channels", "Cases are led by mail only: no custom channel is needed.")]
    try:
        there = {channel.key: channel for channel in client.list_channels()}
    except OmnideskError as error:
        hint = "Look at the custom channels in Omnidesk: Channels → Custom channels."
        return [look("channels", f"The channels could not be listed: {describe(error)}", hint)]
    ours = {mode: there.get(read_channel_key(key)) for mode, key in wanted.items()}
    found.channels = {mode: channel for mode, channel in ours.items() if channel is not None}
    lines = [_channel(mode, key, ours[mode]) for mode, key in wanted.items()]
    return [*lines, _asked("own ids", lambda: _finds_by_own_id(client))]


def _channel(mode: str, key: str, channel: DeskChannel | None) -> Line:
    topic, name = f"channel {mode}", f"OMNIDESK_{mode.upper()}_CHANNEL"
    if channel is None:
        return problem(topic, f"There is no channel {key}.", f"Set {name} to the key that Omnidesk shows.")
    if not channel.active:
        return problem(topic, f"The channel {key} is switched off.", "Switch it on in Omnidesk.")
    kind = KINDS[Case.Mode(mode)]
    if channel.kind != kind:
        hint = f"Mode {mode!r} needs a channel of type {kind}: make one, and set {name} to its key."
        return problem(topic, f"The channel {key} is of type {channel.kind or 'unknown'}.", hint)
    return ok(topic, f"{key} is there, active, of type {kind}.")


def _finds_by_own_id(client: Client) -> Line:
    """Nobody goes by a fresh id. A desk that lists cases under it ignores the filter, and would show us
    everybody's cases as one customer's."""
    nobody: CaseFilters = {"user_custom_id": str(uuid.uuid4()), "show_active_chats": True}
    if client.list_cases(limit=1, **nobody).items:
        hint = "Set CABINET_MODES=mail and ask Omnidesk about the filter user_custom_id of GET cases.json."
        return problem("own ids", "Omnidesk lists cases under an id that nobody has.", hint)
    return ok("own ids", "Cases are found by our ids, and only by whole ones.")


def _reference_field(client: Client) -> list[Line]:
    name = settings.OMNIDESK_CASE_REFERENCE_FIELD
    if not name:
        hint = "Advised: a text field for cases, its number as cf_N in OMNIDESK_CASE_REFERENCE_FIELD."
        return [look("reference field", "None is set: a creation that was cut is known by its words.", hint)]
    return [_asked("reference field", lambda: _field_of(client, name))]


def _field_of(client: Client, name: str) -> Line:
    topic = "reference field"
    row = next((row for row in client.list_fields() if f"cf_{row.field_id}" == name), None)
    if row is None:
        hint = "Set OMNIDESK_CASE_REFERENCE_FIELD to the number of a text field for cases, or leave it empty."
        return problem(topic, f"There is no field {name}.", hint)
    if not row.active:
        return problem(topic, f"The field {name} is switched off.", "Switch it on in Omnidesk.")
    if row.level != "case" or not row.kind.startswith("text"):
        hint = "Make a text field for cases, and set OMNIDESK_CASE_REFERENCE_FIELD to its number."
        return problem(topic, f"The field {name} is no text field of cases ({row.level}, {row.kind}).", hint)
    return ok(topic, f"{name} is a text field of cases.")


# ── this side ───────────────────────────────────────────────────────────────────────────────────────────


def examine_database() -> Line:
    """The first question of all: without it nothing else can be asked."""
    try:
        return _migrations()
    except DatabaseError as error:
        hint = "Start it, or look at DATABASE_URL."
        return problem("database", f"It does not answer ({type(error).__name__}).", hint)


def examine_house() -> list[Line]:
    """Broker and the site's own address: no call."""
    return [_broker(), _site()]


def _migrations() -> Line:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        return problem("database", f"{missing} migrations are not applied.", "Run manage.py migrate.")
    return ok("database", f"{connection.vendor} answers, all migrations are applied.")


def _broker() -> Line:
    try:
        try_broker(app_or_default())
    except Exception as error:  # noqa: BLE001 - each transport fails in its own way
        hint = "Start it, or look at REDIS_URL. Until then everything happens one sweep later."
        return problem("broker", f"It takes no messages ({type(error).__name__}).", hint)
    return ok("broker", "It takes messages.")


def _site() -> Line:
    if settings.SITE_URL.startswith("https://"):
        return ok("site", f"{settings.SITE_URL}: https.")
    hint = "Set SITE_URL to the https address under which people and Omnidesk reach this site."
    return problem("site", f"{settings.SITE_URL} is not https: sign-in cookies travel in the open.", hint)
