"""Two customers, and everything one page of theirs mentions tried by everybody else: it does not exist."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from cabinet.draft_models import Draft
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from tests import factories
from tests.cabinet.pages import Page
from tests.hostile.conftest import finish
from tests.hostile.doors import site_doors

pytestmark = pytest.mark.django_db

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')
ADDRESSES = (
    "href",
    "src",
    "action",
    "formaction",
    "hx-get",
    "hx-post",
    "data-live",
    "poster",
    "srcset",
)


@dataclass
class Found:
    """What a person's pages mention: addresses, and forms with what they would send."""

    addresses: set[str] = field(default_factory=set)
    forms: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def private(self) -> list[str]:
        return sorted(address for address in self.addresses if ID.search(address))

    @property
    def actions(self) -> list[str]:
        return sorted(action for action in self.forms if ID.search(action))


def crawl(client: Client, *starts: str) -> Found:
    found, waiting = Found(), ["/", *starts]
    while waiting:
        address = waiting.pop()
        if address in found.addresses:
            continue
        found.addresses.add(address)
        answer: Any = client.get(address)
        if answer.status_code == 302:
            waiting.append(urljoin(address, answer["Location"]))
        elif answer["Content-Type"].startswith("text/html"):
            page = Page(answer)
            waiting += [link for link in _links(page, address) if _is_ours(link)]
            found.forms |= _forms(page, address)
        finish(answer)
    return found


def _links(page: Page, address: str) -> Iterator[str]:
    for tag, attributes in page.tags:
        for name in ADDRESSES:
            # A form that posts is no page.
            if name in attributes and name != "hx-post" and not (tag == "form" and name == "action"):
                yield urljoin(address, attributes[name]).partition("#")[0]


def _forms(page: Page, address: str) -> dict[str, dict[str, str]]:
    forms: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for tag, attributes in page.tags:
        if tag == "form" and attributes.get("method") == "post":
            current = forms.setdefault(urljoin(address, attributes["action"]), {})
        elif tag in ("input", "textarea") and attributes.get("name"):
            current[attributes["name"]] = attributes.get("value", "")
    return forms


def _is_ours(address: str) -> bool:
    return not urlsplit(address).netloc and not address.startswith(("/static/", "mailto:", "tel:", "data:"))


def everything(owner: AbstractBaseUser) -> list[Case]:
    """Cases in all states, with answers, files, a failed message, and an upload whose form came back."""
    open_one = factories.delivered(factories.case_of(owner, "Open"))
    answer = factories.staff_reply(open_one)
    factories.file_in(answer, "photo.png", factories.PNG, content_type="image/png")
    factories.file_in(answer, "contract.pdf", b"%PDF-1.4")
    factories.with_face(answer)
    failed = factories.case_of(owner, "Failed")
    failed.messages.update(state=Message.State.FAILED, failure="rejected")
    OutboxEntry.objects.filter(case=failed).update(state=OutboxEntry.State.REJECTED)
    closed = factories.delivered(factories.case_of(owner, "Closed", status=Case.Status.CLOSED))
    factories.staff_reply(closed)
    factories.changed(closed, status=Case.Status.CLOSED)
    merged = factories.case_of(owner, "Merged", availability="merged", merged_into=open_one)
    return [open_one, failed, closed, merged]


def dump() -> dict[str, list[Any]]:
    """Every row of every table but the sessions."""
    models = [model for model in apps.get_models() if model is not Session and not model._meta.proxy]
    return {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in models}


def stranger_to(address: str) -> str:
    """The same address of something that never existed."""
    return ID.sub(lambda _: str(uuid.uuid4()), address)


@dataclass
class Answer:
    status: int
    page: str
    queries: int


def asked(
    client: Client, method: str, address: str, data: dict[str, str] | None = None, **more: Any
) -> Answer:
    with CaptureQueriesContext(connection) as queries:
        answer: Any = getattr(client, method)(address, data, **more)
    page = TOKEN.sub("", answer.content.decode()) if not answer.streaming else "a file"
    finish(answer)
    return Answer(answer.status_code, page, len(queries))


@pytest.fixture
def hers(alice: AbstractBaseUser, settings: Settings) -> Found:
    settings.CABINET_MODES, settings.CABINET_NOTICES = ["mail", "cabinet", "chat"], True
    cases = everything(alice)
    # Letters of the cabinet's own are for cases without Omnidesk's.
    Case.objects.filter(pk=cases[0].pk).update(mode=Case.Mode.CABINET)
    found = crawl(factories.signed_in(alice), "/cases/new/", *[f"/cases/{case.pk}/" for case in cases])
    assert {f"/cases/{case.pk}/" for case in cases} <= found.addresses
    return found


def test_the_crawl_finds_every_door_of_a_case(hers: Found) -> None:
    """So that what follows tries them all: a door no page leads to would be missed."""
    private = {door.route for door in site_doors() if {"case_id", "file_id"} & set(door.parameters)}
    # Only scripts ask for these; strangers are tried there in tests/cabinet/test_strangers.py.
    private -= {"uploads/<uuid:file_id>/remove/", "cases/<uuid:case_id>/here/"}
    paths = {ID.sub("*", urlsplit(address).path) for address in {*hers.private, *hers.actions}}
    assert {"/" + re.sub("<[^>]*>", "*", route) for route in private} <= paths
    assert any(address.startswith("/live/?case=") for address in hers.private)
    assert len([address for address in hers.private if address.startswith("/files/")]) == 2
    assert len([address for address in hers.private if address.startswith("/faces/")]) == 1


def test_a_stranger_finds_nothing_of_it(hers: Found, charlie: AbstractBaseUser) -> None:
    his = factories.signed_in(charlie)
    factories.case_of(charlie)
    before = dump()
    for address in hers.private:
        for more in ({}, {"headers": {"hx-request": "true"}}, {"headers": {"if-none-match": '"1"'}}):
            foreign = asked(his, "get", address, **more)
            unknown = asked(his, "get", stranger_to(address), **more)
            assert foreign == unknown, address
            assert foreign.status == 404, address
        assert asked(his, "head", address).status == 404
    assert dump() == before
    assert not set(hers.private) & crawl(his, "/cases/new/").addresses


def test_a_stranger_can_do_nothing_there_with_a_token_of_his_own(
    hers: Found, charlie: AbstractBaseUser
) -> None:
    his = factories.signed_in(charlie, Client(enforce_csrf_checks=True, HTTP_ACCEPT_LANGUAGE="en"))
    token = Page(his.get("/cases/new/")).values("csrfmiddlewaretoken")[0]
    before = dump()
    assert len(hers.actions) > 6
    for action in hers.actions:
        data = hers.forms[action] | {"csrfmiddlewaretoken": token, "text": "mine", "action": "x"}
        foreign, unknown = asked(his, "post", action, data), asked(his, "post", stranger_to(action), data)
        assert foreign == unknown, action
        assert foreign.status == 404, action
        assert asked(his, "post", action, hers.forms[action] | {"text": "mine"}).status == 403
    assert dump() == before


def test_uploads_of_hers_do_not_come_along_with_a_form_of_his(
    hers: Found, alice: AbstractBaseUser, charlie: AbstractBaseUser
) -> None:
    her_client, his = factories.signed_in(alice), factories.signed_in(charlie)
    her_client.post("/cases/new/", {"subject": "", "text": "t", "files": [factories.upload()]})
    staged = CaseFile.objects.get(message=None)
    sent = list(CaseFile.objects.exclude(message=None))
    tokens = [str(file.pk) for file in [staged, *sent]]
    data = {"subject": "mine", "text": "mine", "uploaded": tokens, "remove": tokens}
    for extra in ({}, {"subject": ""}):
        his.post("/cases/new/", data | extra)
        del data["remove"]
        page = his.post("/cases/new/", data | {"subject": ""})
        assert "report.txt" not in page.content.decode()
        his.post("/cases/new/", data)
        data["remove"] = tokens
    assert not CaseFile.objects.filter(message__case__owner_id=charlie.pk).exists()
    assert CaseFile.objects.filter(pk=staged.pk, message=None, owner_id=alice.pk).exists()
    assert CaseFile.objects.exclude(message=None).count() == len(sent)


@pytest.mark.parametrize("who", ["nobody", "switched off"])
def test_whoever_is_not_signed_in_is_asked_to(hers: Found, alice: AbstractBaseUser, who: str) -> None:
    client = Client(HTTP_ACCEPT_LANGUAGE="en")
    if who == "switched off":
        # Even the owner, with a session from better days.
        factories.signed_in(alice, client)
        alice.is_active = False
        alice.save()
    before = dump()
    for address in hers.private:
        status = asked(client, "get", address).status
        assert status == (401 if address.startswith("/live/") else 302), address
        assert asked(client, "get", stranger_to(address)).status == status
        assert asked(client, "get", address, headers={"hx-request": "true"}).status == 401
    for action in hers.actions:
        answer: Any = client.post(action, {"text": "mine"})
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
    assert dump() == before


def test_a_former_owner_keeps_what_was_his_and_finds_nothing_new(
    alice: AbstractBaseUser, charlie: AbstractBaseUser
) -> None:
    old = factories.delivered(factories.case_of(alice, "Given away"))
    hers = factories.signed_in(alice)
    page = f"/cases/{old.pk}/"
    form = crawl(hers, page).forms[f"{page}reply/"]
    factories.changed(old, availability="moved")
    everything(charlie)
    new = crawl(factories.signed_in(charlie))
    before = dump()
    for address in new.private:
        assert asked(hers, "get", address).status == 404, address
    for action in new.actions:
        assert asked(hers, "post", action, new.forms[action] | {"text": "still mine?"}).status == 404
    assert asked(hers, "get", page).status == 200
    refused = asked(hers, "post", f"{page}reply/", form | {"text": "still mine?"})
    assert refused.status == 422
    assert "still mine?" in refused.page
    # His own words are kept for him; nothing else has changed.
    assert Draft.objects.get().text == "still mine?"
    Draft.objects.all().delete()
    for verb in ("close", "reopen"):
        assert asked(hers, "post", f"{page}{verb}/").status == 302
    assert dump() == before
