"""Decisions from plain values, for any value."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cabinet.bodies import plain_text
from omnidesk_sync import policy
from omnidesk_sync.policy import AfterLook, Likeness, Look, Visibility, Words
from omnidesk_sync.types import DeskMessage
from sandbox.text import text_to_html

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
times = st.none() | st.integers(-10_000, 10_000).map(lambda seconds: NOW + timedelta(seconds=seconds))
texts = st.text(max_size=60)
words = st.builds(Words, texts, st.lists(st.integers(0, 5), max_size=3).map(tuple))


@st.composite
def rows(draw: st.DrawFn) -> DeskMessage:
    return DeskMessage(
        message_id=draw(st.integers(1, 10**9)),
        user_id=draw(st.integers(0, 3)),
        staff_id=draw(st.integers(0, 3)),
        content="",
        content_html="",
        attachments=(),
        note=draw(st.none() | st.booleans()),
        message_type=draw(
            st.sampled_from(["", "reply_user", "reply_staff", "note", "reply_note", "x"]) | texts
        ),
        sent_via_rule=draw(st.booleans()),
        created_at=draw(times),
        sent_at=draw(times),
        full_name="",
    )


@given(rows())
def test_only_what_is_known_to_be_public_is(row: DeskMessage) -> None:
    found = policy.visibility(row, server_time=NOW)
    if found is Visibility.PUBLIC:
        assert not row.note
        assert "note" not in row.message_type.lower()
        assert row.user_id or row.staff_id or row.sent_via_rule
        assert row.message_type in policy.KNOWN_TYPES or (row.message_type == "" and row.note is False)
        assert (row.sent_at or row.created_at or NOW) <= NOW


@given(rows(), times)
def test_what_is_public_stays_public_as_time_goes_on(row: DeskMessage, later: datetime | None) -> None:
    if policy.visibility(row, server_time=NOW) is Visibility.PUBLIC:
        assert policy.visibility(row, server_time=max(NOW, later or NOW)) is Visibility.PUBLIC


@given(words, words)
def test_likeness_does_not_depend_on_the_side(one: Words, other: Words) -> None:
    assert policy.likeness(one, one) is Likeness.EQUAL
    assert policy.likeness(one, other) is policy.likeness(other, one)


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = policy.normalised(text)
    assert policy.normalised(once) == once


def _sent(text: str) -> str:
    """As the cabinet stores what was typed."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


@pytest.mark.parametrize("style", ["br", "br_newline", "paragraphs"])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=80))
@example(text="a\u00a0b  c\n\n\n   d")
@example(text="&amp; &lt;b&gt; <b>x</b> &nbsp;")
@example(text="> цитата\n- пункт\n1. раз")
@example(text="\ufffe\ufffd")
@example(text="a\u200bb\u00adc\ufeffd\u2028e\x0bf\x1cg")
def test_our_own_words_are_known_again_in_the_desks_html(style: str, text: str) -> None:
    ours, theirs = Words(_sent(text)), Words(plain_text(text_to_html(_sent(text), style)))
    assert policy.likeness(ours, theirs) is Likeness.EQUAL


@given(words, st.lists(st.tuples(st.integers(1, 99), words), max_size=5, unique_by=lambda pair: pair[0]))
def test_only_an_equal_one_is_adopted_and_the_earliest(ours: Words, found: list[tuple[int, Words]]) -> None:
    look, identifier, similar = policy.look_for(ours, found)
    equal = sorted(key for key, other in found if policy.likeness(ours, other) is Likeness.EQUAL)
    assert (look is Look.FOUND) == bool(equal)
    assert identifier == (equal[0] if equal else 0)
    assert (look is Look.UNCLEAR) == bool(similar)


@given(st.integers(0, 50), st.floats(0, 1e6))
def test_what_is_unclear_is_never_sent_again_and_resends_end(resends: int, seconds: float) -> None:
    unclear = policy.after_look(Look.UNCLEAR, resends=resends, seconds_since_first_look=seconds)
    assert unclear is not AfterLook.SEND_AGAIN
    absent = policy.after_look(Look.ABSENT, resends=resends, seconds_since_first_look=seconds)
    assert (absent is AfterLook.SEND_AGAIN) == (resends < policy.RESENDS)


@given(st.integers(-5, 10_000))
def test_backing_off_never_shrinks_and_ends(failures: int) -> None:
    first, longest = policy.CALL_FAILURE_BACKOFF
    assert first <= policy.backoff(failures) <= policy.backoff(failures + 1) <= longest


@given(st.integers(0, 5000))
def test_readings_of_one_case_are_spaced_more_widely_on_a_small_account(limit: int) -> None:
    assert 2.0 <= policy.read_spacing(limit + 1) <= policy.read_spacing(limit) <= 120.0


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_a_chat_is_read_sooner_only_while_half_of_the_calls_are_free(limit: int, room: int) -> None:
    spacing = policy.read_spacing(limit, chat_room=room)
    assert policy.CHAT_SPACING_SECONDS <= spacing <= policy.read_spacing(limit)
    assert (spacing < policy.read_spacing(limit)) == (room * 2 >= limit)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (Words("ok"), Words(" ok "), Likeness.EQUAL),
        (Words("ok", (3,)), Words("ok"), Likeness.SIMILAR),
        (Words("", (3, 4)), Words("", (4, 3)), Likeness.EQUAL),
        (Words("", (3,)), Words("смотрите", (3,)), Likeness.SIMILAR),
        (Words("прошу прислать счёт"), Words("прошу прислать счёт, пожалуйста"), Likeness.SIMILAR),
        (Words("раз два три"), Words("четыре пять шесть"), Likeness.OTHER),
        (Words("й"), Words("й"), Likeness.EQUAL),
    ],
)
def test_likeness(ours: Words, theirs: Words, expected: Likeness) -> None:
    assert policy.likeness(ours, theirs) is expected
