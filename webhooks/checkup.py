"""Whether webhooks arrive, and whether the channels' own point here. No line names a secret."""

from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db.models import Count, Max, Q
from django.utils import timezone

from cabinet.models import Case, Message, OutboxEntry
from omnidesk_sync.checkup import (
    Findings,
    Line,
    Mark,
    examine_account,
    examine_database,
    examine_house,
    look,
    ok,
    problem,
)
from omnidesk_sync.services import CHANNEL_EVENT, STATUS_EVENT
from webhooks.authentication import is_valid_secret
from webhooks.models import InboxEntry
from webhooks.services import unknown_events

LATELY = timedelta(days=7)
ON_ITS_WAY = timedelta(minutes=10)
DOOR = "/webhooks/omnidesk"
RULES = (
    "Look in Omnidesk under Channels → Case management → Rules: the rules of “staff answered” and “customer "
    "answered” must POST to {address}/ with the header X-Webhook-Secret, or to that address with the secret."
)


def examine() -> Findings:
    """Everything that `manage.py omnidesk_check` looks at, from the inside outwards."""
    database = examine_database()
    if database.mark is Mark.PROBLEM:
        # The rest reads its tables.
        return Findings([database, *examine_house()])
    found = examine_account()
    lines = [database, *examine_house(), *found.lines, *_channels(found), _secrets(), *_arrivals()]
    return Findings(lines, found.units, found.channels)


def _address() -> str:
    return f"{settings.SITE_URL.rstrip('/')}{DOOR}"


def _secrets() -> Line:
    count = len([secret for secret in settings.OMNIDESK_WEBHOOK_SECRETS if secret])
    if not count:
        hint = "Set OMNIDESK_WEBHOOK_SECRETS, and put the same secret into the rules and channels."
        return problem("secret", "No webhook secret is set: every webhook is refused.", hint)
    if count > 1:
        hint = "Once all rules and channels have the new one, take the old one out."
        return look("secret", f"{count} secrets are valid at once.", hint)
    return ok("secret", "One secret is set.")


# ── the channels' own webhooks ──────────────────────────────────────────────────────────────────────────


def _channels(found: Findings) -> list[Line]:
    channels = found.channels or {}
    return [_channel(mode, channel.webhook_url) for mode, channel in channels.items()]


def _channel(mode: str, url: str) -> Line:
    topic = f"webhook {mode}"
    hint = f"Set the channel's webhook address to {_address()}/<secret>/ with one of our secrets."
    if not url:
        return problem(topic, "The channel has no webhook address: answers come by reconciliation.", hint)
    try:
        given = urlsplit(url)
    except ValueError:
        return problem(topic, "The channel's webhook address is none.", hint)
    ours = urlsplit(_address())
    if (given.scheme, given.netloc.lower()) != (ours.scheme, ours.netloc.lower()):
        said = f"{given.scheme}://{given.hostname or '?'}"
        return problem(topic, f"The channel's webhook leads to {said}, not here.", hint)
    door, _, secret = given.path.rstrip("/").rpartition("/")
    if door != ours.path or given.query:
        return problem(topic, "The channel's webhook leads to another page of this site.", hint)
    if not is_valid_secret(unquote(secret)):
        return problem(topic, "The secret in the channel's webhook is none of ours: it is refused.", hint)
    return ok(topic, "The channel's webhook leads here, with a valid secret.")


# ── what has arrived ────────────────────────────────────────────────────────────────────────────────────


def _arrivals() -> list[Line]:
    now = timezone.now()
    modes = set(settings.CABINET_MODES)
    events = ["staff_reply", "user_reply"] if Case.Mode.MAIL in modes else []
    if modes - {Case.Mode.MAIL}:
        events.append(CHANNEL_EVENT)
    lines: list[Line | None] = [_arrived(event, now) for event in events]
    if Case.Mode.CHAT in modes:
        lines.append(_ends_of_chats(now))
    lines += [_unknown(), _without_numbers(now)]
    return [line for line in lines if line is not None]


def _arrived(event: str, now: datetime) -> Line:
    topic = f"inbox {event}"
    told = _lately(event, now)
    if told:
        return ok(topic, told)
    hint = RULES.format(address=_address())
    if event == CHANNEL_EVENT:
        hint = "Answer a case of the channel in Omnidesk; if no row appears, look at the channel's address."
    if _said_in_vain(event, now):
        text = f"No {event} in the last week, though there were messages: they came by reconciliation."
        return problem(topic, text, hint)
    return look(topic, f"No {event} in the last week: nobody wrote, or nothing tells of it.", hint)


def _lately(event: str, now: datetime) -> str:
    rows = InboxEntry.objects.filter(event=event, received_at__gte=now - LATELY)
    told = rows.aggregate(count=Count("pk"), last=Max("received_at"))
    if not told["count"]:
        return ""
    when = timezone.localtime(told["last"])
    return f"{told['count']} in the last week, the last one at {when:%Y-%m-%d %H:%M}."


def _said_in_vain(event: str, now: datetime) -> bool:
    """Whether something was said over there that this event should have told of: in cases that were opened
    here, since others may be older than the rules; and not just now."""
    by_customer = event == "user_reply"
    said = Message.objects.filter(
        origin=Message.Origin.DESK,
        author=Message.Author.CUSTOMER if by_customer else Message.Author.STAFF,
        case__outbox__kind=OutboxEntry.Kind.OPEN_CASE,
        written_at__range=(now - LATELY, now - ON_ITS_WAY),
    )
    by_mail = Q(case__mode=Case.Mode.MAIL)
    return said.filter(~by_mail if event == CHANNEL_EVENT else by_mail).exists()


def _ends_of_chats(now: datetime) -> Line:
    told = _lately(STATUS_EVENT, now)
    if told:
        return ok("inbox status", told)
    hint = "Advised: the rule “status changed”. Without it a chat's end is seen with the next reconciliation."
    return look(
        "inbox status", "No status in the last week: no case was closed, or no rule tells of it.", hint
    )


def _unknown() -> Line | None:
    strange = unknown_events()
    if not strange:
        return None
    names = ", ".join(f"{event} ({count})" for event, count in strange[:5])
    hint = (
        "Nothing is lost: their cases were read. Tell whoever looks after the cabinet what they are called."
    )
    return look("inbox unknown", f"Events that the cabinet does not know have arrived: {names}.", hint)


def _without_numbers(now: datetime) -> Line | None:
    rows = InboxEntry.objects.filter(received_at__gte=now - LATELY).exclude(event="")
    count, whole = rows.filter(case_id=None).count(), rows.exclude(case_id=None).exists()
    if not count or whole:
        return None
    hint = "The placeholders are written differently in your form: take them from its variable picker."
    return problem("inbox numbers", f"{count} webhooks arrived without the number of a case.", hint)
