"""The web process is killed while somebody uploads: the same form is sent again and makes one message."""

import socket
import threading
import time
from contextlib import nullcontext
from urllib.parse import urljoin

import pytest
import requests

from scripts.visitor import File, Form, Visitor
from tests.chaos.experiments.conftest import Figure
from tests.chaos.premises import begin_again, kill, nothing_can_be_written
from tests.house.checks import await_same, opened, somebody
from tests.house.conftest import Builder
from tests.house.premises import FullHouse, Premises

FILE: File = ("plan.txt", b"a line of the plan\n" * 60_000, "text/plain")


@pytest.fixture
def writing(new_house: Builder) -> tuple[Premises, Visitor, str, int]:
    house = new_house()
    visitor = house.sign_in(somebody())
    return house, visitor, *opened(house, visitor, "Upload")


def test_killed_in_the_middle_of_an_upload(
    writing: tuple[Premises, Visitor, str, int], figure: Figure
) -> None:
    house, visitor, path, case_id = writing
    form = form_of(visitor, path)
    whole = prepared(visitor, path, form)
    with socket.create_connection(("127.0.0.1", house.ports.web), timeout=10) as wire:
        lines = [f"POST {path}reply/ HTTP/1.1", f"Host: 127.0.0.1:{house.ports.web}"]
        lines += [f"{name}: {value}" for name, value in whole.headers.items()]
        assert isinstance(whole.body, bytes)
        wire.sendall("\r\n".join([*lines, "", ""]).encode() + whole.body[: len(whole.body) // 2])
        time.sleep(0.5)
        kill(house, "web")
    sent_again_once(house, visitor, path, case_id, form, figure)


def test_killed_between_storing_the_file_and_the_commit(
    writing: tuple[Premises, Visitor, str, int], figure: Figure
) -> None:
    house, visitor, path, case_id = writing
    form = form_of(visitor, path)
    failed: list[str] = []

    def send() -> None:
        try:
            visitor.post(form.action, {**form.fields, "text": "with a plan"}, [FILE], referer=path)
        except requests.RequestException as error:
            failed.append(type(error).__name__)

    sender = threading.Thread(target=send)
    # On SQLite nobody could store the file's row either: there it is killed as soon as the file appears.
    hold = nothing_can_be_written(house) if isinstance(house, FullHouse) else nullcontext()
    with hold:
        sender.start()
        while not stored(house):
            time.sleep(0.001)
        kill(house, "web")
    sender.join(20)
    assert failed, "the form was answered before the site was killed"
    sent_again_once(house, visitor, path, case_id, form, figure)


def sent_again_once(
    house: Premises, visitor: Visitor, path: str, case_id: int, form: Form, figure: Figure
) -> None:
    """As a browser does when the page is loaded anew: twice even, and still it is one message."""
    begin_again(house, "web")
    house.wait_ready("web")
    for _ in range(2):
        answer = visitor.post(form.action, {**form.fields, "text": "with a plan"}, [FILE], referer=path)
        assert answer.status_code == 302
    await_same(house, visitor, path, case_id, [("customer", "Hello?"), ("customer", "with a plan")])
    (sent,) = house.desk.case(case_id)["messages"][-1]["files"]
    assert sent["size"] == len(FILE[1])
    (address,) = visitor.thread(path)[-1].files.values()
    assert visitor.download(address) == FILE[1]
    known = [row for where, row in house.rows() if where == "table cabinet_casefile"]
    unknown = [name for name in stored(house) if not any(name.encode() in row for row in known)]
    assert unknown == [], "files on the disk that nobody will ever remove"
    figure("kills", 1)
    figure("copies on the disk, of which all but one go after a day", len(stored(house)))


def stored(house: Premises) -> list[str]:
    folder = house.folder / "media"
    return [path.name for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


def form_of(visitor: Visitor, path: str) -> Form:
    return next(form for form in visitor.page(path).forms if form.action == f"{path}reply/")


def prepared(visitor: Visitor, path: str, form: Form) -> requests.PreparedRequest:
    request = requests.Request(
        "POST",
        urljoin(visitor.base, form.action),
        data={**form.fields, "text": "with a plan"},
        files=[("files", FILE)],
        headers={"Referer": urljoin(visitor.base, path)},
    )
    return visitor.session.prepare_request(request)
