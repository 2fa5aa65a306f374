"""Both sides of the house in one hand, for tests: customers, staff, and work done when a test says so."""

import uuid
from datetime import timedelta
from typing import Any

import time_machine
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, User
from django.core.files.base import ContentFile
from django.utils import timezone

from cabinet import services
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from omnidesk_sync import faces, files, imports, lane, reconciling, sweeping
from omnidesk_sync.models import AddressImport, Candidate, CaseLink, FaceLink, FileLink
from sandbox.desk import Desk
from sandbox.exchange import Exchange, Outcome
from sandbox.inbound import Reply
from sandbox.records import Message as DeskRow

CHANNELS = {"cabinet": "cch7", "chat": "cch8"}
"""The custom channels of the pretend account, by mode, for tests that switch them on."""


class World:
    """`anna` has proved her address, and her older cases have been looked for already."""

    def __init__(
        self,
        desk: Desk,
        exchange: Exchange,
        travel: time_machine.Traveller,
        rings: list[tuple[str, tuple[object, ...]]],
    ) -> None:
        self.desk = desk
        self.exchange = exchange
        self.travel = travel
        self.rings = rings
        self.anna = self.person("anna@example.ru", "Анна Петрова")

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────

    def person(self, address: str, name: str = "", *, imported: bool = True) -> User:
        first, _, last = name.partition(" ")
        user = User.objects.create(username=address, email=address, first_name=first, last_name=last)
        EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
        if imported:
            AddressImport.objects.create(user=user, address=address, done_at=timezone.now())
        return user

    def switch_channels_on(self) -> None:
        """The two custom channels at the desk; that the site uses them is for the settings to say."""
        for mode, kind in (("cabinet", "async"), ("chat", "sync")):
            number = int(CHANNELS[mode].removeprefix("cch"))
            hook = "https://cabinet.example/webhooks/omnidesk/first-secret-0123456789/"
            self.desk.add_channel(mode, channel_type=kind, channel_id=number, webhook_url=hook, test=False)

    # ── what customers do ───────────────────────────────────────────────────────────────────────────────

    def opened(
        self, text: str = "Пришлите, пожалуйста, счёт.", subject: str = "Нет счёта", **more: object
    ) -> Case:
        """A case written in the cabinet; nothing has been sent yet."""
        owner = more.pop("owner", self.anna)
        return services.open_case(owner=owner, subject=subject, text=text, **more)  # type: ignore[arg-type]

    def delivered(self, text: str = "Пришлите, пожалуйста, счёт.", subject: str = "Нет счёта") -> Case:
        """A case that has arrived at the desk and has been read back."""
        case = self.opened(text, subject)
        self.work()
        self.read(case)
        return case

    def reply(self, case: Case, text: str, **more: object) -> Message:
        author = more.pop("author", self.anna)
        return services.post_reply(case=case, author=author, text=text, **more)  # type: ignore[arg-type]

    def upload(self, name: str, content: bytes, owner: AbstractBaseUser | None = None) -> CaseFile:
        return services.stage_file(owner=owner or self.anna, upload=ContentFile(content), name=name)

    # ── time and work ───────────────────────────────────────────────────────────────────────────────────

    def wait(self, seconds: float) -> None:
        self.travel.shift(timedelta(seconds=seconds))
        self.desk.tick()

    def work(self) -> None:
        """Does everything that is due now, as sweeps and workers would."""
        for _ in range(30):
            now = timezone.now()
            lanes = sweeping.due_lanes(now, 100)
            candidates = list(Candidate.objects.filter(due_at__lte=now).values_list("pk", flat=True))
            walks = list(AddressImport.objects.filter(due_at__lte=now).values_list("pk", flat=True))
            fetches = list(FileLink.objects.filter(due_at__lte=now).values_list("pk", flat=True))
            pictures = list(FaceLink.objects.filter(due_at__lte=now).values_list("pk", flat=True))
            if not (lanes or candidates or walks or fetches or pictures):
                return
            for case_id in lanes:
                lane.work(case_id)
            for pk in candidates:
                imports.look_at(pk)
            for pk in walks:
                imports.run_import(pk)
            for pk in fetches:
                files.fetch(pk)
            for pk in pictures:
                faces.fetch(pk)
        raise AssertionError("There is no end to what is due: something is due again at once.")

    def work_until(self, seconds: float, step: float = 15.0) -> None:
        """Lets so much time pass, with a sweep's worth of work at every step."""
        passed = 0.0
        while passed < seconds:
            self.work()
            self.wait(step)
            passed += step
        self.work()

    def read(self, case: Case) -> None:
        """Wants a reading and lets it happen."""
        from omnidesk_sync import linking

        self.wait(5)
        linking.want_reading(case.pk, now=timezone.now())
        self.work()

    def reconcile(self) -> bool:
        return reconciling.reconcile()

    def forbid(self, method: str, path: str) -> None:
        """From now on this one address answers 403, as for an object that the key's owner may not touch."""
        answered = self.exchange.handle

        def handle(verb: str, url: str, *more: Any) -> Outcome:
            if verb == method and path in url:
                return Outcome(reply=Reply(status=403, body=b"{}"))
            return answered(verb, url, *more)

        self.exchange.handle = handle  # type: ignore[method-assign,assignment]

    # ── what there is ───────────────────────────────────────────────────────────────────────────────────

    def desk_id(self, case: Case) -> int:
        return CaseLink.objects.get(case=case).desk_case_id

    def desk_rows(self, case_id: int) -> list[DeskRow]:
        """The desk's public rows of a case, in its order."""
        rows = self.desk.core.thread(case_id)
        return [row for row in rows if not (row.note or row.deleted or row.pending)]

    def desk_texts(self, case_id: int) -> list[str]:
        return [row.text for row in self.desk_rows(case_id)]

    def thread(self, case: Case) -> list[str]:
        """What the customer reads, in order."""
        return list(case.messages.order_by("position").values_list("text", flat=True))

    def states(self, case: Case) -> list[str]:
        return list(case.messages.order_by("position").values_list("state", flat=True))

    def outbox(self, case: Case) -> list[str]:
        return list(OutboxEntry.objects.filter(case=case).order_by("number").values_list("state", flat=True))

    def units(self, since: int = 0) -> int:
        """What the calls after the first `since` have cost."""
        return sum(call["units"] for call in self.desk.calls[since:])

    def calls(self, since: int = 0) -> list[str]:
        return [f"{call['method']} {call['path']}" for call in self.desk.calls[since:]]


def fresh(case: Case) -> Case:
    """The case as the table has it now."""
    return Case.objects.get(pk=uuid.UUID(str(case.pk)))


def everything_stored() -> str:
    """Every value of every table of ours, as one text."""
    parts = []
    for label in ("cabinet", "omnidesk_sync", "webhooks"):
        for model in apps.get_app_config(label).get_models():
            parts += [str(row) for row in model._default_manager.values()]
    return "\n".join(parts)
