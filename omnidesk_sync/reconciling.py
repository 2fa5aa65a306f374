"""Asks the desk once per interval what has changed, and wants a reading where we do not know it yet.

Lost webhooks cost time, not messages. The walk goes by the vendor's own time: from the last time seen, in
ascending order, until caught up. Pages are turned only inside one second, where time does not lead further.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from omnidesk_sync import budget, imports, linking, snapshots
from omnidesk_sync.account import Account, describe
from omnidesk_sync.budget import Spending
from omnidesk_sync.errors import OmnideskError, TooManyPages, TryLater
from omnidesk_sync.models import Candidate, CaseLink, PersonLink, Reconciliation, Stranger
from omnidesk_sync.types import DeskCase, Page

log = logging.getLogger(__name__)

PAGE = 100
OVERLAP = timedelta(seconds=60)
"""A change may become visible a little after its own time; asking a minute further back costs nothing."""

SECOND = timedelta(seconds=1)
FAULT_WAIT = timedelta(minutes=5)

FIRST_WALK = timedelta(days=1)
"""How far back the very first walk begins; what is older comes with its person's sign-in."""

AT_ONCE_SECONDS = 10
"""The least time between two walks when many waiting readings ask for one: longer on a small account, where
they would eat what they are to save."""

AUDIT_AFTER = timedelta(days=1)
"""A quiet case is read whole at most this often, for edits and deletions that change no time over there."""


def reconcile_if_due(*, at_once: bool = False) -> bool:
    """Runs the walk when its time has come; of two schedulers one does. True when it ran to the end.

    `at_once` brings it forward, though not oftener than `AT_ONCE_SECONDS`.
    """
    now = timezone.now()
    if at_once:
        lately = now - timedelta(seconds=max(AT_ONCE_SECONDS, 1200 / budget.limit()))
        Reconciliation.objects.filter(pk=1, last_done_at__lte=lately).update(next_due_at=now)
    Reconciliation.objects.get_or_create(pk=1, defaults={"next_due_at": now})
    interval = timedelta(seconds=settings.OMNIDESK_RECONCILE_SECONDS)
    claimed = Reconciliation.objects.filter(pk=1, next_due_at__lte=now).update(next_due_at=now + interval)
    return claimed == 1 and reconcile()


def reconcile() -> bool:
    """Walks from the last time seen until caught up. True when it got there; the error stands in the row."""
    Reconciliation.objects.get_or_create(pk=1)
    try:
        with Account(Spending.BACKGROUND) as account:
            _walk(account)
            _audit_one()
    except OmnideskError as error:
        seconds = error.after_seconds if isinstance(error, TryLater) else None
        retry = timezone.now() + timedelta(seconds=30 if seconds is None else seconds)
        Reconciliation.objects.filter(pk=1).update(last_error=describe(error), next_due_at=retry)
        return False
    Reconciliation.objects.filter(pk=1).update(last_error="", last_done_at=timezone.now())
    return True


def _walk(account: Account) -> None:
    row = Reconciliation.objects.get(pk=1)
    start = (row.walked_to or timezone.now() - FIRST_WALK) - OVERLAP
    turned, server_time = _walk_from(start, account)
    if row.walked_to is not None and server_time < row.walked_to - OVERLAP:
        # The desk's clock was set back, perhaps just after the last walk: changes have older times since.
        passed = timezone.now() - row.last_done_at if row.last_done_at else FIRST_WALK
        start = server_time - min(passed, FIRST_WALK) - OVERLAP
        Reconciliation.objects.filter(pk=1).update(walked_to=start)
        turned, _ = _walk_from(start, account)
    if turned is not None:
        # A case that changed again while pages were turned left its place, and the next one moved up past us.
        _walk_from(turned, account)


def _walk_from(start: datetime, account: Account) -> tuple[datetime | None, datetime]:
    """Walks until caught up. Returns from where on pages had to be turned (None if nowhere), and the desk's
    time at the end."""
    number, turned = 1, None
    while True:
        asked_at = timezone.now()
        page = changed_since(account, start, number)
        for case in page.items:
            _take_in_safely(case, asked_at, page.server_time)
        latest = max((case.updated_at for case in page.items if case.updated_at), default=None)
        # A time in the future would make us blind until then.
        _remember(min(latest or page.server_time - OVERLAP, page.server_time), first=latest is None)
        if not imports.has_more(page, number):
            return turned, page.server_time
        start, number = further(start, number, latest)
        if number > 1 and turned is None:
            turned = start


def changed_since(account: Account, start: datetime, number: int) -> Page[DeskCase]:
    """One page of the cases that changed since `start`, everybody's, the earliest change first."""
    return account.client.list_cases(
        page=number,
        limit=PAGE,
        from_updated_time=start,
        sort="updated_at_asc",
        show_active_chats=True,
        show_merged_cases=True,
    )


def further(start: datetime, number: int, latest: datetime | None) -> tuple[datetime, int]:
    """Where the next page begins: at the last time seen, or deeper inside the same second.

    One second before it, since nobody says whether the filter includes its own time [unknown].
    """
    if latest is not None and latest - SECOND > start:
        return latest - SECOND, 1
    if number >= 500:
        raise TooManyPages("More cases changed in one second than the desk lets anyone list.")
    return start, number + 1


def _remember(walked_to: datetime, *, first: bool) -> None:
    """How far the walk has come; with `first` only if nothing has ever been seen."""
    row = Reconciliation.objects.get(pk=1)
    if row.walked_to is None or (walked_to > row.walked_to and not first):
        Reconciliation.objects.filter(pk=1).update(walked_to=walked_to)


def _take_in_safely(case: DeskCase, asked_at: datetime, server_time: datetime) -> None:
    """A case that cannot be taken in must not stop the others; it comes again by itself, visibly."""
    try:
        _take_in(case, asked_at, server_time)
    except Exception as error:
        log.exception("the changed case %s could not be taken in", case.case_id)
        later = {"due_at": timezone.now() + FAULT_WAIT, "last_error": f"internal: {type(error).__name__}"}
        defaults = {**later, "not_ours": False, "desk_user_id": case.user_id}
        Candidate.objects.update_or_create(desk_case_id=case.case_id, defaults=defaults)


def _take_in(case: DeskCase, asked_at: datetime, server_time: datetime) -> None:
    link = CaseLink.objects.filter(desk_case_id=case.case_id, detached=False).first()
    if link is None:
        owner = PersonLink.objects.filter(desk_user_id=case.user_id).select_related("user").first()
        if owner is not None:
            imports.adopt(case, owner.user, urgent=True, said_at=asked_at, server_time=server_time)
        elif not Stranger.objects.filter(desk_user_id=case.user_id).exists():
            imports.mention(case.case_id, desk_user_id=case.user_id)
        return
    if case.updated_at is not None and not _is_news(case.updated_at, link.updated_at, server_time):
        return
    linking.want_reading(link.case_id, now=asked_at)
    snapshot = snapshots.snapshot_of(case, server_time=server_time)
    CaseLink.objects.filter(pk=link.pk).update(snapshot=snapshot, snapshot_at=asked_at)


def _is_news(updated_at: datetime, known: datetime | None, server_time: datetime) -> bool:
    """Whether the case changed after what we know of it. A known time ahead is from before a clock was set
    back: then any other time is news."""
    if known is None or known > server_time:
        return updated_at != known
    return updated_at > known


def _audit_one() -> None:
    """Wants the whole of the case that has been left alone longest."""
    before = timezone.now() - AUDIT_AFTER
    quiet = CaseLink.objects.filter(detached=False, case__availability="", opening_read=True)
    link = quiet.filter(audited_at__lt=before, audit_wanted=False).order_by("audited_at").first()
    if link is not None:
        CaseLink.objects.filter(pk=link.pk).update(audit_wanted=True)
        linking.want_reading(link.case_id, now=timezone.now(), urgent=False)
