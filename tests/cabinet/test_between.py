"""Two windows of one person, or a person and a worker: the second comes into every gap of the first.

Where two questions of one piece of work see two moments, PostgreSQL lets a decision rest on both. SQLite has
one writer at a time; there the second comes before the first, or after it.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as site
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinet import erasure
from cabinet.draft_models import Draft
from cabinet.models import Case, OutboxEntry
from cabinet.privacy_models import Erasure
from tests import factories
from tests.between import in_every_gap
from tests.factories import signed_in

pytestmark = pytest.mark.django_db(transaction=True, available_apps=site.INSTALLED_APPS)


class Scene:
    """A person of his own with an answered case; each act is one request of a browser, or one task."""

    def __init__(self, number: int) -> None:
        self.owner = factories.person(f"person-{number}")
        with transaction.atomic():
            self.case = factories.delivered(factories.case_of(self.owner))
            OutboxEntry.objects.update(state=OutboxEntry.State.DELIVERED)
            factories.staff_reply(self.case)
        self.cookies = signed_in(self.owner).cookies
        self.submission = str(uuid.uuid4())
        self.answers: list[int] = []

    def post(self, path: str, **data: str) -> int:
        browser = Client()
        browser.cookies = self.cookies
        return browser.post(path.format(case=self.case.pk), data).status_code

    def says(self, text: str, **more: str) -> int:
        return self.post("/cases/{case}/reply/", text=text, **more)

    def says_the_same(self) -> int:
        return self.says("The same.", submission=self.submission)

    def opens_the_same(self) -> int:
        return self.post("/cases/new/", subject="Another", text="The same.", submission=self.submission)

    def closes(self) -> int:
        return self.post("/cases/{case}/close/")

    def types(self, text: str) -> int:
        return self.post("/drafts/", case=str(self.case.pk), text=text)

    def asks_to_be_erased(self) -> int:
        erasure.request(person=self.owner, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
        return 302

    def texts(self) -> list[str]:
        return list(self.case.messages.order_by("position").values_list("text", flat=True))


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def played(
    first: Callable[[Scene], int], second: Callable[[Scene], int]
) -> Iterator[tuple[Scene, list[int], str]]:
    """Once for every gap: the scene, what both were answered, and before which question the second came."""

    def noted(act: Callable[[Scene], int]) -> Callable[[Scene], None]:
        return lambda scene: scene.answers.append(act(scene))

    for scene, gap in in_every_gap(Scene, noted(first), noted(second), fewest=5):
        if gap.met:
            yield scene, scene.answers, gap.before


def test_a_reply_sent_twice_is_said_once() -> None:
    for scene, answers, before in played(Scene.says_the_same, Scene.says_the_same):
        assert answers == [302, 302], before
        assert scene.texts().count("The same.") == 1, before
        assert scene.case.outbox.filter(kind=OutboxEntry.Kind.REPLY).count() == 1, before


def test_a_case_opened_twice_is_opened_once() -> None:
    for scene, answers, before in played(Scene.opens_the_same, Scene.opens_the_same):
        assert answers == [302, 302], before
        assert Case.objects.filter(owner_id=scene.owner.pk, subject="Another").count() == 1, before


def test_two_replies_are_both_said_in_an_order() -> None:
    for scene, answers, before in played(lambda one: one.says("First."), lambda one: one.says("Second.")):
        assert answers == [302, 302], before
        assert set(scene.texts()[2:]) == {"First.", "Second."}, before
        queued = scene.case.outbox.filter(kind=OutboxEntry.Kind.REPLY).order_by("number")
        assert [entry.message.text for entry in queued if entry.message] == scene.texts()[2:], before


def test_a_case_that_is_closed_while_something_is_said_stands_as_its_duties_say() -> None:
    for scene, answers, before in played(lambda one: one.says("Not yet."), Scene.closes):
        assert answers == [302, 302], before
        assert scene.texts()[-1] == "Not yet.", before
        scene.case.refresh_from_db()
        last = scene.case.outbox.order_by("-number").values_list("kind", flat=True)[0]
        assert (scene.case.status == Case.Status.CLOSED) == (last == OutboxEntry.Kind.CLOSE), before


def test_what_is_typed_on_two_devices_is_all_kept() -> None:
    for scene, answers, before in played(
        lambda one: one.types("on the desk"), lambda one: one.types("by phone")
    ):
        assert set(answers) <= {200, 409}, before
        draft = Draft.objects.get(user_id=scene.owner.pk)
        assert {draft.text, draft.aside.get("text")} == {"on the desk", "by phone"}, before


def test_who_is_erased_while_he_writes_leaves_nothing() -> None:
    for scene, answers, before in played(lambda one: one.says("Too late."), Scene.asks_to_be_erased):
        assert set(answers) <= {302, 404}, before
        made = Erasure.objects.get(person_key=str(scene.owner.pk))
        while erasure.work_off(made.pk):
            pass
        assert not Case.objects.filter(pk=scene.case.pk).exists(), before
        assert not get_user_model().objects.filter(pk=scene.owner.pk).exists(), before
