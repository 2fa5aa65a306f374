"""The connection to the company's account: a client whose every call holds the lane and pays the budget."""

from collections.abc import Callable
from types import TracebackType

from django.conf import settings
from django.utils import timezone

from cabinet import desk
from omnidesk_sync import budget
from omnidesk_sync.budget import Spending
from omnidesk_sync.client import Client
from omnidesk_sync.errors import AccountTrouble, OmnideskError, TryLater
from omnidesk_sync.types import Answered, Call


class NotConnected(TryLater):
    """No account is set yet: rows wait until there is one."""


class Account:
    """Calls for one purpose. `before_each` runs before every call (it renews a lease; it may raise)."""

    def __init__(self, spending: Spending, before_each: Callable[[], None] | None = None) -> None:
        if not settings.OMNIDESK_ACCOUNT.url:
            raise NotConnected("No Omnidesk account is connected.", after_seconds=60)
        self._spending = spending
        self._before_each = before_each
        self._paid = 0
        self._paid_at = timezone.now()
        self.spent = 0
        """Units of the calls made so far."""
        self.client = connect(before_call=self._before_call)

    def __enter__(self) -> "Account":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, AccountTrouble) and not self._only_this_object(error):
            budget.pause(describe(error))
        self.client.close()
        if self._paid:
            budget.give_back(self._paid, self._spending, taken_at=self._paid_at)

    def pay_ahead(self, units: int) -> None:
        """Takes the price of the next call now, so that a dry budget is known before anything is written."""
        self._paid_at = timezone.now()
        budget.take(units, self._spending)
        self._paid += units

    def answers(self) -> bool:
        """Whether address, key and staff are right: tells a missing object from a wrong account.

        Raises what the probe raises, except that `AccountTrouble` means False and pauses the account.
        """
        try:
            self.client.probe()
        except AccountTrouble as error:
            budget.pause(describe(error))
            return False
        return True

    def _only_this_object(self, error: AccountTrouble) -> bool:
        """403 is said of the staff member or of one object [seen in code]: a probe tells which.

        Otherwise one case in a group that the key's owner may not see would pause the account at every look.
        """
        if error.status != 403 or error.code == "staff_not_active":
            return False
        try:
            return self.answers()
        except Exception:  # noqa: BLE001 - also a lost lease; pausing is the safe side, and it is short
            return False

    def _before_call(self, call: Call) -> None:
        if self._paid < call.units:
            self.pay_ahead(call.units)
        # Last of all: asking for units may take its time, and the call must begin under the lease.
        if self._before_each is not None:
            self._before_each()
        self._paid -= call.units
        self.spent += call.units


def connect(
    *,
    before_call: Callable[[Call], None] | None = None,
    on_answer: Callable[[Answered], None] = budget.learn,
) -> Client:
    """A client of the account, beside lane and budget: `Account` is what work goes through."""
    account = settings.OMNIDESK_ACCOUNT
    return Client(
        base_url=account.url,
        staff_email=account.staff_email,
        api_key=account.api_key,
        timeout_seconds=settings.OMNIDESK_TIMEOUT_SECONDS,
        before_call=before_call,
        on_answer=on_answer,
    )


def probe_if_due() -> bool:
    """While the account is paused: one probe a minute, by one worker. True when it answers again."""
    if not budget.claim_probe():
        return False
    try:
        # Beside the budget: a paused budget gives nothing, and one call a minute is what a probe may cost.
        if not settings.OMNIDESK_ACCOUNT.url:
            return False
        with connect() as client:
            client.probe()
    except AccountTrouble as error:
        budget.pause(describe(error))
        return False
    except OmnideskError:
        return False
    budget.resume()
    desk.bring_forward(now=timezone.now())
    return True


def describe(error: OmnideskError) -> str:
    """The error for an admin's eyes: what happened, the status and the vendor's word, never a body."""
    parts = [str(error)]
    if error.status:
        parts.append(f"HTTP {error.status}")
    if error.code:
        parts.append(error.code)
    return " · ".join(parts)[:300]
