"""What the desk's JSON says about where files lie: only the account's own host is ever contacted.

Watched at the socket: which names are looked up, and which addresses are connected to.
"""

import io
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cabinet import faces as keeping_faces
from cabinet.bodies import body_from_html
from cabinet.models import CaseFile
from cabinet.services import open_case
from omnidesk_sync import faces, files
from omnidesk_sync.addresses import own_file_address
from omnidesk_sync.client import Client
from omnidesk_sync.errors import OmnideskError, Rejected
from omnidesk_sync.models import FaceLink, FileLink
from tests import factories
from tests.hostile.corpus import MARKUP
from tests.omnidesk_sync.raw_server import Connection, RawServer, serve

KEY = "key-that-nobody-else-may-see"


@dataclass
class Contacts:
    """Names that were looked up and addresses that were connected to."""

    names: list[str] = field(default_factory=list)
    peers: list[tuple[str, int]] = field(default_factory=list)


@pytest.fixture
def contacts(monkeypatch: pytest.MonkeyPatch) -> Contacts:
    seen = Contacts()
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def watched_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        seen.names.append(str(host))
        return look_up(host, *args, **kwargs)

    def watched_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            seen.peers.append((str(address[0]), int(address[1])))
        connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", watched_look_up)
    monkeypatch.setattr(socket.socket, "connect", watched_connect)
    return seen


@pytest.fixture
def elsewhere() -> Iterator[RawServer]:
    """What somebody would like us to ask, on another port of this machine."""

    def answer(connection: Connection) -> None:
        connection.answer(b"secret of the inner network")

    with serve(answer) as server:
        yield server


@pytest.fixture
def home() -> Iterator[RawServer]:
    """The account's own host."""

    def answer(connection: Connection) -> None:
        connection.answer(b"%PDF-1.4", headers=("Content-Type: application/pdf",))

    with serve(answer) as server:
        yield server


def fetch(home: RawServer, address: str) -> bytes:
    target = io.BytesIO()
    client = Client(base_url=home.url, staff_email="robot@acme.example", api_key=KEY)
    client.download(address, target, max_bytes=1000, expected_type="application/pdf")
    return target.getvalue()


def shapes(home: RawServer, elsewhere: RawServer) -> list[str]:
    """Every way to write another place, with the port of a server that would answer."""
    port, own = elsewhere.url.rpartition(":")[2], home.url.removeprefix("http://")
    hosts = [
        *(
            "127.0.0.1",
            "localhost",
            "0.0.0.0",
            "0",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "017700000001",
        ),
        *(
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::]",
            "127.0.0.1.",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
        ),
        *(
            "localtest.example",
            "127.0.0.1.nip.example",
            "169.254.169.254",
            "metadata.google.internal",
            "LOCALHOST",
        ),
    ]
    found = [f"{scheme}://{host}:{port}/x" for host in hosts for scheme in ("http", "https")]
    found += [f"//{host}:{port}/x" for host in hosts]
    found += [f"http://{own}@{host}:{port}/x" for host in hosts]
    found += [f"http://{host}:{port}\\@{own}/x" for host in hosts]
    found += [f"http://{own}\\@{host}:{port}/x" for host in hosts]
    found += [
        f"http://{own}@127.0.0.1:{port}#@{own}/x",
        f"http://127.0.0.1:{port}/@{own}/x",
        f"http://127.0.0.1:{port}?@{own}/x",
        f"http://127.0.0.1:{port}#{own}/x",
        f"http:\\\\127.0.0.1:{port}\\x",
        f"\\\\127.0.0.1:{port}\\x",
        f"/\\127.0.0.1:{port}/x",
        f"///127.0.0.1:{port}/x",
        f"http:///127.0.0.1:{port}/x",
        f"http:/127.0.0.1:{port}/x",
        f" http://127.0.0.1:{port}/x",
        f"\thttp://127.0.0.1:{port}/x",
        f"ht\ntp://127.0.0.1:{port}/x",
        f"http://{own}%2f@127.0.0.1:{port}/x",
        f"http://{own}%00.127.0.0.1:{port}/x",
        f"http://{own}:{port}/x",
        f"http://{own}.:80/x",
        f"https://{own}/x",
        f"gopher://127.0.0.1:{port}/_GET%20/",
        f"ftp://127.0.0.1:{port}/x",
        f"dict://127.0.0.1:{port}/x",
        f"ws://127.0.0.1:{port}/x",
        f"jar:http://127.0.0.1:{port}!/x",
        f"url:http://127.0.0.1:{port}/x",
        f"http://127.0.0.1:{port}",
        "http://[::1",
        "http://",
        "//",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "data:text/plain,x",
        "javascript:1",
        "cid:x",
        "unix:///var/run/docker.sock",
    ]
    return found


def test_no_shape_of_an_address_leads_anywhere_else(
    home: RawServer, elsewhere: RawServer, contacts: Contacts
) -> None:
    own = int(home.url.rpartition(":")[2])
    tried = shapes(home, elsewhere)
    assert len(tried) > 120
    for address in tried:
        # A few are nothing but a strange spelling of a path on our own host.
        with suppress(Rejected):
            fetch(home, address)
    assert elsewhere.connections == 0
    assert {port for _, port in contacts.peers} <= {own}
    assert set(contacts.names) <= {"127.0.0.1"}


def test_the_watch_sees_what_is_contacted(home: RawServer, contacts: Contacts) -> None:
    assert fetch(home, "/attachment/1/contract.pdf") == b"%PDF-1.4"
    assert contacts.peers == [("127.0.0.1", int(home.url.rpartition(":")[2]))]
    assert contacts.names == ["127.0.0.1"]
    assert b"Authorization: Basic" in home.requests[0]


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_no_redirect_leads_anywhere_else(elsewhere: RawServer, contacts: Contacts, status: str) -> None:
    waiting: list[str] = []

    def lead_away(connection: Connection) -> None:
        connection.read_request()
        if b" /attachment/" not in connection.request:
            connection.answer(b"")
            return
        location = waiting.pop().replace("\n", "").encode().decode("latin-1")
        head = f"HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        connection.sock.sendall(head.encode("latin-1"))

    with serve(lead_away) as home:
        waiting += shapes(home, elsewhere)[::4]
        while waiting:
            with suppress(OmnideskError):
                fetch(home, "/attachment/1/contract.pdf")
        assert elsewhere.connections == 0
        assert {port for _, port in contacts.peers} == {int(home.url.rpartition(":")[2])}


def test_a_redirect_at_home_carries_no_credentials_and_a_second_is_not_followed(elsewhere: RawServer) -> None:
    def lead_on(connection: Connection) -> None:
        first = b"/first" in connection.read_request()
        target = "/second" if first else elsewhere.url
        connection.answer(b"", status="302 Found", headers=(f"Location: {target}",))

    with serve(lead_on) as home:
        with pytest.raises(Rejected) as caught:
            fetch(home, "/first")
        assert caught.value.code == "redirected"
    assert [b"Authorization" in request for request in home.requests] == [True, False]
    assert elsewhere.connections == 0


AUTHORITY = st.text(st.sampled_from("acme.omnidesk.ru:/@\\#?%2f[]0x7f.1٣а。 \t"), max_size=40)


@given(
    st.tuples(
        st.sampled_from(["http:", "https:", "//", "/", "", "\\\\", "ftp://", "https://"]), AUTHORITY
    ).map("".join)
)
def test_whatever_the_desk_says_the_address_is_at_home_or_refused(address: str) -> None:
    home = "https://acme.omnidesk.ru"
    try:
        found = own_file_address(home, address)
    except Rejected:
        return
    assert found.startswith(f"{home}/")
    assert not found.removeprefix(f"{home}/").startswith(("/", "\\"))
    assert "@" not in found.removeprefix("https://").partition("/")[0]


@pytest.mark.django_db
def test_a_file_that_lies_elsewhere_is_given_up_at_once_and_said_so(
    alice: Any, contacts: Contacts, elsewhere: RawServer
) -> None:
    case = open_case(owner=alice, subject="s", text="t")
    file = factories.file_in(case.messages.get(), state="fetching", blob="")
    link = FileLink.objects.create(file=file, url=f"{elsewhere.url}/x", due_at=timezone.now())
    files.fetch(link.pk)
    link.refresh_from_db()
    file.refresh_from_db()
    assert file.state == CaseFile.State.UNAVAILABLE
    assert link.due_at is None
    assert "host" in link.last_error
    assert (contacts.peers, elsewhere.connections) == ([], 0)


@pytest.mark.django_db
def test_a_face_that_lies_elsewhere_is_never_fetched(contacts: Contacts, elsewhere: RawServer) -> None:
    face = keeping_faces.begin(now=timezone.now())
    link = FaceLink.objects.create(face=face, staff_id=41, url=f"{elsewhere.url}/x", due_at=timezone.now())
    faces.fetch(link.pk)
    link.refresh_from_db()
    assert link.due_at is None
    assert "host" in link.last_error
    assert (contacts.peers, elsewhere.connections) == ([], 0)


@pytest.mark.django_db
def test_nothing_is_fetched_because_a_text_names_it(
    alice: Any, contacts: Contacts, elsewhere: RawServer
) -> None:
    """Neither pictures nor style sheets nor links of staff or of a letter are asked for by the server."""
    for markup in MARKUP:
        body_from_html(markup.replace("https://evil.example", elsewhere.url))
    case = open_case(owner=alice, subject="s", text=f"{elsewhere.url}/x")
    html = body_from_html(f'<img src="{elsewhere.url}/x"><a href="{elsewhere.url}/y">y</a>').html
    factories.staff_reply(case, "t", html=html)
    page = factories.signed_in(alice).get(f"/cases/{case.pk}/")
    assert f"{elsewhere.url}/y" in page.content.decode()
    assert contacts.names == []
    assert elsewhere.connections == 0
