"""A copy of one's own data: all of it, nobody else's, and for its owner only."""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import time_machine
from django.conf import settings as site
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone, translation
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from cabinet import archive, export, privacy, services
from cabinet.draft_models import Draft
from cabinet.models import Case, CaseFile, Message, Profile, ReadMark, Topic
from cabinet.privacy_models import DataExport
from cabinet.signals import chore_waiting
from cabinet.templatetags.cabinet_privacy import LABELS
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, packed, signed_in, staff_reply

pytestmark = pytest.mark.django_db
State = DataExport.State


def opened(export: DataExport) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(Path(export.blob.path).read_bytes()))


def data_of(person: AbstractBaseUser) -> tuple[dict[str, Any], str, zipfile.ZipFile]:
    found = opened(packed(person))
    assert found.testzip() is None
    return json.loads(found.read("data.json")), found.read("index.html").decode(), found


@pytest.fixture
def lives(alice: AbstractBaseUser, charlie: AbstractBaseUser, settings: Settings) -> Case:
    """Both have cases, answers, files, uploads, consents; Charlie's are all called zebra."""
    settings.PRIVACY_POLICY_URL = "https://www.example.com/privacy"
    settings.PRIVACY_POLICY_VERSION = "7"
    cases = []
    for person, words in ((alice, "lama"), (charlie, "zebra")):
        case = case_of(person, f"{words} subject", f"{words} question", number="123-456")
        reply = staff_reply(case, f"{words} answer", author_name=f"Maria of {words}")
        factories.file_in(case.messages.all()[0], f"{words} photo.png", f"{words} bytes".encode())
        factories.file_in(reply, f"{words} manual.pdf", f"{words} pages".encode())
        services.stage_file(owner=person, upload=factories.upload(), name=f"{words} unsent.txt")
        privacy.give_consent(person=person, language="en", now=timezone.now())
        Profile.objects.create(user_id=person.pk, language="en", time_zone=f"Asia/{words}")
        ReadMark.objects.create(user_id=person.pk, case=case, position=2)
        cases.append(case)
    return cases[0]


def test_it_holds_all_of_ones_own_and_nothing_of_others(lives: Case, alice: AbstractBaseUser) -> None:
    data, page, found = data_of(alice)
    assert set(data) == {
        "made_at",
        "profile",
        "addresses",
        "consents",
        "sign_ins",
        "cases",
        "drafts",
        "uploads",
    }
    assert data["profile"][0]["time_zone"] == "Asia/lama"
    assert data["addresses"] == [{"address": "alice@example.com", "proved": True, "main": True}]
    assert [row["version"] for row in data["consents"]] == ["7"]
    [case] = data["cases"]
    assert (case["id"], case["number"], case["subject"]) == (str(lives.pk), "123-456", "lama subject")
    assert case["read_up_to"] == 2
    question, answer = case["messages"]
    assert (question["text"], question["author"], question["is_mine"]) == ("lama question", "customer", True)
    assert (answer["text"], answer["author_name"]) == ("lama answer", "Maria of lama")
    files = [question["files"][0], answer["files"][0], data["uploads"][0]]
    assert [found.read(file["path"]) for file in files] == [b"lama bytes", b"lama pages", b"words"]
    assert set(found.namelist()) == {"index.html", "data.json", *(file["path"] for file in files)}
    for words in ("lama subject", "lama question", "lama answer", "lama photo.png", "alice@example.com"):
        assert words in page
    everything = "\n".join([*found.namelist(), *(found.read(name).decode() for name in found.namelist())])
    assert "zebra" not in everything
    assert "charlie" not in everything


def test_no_id_of_the_help_desk_is_in_it(lives: Case, alice: AbstractBaseUser) -> None:
    from omnidesk_sync.models import CaseLink, MessageLink, PersonLink

    now = timezone.now()
    CaseLink.objects.create(case=lives, desk_case_id=777000111, desk_user_id=777000222)
    PersonLink.objects.create(user_id=alice.pk, desk_user_id=777000222)
    message = lives.messages.all()[0]
    MessageLink.objects.create(message=message, case=lives, desk_message_id=777000333, linked_at=now)
    data, page, _ = data_of(alice)
    assert "777000" not in json.dumps(data) + page


def test_the_page_stands_alone_and_runs_nothing(lives: Case, alice: AbstractBaseUser) -> None:
    staff_reply(lives, "x", html='<p>hello <a href="https://www.example.com/">there</a></p>')
    case_of(alice, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    _, page, _ = data_of(alice)
    assert "<script" not in page
    assert "<img" not in page
    assert "<link" not in page
    assert "Content-Security-Policy\" content=\"default-src 'none'" in page
    assert '<a href="https://www.example.com/"' in page


def test_it_speaks_the_language_in_which_it_was_asked_for(lives: Case, alice: AbstractBaseUser) -> None:
    with translation.override("ru"):
        made = export.ask(person=alice, now=timezone.now(), language="en", time_zone="Asia/Omsk")
        export.build(made.pk)
        made.refresh_from_db()
        page = opened(made).read("index.html").decode()
    assert '<html lang="en">' in page
    assert "E-mail addresses" in page


def test_every_value_has_a_name_in_words(lives: Case, alice: AbstractBaseUser) -> None:
    """The page is for reading: no key of data.json stands on it."""
    Draft.objects.create(
        user_id=alice.pk,
        text="half a sentence",
        extra={"serial": ["X-1"]},
        aside={"subject": "", "text": "other words"},
        revision=1,
        updated_at=timezone.now(),
    )
    Profile.objects.filter(user_id=alice.pk).update(external_id="crm-77")
    data, page, _zip = data_of(alice)
    rows = [row for name in ("profile", "addresses", "consents", "drafts", "uploads") for row in data[name]]
    assert len(rows) == 5
    assert {key for row in rows for key in row} - {"path"} <= set(LABELS)
    assert "crm-77" in page
    assert "serial: X-1" in page
    assert "other words" in page
    assert "{" not in page.partition("<h1>")[2]


def test_what_was_given_with_a_case_and_how_it_was_rated_can_be_read(alice: AbstractBaseUser) -> None:
    field = {"key": "serial", "kind": "text", "value": "X-1", "label_ru": "Номер", "label_en": "Serial"}
    case = case_of(alice)
    Case.objects.filter(pk=case.pk).update(
        topic=Topic.objects.create(key="repair", title_ru="Ремонт", title_en="Repair"),
        fields=[field],
        status="closed",
        rating="low",
        rating_comment="Too slow",
    )
    _data, page, _zip = data_of(alice)
    for words in ("Repair", "Serial", "X-1", "Too slow"):
        assert words in page


HOSTILE = [
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\evil.exe",
    "/etc/passwd",
    "C:\\evil.txt",
    "CON",
    "nul.txt",
    'a:b|c?d*e<f>g"h.txt',
    "name. . .",
    ".htaccess",
    "\u202egpj.exe",
    "x" * 190 + ".txt",
    "ж" * 99 + "." + "z" * 99,
    "",
    "отчёт за август.pdf",
    "same.txt",
    "same.txt",
]


def test_when_a_case_was_closed_and_opened_again_can_be_read(alice: AbstractBaseUser) -> None:
    case = case_of(alice)
    services.close_case(case=case)
    services.reopen_case(case=case)
    data, page, _ = data_of(alice)
    told = [(change["closed"], change["by_me"]) for change in data["cases"][0]["closed_and_opened_again"]]
    assert told == [(True, True), (False, True)]
    assert "You closed the case · " in page
    assert "You opened the case again · " in page


def test_hostile_names_of_files_stay_in_their_folder_and_apart(
    alice: AbstractBaseUser, tmp_path: Path
) -> None:
    message = case_of(alice).messages.get()
    for number, name in enumerate(HOSTILE):
        file = factories.file_in(message, "harmless", f"bytes {number}".encode())
        CaseFile.objects.filter(pk=file.pk).update(name=name, position=number)
    data, _, found = data_of(alice)
    files = data["cases"][0]["messages"][0]["files"]
    assert [found.read(file["path"]) for file in files] == [b"bytes %d" % n for n in range(len(HOSTILE))]
    names = [info.filename for info in found.infolist() if info.filename.startswith("files/")]
    assert len({name.casefold() for name in names}) == len(HOSTILE)
    for name in names:
        path = PurePosixPath(name)
        assert path.parts[0] == "files"
        assert len(path.parts) == 2
        assert len(name) < 130
        assert not set(path.name) & set('<>:"/\\|?*')
        assert not path.name.endswith((".", " "))
        assert path.name[:32].isalnum(), "an ending alone is no reserved name"
    found.extractall(tmp_path / "here")
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} == {"here"}


def test_a_file_that_is_not_here_is_said_to_be_missing(alice: AbstractBaseUser) -> None:
    message = case_of(alice).messages.get()
    lost = factories.file_in(message, "lost.txt")
    default_storage.delete(str(lost.blob.name))
    factories.file_in(message, "coming.txt", state=CaseFile.State.FETCHING)
    data, page, found = data_of(alice)
    assert [file["path"] for file in data["cases"][0]["messages"][0]["files"]] == [None, None]
    assert "lost.txt (not available)" in page
    assert set(found.namelist()) == {"index.html", "data.json"}


def test_somebody_with_nothing_gets_it_too(charlie: AbstractBaseUser) -> None:
    data, page, _ = data_of(charlie)
    assert data["cases"] == []
    assert "Nothing." in page


def test_other_modules_add_their_part(alice: AbstractBaseUser) -> None:
    def rows(person: AbstractBaseUser, contents: archive.Contents) -> list[archive.Row]:
        return [{"text": f"wish of {person}"}]

    archive.register(archive.Section("wishes", "Wishes", rows))
    try:
        data, page, _ = data_of(alice)
    finally:
        archive._sections.pop("wishes")
    assert data["wishes"] == [{"text": "wish of alice"}]
    assert "wish of alice" in page


# ── asking, waiting, fetching ──


def test_it_is_asked_for_packed_by_a_worker_and_fetched(
    lives: Case, as_alice: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    rung: list[tuple[str, str]] = []

    def listen(task: str, key: str, **_: Any) -> None:
        rung.append((task, key))

    chore_waiting.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            answer = as_alice.post("/account/export/")
    finally:
        chore_waiting.disconnect(listen)
    assert (answer.status_code, answer["Location"]) == (302, "/account/#copy")
    made = DataExport.objects.get()
    assert rung == [("cabinet.build_export", str(made.pk))]
    waiting = Page(as_alice.get("/account/"))
    assert "being prepared" in waiting.text
    assert not waiting.all("form", action="/account/export/")
    assert as_alice.get(f"/account/export/{made.pk}/").status_code == 404

    export.build(made.pk)
    page = Page(as_alice.get("/account/"))
    assert page.all("a", href=f"/account/export/{made.pk}/")
    fetched: Any = as_alice.get(f"/account/export/{made.pk}/")
    body = b"".join(fetched)
    assert zipfile.ZipFile(io.BytesIO(body)).testzip() is None
    assert fetched["Content-Type"] == "application/zip"
    assert fetched["Content-Disposition"].startswith('attachment; filename="my-data-')
    assert "no-store" in fetched["Cache-Control"]


def test_a_stranger_fetches_nothing(lives: Case, alice: AbstractBaseUser, as_charlie: Client) -> None:
    made = packed(alice)
    assert as_charlie.get(f"/account/export/{made.pk}/").status_code == 404
    assert str(made.pk) not in as_charlie.get("/account/").content.decode()
    assert Client().get(f"/account/export/{made.pk}/")["Location"].startswith("/accounts/login/")


def test_two_clicks_ask_once(as_alice: Client, alice: AbstractBaseUser) -> None:
    as_alice.post("/account/export/")
    as_alice.post("/account/export/")
    made = DataExport.objects.get()
    export.build(made.pk)
    as_alice.post("/account/export/")
    assert DataExport.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        export.ask(person=alice, now=timezone.now())
    assert DataExport.objects.count() == 2


def test_two_workers_pack_it_once(alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch) -> None:
    made = export.ask(person=alice, now=timezone.now())
    write, packs = archive.write, []

    def write_while_another_is_rung(*args: Any, **more: Any) -> None:
        packs.append(args)
        export.build(made.pk)
        write(*args, **more)

    monkeypatch.setattr(archive, "write", write_while_another_is_rung)
    export.build(made.pk)
    export.build(made.pk)
    assert len(packs) == 1


def test_a_worker_killed_in_the_middle_costs_five_minutes(alice: AbstractBaseUser) -> None:
    now = timezone.now()
    made = export.ask(person=alice, now=now)
    DataExport.objects.update(due_at=now + export.LEASE, attempts=1)
    assert export.due(now) == []
    with time_machine.travel(now + export.LEASE + timedelta(seconds=1)):
        assert export.due(timezone.now()) == [made.pk]
        export.build(made.pk)
    assert DataExport.objects.get().state == State.READY


def test_what_cannot_be_packed_is_tried_thrice_and_then_said(
    alice: AbstractBaseUser,
    as_alice: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_args: Any, **_more: Any) -> None:
        raise OSError(28, "no room for alice@example.com")

    monkeypatch.setattr(archive, "write", fail)
    made = export.ask(person=alice, now=timezone.now())
    for attempt in range(3):
        with time_machine.travel(timezone.now() + timedelta(minutes=2 * attempt)):
            export.build(made.pk)
    made.refresh_from_db()
    assert (made.state, made.attempts, made.last_error) == (State.FAILED, 3, "OSError")
    assert not default_storage.exists(str(made.blob.name))
    page = Page(as_alice.get("/account/"))
    assert "could not be prepared" in page.text
    assert page.all("form", action="/account/export/")
    assert "alice" not in caplog.text
    monkeypatch.undo()
    assert packed(alice).state == State.READY


def test_after_a_day_it_is_gone(alice: AbstractBaseUser, as_alice: Client) -> None:
    made = packed(alice)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert export.latest(alice, now=timezone.now()) is None
        assert signed_in(alice).get(f"/account/export/{made.pk}/").status_code == 404
        assert default_storage.exists(str(made.blob.name))
        export.forget_expired(now=timezone.now())
    assert not DataExport.objects.exists()
    assert not default_storage.exists(str(made.blob.name))


def test_it_lies_where_no_web_server_looks(alice: AbstractBaseUser) -> None:
    made = packed(alice)
    assert Path(made.blob.path).is_relative_to(site.MEDIA_ROOT)
    with pytest.raises(ValueError, match="no public address"):
        _ = made.blob.url


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_very_large_account_is_packed_within_a_task(alice: AbstractBaseUser) -> None:
    now = timezone.now()
    fields = {"owner": alice, "created_at": now, "last_activity_at": now, "changed_at": now}
    cases = Case.objects.bulk_create([Case(subject=f"case {n}", **fields) for n in range(3000)])
    Message.objects.bulk_create(
        [
            Message(case=case, position=n, author="staff", origin="desk", text="words " * 20, written_at=now)
            for case in cases
            for n in range(2)
        ],
        batch_size=1000,
    )
    data, page, _ = data_of(alice)
    assert len(data["cases"]) == 3000
    assert page.count("<article") == 6000
