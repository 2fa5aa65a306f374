"""Letters of the cabinet's own: that there is an answer, never what it says.

Only in cases without mail, only where the site switched them on, and at most one until the person has read.
A row of `Notice` is written in the transaction that stores the answer, so none is forgotten; `send_due` works
the rows off and is rung by the clock alone.

A letter is marked as sent before the mail server is asked. Where it then surely did not go, the mark is taken
back and it is tried again later. Where nobody can know (the worker was killed, the connection broke in
mid-letter) the mark stays: one letter too few is visible in the admin and can be sent from there, one too
many cannot be called back and would break "at most one".
"""

import contextlib
import logging
import smtplib
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.core.mail import EmailMessage, get_connection
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from cabinet import chat, presence, rating
from cabinet.models import Case, Message, Notice, Profile, ReadMark
from cabinet.selectors import address_of

log = logging.getLogger(__name__)
State = Notice.State

GRACE = timedelta(seconds=60)
"""From an answer to its letter: whoever waits reads it first, and answers close together make one letter."""
NEWS_FOR = timedelta(days=1)
"""An answer written longer ago than this comes out of an import; a letter due longer ago was switched off."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
MOST_ATTEMPTS = 30
"""With pauses of up to an hour: about a day of a broken mail server."""
STUCK_AFTER = timedelta(minutes=10)
"""Many times longer than a mail server may take (EMAIL_TIMEOUT)."""
BATCH = 50
_SALT = "cabinet.notices"
_TROUBLE = (OSError, smtplib.SMTPException)


def switched_on() -> bool:
    """Whether this site writes such letters at all."""
    return bool(getattr(settings, "CABINET_NOTICES", False))


def want(message: Message, *, case: Case, now: datetime) -> None:
    """An answer has become known: a letter may be needed. Part of the transaction that stores it."""
    if not switched_on() or case.mode == Case.Mode.MAIL or message.author != Message.Author.STAFF:
        return
    if message.written_at < now - NEWS_FOR:
        return
    notice, _made = Notice.objects.get_or_create(user_id=case.owner_id, case=case)
    rows = Notice.objects.filter(pk=notice.pk)
    rows.update(position=message.position)
    # The grace of an answer that waits already goes on; a letter on its way does not cover this answer.
    rows.exclude(state=State.WAITING).update(state=State.WAITING, due_at=now + GRACE, attempts=0, reason="")


def send_due(*, now: datetime) -> int:
    """Works off what is due; returns how many letters went out. Safe to run several times at once."""
    if not switched_on():
        return 0
    stuck = Notice.objects.filter(state=State.SENDING, sent_at__lt=now - STUCK_AFTER)
    stuck.update(state=State.UNKNOWN, reason="ended in the middle")
    due = Notice.objects.filter(state=State.WAITING, due_at__lte=now).select_related("case", "user")
    count = 0
    for notice in due.order_by("due_at", "pk")[:BATCH]:
        outcome = _work_off(notice, now)
        count += outcome == State.SENT
        if outcome in (State.WAITING, State.UNKNOWN):
            # The mail server has trouble: the others need not each wait for the same.
            break
    return count


def _work_off(notice: Notice, now: datetime) -> State:
    mark = ReadMark.objects.filter(user_id=notice.user_id, case_id=notice.case_id).first()
    address = address_of(notice.user)
    if silence := _why_not(notice, address, mark, now):
        _still(notice).update(state=State.QUIET, due_at=None, reason=silence)
        return State.QUIET
    if gone_at := presence.there_until(mark, now=now):
        _still(notice).update(due_at=gone_at)
        return State.QUIET
    return _send(notice, address, now)


def _why_not(notice: Notice, address: str, mark: ReadMark | None, now: datetime) -> str:
    """For the admin: why no letter goes out; "" if one does."""
    case, read = notice.case, mark.position if mark else 0
    news = Message.objects.filter(
        case=case, author=Message.Author.STAFF, position__gt=read, withdrawn_at__isnull=True
    )
    if notice.due_at is not None and notice.due_at < now - NEWS_FOR:
        return "no longer news"
    if case.owner_id != notice.user_id or case.availability or not notice.user.is_active:
        return "not this person's any more"
    if not address:
        return "no proved address"
    if notice.muted or not wanted_by(notice.user):
        return "muted"
    if not news.exists():
        return "read"
    if notice.told_position > read:
        return "told before, not read since"
    return ""


def _still(notice: Notice) -> QuerySet[Notice]:
    """The row, unless another worker or a newer answer has moved it on."""
    return Notice.objects.filter(pk=notice.pk, state=State.WAITING, due_at=notice.due_at)


def _send(notice: Notice, address: str, now: datetime) -> State:
    letter = letter_to(address, notice, now=now)
    claimed = _still(notice).update(
        state=State.SENDING,
        told_position=notice.position,
        sent_at=now,
        due_at=None,
        attempts=F("attempts") + 1,
    )
    if claimed != 1:
        return State.QUIET
    try:
        reason, outcome = _hand_over(letter)
    except Exception as error:
        # Nothing that a mail server does; the row must not look as if a worker had died.
        _close(notice, now, State.REFUSED, type(error).__name__)
        log.exception("A letter about an answer could not be made.")
        return State.REFUSED
    if outcome == State.WAITING and notice.attempts + 1 >= MOST_ATTEMPTS:
        outcome = State.REFUSED
    _close(notice, now, outcome, reason)
    if outcome != State.SENT:
        log.warning("A letter about an answer: %s (%s).", outcome, reason)
    return outcome


def _hand_over(letter: EmailMessage) -> tuple[str, State]:
    """Asks the mail server once: what it said, and what that means."""
    connection = get_connection()
    try:
        connection.open()
    except _TROUBLE as error:
        return type(error).__name__, State.WAITING
    try:
        connection.send_messages([letter])
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _words in error.recipients.values()]
        return f"{type(error).__name__} {codes}", _meaning(max(codes, default=0))
    except smtplib.SMTPResponseException as error:
        return f"{type(error).__name__} {error.smtp_code}", _meaning(error.smtp_code)
    except _TROUBLE as error:
        return type(error).__name__, State.UNKNOWN
    finally:
        with contextlib.suppress(*_TROUBLE):
            connection.close()
    return "", State.SENT


def _meaning(code: int) -> State:
    return State.REFUSED if code >= 500 else State.WAITING


def _close(notice: Notice, claimed_at: datetime, outcome: State, reason: str) -> None:
    """Writes down what came of it, and takes the mark back where surely nothing was sent."""
    mine = Notice.objects.filter(pk=notice.pk, sent_at=claimed_at)
    pause = min(FIRST_PAUSE * 2 ** min(notice.attempts, 20), LONGEST_PAUSE)
    due_at = claimed_at + pause if outcome == State.WAITING else None
    mine.filter(state=State.SENDING).update(state=outcome, due_at=due_at, reason=reason[:200])
    if outcome in (State.WAITING, State.REFUSED):
        mine.update(told_position=notice.told_position, sent_at=notice.sent_at)


def send_again(notice: Notice, *, now: datetime) -> bool:
    """A person wants the letter after all: one whose outcome is unknown, or that was given up."""
    rows = Notice.objects.filter(pk=notice.pk, state__in=[State.UNKNOWN, State.REFUSED])
    changed = rows.update(state=State.WAITING, due_at=now, attempts=0, told_position=0, reason="")
    return changed == 1


# ── what it says ────────────────────────────────────────────────────────────────────────────────────────


def letter_to(address: str, notice: Notice, *, now: datetime) -> EmailMessage:
    """A link to where the answer stands and, once the case is closed, can be rated; and how to have no more.

    It rates nothing by itself: programs that look at mail open every link in it.
    """
    stop = settings.SITE_URL + reverse("cabinet:letters-off", args=[token_of(notice)])
    with translation.override(_language_of(notice.user)):
        context = {
            "page": settings.SITE_URL + chat.page_of(notice.case),
            "to_be_rated": rating.asking(notice.case, now=now) is rating.Asking.ASK,
            "stop": stop,
        }
        return EmailMessage(
            subject=_("There is an answer for you"),
            body=render_to_string("cabinet/email/answer.txt", context),
            from_email=settings.DEFAULT_FROM_EMAIL,
            to=[address],
            headers={
                # No holiday notice answers, and the desk opens no case for one.
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
                # RFC 8058: a mail program's own button posts there at once; merely opening it does nothing.
                "List-Unsubscribe": f"<{stop}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        )


def _language_of(user: AbstractBaseUser) -> str:
    chosen = Profile.objects.filter(user_id=user.pk).values_list("language", flat=True).first()
    return chosen or settings.LANGUAGE_CODE


def token_of(notice: Notice) -> str:
    """What a letter's link carries: it can do nothing but switch letters off, and needs nobody signed in."""
    return signing.dumps(notice.pk, salt=_SALT)


def by_token(token: str) -> Notice | None:
    """The row a letter was about, None for a token we did not sign. It never expires: letters are kept."""
    try:
        key = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return Notice.objects.filter(pk=key).select_related("case", "user").first()


# ── who wants none ──────────────────────────────────────────────────────────────────────────────────────


def wanted_by(user: AbstractBaseUser) -> bool:
    """Whether the person wants such letters at all."""
    return not Profile.objects.filter(user_id=user.pk, wants_notices=False).exists()


def set_wanted(*, user: AbstractBaseUser, wanted: bool) -> None:
    """Letters about answers, on or off for all cases of the person."""
    Profile.objects.update_or_create(user_id=user.pk, defaults={"wants_notices": wanted})


def set_muted(*, user: AbstractBaseUser, case: Case, muted: bool) -> None:
    """Letters about this case, off or on again."""
    Notice.objects.update_or_create(user_id=user.pk, case=case, defaults={"muted": muted})


def is_muted(*, user: AbstractBaseUser, case: Case) -> bool:
    return Notice.objects.filter(user_id=user.pk, case=case, muted=True).exists()


def muted_cases(user: AbstractBaseUser) -> QuerySet[Case]:
    """The cases the person wants no letters about."""
    return Case.objects.filter(owner_id=user.pk, notices__user_id=user.pk, notices__muted=True)


def are_possible(*, user: AbstractBaseUser, case: Case | None = None) -> bool:
    """Whether there is anything to switch: letters exist here, for such a case, and for this person."""
    never = case is not None and (case.mode == Case.Mode.MAIL or case.is_ended_chat)
    return switched_on() and not never and bool(address_of(user))
