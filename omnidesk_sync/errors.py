"""Errors of the API client, named by what the caller does next. No Django here.

| class | what is known | what the caller does |
|---|---|---|
| `TryLater` | nothing happened over there | the same call again, later |
| `Rejected` | it was read and refused for good | give up this item, show why |
| `NotFound` | a 404 for a named object | make sure the account answers, then treat as gone |
| `OutcomeUnknown` | it may or may not have happened | a GET: again; a write: wait, look, then decide |
| `AccountTrouble` | nobody's message is at fault: key, staff, host, redirect, TLS | pause the account |

Which answer becomes which error is decided in `verdicts`, which failure of the network in `wire`. No error
ever carries a request body, a whole answer or a credential, and none has an exception of `requests` as its
cause or context: those hold the whole request.
"""


class OmnideskError(Exception):
    """Base of all. `status` is the HTTP status or None, `code` the vendor's `error` word or ""."""

    def __init__(self, message: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class TryLater(OmnideskError):
    """Provably nothing happened. `after_seconds` is the desk's own hint, None when it gave none."""

    def __init__(
        self,
        message: str,
        *,
        after_seconds: float | None = None,
        status: int | None = None,
        code: str = "",
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.after_seconds = after_seconds


class Rejected(OmnideskError):
    """Refused for good: a 4xx, or a 2xx whose body carries `error`."""


class NotFound(Rejected):
    """A 404 (or the code `case_not_found`) for an object that the call named.

    An unknown account host answers 404 to everything, so one of these alone does not prove that the object is
    gone; `Client.probe` tells the two apart.
    """


class OutcomeUnknown(OmnideskError):
    """Timeout, broken connection, 5xx, an unreadable 2xx: the work may have been done."""


class Unreadable(OutcomeUnknown):
    """The answer came, and said success, but it is not what this call answers with."""


class AccountTrouble(OmnideskError):
    """Wrong key, disabled staff, wrong host, a redirect, TLS trouble before anything was sent."""


class TooManyPages(OmnideskError):
    """The page cap was reached: a list would have been silently cut short."""


class NoIdentity(ValueError):
    """A new case that names its customer not at all, twice, or by half was stopped before the wire."""


class NoAuthor(ValueError):
    """A customer's message without `user_id` was stopped before the wire (it would go out as staff)."""
