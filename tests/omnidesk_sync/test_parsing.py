"""The vendor's JSON in all its shapes, and in shapes nobody has met."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnidesk_sync.errors import Unreadable
from omnidesk_sync.parsing import (
    MAX_ID,
    clean_text,
    read_answered,
    read_case,
    read_count,
    read_error_code,
    read_flag,
    read_id,
    read_message,
    read_object,
    read_optional_id,
    read_rows,
    read_text,
    read_time,
    read_total,
    read_user,
)
from omnidesk_sync.types import Attachment

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MESSAGE = {"message_id": 9001, "user_id": 123, "staff_id": 0, "content_html": "<p>Where is it?</p>"}


def ids(document: object) -> list[int]:
    return read_rows(document, "case", lambda row: read_id(row.get("case_id"), "case_id"))


# --- Lists


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"0": {"case": {"case_id": 1}}, "1": {"case": {"case_id": 2}}, "total_count": 2}, [1, 2]),
        ({"0": {"case": {"case_id": 1}}}, [1]),
        ({"1": {"case": {"case_id": 1}}, "0": {"case": {"case_id": 2}}}, [2, 1]),
        ({str(n): {"case": {"case_id": n + 1}} for n in (10, 9, 2)}, [3, 10, 11]),
        ([{"case": {"case_id": 3}}, {"case": {"case_id": "1"}}], [3, 1]),
        ([], []),
        ({}, []),
        ({"case": []}, []),
        ({"case": {}}, []),
        ({"total_count": 0}, []),
        ({"total_count": "812"}, []),
        (
            {"0": {"case": {"case_id": 1}}, "1": {"label": {"label_id": 2}}, "x": {"case": {"case_id": 3}}},
            [1],
        ),
        ({"0": {"case": {"case_id": 1}}, "1": None, "2": "text", "-3": {"case": {"case_id": 3}}}, [1]),
    ],
)
def test_lists(document: object, expected: list[int]) -> None:
    assert ids(document) == expected


@pytest.mark.parametrize(
    "document",
    [
        None,
        7,
        "[]",
        {"cases": [{"case_id": 1}]},
        {"case": {"case_id": 1}},
        {"hello": "world"},
        [{"case_id": 1}],
        {"0": {"case_id": 1}},
        {"0": {"message": {"case_id": 1}}},
        {"0": {"case": None}},
        {"0": {"case": []}},
        {"0": {"case": {}}},
        {"0": {"case": {"case_id": 1}}, "1": {"case": {"subject": "no id"}}},
        {"0": {"case": {"case_id": 1}}, "1": {"case": "7002"}},
    ],
)
def test_what_is_no_list_is_not_an_empty_list(document: object) -> None:
    with pytest.raises(Unreadable):
        ids(document)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"total_count": 2}, 2),
        ({"total_count": "2"}, 2),
        ({"total_count": ""}, None),
        ({"total_count": None}, None),
        ({"total_count": -1}, None),
        ({"total_count": True}, None),
        ({}, None),
        ([], None),
    ],
)
def test_counter(document: object, expected: int | None) -> None:
    assert read_total(document) == expected


# --- Single values


@pytest.mark.parametrize(("value", "expected"), [(7, 7), ("7", 7), (" 7 ", 7), ("007", 7), (MAX_ID, MAX_ID)])
def test_ids(value: object, expected: int) -> None:
    assert read_id(value, "case_id") == expected
    assert read_optional_id(value, "case_id") == expected


NO_IDS = [
    -1,
    "-1",
    True,
    MAX_ID + 1,
    str(MAX_ID + 1),
    2**70,
    7.0,
    7.5,
    "7.0",
    "7e3",
    "abc",
    "٧",
    "0x7",
    {},
    [],
]


@pytest.mark.parametrize("value", NO_IDS)
def test_what_is_no_id(value: object) -> None:
    for read in (read_id, read_optional_id):
        with pytest.raises(Unreadable, match="case_id"):
            read(value, "case_id")


@pytest.mark.parametrize("value", [None, "", "-", 0, "0", False])
def test_nobody(value: object) -> None:
    assert read_optional_id(value, "user_id") == 0
    with pytest.raises(Unreadable):
        read_id(value, "user_id")


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), ("40863", 40863), ("-", None), (-1, None), (1.5, None)]
)
def test_counts(value: object, expected: int | None) -> None:
    assert read_count(value) == expected


@pytest.mark.parametrize("value", [True, 1, "1", "true", "TRUE", " yes ", 2])
def test_true(value: object) -> None:
    assert read_flag(value, unclear=False)


@pytest.mark.parametrize("value", [False, 0, "0", "false", "False", "no", "", "-", None, 0.0])
def test_false(value: object) -> None:
    assert not read_flag(value, unclear=True)


@pytest.mark.parametrize("value", ["maybe", [], {}, [1]])
def test_unclear(value: object) -> None:
    assert read_flag(value, unclear=True)
    assert not read_flag(value, unclear=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\x00b", "ab"),
        ("\ud800", "\ufffd"),
        ("😀", "😀"),
        (7, "7"),
        (None, ""),
        (True, ""),
        ({}, ""),
        ([], ""),
    ],
)
def test_texts(value: object, expected: str) -> None:
    assert read_text(value) == expected


def test_a_pair_of_surrogates_in_json_is_one_character() -> None:
    assert read_text(json.loads('"\\ud83d\\ude00 \\ud83d"')) == "😀 \ufffd"


@pytest.mark.parametrize(
    "value",
    [
        "Tue, 24 Nov 2026 15:00:00 +0300",
        "Tue, 24 Nov 2026 12:00:00 GMT",
        "Tue, 24 Nov 2026 12:00:00 -0000",
        "24 Nov 2026 12:00:00 +0000",
        1795521600,
        "1795521600",
    ],
)
def test_times(value: object) -> None:
    assert read_time(value) == NOON


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "-",
        "soon",
        "0",
        7,
        -1795521600,
        1795521600.5,
        True,
        2**70,
        "Tue, 99 Nov 2026 12:00:00 +0300",
        "Tue, 24 Nov 2026 12:00:00 +9999",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "2026-11-24 12:00:00",
        {},
        [],
    ],
)
def test_what_is_no_time(value: object) -> None:
    assert read_time(value) is None


# --- Objects


def test_case_with_numbers_as_strings() -> None:
    case = read_case(
        {
            "case_id": "7001",
            "case_number": "664-245651",
            "subject": "Сч\x00ёт",
            "user_id": "123",
            "status": "something new",
            "channel": "cch1",
            "created_at": "Tue, 24 Nov 2026 15:00:00 +0300",
            "updated_at": "-",
            "parent_case_id": "-",
            "deleted": "0",
            "spam": "1",
            "custom_fields": {"cf_1": "x", "cf_2": True, "cf_3": 4, "cf_4": None, "cf_5": ["a"]},
        }
    )
    assert (case.case_id, case.user_id, case.subject, case.status) == (7001, 123, "Счёт", "something new")
    assert (case.created_at, case.updated_at, case.parent_case_id) == (NOON, None, None)
    assert (case.deleted, case.spam) == (False, True)
    assert case.custom_fields == {"cf_1": "x", "cf_2": "true", "cf_3": "4", "cf_4": "", "cf_5": ""}


def test_case_with_little_in_it() -> None:
    case = read_case({"case_id": 7001, "custom_fields": []})
    assert (case.user_id, case.subject, case.deleted, case.custom_fields) == (0, "", False, {})


def test_merged_case_names_its_parent() -> None:
    assert read_case({"case_id": 7001, "parent_case_id": "7000"}).parent_case_id == 7000


def test_message() -> None:
    message = read_message({**MESSAGE, "note": False, "message_type": "reply_user", "full_name": "Anna"})
    assert (message.message_id, message.user_id, message.staff_id) == (9001, 123, 0)
    assert (message.content, message.content_html) == ("", "<p>Where is it?</p>")
    assert (message.note, message.message_type, message.full_name) == (False, "reply_user", "Anna")
    assert (message.attachments, message.sent_at) == ((), None)


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({}, None),
        ({"note": None}, None),
        ({"note": ""}, None),
        ({"note": "0"}, False),
        ({"note": 0}, False),
        ({"note": True}, True),
        ({"note": "1"}, True),
        ({"note": "perhaps"}, True),
        ({"note": []}, True),
    ],
)
def test_doubt_about_a_note_makes_it_one(given: dict[str, object], note: bool | None) -> None:
    assert read_message({**MESSAGE, **given}).note is note


@pytest.mark.parametrize("value", ["", "-", None, 0, "0", False])
def test_no_sending_time(value: object) -> None:
    assert read_message({**MESSAGE, "sent_at": value}).sent_at is None


@pytest.mark.parametrize("value", ["tomorrow", "2026-11-24 12:00:00", True, {}, 7])
def test_doubt_about_a_sending_time_refuses_the_message(value: object) -> None:
    with pytest.raises(Unreadable, match="sending time"):
        read_message({**MESSAGE, "sent_at": value})


def test_a_rule_must_be_clear() -> None:
    assert read_message({**MESSAGE, "sent_via_rule": "1"}).sent_via_rule
    assert not read_message({**MESSAGE, "sent_via_rule": "perhaps"}).sent_via_rule


FILE: dict[str, object] = {
    "file_id": "345",
    "file_name": "scan.jpg",
    "file_size": "40863",
    "mime_type": "image/jpeg",
    "url": "/f/345",
}
SCAN = Attachment(345, "scan.jpg", 40863, "image/jpeg", "/f/345")


@pytest.mark.parametrize("value", [[FILE], {"0": FILE}, {"3": FILE}, FILE])
def test_attachments(value: object) -> None:
    assert read_message({**MESSAGE, "attachments": value}).attachments == (SCAN,)


@pytest.mark.parametrize("value", [None, "", "-", False, [], {}])
def test_no_attachments(value: object) -> None:
    assert read_message({**MESSAGE, "attachments": value}).attachments == ()


@pytest.mark.parametrize("value", [True, 3, "scan.jpg", [None], ["x.jpg"], [{}], {"0": {"file_name": "x"}}])
def test_an_attachment_that_cannot_be_read_is_not_lost(value: object) -> None:
    with pytest.raises(Unreadable):
        read_message({**MESSAGE, "attachments": value})


def test_user() -> None:
    user = read_user({"user_id": 200, "user_email": None, "user_full_name": "Анна", "deleted": "1"})
    assert (user.user_id, user.user_email, user.user_full_name, user.deleted) == (200, "", "Анна", True)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"error": "case_not_found"}, "case_not_found"),
        ({"error": "x" * 200}, "x" * 100),
        ({"error": {"user_email": "bad"}}, "error"),
        ({"error": True}, "error"),
        ({"error": ""}, ""),
        ({"error": None}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_error_codes(document: object, code: str) -> None:
    assert read_error_code(document) == code


# --- Anything at all

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["-", "0", "1", ""])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)
FIELDS = [
    *("case_id", "case_number", "subject", "user_id", "status", "channel", "created_at", "updated_at"),
    *("parent_case_id", "deleted", "spam", "custom_fields", "message_id", "staff_id", "content"),
    *("content_html", "attachments", "note", "message_type", "sent_via_rule", "sent_at", "full_name"),
    *("file_id", "file_size", "user_email", "user_full_name"),
]
rows = st.dictionaries(st.sampled_from(FIELDS), values | st.integers(1, 99))
lists = values | st.dictionaries(
    st.sampled_from(["0", "1", "10", "total_count", "case", "message", "x"]),
    values | st.fixed_dictionaries({}, optional={"case": rows | values, "message": rows | values}),
)


def only_ours(read: Callable[..., object], *arguments: object) -> Any:
    try:
        return read(*arguments)
    except Unreadable:
        return None


@settings(max_examples=40, deadline=None)
@given(lists)
def test_no_list_raises_anything_else(document: object) -> None:
    only_ours(read_rows, document, "case", read_case)
    only_ours(read_rows, document, "message", read_message)
    only_ours(read_object, document, "case")
    read_total(document)
    read_error_code(document)


@settings(max_examples=40, deadline=None)
@given(rows)
def test_no_object_raises_anything_else(row: dict[str, object]) -> None:
    case = only_ours(read_case, row)
    message = only_ours(read_message, row)
    only_ours(read_user, row)
    assert case is None or 0 < case.case_id <= MAX_ID
    assert message is None or 0 < message.message_id <= MAX_ID


@given(values)
def test_no_value_becomes_a_text_that_cannot_be_stored(value: object) -> None:
    stored = read_text(value).encode()
    assert b"\x00" not in stored


@given(st.text())
def test_cleaning_changes_only_what_breaks(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)
    if "\x00" not in text:
        assert clean_text(text) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


NUMBER = st.integers(-9, 99999).map(str)
DAY = st.sampled_from(["Mon", "Tue,", "Пн", ""])
MONTH = st.sampled_from(["Nov", "Foo", "11", ""])
CLOCK = st.sampled_from(["12:00:00", "12:00", "25:61:61", "12.00.00", ":", ""])
ZONE = st.sampled_from(["+0300", "-0000", "+9999", "-99999999", "GMT", "EST", "(MSK)", "+", ""])
dates = st.tuples(DAY, NUMBER, MONTH, NUMBER, CLOCK, ZONE).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(dates | st.text() | values)
def test_no_time_raises(value: object) -> None:
    moment = read_time(value)
    assert moment is None or moment.tzinfo is UTC


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)), st.integers(-12 * 60, 14 * 60))  # noqa: DTZ001
def test_times_survive_the_vendors_format(naive: datetime, offset: int) -> None:
    whole = naive.replace(microsecond=0)
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    # Not strftime: its names of days follow the machine's language.
    day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][whole.weekday()]
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][
        whole.month - 1
    ]
    text = f"{day}, {whole.day:02} {month} {whole.year} {whole:%H:%M:%S} {sign}{hours:02}{minutes:02}"
    read = read_time(text)
    assert read is not None
    assert (whole.replace(tzinfo=UTC) - read).total_seconds() == offset * 60


@given(st.dictionaries(st.sampled_from(["Date", "api_calls_left", "retry_after", "Retry-After"]), st.text()))
def test_no_header_raises(headers: dict[str, str]) -> None:
    assert read_answered(200, headers).status == 200
