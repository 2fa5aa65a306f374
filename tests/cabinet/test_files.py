"""Files: who gets them, and that no browser runs them."""

import errno
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from cabinet import housekeeping, services
from cabinet.models import CaseFile
from cabinet.storage import PrivateStorage
from tests.factories import PNG, case_of, file_in, upload


@pytest.fixture
def file(alice: AbstractBaseUser) -> CaseFile:
    return file_in(case_of(alice).messages.get(), "отчёт за март.pdf", b"%PDF-1.4 words")


def body(response: HttpResponseBase) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def test_a_file_is_a_download_under_its_own_name(as_alice: Client, file: CaseFile) -> None:
    answer = as_alice.get(f"/files/{file.pk}/")
    assert answer.status_code == 200
    assert body(answer) == b"%PDF-1.4 words"
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''%D0%BE%D1%82")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"].startswith("private")
    assert answer["Content-Length"] == "14"


@pytest.mark.parametrize(
    ("name", "content", "inline"),
    [
        ("picture.png", PNG, True),
        ("really.html", PNG, True),
        ("page.html", b"<script>alert(1)</script>", False),
        ("lie.png", b"<script>alert(1)</script>", False),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", False),
        ("text.txt", b"words", False),
    ],
)
def test_only_real_pictures_are_shown_in_the_page(
    as_alice: Client, alice: AbstractBaseUser, name: str, content: bytes, inline: bool
) -> None:
    file = file_in(case_of(alice).messages.get(), name, content, content_type="image/png")
    answer = as_alice.get(f"/files/{file.pk}/")
    assert answer["Content-Disposition"].startswith("inline" if inline else "attachment")
    assert answer["Content-Type"] == ("image/png" if inline else "application/octet-stream")
    assert body(answer) == content


@pytest.mark.parametrize("state", ["fetching", "unavailable"])
def test_what_is_not_here_is_not_found(as_alice: Client, file: CaseFile, state: str) -> None:
    CaseFile.objects.filter(pk=file.pk).update(state=state)
    assert as_alice.get(f"/files/{file.pk}/").status_code == 404


def test_bytes_that_are_gone_are_not_found(as_alice: Client, file: CaseFile) -> None:
    file.blob.storage.delete(file.blob.name or "")
    assert as_alice.get(f"/files/{file.pk}/").status_code == 404


def test_a_stranger_finds_nothing(as_charlie: Client, file: CaseFile) -> None:
    assert as_charlie.get(f"/files/{file.pk}/").status_code == 404
    assert as_charlie.get(f"/files/{uuid.uuid4()}/").status_code == 404


def test_staged_uploads_are_served_to_nobody(
    as_alice: Client, as_charlie: Client, alice: AbstractBaseUser
) -> None:
    staged = services.stage_file(owner=alice, upload=upload(), name="staged.txt")
    assert as_alice.get(f"/files/{staged.pk}/").status_code == 404
    assert as_charlie.get(f"/files/{staged.pk}/").status_code == 404


def test_a_name_cannot_break_out_of_its_header(as_alice: Client, alice: AbstractBaseUser) -> None:
    file = file_in(case_of(alice).messages.get(), 'a"; x=\r\nSet-Cookie: y.txt')
    answer = as_alice.get(f"/files/{file.pk}/")
    answer.close()
    assert answer.status_code == 200
    assert "\n" not in answer["Content-Disposition"]
    assert "Set-Cookie" not in answer


def test_half_a_file_is_not_left_behind_on_a_full_disk(alice: AbstractBaseUser) -> None:
    class Cut(ContentFile):  # type: ignore[type-arg]
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield b"half of it"
            raise OSError(errno.ENOSPC, "No space left on device")

    storage = PrivateStorage()
    with pytest.raises(OSError, match="No space"):
        storage.save("half.bin", Cut(b"half of it, and the rest"))
    assert not storage.exists("half.bin")


def test_a_row_knows_an_upload_before_the_disk_does(
    alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it stores the bytes: they go with the row when nobody has used them for a day."""

    class Killed(BaseException):
        pass

    def store_and_die(storage: PrivateStorage, name: str, content: object) -> str:
        Path(storage.path(name)).parent.mkdir(parents=True, exist_ok=True)
        Path(storage.path(name)).write_bytes(b"half of it")
        raise Killed

    monkeypatch.setattr(PrivateStorage, "_save", store_and_die)
    with pytest.raises(Killed):
        services.stage_file(owner=alice, upload=ContentFile(b"half of it, and the rest"), name="a.txt")
    name = str(CaseFile.objects.get().blob.name)
    assert PrivateStorage().exists(name)
    assert services.forget_stale_uploads(before=timezone.now()) == 1
    assert not PrivateStorage().exists(name)


def test_the_cabinets_own_sweep_takes_uploads_that_nobody_used(alice: AbstractBaseUser) -> None:
    old = services.stage_file(owner=alice, upload=upload(), name="old.txt")
    new = services.stage_file(owner=alice, upload=upload(), name="new.txt")
    CaseFile.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=25))
    housekeeping.sweep()
    assert list(CaseFile.objects.values_list("name", flat=True)) == [new.name]
