"""No request, however broken, breaks a door: never a 5xx, always soon, nothing kept of what was refused."""

import html
import json
import re
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cabinet.models import MAX_SUBJECT, MAX_TEXT, Case
from cabinet.uploads import MAX_FILES
from tests import factories
from tests.hostile import shots
from tests.hostile.conftest import HostileClient, Premises, Throw
from tests.hostile.doors import FIELDS, PARAMETERS, Door, admin_doors, all_doors, site_doors
from tests.hostile.shots import FORM, MULTIPART, Shot, multipart, part
from tests.profiles import one_in, searching
from webhooks.models import InboxEntry
from webhooks.views import MAX_BYTES

SITE, ADMIN = site_doors(), admin_doors()
ADMIN_MODELS = sorted({door.model for door in ADMIN})
MEGABYTE = 1024 * 1024
anything_goes = settings(
    suppress_health_check=list(HealthCheck), max_examples=settings().max_examples if searching() else 10
)


def test_every_door_has_a_strategy() -> None:
    """A new door comes here with the names of the fields it reads, and then everything is thrown at it."""
    assert {door.route for door in SITE} == set(FIELDS)
    assert {name for door in all_doors() for name in door.parameters} == PARAMETERS
    assert len(ADMIN) > 80


@pytest.mark.slow
@pytest.mark.parametrize("door", SITE, ids=str)
def test_nothing_thrown_at_a_door_breaks_it(premises: Premises, throw: Throw, door: Door) -> None:
    """A sixth of it, another one at each door; all of it for those who search."""
    client, path = premises.client(door), premises.path(door)
    everything, step = list(shots.shots(door.fields)), one_in(6)
    assert len(everything) > 200
    assert throw(client, path, everything[0]) != 404
    for shot in everything[SITE.index(door) % step :: step]:
        throw(client, path, shot)


@pytest.mark.slow
@pytest.mark.parametrize("door", [door for door in SITE if len(door.fields) > 1], ids=str)
def test_nothing_thrown_at_one_field_of_a_door_breaks_it(
    premises: Premises, throw: Throw, door: Door
) -> None:
    """A part of it, another one at each door: where there are ten fields, all of it takes minutes."""
    client, path = premises.client(door), premises.path(door)
    step = one_in(36)
    for shot in list(shots.shots(door.fields, one_by_one=True))[SITE.index(door) % step :: step]:
        if throw(client, path, shot) == 302:
            # What was accepted would make every later page longer.
            premises.case.messages.filter(position__gt=2).delete()


@pytest.mark.slow
@pytest.mark.parametrize("door", SITE, ids=str)
def test_cookies_that_nobody_gave_break_no_door(premises: Premises, throw: Throw, door: Door) -> None:
    step = one_in(3)
    for shot in list(shots.cookie_shots())[SITE.index(door) % step :: step]:
        throw(HostileClient(), premises.path(door), shot)


@pytest.mark.slow
@pytest.mark.parametrize("door", [door for door in SITE if door.parameters], ids=str)
def test_strange_parts_of_an_address_break_no_door(premises: Premises, throw: Throw, door: Door) -> None:
    client, step = premises.client(door), one_in(3)
    for why, value in list(shots.VALUES.items())[SITE.index(door) % step :: step]:
        text = value.decode("utf-8", "surrogateescape")
        for name in door.parameters:
            path = door.path(premises.values | {name: text})
            throw(client, path, Shot(f"{name}: {why}"))
            throw(client, path, Shot(f"{name}: {why}", "POST", body=b"x=1", content_type=FORM))


@pytest.mark.parametrize(
    "path",
    ["/\x00", "/static/\x00", "/static/../manage.py", "/static/" + "x" * 5000, "/\udcff"],
    ids=["NUL", "NUL in static", "folders", "long", "no UTF-8"],
)
@pytest.mark.parametrize("signed_in", [True, False])
def test_addresses_that_lead_nowhere_are_not_found(
    premises: Premises, throw: Throw, path: str, signed_in: bool
) -> None:
    client = HostileClient()
    if signed_in:
        factories.signed_in(premises.alice, client)
    assert throw(client, path, Shot("nowhere")) == 404


@pytest.mark.slow
def test_somebody_signed_out_breaks_no_door_either(premises: Premises, throw: Throw) -> None:
    client = HostileClient()
    for door in all_doors():
        for shot in (
            Shot("asked", query="q=%00&next=%00&page=9e999"),
            Shot("told", "POST", body=b"q=%00&text=%ff", content_type=FORM),
            Shot("a very long address", query="x" * 30_000),
            Shot("a cookie with a NUL", environ={"HTTP_COOKIE": 'sessionid="abcdefgh\\000ijkl"'}),
        ):
            throw(client, premises.path(door), shot)


@pytest.mark.slow
@pytest.mark.parametrize("model", ADMIN_MODELS, ids=lambda model: model or "no model")
def test_some_of_what_can_be_thrown_at_the_admin(premises: Premises, throw: Throw, model: str) -> None:
    """All of it at every door would take an hour: a part, another one at each, more where rows are chosen."""
    for door in _admin_doors_of(model):
        client, path = premises.client(door), premises.path(door)
        everything = _admin_shots(door)
        step = one_in(32, searched=2) if door.lists_rows else one_in(96, searched=6)
        for shot in everything[ADMIN.index(door) % step :: step]:
            throw(client, path, shot)


def _admin_doors_of(model: str) -> list[Door]:
    """Those of one model, the one that deletes its row at last."""
    return sorted((door for door in ADMIN if door.model == model), key=lambda door: "/delete/" in door.route)


def _admin_shots(door: Door) -> list[Shot]:
    filters = (
        "q",
        "p",
        "o",
        "id",
        "pk__in",
        "state",
        "state__exact",
        "created_at__year",
        "case__id__exact",
        "_to_field",
    )
    found = [Shot(f"method {method}", method) for method in shots.METHODS]
    for why, value in shots.VALUES.items():
        quoted = quote_from_bytes(value[:2000], safe="")
        found += [Shot(f"{name}: {why}", query=f"{name}={quoted}") for name in filters]
        actions = ("delete_selected", "try_again", "drop", "read_this_case_again", "process_again", "x")
        if door.lists_rows:
            for action in actions:
                body = f"action={action}&index=0&_selected_action={quoted}".encode()
                found.append(Shot(f"{action} of {why}", "POST", body=body, content_type=FORM))
        body = "&".join(f"{name}={quoted}" for name in door.fields).encode()
        found.append(Shot(f"{why} in a form", "POST", body=body, content_type=FORM))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", ADMIN_MODELS, ids=lambda model: model or "no model")
def test_strange_parts_of_an_admin_address_break_nothing(
    premises: Premises, throw: Throw, model: str
) -> None:
    step = one_in(6)
    for door in _admin_doors_of(model):
        client = premises.client(door)
        for why, value in list(shots.VALUES.items())[ADMIN.index(door) % step :: step]:
            text = value.decode("utf-8", "surrogateescape")
            for name in door.parameters:
                key = f"{door.model}.{name}" if f"{door.model}.{name}" in premises.values else name
                throw(client, door.path(premises.values | {key: text}), Shot(f"{name}: {why}"))


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("subject", "text", "status"),
    [
        (MAX_SUBJECT, MAX_TEXT, 302),
        (MAX_SUBJECT + 1, 10, 422),
        (10, MAX_TEXT + 1, 422),
    ],
)
def test_the_last_letter_that_fits_and_the_first_that_does_not(
    premises: Premises, throw: Throw, subject: int, text: int, status: int
) -> None:
    client = factories.signed_in(premises.alice, HostileClient())
    body = f"subject={'я' * subject}&text={'ж' * text}".encode()
    shot = Shot("long", "POST", body=body, content_type=FORM)
    assert throw(client, "/cases/new/", shot) == status  # type: ignore[arg-type]
    assert Case.objects.filter(subject="я" * subject).count() == (status == 302)


@pytest.mark.parametrize(("size", "status"), [(2 * MEGABYTE - 100, 422), (2 * MEGABYTE + 100, 413)])
@pytest.mark.parametrize("content_type", [FORM, MULTIPART])
def test_a_form_without_end_is_refused_and_a_page_says_so(
    premises: Premises, throw: Throw, size: int, status: int, content_type: str
) -> None:
    client = factories.signed_in(premises.alice, HostileClient())
    body = b"text=" + b"x" * (size - 5)
    if content_type == MULTIPART:
        body = multipart(part(b"text", b"x" * (size - 100)))
    shot = Shot("big", "POST", body=body, content_type=content_type)
    assert throw(client, "/cases/new/", shot) == status  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "status"), [(MAX_BYTES, 200), (MAX_BYTES + 1, 413)])
def test_the_longest_webhook_and_one_that_is_longer(
    premises: Premises, throw: Throw, size: int, status: int
) -> None:
    body = b'{"case_id": 1, "x": "' + b"x" * (size - 23) + b'"}'
    assert len(body) == size
    shot = Shot("long", "POST", body=body, content_type="application/json")
    before = InboxEntry.objects.count()
    assert throw(HostileClient(), f"/webhooks/omnidesk/{premises.values['secret']}/", shot) == status
    assert InboxEntry.objects.count() - before == (status == 200)


def test_of_many_tiny_files_a_message_keeps_what_it_may_have(premises: Premises, throw: Throw) -> None:
    client = factories.signed_in(premises.alice, HostileClient())
    files = [part(b"files", b"x", b'; filename="%d.txt"' % number) for number in range(99)]
    answer = client.fire(  # type: ignore[attr-defined]
        "/cases/new/",
        Shot("files", "POST", body=multipart(part(b"subject", b"s"), *files), content_type=MULTIPART),
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.count('name="uploaded"') == MAX_FILES
    assert page.count("” was left out: a message may have 20 files.</li>") == 99 - MAX_FILES


# ── made by hypothesis ──────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)


def lines(text: str) -> str:
    """The text as a page shows it: one kind of line end, no control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[\x00-\x08\x0b-\x1f\x7f]", "", text)


@anything_goes
@given(subject=TEXTS, text=TEXTS)
def test_what_was_typed_into_a_form_sent_back_is_still_in_it(
    premises: Premises, subject: str, text: str
) -> None:
    client = factories.signed_in(premises.alice, HostileClient())
    too_long = subject + "x" * (MAX_SUBJECT + 1)
    answer = client.post("/cases/new/", {"subject": too_long, "text": text})
    page = answer.content.decode()
    assert answer.status_code == 422
    kept = re.search(r"<textarea[^>]*>\r?\n(.*?)</textarea>", page, re.DOTALL)
    line = re.search(r'name="subject" value="([^"]*)"', page)
    assert kept is not None
    assert line is not None
    assert lines(html.unescape(kept[1])) == lines(text)
    assert lines(html.unescape(line[1])) == lines(too_long)


@anything_goes
@given(subject=TEXTS, text=TEXTS)
def test_what_was_accepted_can_be_shown_found_and_listed(premises: Premises, subject: str, text: str) -> None:
    client = factories.signed_in(premises.alice, HostileClient())
    answer = client.post("/cases/new/", {"subject": subject[:MAX_SUBJECT], "text": text})
    assert answer.status_code in (302, 422)
    if answer.status_code == 302:
        assert client.get(answer["Location"]).status_code == 200
        assert client.get("/cases/", {"q": text or "x"}).status_code == 200


NAMES = st.sampled_from(
    [b"text", b"subject", b"files", b"submission", b"email", b"code", b"case_id", b"\xff", b""]
)
HEADERS = st.sampled_from(
    [
        b"",
        b"\r\nX: y",
        b'; filename="a.txt"',
        b"; filename*=utf-8''%ff",
        b"\r\nContent-Type: x/y; charset=hex",
    ]
)
PARTS = st.lists(st.tuples(NAMES, st.binary(max_size=60), HEADERS), max_size=6)
MULTIPARTS = PARTS.map(lambda parts: multipart(*[part(*each) for each in parts]))
CUT = st.tuples(MULTIPARTS, st.integers(0, 400)).map(lambda pair: pair[0][: pair[1]])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
HINTS = st.dictionaries(st.sampled_from(["event", "type", "case_id", "message_id", "note", "object"]), JSON)
FORMS = st.lists(st.tuples(NAMES, st.binary(max_size=60)), max_size=8).map(
    lambda pairs: b"&".join(name + b"=" + quote_from_bytes(value, safe="").encode() for name, value in pairs)
)
BODIES = (
    st.binary(max_size=400)
    | MULTIPARTS
    | CUT
    | FORMS
    | HINTS.map(lambda value: json.dumps(value).encode())
    | HINTS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass"))
)
TYPES = st.sampled_from([FORM, MULTIPART, "application/json", "", *shots.CONTENT_TYPES.values()])
PRINTABLE = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60
)
ENVIRONS = st.dictionaries(
    st.sampled_from(
        ["HTTP_COOKIE", "HTTP_ACCEPT_LANGUAGE", "HTTP_IF_NONE_MATCH", "HTTP_HX_REQUEST", "HTTP_REFERER"]
    ),
    PRINTABLE | st.sampled_from(list(shots.COOKIES.values())).map(lambda value: f"sessionid={value}"),
    max_size=2,
)
QUERIES = st.binary(max_size=80).map(lambda value: "q=" + quote_from_bytes(value)) | PRINTABLE
SHOTS = st.builds(
    Shot,
    why=st.just("made by hypothesis"),
    method=st.sampled_from(["GET", "POST", "POST", "POST", "PUT"]),
    query=QUERIES,
    body=BODIES,
    content_type=TYPES,
    environ=ENVIRONS,
)


@pytest.mark.slow
@anything_goes
@given(data=st.data())
@pytest.mark.parametrize("door", SITE, ids=str)
def test_nothing_that_can_be_made_up_breaks_a_door(
    premises: Premises, throw: Throw, door: Door, data: st.DataObject
) -> None:
    client, path = premises.client(door), premises.path(door)
    for shot in data.draw(st.lists(SHOTS, min_size=1, max_size=3)):
        throw(client, path, shot)
