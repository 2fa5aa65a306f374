"""The database is lost and an older copy of it is restored, as docs/architecture.md says."""

from pathlib import Path

from scripts.processes import manage
from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.crowd import CROWD_SETTINGS, Crowd
from tests.chaos.premises import WORKERS, back_up, double, restore
from tests.house.checks import await_same, await_true, only_case, opened, public, quiet_units, somebody
from tests.house.conftest import Builder


def test_a_backup_is_restored(new_house: Builder, figure: Figure, tmp_path: Path) -> None:
    """What reached the desk after the backup comes back; what waited in the backup and was delivered after it
    is not sent twice."""
    house = new_house(before=double, **CROWD_SETTINGS)
    visitor, desk = house.sign_in(somebody()), house.desk
    crowd = Crowd(house, seed="backup")
    crowd.write_for(4)
    path, case_id = opened(house, visitor, "Known before the backup")
    thread = [("customer", "Hello?")]
    closed, closed_id = opened(house, visitor, "Closed just before the backup")
    crowd.settle()

    # Waiting in the backup, and one whose call is on its way just then.
    house.processes.stop(*WORKERS)
    waiting = visitor.open_case("Opened just before the backup", "Has it gone?")
    visitor.reply(waiting, "and has this?")
    visitor.close_case(closed)
    desk.fault("slow", path="messages", method="POST", count=1, seconds=2, when="after")
    for word in ("waits in the backup", "and so does this"):
        visitor.reply(path, word)
        thread.append(("customer", word))
    house.start(*WORKERS)
    await_true("a call that hangs", lambda: desk.see("faults")["fired"].get("slow", 0) == 1)
    back_up(house, tmp_path / "backup")

    # Life goes on, also for somebody whom the backup does not know.
    crowd.write_for(5)
    await_true("what waited, delivered", lambda: len(public(desk.case(case_id))) == 3)
    desk.reply(case_id, "answered after the backup", ("answer.txt", b"kept apart", "text/plain"))
    thread.append(("staff", "answered after the backup"))
    await_same(house, visitor, path, case_id, thread)
    visitor.reply(path, "written after the backup")
    thread.append(("customer", "written after the backup"))
    newcomer = house.sign_in(somebody())
    newcomer.open_case("Opened after the backup", "Who remembers me?")
    visitor.open_case("Also opened after the backup", "And me?")
    await_same(house, visitor, path, case_id, thread)
    crowd.settle()
    later_id = int(only_case(desk, "Also opened after the backup")["case_id"])
    newcomers_id = int(only_case(desk, "Opened after the backup")["case_id"])
    waiting_id = int(only_case(desk, "Opened just before the backup")["case_id"])
    await_true("the close", lambda: desk.case(closed_id)["status"] == "closed")
    calls = len(desk.calls())

    house.processes.stop(*(name for name in house.processes.running if name not in ("sandbox", "redis")))
    restore(house, tmp_path / "backup")
    manage("omnidesk_after_restore", env=house.env)
    house.start(*(name for name in house.commands if name not in ("sandbox", "redis")))

    settled = crowd.settle()
    newcomer.sign_in(desk.code_reader())
    units = 0
    for _ in range(2):
        await_same(house, visitor, path, case_id, thread)
        both = [("customer", "Has it gone?"), ("customer", "and has this?")]
        await_same(house, visitor, waiting, waiting_id, both)
        later = found_again(visitor.cases(), "Also opened after the backup")
        await_same(house, visitor, later, later_id, [("customer", "And me?")])
        await_true("the newcomer's case", lambda: bool(newcomer.cases()))
        (his,) = newcomer.cases()
        await_same(house, newcomer, his, newcomers_id, [("customer", "Who remembers me?")])
        assert f"{closed}reopen/" in {form.action for form in visitor.page(closed).forms}
        assert desk.case(closed_id)["status"] == "closed"
        # And nothing more comes when everything is done.
        units = quiet_units(desk, since=calls)
    crowd.settle()
    visitor.reply(path, "written after the restore")
    await_same(house, visitor, path, case_id, [*thread, ("customer", "written after the restore")])
    figure("settled after the restore, seconds", settled)
    figure("units spent on settling", units)
    crowd.tell(figure)


def found_again(cases: dict[str, str], subject: str) -> str:
    (found,) = [path for path, words in cases.items() if subject in words]
    return found
