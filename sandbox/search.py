"""Filters, order and pages of lists, with the vendor's habits (omnidesk-api.md 1.3, 4.1).

A search string finds substrings unless it is tied down: ``^exact^``, ``^begins``, ``ends^``. That habit is
the trap this sandbox exists for: whoever forgets the carets gets other people's rows here too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .cases import Refused
from .core import Core
from .inbound import Request
from .records import CHANNEL_PREFIX, Case, User
from .text import parse_time

T = TypeVar("T")

CASE_SEARCH_MIN, USER_SEARCH_MIN = 4, 3
_PRIORITIES = ["low", "normal", "high", "critical"]
_STATUSES = ["closed", "waiting", "open"]
_ORDERS: dict[str, Callable[[Case], tuple[int, int]]] = {
    "updated_at": lambda case: (case.updated_at, case.case_id),
    "created_at": lambda case: (case.created_at, case.case_id),
    "response": lambda case: (case.last_response_at or 0, case.case_id),
    "priority": lambda case: (_PRIORITIES.index(case.priority), case.case_id),
    "status": lambda case: (_STATUSES.index(case.status), case.case_id),
}


def text_matches(wanted: str, value: str) -> bool:
    """Substring search without regard to case, tied down by carets at either end."""
    core = wanted.removeprefix("^").removesuffix("^").lower()
    value = value.lower()
    begins, ends = wanted.startswith("^"), wanted.endswith("^") and len(wanted) > 1
    if begins and ends:
        return value == core
    if begins:
        return value.startswith(core)
    return value.endswith(core) if ends else core in value


def is_true(value: str) -> bool:
    return value.lower() in ("1", "true", "yes", "on")


def page_of(rows: list[T], request: Request) -> list[T]:
    """The page asked for; numbers outside of 1…500 and 1…100 are refused."""
    page = _number(request.first("page", "1"), 500, "incorrect_page")
    limit = _number(request.first("limit", "100"), 100, "incorrect_limit")
    return rows[(page - 1) * limit : page * limit]


def _number(value: str, highest: int, code: str) -> int:
    if not value.isdigit() or not 1 <= int(value) <= highest:
        raise Refused(code)
    return int(value)


def find_cases(core: Core, request: Request) -> list[Case]:
    """All cases that match the request, in the order asked for."""
    tests = _case_tests(core, request)
    found = [case for case in core.cases.all() if not case.destroyed and all(test(case) for test in tests)]
    field, _, direction = request.first("sort", "updated_at_desc").rpartition("_")
    if field not in _ORDERS or direction not in ("asc", "desc"):
        raise Refused("incorrect_sort")
    return sorted(found, key=_ORDERS[field], reverse=direction == "desc")


def _case_tests(core: Core, request: Request) -> list[Callable[[Case], bool]]:
    tests: list[Callable[[Case], bool]] = []
    if not is_true(request.first("show_merged_cases")):
        tests.append(lambda case: not case.parent_case_id)
    if not is_true(request.first("show_active_chats")):
        tests.append(lambda case: not case.chat_active)
    tests += _owner_tests(core, request)
    for name in ("user_id", "staff_id", "group_id", "channel", "status", "priority"):
        if wanted := request.all(name):
            tests.append(lambda case, name=name, wanted=wanted: str(getattr(case, name)) in wanted)  # type: ignore[misc]
    if wanted := request.all("labels"):
        tests.append(lambda case: bool({str(label) for label in case.labels} & set(wanted)))
    if request.first("subject"):
        subject = _long_enough(request.first("subject"), CASE_SEARCH_MIN)
        tests.append(lambda case: text_matches(subject, case.subject))
    tests += _field_tests(request)
    for prefix, field in (("", "created_at"), ("updated_", "updated_at")):
        start, end = _range(request, f"from_{prefix}time", f"to_{prefix}time")
        tests.append(lambda case, field=field, start=start, end=end: start <= getattr(case, field) <= end)  # type: ignore[misc]
    return tests


def _owner_tests(core: Core, request: Request) -> list[Callable[[Case], bool]]:
    tests: list[Callable[[Case], bool]] = []
    for name, field in (("user_email", "email"), ("user_phone", "phone"), ("user_custom_id", "custom_id")):
        wanted = [_long_enough(value, CASE_SEARCH_MIN) for value in request.all(name) if value]
        if wanted:
            owners = {row.user_id for row in core.users.all() if _any(wanted, getattr(row, field))}
            tests.append(lambda case, owners=owners: case.user_id in owners)  # type: ignore[misc]
    if channels := _channels(request):
        inside = {row.user_id for row in core.users.all() if row.custom_channel in channels}
        tests.append(lambda case: case.user_id in inside)
    return tests


def _channels(request: Request) -> set[str]:
    """The channels asked for: whole keys, ``cch101`` or ``101`` alike (omnidesk-api.md 5.2)."""
    given = (value.strip("^") for value in request.all("user_custom_channel") if value)
    return {CHANNEL_PREFIX + value.removeprefix(CHANNEL_PREFIX) for value in given}


def _field_tests(request: Request) -> list[Callable[[Case], bool]]:
    tests: list[Callable[[Case], bool]] = []
    for key, wanted in request.query:
        if key.startswith("custom_fields["):
            name = key.removeprefix("custom_fields[").removesuffix("]")
            tests.append(lambda case, n=name, w=wanted: _field_matches(w, case.custom_fields.get(n)))  # type: ignore[misc]
    return tests


def _field_matches(wanted: str, value: object) -> bool:
    if isinstance(value, bool):
        return is_true(wanted) == value
    return value is not None and text_matches(wanted, str(value))


def find_users(core: Core, request: Request) -> list[User]:
    found = [row for row in core.users.all() if not row.deleted]
    for name, field in (
        ("user_email", "email"),
        ("user_phone", "phone"),
        ("user_custom_id", "custom_id"),
    ):
        wanted = [_long_enough(value, USER_SEARCH_MIN) for value in request.all(name) if value]
        if wanted:
            found = [row for row in found if _any(wanted, getattr(row, field))]
    if channels := _channels(request):
        found = [row for row in found if row.custom_channel in channels]
    for prefix, field in (("", "created_at"), ("updated_", "updated_at")):
        start, end = _range(request, f"from_{prefix}time", f"to_{prefix}time")
        found = [row for row in found if start <= getattr(row, field) <= end]
    return sorted(found, key=lambda row: row.user_id, reverse=True)


def _any(wanted: list[str], value: str) -> bool:
    return any(text_matches(one, value) for one in wanted)


def _long_enough(value: str, least: int) -> str:
    if len(value.strip("^")) < least:
        raise Refused("search_string_too_short")
    return value


def _range(request: Request, first: str, last: str) -> tuple[int, int]:
    """The two ends in unix seconds; the wrong way round is 400 (omnidesk-api.md 1.4)."""
    try:
        start = parse_time(request.first(first)) if request.first(first) else 0
        end = parse_time(request.first(last)) if request.first(last) else 2**40
    except ValueError:
        raise Refused("incorrect_time") from None
    if start > end:
        raise Refused("incorrect_time_range")
    return start, end
