"""Names and contents of files that lie: headers stay whole, nothing is unpacked, nothing is believed."""

import time
import zlib
from email.message import Message as Header
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from cabinet import services
from cabinet.models import Case, CaseFile, Message
from tests import factories
from tests.hostile.conftest import HostileClient, Premises, finish
from tests.hostile.corpus import WORDS

pytestmark = pytest.mark.django_db

NAMES = [
    *(
        "../../../etc/passwd",
        "..\\..\\windows\\win.ini",
        "/etc/cron.d/x",
        "C:\\x.txt",
        ".",
        "..",
        "...",
        "~",
        ".htaccess",
    ),
    *(
        'a"; filename="b.html',
        "a\r\nSet-Cookie: x=y\r\n\r\n<script>",
        "a\x00.png",
        "a;b=c,d.txt",
        "a%0d%0ab.txt",
        "a'b`c.txt",
    ),
    *(
        "\u202egpj.exe",
        "я" * 300 + ".txt",
        "😀" * 200 + ".txt",
        "x" * 1000,
        "a." + "b" * 300,
        "  .txt",
        "\u2028\u2029.txt",
    ),
    *(
        "CON",
        "aux.txt",
        "a.html",
        "a.svg\u200b",
        "$(id).txt",
        "|id",
        "-rf",
        "{{ 7 }}.txt",
        "=cmd|' /C calc'!A0",
        "%s%n.txt",
    ),
    *WORDS,
]


def kept(message: Message, name: str, content: bytes = b"words") -> CaseFile:
    """As the house keeps it. Django's own upload would already have cut the name."""
    file = services.stage_file(owner=message.case.owner, upload=ContentFile(content), name=name)
    CaseFile.objects.filter(pk=file.pk).update(message=message)
    return file


def head_of(answer: Any) -> Header:
    header = Header()
    header["Content-Disposition"] = answer["Content-Disposition"]
    return header


def assert_harmless(answer: Any, file: CaseFile) -> None:
    said = answer["Content-Disposition"]
    assert said.isascii()
    assert said.isprintable()
    assert said.startswith(("attachment", "inline"))
    header = head_of(answer)
    assert {name for name, _ in header.get_params(header="Content-Disposition") or []} <= {
        "attachment",
        "inline",
        "filename",
    }
    given_name = header.get_filename() or ""
    assert not set(given_name) & set("/\\\r\n\x00\u202e")
    assert unquote(given_name) == unquote(file.name)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_kept_harmless_and_its_header_whole(alice: AbstractBaseUser, name: str) -> None:
    file = kept(factories.case_of(alice).messages.get(), name)
    answer = factories.signed_in(alice, HostileClient()).get(f"/files/{file.pk}/")
    assert answer.status_code == 200
    assert_harmless(answer, file)
    finish(answer)
    # On the disk it has a name of ours, in our folder, whatever it is called.
    stored = Path(file.blob.path)
    assert stored.is_relative_to(settings.MEDIA_ROOT)
    assert stored.suffix == ".bin"
    assert len(stored.stem.encode()) == 32


@pytest.mark.slow
@rules(max_examples=60, suppress_health_check=list(HealthCheck))
@given(name=st.text(max_size=300), content=st.binary(min_size=1, max_size=60))
def test_any_name_and_any_content_are(premises: Premises, name: str, content: bytes) -> None:
    message = Case.objects.get(pk=premises.case.pk).messages.all()[0]
    file = kept(message, name, content)
    answer = factories.signed_in(premises.alice, HostileClient()).get(f"/files/{file.pk}/")
    assert_harmless(answer, file)
    assert answer["Content-Type"] == "application/octet-stream" or answer["Content-Type"].startswith("image/")
    finish(answer)
    page = factories.signed_in(premises.alice, HostileClient()).get(f"/cases/{premises.case.pk}/")
    assert page.status_code == 200
    file.delete()


def pixel_bomb() -> bytes:
    """A picture of 60,000 by 60,000 points in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = (60_000).to_bytes(4) * 2 + bytes([8, 0, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\x00" * 500_000))
        + chunk(b"IEND", b"")
    )


BOMBS = {
    "a picture of billions of points": pixel_bomb(),
    "an archive": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + zlib.compress(b"\x00" * 10_000_000),
    "a compressed stream": b"\x1f\x8b\x08\x00" + zlib.compress(b"\x00" * 10_000_000),
    "a document of entities": b"<!DOCTYPE x [" + b'<!ENTITY a "&b;&b;">' * 50 + b"]><x>&a;</x>",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_are_kept_as_they_are_and_opened_by_nobody(alice: AbstractBaseUser, kind: str) -> None:
    client = factories.signed_in(alice, HostileClient())
    began = time.thread_time()
    upload = factories.upload("bomb", BOMBS[kind])
    answer = client.post("/cases/new/", {"subject": "s", "text": "t", "files": [upload]})
    assert answer.status_code == 302
    assert client.get(answer["Location"]).status_code == 200
    file = CaseFile.objects.get()
    served = client.get(f"/files/{file.pk}/")
    assert b"".join(served) == BOMBS[kind]
    assert time.thread_time() - began < 3
