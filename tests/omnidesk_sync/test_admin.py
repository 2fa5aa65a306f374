"""The synchronisation as admins see it: every list opens, nothing is edited, each button does its work."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinet.models import Case, CaseFile
from omnidesk_sync import budget
from omnidesk_sync.models import AddressImport, Budget, Candidate, CaseLink, FileLink, Lane, Reconciliation
from sandbox.records import Upload
from tests.omnidesk_sync.world import World

LISTS = [
    "lane",
    "caselink",
    "filelink",
    "candidate",
    "addressimport",
    "attempt",
    "personlink",
    "budget",
    "reconciliation",
]


@pytest.fixture
def admin(world: World) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.ru", "-"))
    return client


def press(admin: Client, model: str, action: str, pk: object, app: str = "omnidesk_sync") -> None:
    answer = admin.post(
        reverse(f"admin:{app}_{model}_changelist"),
        {"action": action, "_selected_action": [str(pk)]},
        follow=True,
    )
    assert answer.status_code == 200
    assert "messagelist" in answer.content.decode()


def test_every_list_opens_and_offers_no_editing(admin: Client, world: World) -> None:
    case = world.delivered()
    upload = Upload(name="a.pdf", mime_type="application/pdf", data=b"%PDF-1.4 x")
    world.desk.staffroom.reply(world.desk_id(case), text="Вот", files=[upload])
    Candidate.objects.create(desk_case_id=1, due_at=timezone.now())
    world.read(case)
    world.reconcile()
    for model in LISTS:
        page = admin.get(reverse(f"admin:omnidesk_sync_{model}_changelist"))
        assert page.status_code == 200, model
        assert admin.get(reverse(f"admin:omnidesk_sync_{model}_add")).status_code == 403, model


def test_lanes_can_be_filtered_by_what_an_admin_asks(admin: Client, world: World) -> None:
    Lane.objects.create(case=world.opened())
    for state, column in (("wanted", "wanted"), ("failing", "read_failures"), ("held", "held_back")):
        Lane.objects.update(**{"wanted": 0, "read_failures": 0, "held_back": 0, column: 1})
        for asked in ("wanted", "failing", "held"):
            page = admin.get(reverse("admin:omnidesk_sync_lane_changelist"), {"state": asked})
            assert ('name="_selected_action"' in page.content.decode()) is (asked == state)


@pytest.mark.parametrize(
    ("app", "model", "action"),
    [
        ("omnidesk_sync", "lane", "read_again"),
        ("cabinet", "case", "read_this_case_again"),
    ],
)
def test_read_this_case_again(admin: Client, world: World, app: str, model: str, action: str) -> None:
    case = world.delivered()
    row = world.desk.staffroom.reply(world.desk_id(case), text="Сумма 100")
    world.read(case)
    world.desk.staffroom.edit(row.message_id, text="Сумма 200")
    Lane.objects.update(read_failures=5, last_error="500")
    world.wait(10)
    press(admin, model, action, case.pk, app)
    assert ("omnidesk_sync.work_lane", (str(case.pk),)) in world.rings
    world.work()
    assert world.thread(case)[-1] == "Сумма 200"
    assert Lane.objects.get().last_error == ""


def test_a_case_that_never_arrived_is_not_read(admin: Client, world: World) -> None:
    case = world.opened()
    press(admin, "case", "read_this_case_again", case.pk, "cabinet")
    assert not Lane.objects.filter(wanted__gt=0).exists()


def test_a_file_that_was_given_up_is_tried_again(admin: Client, world: World) -> None:
    case = world.delivered()
    upload = Upload(name="a.pdf", mime_type="application/pdf", data=b"%PDF-1.4 x")
    world.desk.faults.add("error_500", path="attachment")
    world.desk.staffroom.reply(world.desk_id(case), text="Вот", files=[upload])
    world.read(case)
    FileLink.objects.update(due_at=None)
    CaseFile.objects.update(state=CaseFile.State.UNAVAILABLE)
    world.desk.faults.clear()
    press(admin, "filelink", "try_again", FileLink.objects.get().pk)
    world.work()
    assert CaseFile.objects.get().state == CaseFile.State.READY


def test_a_stranger_who_became_somebody_is_found_by_looking_again(admin: Client, world: World) -> None:
    there = world.desk.staffroom.open_case("novyi@example.ru", subject="Раньше", text="Здравствуйте")
    world.reconcile()
    world.work()
    candidate = Candidate.objects.get(desk_case_id=there.case_id)
    assert candidate.not_ours
    world.person("novyi@example.ru")
    press(admin, "candidate", "look_again", candidate.pk)
    world.work()
    assert Case.objects.get().subject == "Раньше"


def test_older_cases_are_looked_for_again(admin: Client, world: World) -> None:
    world.desk.staffroom.open_case("anna@example.ru", subject="Раньше", text="Здравствуйте")
    press(admin, "addressimport", "fetch_again", AddressImport.objects.get().pk)
    world.work()
    assert CaseLink.objects.get().case.subject == "Раньше"


def test_a_mended_account_is_probed_without_waiting(admin: Client, world: World) -> None:
    budget.pause("wrong key")
    assert budget.claim_probe()
    assert not budget.claim_probe()
    press(admin, "budget", "probe_now", 1)
    assert ("omnidesk_sync.sweep", ()) in world.rings
    assert budget.claim_probe()
    assert Budget.objects.get().paused_since is not None


def test_changes_are_asked_for_at_once(admin: Client, world: World) -> None:
    world.reconcile()
    press(admin, "reconciliation", "walk_now", 1)
    assert Reconciliation.objects.get().next_due_at == timezone.now()
