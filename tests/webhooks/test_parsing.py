"""Bodies of every kind are read down to a few tame fields; none of them raises."""

import json
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webhooks.conftest import payload
from webhooks.parsing import KEYS_LENGTH, LARGEST_ID, Hint, read_body

REPLY = Hint("staff_reply", 985687, 42577887)
CHANNEL = Hint("message_new", 985687, 42577887, note=False)
PAYLOADS = {
    "rule_staff_reply.json": REPLY,
    "rule_staff_reply.form": REPLY,
    "rule_user_reply.json": Hint("user_reply", 985687, 42577901),
    "rule_status.json": Hint("status", 985687),
    "rule_new_case.json": Hint("new_case", 985690, 42577950),
    "rule_all_variables.json": REPLY,
    "rule_broken_by_quotes.json": Hint(parse_error="JSONDecodeError"),
    "rule_unfilled_placeholders.json": Hint("staff_reply"),
    "vendor_test.json": Hint(),
    "channel_message_new.json": CHANNEL,
    "channel_message_new.form": CHANNEL,
    "channel_unescaped_brackets.form": CHANNEL,
    "channel_message_new.multipart": CHANNEL,
    "channel_note.json": Hint("message_new", 985687, 42577888, note=True),
    "channel_unknown_type.json": Hint("typing_started", 985687),
    "byte_order_mark.json": REPLY,
    "utf16.json": REPLY,
    "windows1251.json": REPLY,
    "with_nul_bytes.json": Hint("staff_reply", 985687),
    "lone_surrogate.json": REPLY,
    "strange_values.json": Hint(note=False),
    "huge_numbers.json": Hint("status"),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_recorded_bodies_are_read(name: str) -> None:
    assert replace(read_body(payload(name)), keys="") == PAYLOADS[name]


def test_every_payload_file_has_an_expectation() -> None:
    from tests.webhooks.conftest import PAYLOADS as FOLDER

    assert {path.name for path in FOLDER.glob("[!.]*")} == set(PAYLOADS)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "EmptyBody"),
        (b"  \r\n\0 ", "EmptyBody"),
        (b"hello", "NotAForm"),
        (b"\xff\xfe\xfd\x00\x01", "NotAForm"),
        (b"[" * 100_000, "RecursionError"),
        (b'{"a":' * 100_000, "RecursionError"),
        (b'[{"case_id": "5"}]', "NotAnObject"),
        (b'{"case_id": "98', "JSONDecodeError"),
        (b"&".join(b"a%d=1" % n for n in range(1001)), "ValueError"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n' * 2000, "TooManyFieldsSent"),
    ],
)
def test_what_cannot_be_read_says_only_which_kind_of_error(body: bytes, error: str) -> None:
    hint = read_body(body)

    assert hint.parse_error == error
    assert (hint.event, hint.case_id, hint.message_id) == ("", None, None)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("985687", 985687),
        (" 985687 ", 985687),
        (985687, 985687),
        (985687.0, 985687),
        (LARGEST_ID, LARGEST_ID),
        (str(LARGEST_ID), LARGEST_ID),
        (LARGEST_ID + 1, None),
        (2**70, None),
        ("9" * 30, None),
        (0, None),
        ("0", None),
        (-5, None),
        ("-5", None),
        ("1e3", None),
        (1.5, None),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
        (None, None),
        ("", None),
        ("abc", None),
        ("٣٤٥", None),
        ("²", None),
        ([985687], None),
        ({"id": 985687}, None),
    ],
)
def test_an_id_is_a_positive_64_bit_number_or_nothing(value: object, number: int | None) -> None:
    hint = read_body(json.dumps({"case_id": value, "message_id": value}).encode())

    assert (hint.case_id, hint.message_id) == (number, number)


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (0, False),
        ("0", False),
        ("", False),
        (False, False),
        ("false", False),
        ("False ", False),
        ("no", False),
        (None, None),
        (1, True),
        ("1", True),
        (True, True),
        ("yes", True),
        ("{note}", True),
        ([], True),
        ({}, True),
        (0.0, False),
        (float("nan"), True),
    ],
)
def test_the_note_flag_is_tamed_and_unclear_means_note(value: object, note: bool | None) -> None:
    for document in ({"note": value}, {"object": {"note": value}}):
        assert read_body(json.dumps(document).encode()).note is note


def test_one_of_two_note_flags_is_enough() -> None:
    for outer, inner in product((0, 1), repeat=2):
        body = json.dumps({"note": outer, "object": {"note": inner}}).encode()
        assert read_body(body).note is bool(outer or inner)


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        ("staff_reply", "staff_reply"),
        ("a" * 40, "a" * 40),
        ("a" * 41, ""),
        ("Staff", ""),
        ("staff reply", ""),
        ("staff_reply\n", ""),
        ("chat.closed", "chat.closed"),
        ("message-edit:v2", "message-edit:v2"),
        (".hidden", ""),
        ("<b>typing</b>", ""),
        ("ответ", ""),
        (5, ""),
        (["staff_reply"], ""),
    ],
)
def test_an_event_is_a_short_identifier_or_nothing(event: object, kept: str) -> None:
    assert read_body(json.dumps({"event": event}).encode()).event == kept
    assert read_body(json.dumps({"type": event}).encode()).event == kept


def test_only_names_of_keys_are_kept_and_only_if_they_are_identifiers() -> None:
    hint = read_body(payload("channel_message_new.json"))
    assert hint.keys == (
        "type, object, object[message_id], object[case_id], object[staff_id], object[user_id], "
        "object[custom_user_id], object[content], object[note], object[sent_via_rule]"
    )
    prose = b"Dear Anna, 2+2=4 and anna@example.ru=me&token=first-secret-0123456789"
    assert read_body(prose).keys == "?, token"


def test_the_names_of_the_keys_are_bounded() -> None:
    body = json.dumps({f"key_number_{n}": n for n in range(900)}).encode()

    assert len(read_body(body).keys) <= KEYS_LENGTH


def test_a_file_in_a_form_is_skipped() -> None:
    assert "attachment" not in read_body(payload("channel_message_new.multipart")).keys


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["event", "type", "case_id", "message_id", "note", "object"]) | st.text(max_size=12)


def assert_tame(hint: Hint) -> None:
    assert all(number is None or 1 <= number <= LARGEST_ID for number in (hint.case_id, hint.message_id))
    assert hint.note in (None, True, False)
    for text, most in ((hint.event, 40), (hint.keys, KEYS_LENGTH), (hint.parse_error, 200)):
        assert len(text) <= most
        assert text.isascii()
        assert text.isprintable()


@given(body=st.binary(max_size=300))
def test_random_bytes_become_a_tame_hint(body: bytes) -> None:
    assert_tame(read_body(body))


@settings(max_examples=50)
@given(document=st.dictionaries(names, junk, max_size=6))
def test_random_documents_become_a_tame_hint(document: dict[str, object]) -> None:
    assert_tame(read_body(json.dumps(document).encode("utf-8", "surrogatepass")))


@given(middle=st.binary(max_size=200))
def test_random_multipart_becomes_a_tame_hint(middle: bytes) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="case_id"' + middle + b"\r\n--b--\r\n"
    assert_tame(read_body(body))
