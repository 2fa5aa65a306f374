"""Pictures of staff: from a message that is read to what the customer sees, and what must not be fetched."""

import errno
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from cabinet.models import Case, Message, StaffFace
from omnidesk_sync import faces, tasks
from omnidesk_sync.models import Budget, FaceLink
from omnidesk_sync.parsing import read_message
from sandbox.exchange import Outcome
from sandbox.inbound import Reply
from sandbox.pictures import staff_picture
from tests.factories import PNG, signed_in
from tests.omnidesk_sync.drifting import kinds
from tests.omnidesk_sync.world import World, everything_stored

PICTURES = "/staff/pictures/"


class Shelf:
    """Where the desk's pictures lie: what stands at their address, and how often somebody asked."""

    def __init__(self, world: World) -> None:
        self.asked: list[str] = []
        self.answer: Reply | None = None
        self._handled = world.exchange.handle
        self._core = world.desk.core
        world.exchange.handle = self.handle  # type: ignore[method-assign]

    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        if PICTURES not in url:
            return self._handled(method, url, headers, body)
        self.asked.append(url)
        return Outcome(reply=self.answer) if self.answer else self._handled(method, url, headers, body)

    def lies(self, body: bytes, *, status: int = 200, content_type: str = "image/png", **more: str) -> None:
        length = {"Content-Length": str(len(body))}
        self.answer = Reply(
            status=status, body=body, headers={"Content-Type": content_type, **length, **more}
        )

    def moves_to(self, address: str) -> None:
        self._core.picture_url = lambda staff_id: address  # type: ignore[method-assign] # noqa: ARG005


@pytest.fixture
def shelf(world: World) -> Shelf:
    return Shelf(world)


def answered(world: World, case: Case, text: str = "Да.", **more: Any) -> Message:
    world.desk.staffroom.reply(world.desk_id(case), text=text, **more)
    world.read(case)
    return latest(case)


def latest(case: Case) -> Message:
    message = Message.objects.filter(case=case, author="staff").order_by("position").last()
    assert message
    return message


def shown(world: World, case: Case) -> list[bytes]:
    """What the customer's browser gets of the pictures on the case's page."""
    client = signed_in(world.anna)
    page = client.get(f"/cases/{case.pk}/").content.decode()
    places = [part.split('"')[0] for part in page.split('<img src="')[1:]]
    return [_bytes(client, place) for place in places if place.startswith("/faces/")]


def _bytes(client: Client, place: str) -> bytes:
    return b"".join(client.get(place).streaming_content)  # type: ignore[attr-defined]


# ── the whole way ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_an_answer_brings_the_face_of_who_wrote_it(world: World, shelf: Shelf) -> None:
    case = world.delivered()
    message = answered(world, case)
    link = FaceLink.objects.get()
    assert (link.due_at, link.url, link.last_error) == (None, "", "")
    assert message.staff_face_id == link.face_id
    assert shown(world, case) == [staff_picture(link.staff_id)]
    assert len(shelf.asked) == 1
    assert PICTURES not in everything_stored(), "whose address it was is forgotten"
    assert "acme.omnidesk.ru" not in signed_in(world.anna).get(f"/cases/{case.pk}/").content.decode()


@pytest.mark.slow
def test_it_is_fetched_once_for_all_cases(world: World, shelf: Shelf) -> None:
    one, other = world.delivered(), world.delivered("Второе", "Другое")
    for case in (one, other, one):
        answered(world, case)
    assert len(shelf.asked) == 1
    assert StaffFace.objects.count() == 1
    assert len(shown(world, one)) == 2
    assert len(shown(world, other)) == 1


@pytest.mark.slow
def test_a_face_costs_no_call_and_makes_no_difference(world: World, patient: None) -> None:
    case = world.delivered()
    costs = []
    for authors in ("absent", "present"):
        world.desk.switch(message_authors=authors)
        before = len(world.desk.calls)
        answered(world, case)
        costs.append(world.units(before))
    assert costs[0] == costs[1]
    assert StaffFace.objects.exclude(digest="").exists()
    assert kinds() == set()


@pytest.mark.slow
def test_where_the_desk_tells_nothing_there_are_initials(world: World, shelf: Shelf) -> None:
    world.desk.switch(message_authors="absent")
    case = world.delivered()
    message = answered(world, case)
    assert message.staff_face_id is None
    assert not FaceLink.objects.exists()
    world.desk.switch(message_authors="present")
    answered(world, case)
    assert len(shelf.asked) == 1


@pytest.mark.slow
def test_the_page_hears_of_a_new_face_without_waiting_for_news(world: World, shelf: Shelf) -> None:
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="Да.")
    shelf.lies(b"", status=503)
    world.read(case)
    before = Case.objects.get(pk=case.pk).revision
    shelf.answer = None
    world.wait(600)
    world.work()
    assert Case.objects.get(pk=case.pk).revision == before + 1
    assert len(shown(world, case)) == 1


# ── another picture ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_another_address_replaces_it_but_not_at_every_reading(world: World, shelf: Shelf) -> None:
    case = world.delivered()
    answered(world, case)
    for number in range(3):
        shelf.lies(PNG)
        shelf.moves_to(f"https://acme.omnidesk.ru{PICTURES}new.png?sign={number}")
        answered(world, case)
    assert len(shelf.asked) == 1
    world.wait(faces.REST.total_seconds())
    world.work()
    assert [url.rpartition("?")[2] for url in shelf.asked[1:]] == ["sign=2"]
    assert shown(world, case) == [PNG] * 4


@pytest.mark.slow
def test_the_newest_message_says_where_it_is(world: World, shelf: Shelf) -> None:
    """Old messages that are read again may name the picture of those days."""
    case, other = world.delivered(), world.delivered("Второе", "Другое")
    answered(world, other)
    message = answered(world, case)
    row = {"message_id": 1, "staff_id": FaceLink.objects.get().staff_id, "content": "x"}
    known = FaceLink.objects.get().address_hash
    faces.take_over(message.case_id, [read_message({**row, "thumbnail": "/old.png"})], now=timezone.now())
    assert FaceLink.objects.get().address_hash == known


@pytest.mark.slow
def test_the_same_address_is_looked_at_again_after_a_week(world: World, shelf: Shelf) -> None:
    case = world.delivered()
    answered(world, case)
    shelf.lies(PNG)
    world.wait(timedelta(days=8).total_seconds())
    world.work()
    assert len(shelf.asked) == 1, "nobody asks without a reason"
    answered(world, case)
    assert len(shelf.asked) == 2
    assert set(shown(world, case)) == {PNG}


@pytest.mark.slow
def test_a_picture_that_was_taken_down_is_not_shown_any_more(world: World, shelf: Shelf) -> None:
    case = world.delivered()
    answered(world, case)
    shelf.moves_to("")
    answered(world, case)
    assert shown(world, case) == []
    assert not StaffFace.objects.get().digest


# ── what must not be fetched, or shown ──────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b"<html><h1>Sign in</h1></html>", {"content_type": "text/html"}),
        (b"<html><h1>Sign in</h1></html>", {}),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", {"content_type": "image/svg+xml"}),
        (b"{}", {"content_type": "application/json"}),
        (PNG + bytes(3 * 1024 * 1024), {}),
        (b"", {}),
        (b"", {"status": 404}),
        (b"", {"status": 403}),
        (b"", {"status": 302, "Location": "https://evil.example/face.png"}),
        (b"", {"status": 302, "Location": "http://169.254.169.254/latest/meta-data/"}),
    ],
    ids=["page", "lie", "svg", "json", "huge", "empty", "missing", "forbidden", "elsewhere", "private"],
)
def test_what_is_no_picture_leaves_initials(
    world: World, shelf: Shelf, body: bytes, more: dict[str, Any]
) -> None:
    shelf.lies(body, **more)
    case = world.delivered()
    message = answered(world, case, "Вот ответ")
    assert message.text == "Вот ответ"
    assert shown(world, case) == []
    link = FaceLink.objects.get()
    assert link.due_at is None
    assert link.last_error
    world.wait(3600)
    world.work()
    assert len(shelf.asked) == 1, "it is not asked for again and again"


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/staff/pictures/41.png",
        "http://169.254.169.254/staff/pictures/41.png",
        "http://127.0.0.1:8000/staff/pictures/41.png",
        "https://acme.omnidesk.ru@evil.example/staff/pictures/41.png",
        "file:///etc/passwd",
        "data:image/png;base64,iVBORw0KGgo=",
        "/api/cases.json",
        "/staff/pictures/../../api/users.json",
    ],
)
def test_no_other_address_is_ever_asked(world: World, shelf: Shelf, address: str) -> None:
    shelf.moves_to(address)
    case = world.delivered()
    answered(world, case)
    assert shelf.asked == []
    assert shown(world, case) == []
    assert FaceLink.objects.get().due_at is None


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 500, 503])
def test_trouble_with_a_picture_is_nobody_elses(world: World, shelf: Shelf, status: int) -> None:
    """A 401 would pause the account if a message met it."""
    shelf.lies(b"", status=status)
    case = world.delivered()
    answered(world, case)
    assert Budget.objects.get().paused_since is None
    for _ in range(10):
        world.wait(3600)
        world.work()
    assert len(shelf.asked) == faces.TRIES
    world.reply(case, "И ещё вопрос")
    world.work()
    assert world.desk_texts(world.desk_id(case))[-1] == "И ещё вопрос"


def test_who_comes_late_finds_nothing_due(db: None) -> None:
    tasks.fetch_face(7)
    assert not FaceLink.objects.exists()


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("/staff/pictures/41.png", "/staff/pictures/41.png"),
        (" ", ""),
        ("-", ""),
        ("", ""),
        (None, None),
        (False, None),
        ({"url": "x"}, None),
    ],
)
def test_what_a_message_says_of_a_picture(said: object, read: str | None) -> None:
    assert read_message({"message_id": 1, "thumbnail": said}).thumbnail == read
    assert read_message({"message_id": 1}).thumbnail is None


@pytest.mark.slow
def test_a_full_disk_is_nobodys_fault(world: World, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **more: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    case = world.delivered()
    with monkeypatch.context() as disk:
        disk.setattr(FileSystemStorage, "_save", full)
        answered(world, case)
        for _ in range(faces.TRIES + 2):
            world.wait(3700)
            world.work()
    assert shown(world, case) == []
    world.wait(3700)
    world.work()
    assert len(shown(world, case)) == 1


@pytest.mark.slow
def test_after_a_restore_without_the_files_faces_come_back(world: World, shelf: Shelf) -> None:
    case = world.delivered()
    answered(world, case)
    blob = StaffFace.objects.get().blob
    blob.storage.delete(str(blob.name))
    call_command("omnidesk_after_restore")
    world.read(case)
    assert shown(world, case) == [staff_picture(FaceLink.objects.get().staff_id)]
