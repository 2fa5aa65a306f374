"""Comparisons asked for in the admin: the page calls nobody, workers do it in steps, rights are checked."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from cabinet.models import Case
from omnidesk_sync import drift, drift_runs, sweeping
from omnidesk_sync.drift import Finding
from omnidesk_sync.drift_differences import Difference, Kind
from omnidesk_sync.models import (
    Candidate,
    DriftCase,
    DriftRun,
    Lane,
)
from omnidesk_sync.tasks import compare
from tests.omnidesk_sync.drifting import (
    edit_there,
    finish,
    lose_the_link_of_ours,
    rewrite_theirs_here,
    settle,
    talk,
    twelve_cases_on_a_small_account,
)
from tests.omnidesk_sync.test_review import before_call
from tests.omnidesk_sync.world import World

pytestmark = [pytest.mark.usefixtures("patient"), pytest.mark.slow]


@pytest.fixture
def root(world: World) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.ru", "-"))
    return client


def staff_with(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", "clerk@example.ru", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


BUTTON = "admin:omnidesk_sync_compare"
RUNS = "admin:omnidesk_sync_driftrun_changelist"
ROWS = "admin:omnidesk_sync_driftcase_changelist"


def press(client: Client, action: str, row: DriftCase) -> str:
    answer = client.post(reverse(ROWS), {"action": action, "_selected_action": [str(row.pk)]}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_compare_now_makes_no_call_and_workers_do_the_rest(world: World, root: Client) -> None:
    case = talk(world)
    world.delivered(subject="Другая")
    edit_there(world, case)
    before = len(world.desk.calls)
    page = root.post(reverse(BUTTON), follow=True)
    assert page.status_code == 200
    assert world.units(before) == 0
    run = DriftRun.objects.get()
    assert ("omnidesk_sync.compare", (run.pk,)) in world.rings
    finish(run, world)
    run.refresh_from_db()
    assert (run.compared, run.same, run.differing) == (2, 1, 1)
    assert run.finished_at is not None
    # One list, each case's messages, and a second look that asks anew.
    assert run.units == world.units(before) == 1 + 2 + 2
    row = DriftCase.objects.get()
    assert row.case == case
    assert row.snapshot is None
    page = root.get(reverse("admin:omnidesk_sync_driftrun_change", args=[run.pk]))
    with translation.override("en"):
        shown = root.get(reverse(ROWS), headers={"accept-language": "en"}).content.decode()
    assert "the text differs" in shown
    assert page.status_code == 200
    assert f"{reverse(ROWS)}?run__id__exact={run.pk}" in page.content.decode()
    assert root.get(reverse("admin:omnidesk_sync_driftcase_change", args=[row.pk])).status_code == 200


def test_mend_and_compare_again(world: World, root: Client) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)
    finish(drift_runs.request_all(None), world)
    row = DriftCase.objects.get()
    press(root, "mend", row)
    row.refresh_from_db()
    assert row.mended_at is not None
    assert Lane.objects.get(pk=case.pk).wanted
    settle(world)
    press(root, "compare_again", row)
    again = DriftRun.objects.latest("pk")
    assert not again.everything
    finish(again, world)
    again.refresh_from_db()
    assert (again.compared, again.same) == (1, 1)
    assert not again.cases.exists()


def test_a_missing_case_is_looked_for_by_the_button(world: World, root: Client) -> None:
    talk(world).delete()
    finish(drift_runs.request_all(None), world)
    press(root, "mend", DriftCase.objects.get())
    settle(world)
    assert Case.objects.count() == 1
    finish(drift_runs.request_again(list(DriftCase.objects.all()), None), world)
    assert DriftRun.objects.latest("pk").same == 1


def test_what_a_person_decides_is_not_mended_by_the_button(world: World, root: Client) -> None:
    case = talk(world)
    lose_the_link_of_ours(world, case)
    finish(drift_runs.request_all(None), world)
    page = press(root, "mend", DriftCase.objects.get())
    assert 'class="warning"' in page
    assert DriftCase.objects.get().mended_at is None
    assert not Lane.objects.filter(wanted__gt=0).exists()


def test_a_case_is_compared_from_the_list_of_cases(world: World, root: Client) -> None:
    case = talk(world)
    world.delivered(subject="Другая")
    answer = root.post(
        reverse("admin:cabinet_case_changelist"),
        {"action": "compare_with_omnidesk", "_selected_action": [str(case.pk)]},
        follow=True,
    )
    assert answer.status_code == 200
    run = finish(DriftRun.objects.get(), world)
    assert (run.compared, run.same) == (1, 1)


def test_the_button_is_for_those_who_may(world: World) -> None:
    assert Client().post(reverse(BUTTON)).status_code == 302
    onlooker = staff_with("view_driftrun", "view_driftcase")
    assert onlooker.post(reverse(BUTTON)).status_code == 403
    page = onlooker.get(reverse(RUNS)).content.decode()
    assert reverse(BUTTON) not in page
    talk(world)
    row = DriftCase.objects.create(
        run=DriftRun.objects.create(requested_at=timezone.now()),
        state="differs",
        desk_case_id=4711,
        found=[Difference(Kind.UNKNOWN_HERE.code).values()],
    )
    for action in ("mend", "compare_again"):
        press(onlooker, action, row)
    assert DriftRun.objects.count() == 1
    row.refresh_from_db()
    assert row.mended_at is None
    assert not Candidate.objects.exists()


def test_staff_without_any_right_see_nothing_of_it(world: World) -> None:
    clerk = staff_with("view_case")
    assert clerk.get(reverse(RUNS)).status_code == 403
    assert clerk.get(reverse(ROWS)).status_code == 403
    case = world.delivered()
    answer = clerk.post(
        reverse("admin:cabinet_case_changelist"),
        {"action": "compare_with_omnidesk", "_selected_action": [str(case.pk)]},
    )
    assert answer.status_code == 403
    assert not DriftRun.objects.exists()


def test_those_who_may_compare_and_mend(world: World) -> None:
    clerk = staff_with("view_driftrun", "view_driftcase", "add_driftrun", "change_driftcase")
    assert reverse(BUTTON) in clerk.get(reverse(RUNS)).content.decode()
    assert clerk.post(reverse(BUTTON)).status_code == 302
    assert DriftRun.objects.count() == 1


def test_the_button_takes_nothing_without_its_token_or_by_get(world: World) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("root", "root@example.ru", "-"))
    assert strict.post(reverse(BUTTON)).status_code == 403
    assert strict.get(reverse(BUTTON)).status_code == 405
    assert not DriftRun.objects.exists()


def test_only_one_comparison_of_everything_is_under_way(world: World, root: Client) -> None:
    world.delivered()
    root.post(reverse(BUTTON))
    root.post(reverse(BUTTON))
    assert DriftRun.objects.count() == 1
    finish(DriftRun.objects.get(), world)
    root.post(reverse(BUTTON))
    assert DriftRun.objects.count() == 2


def test_old_comparisons_are_forgotten(world: World) -> None:
    runs = [finish(drift_runs.request_all(None), world) for _ in range(drift_runs.KEPT + 3)]
    kept = list(DriftRun.objects.order_by("pk").values_list("pk", flat=True))
    assert kept == [run.pk for run in runs[-drift_runs.KEPT :]]


def test_a_comparison_whose_worker_died_is_taken_up_by_a_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        world.delivered(subject=f"тема {number}")
    run = drift_runs.request_all(None)
    assert run is not None

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    before_call(world, "GET", "messages.json", die)
    with pytest.raises(Killed):
        drift_runs.step(run.pk)
    assert not drift_runs.step(run.pk)
    world.rings.clear()
    sweeping.sweep()
    assert ("omnidesk_sync.compare", (run.pk,)) not in world.rings
    world.wait(drift_runs._lease().total_seconds())
    sweeping.sweep()
    assert ("omnidesk_sync.compare", (run.pk,)) in world.rings
    compare(run.pk)
    run = finish(run, world)
    assert (run.compared, run.same) == (3, 3)


def test_a_worker_that_slept_counts_nothing_twice(world: World) -> None:
    case = talk(world)
    run = drift_runs.request_cases([case], None)

    def another() -> None:
        DriftRun.objects.update(due_at=timezone.now())
        Lane.objects.update(lane_until=None, token=None)
        assert not drift_runs.step(run.pk)

    before_call(world, "GET", "messages.json", another)
    drift_runs.step(run.pk)
    finish(run, world)
    run.refresh_from_db()
    assert run.compared == 1


def test_a_comparison_waits_for_the_budget_and_goes_on(world: World) -> None:
    twelve_cases_on_a_small_account(world)
    run = finish(drift_runs.request_all(None), world)
    assert (run.compared, run.same, run.last_error) == (12, 12, "")


def test_trouble_with_the_account_stands_in_the_row_and_nothing_is_concluded(world: World) -> None:
    talk(world)
    key, world.desk.api_key = world.desk.api_key, "another"
    run = drift_runs.request_all(None)
    assert run is not None
    assert not drift_runs.step(run.pk)
    run.refresh_from_db()
    assert "401" in run.last_error
    assert run.compared == 0
    world.desk.api_key = key
    world.wait(90)
    sweeping.sweep()
    finish(run, world)
    run.refresh_from_db()
    assert (run.compared, run.same, run.last_error) == (1, 1, "")


def test_a_fault_of_ours_in_one_case_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, _ = world.delivered(subject="одна"), world.delivered(subject="другая")
    honest = drift.look

    def look(subject: drift.Subject, meter: drift.Meter) -> Finding:
        if subject.case_id == bad.pk:
            raise RuntimeError
        return honest(subject, meter)

    monkeypatch.setattr(drift, "look", look)
    run = finish(drift_runs.request_all(None), world)
    assert (run.same, run.failed) == (1, 1)
    assert DriftCase.objects.get().error == "internal: RuntimeError"
