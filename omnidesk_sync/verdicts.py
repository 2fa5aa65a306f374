"""What an answer means: one decision, in one place.

| answer | verdict |
|---|---|
| 2xx with JSON and no `error` | success |
| 2xx or 4xx with `error` from the tables below | as the table says |
| 2xx with another `error` | `Rejected` |
| 2xx that is not JSON | `Unreadable` (an `OutcomeUnknown`) |
| 429 [documented]; 403 with a text about the rate limit [seen in code: ruby, 2016] | `TryLater` |
| 3xx | `AccountTrouble`: never followed, the credentials would travel along |
| 401 wrong key, 403 wrong staff [seen in code: nqes2omnidesk], 407 | `AccountTrouble` |
| 404 where the path names an object | `NotFound` |
| 404 where it does not [seen in code: an unknown account host] | `AccountTrouble` |
| 408: a gateway gave up in the middle of the request | `OutcomeUnknown` |
| other 4xx | `Rejected` |
| 1xx, 5xx, anything else | `OutcomeUnknown` |
"""

import json
import re

from omnidesk_sync.errors import (
    AccountTrouble,
    NotFound,
    OmnideskError,
    OutcomeUnknown,
    Rejected,
    TryLater,
    Unreadable,
)
from omnidesk_sync.parsing import read_answered, read_error_code
from omnidesk_sync.wire import RawAnswer

# Codes whose meaning does not hang on the status. The vendor publishes no list [unknown].
CODES: dict[str, type[OmnideskError]] = {
    # Add message: a staff member is switched off [seen in code: bundle]. We never name one, so it can only be
    # the owner of our key [inferred].
    "staff_not_active": AccountTrouble,
    # Edit case: no access to the group of this one case [seen in code: bundle]. Other cases still work, so
    # the account must not be paused for it [inferred].
    "staff_has_not_access": Rejected,
    # Add message to a case that is missing or removed [seen in code: goedgar].
    "case_not_found": NotFound,
}

_RATE_LIMIT_WORDS = re.compile(rb"rate.?limit|too many requests|limit[^.]{0,40}exceeded", re.IGNORECASE)
# An unknown code may be a sentence with somebody's address in it; only words go into a message that is
# logged.
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def read_document(answer: RawAnswer, *, names_object: bool) -> object:
    """The JSON of a successful answer; any other answer is raised as the error it means."""
    succeeded = 200 <= answer.status < 300
    try:
        document: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    code = read_error_code(document)
    if not succeeded or code:
        raise _error_for(answer, code, names_object=names_object)
    if document is None:
        raise Unreadable("The answer is not JSON.", status=answer.status)
    return document


def _error_for(answer: RawAnswer, code: str, *, names_object: bool) -> OmnideskError:
    kind = _kind_by_code(answer, code) or _kind_by_status(answer, names_object=names_object)
    message = f"Omnidesk answered {answer.status}" + (f" ({code})." if _WORD.fullmatch(code) else ".")
    if kind is TryLater:
        after = read_answered(answer.status, answer.headers).retry_after
        return TryLater(message, after_seconds=after, status=answer.status, code=code)
    return kind(message, status=answer.status, code=code)


def _kind_by_code(answer: RawAnswer, code: str) -> type[OmnideskError] | None:
    # A server that failed may have done its work all the same, whatever it says about it.
    return CODES.get(code) if 200 <= answer.status < 500 and answer.status != 429 else None


def _kind_by_status(answer: RawAnswer, *, names_object: bool) -> type[OmnideskError]:
    status = answer.status
    if status == 429 or (status == 403 and _RATE_LIMIT_WORDS.search(answer.body[:2000])):
        return TryLater
    if 300 <= status < 400 or status in (401, 403, 407) or (status == 404 and not names_object):
        return AccountTrouble
    if status == 404:
        return NotFound
    if status == 408:
        return OutcomeUnknown
    # A success arrives here only with an `error` in its body.
    return Rejected if 200 <= status < 300 or 400 <= status < 500 else OutcomeUnknown
