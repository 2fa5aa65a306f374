"""Which picture of a letter is which of its attachments."""

import pytest

from cabinet.bodies import files_in
from cabinet.models import CaseFile
from omnidesk_sync.pictures import in_place
from omnidesk_sync.types import Attachment
from sandbox.records import Upload
from tests.factories import PNG
from tests.omnidesk_sync.world import World

HOST = "https://acme.omnidesk.ru"


def file(file_id: int, name: str = "image001.png", url: str = "") -> Attachment:
    return Attachment(
        file_id, name, 10, "image/png", url or f"{HOST}/attachment/download/7/{file_id}-abc/{name}"
    )


def shows(address: str, *files: Attachment) -> list[int]:
    return list(in_place(f'<p><img src="{address}"></p>', files))


@pytest.mark.parametrize(
    "address",
    [
        f"{HOST}/attachment/download/7/345-abc/image001.png",
        f"{HOST}/attachment/download/7/345-abc/image001.png?sign=fresh",
        "//ACME.omnidesk.ru/attachment/inline/345",
        "/attachment/345",
        f"{HOST}/attachment/345.png",
        "cid:image001.png@01DC5299.10AB",
        "CID:Image001.png",
    ],
)
def test_it_is_known_by_its_address_its_id_or_its_name(address: str) -> None:
    assert in_place(f"<img src='{address}'>", [file(345), file(346, "b.png")]) == {345: (address,)}


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/attachment/345",
        f"{HOST}/attachment/3456",
        f"{HOST}/attachment/7345",
        f"{HOST}/",
        "cid:other.png@x",
        "cid:",
        "data:image/png;base64,AAAA",
        "http://[broken/345",
        "",
    ],
)
def test_what_is_not_known_for_certain_is_not_shown(address: str) -> None:
    assert shows(address, file(345)) == []


def test_two_of_one_name_are_none() -> None:
    assert shows("cid:image001.png@x", file(1), file(2)) == []
    assert in_place("<img src=cid:a>", []) == {}


def test_one_picture_may_stand_in_several_places() -> None:
    html = f"<img src='{HOST}/attachment/345'><img src='cid:image001.png'><img src='{HOST}/attachment/345'>"
    assert in_place(html, [file(345)]) == {345: (f"{HOST}/attachment/345", "cid:image001.png")}


@pytest.mark.slow
def test_a_picture_of_a_reply_is_shown_from_our_copy_also_after_it_was_edited(world: World) -> None:
    case = world.delivered()
    upload = Upload(name="error.png", mime_type="image/png", data=PNG)
    html = '<p>Here:</p><img src="cid:error.png@1"><img src="https://evil.example/x.png">'
    row = world.desk.staffroom.reply(world.desk_id(case), html=html, files=[upload])
    world.read(case)
    [shown] = CaseFile.objects.all()
    assert shown.state == CaseFile.State.READY
    message = case.messages.get(author="staff")
    assert files_in(message.html) == [str(shown.pk)]
    world.desk.staffroom.edit(row.message_id, html=html.replace("Here", "There"))
    world.read(case)
    message.refresh_from_db()
    assert "There" in message.text
    assert files_in(message.html) == [str(shown.pk)]
    assert "evil" not in message.html
