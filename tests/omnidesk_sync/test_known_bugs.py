"""What a cabinet in front of another help desk once got wrong; the rest: docs/known-bugs-elsewhere.md."""

import pytest

from cabinet import services
from cabinet.models import Case, Message
from cabinet.search.lookup import found
from cabinet.search.words import Search
from cabinet.selectors import cases_of
from omnidesk_sync.selectors import health
from omnidesk_sync.services import Verdict
from tests.factories import signed_in
from tests.omnidesk_sync.test_in import hint
from tests.omnidesk_sync.world import World, fresh


def test_not_only_the_first_change_of_status_arrives_with_its_webhook(world: World) -> None:
    case = world.delivered()
    for status in ("waiting", "open", "closed", "waiting", "closed", "open"):
        world.wait(10)
        world.desk.staffroom.set_status(world.desk_id(case), status)
        assert hint(world, case, "status") is Verdict.WANTED
        world.work()
        assert fresh(case).status == status


def test_what_is_read_too_late_shows_in_the_health(world: World) -> None:
    case = world.delivered()
    world.reconcile()
    assert health().ok
    world.desk.staffroom.set_status(world.desk_id(case), "waiting")
    hint(world, case, "status")
    world.wait(11 * 60)
    assert "1 case(s) have had something new for long" in health().detail
    world.work()
    assert "something new" not in health().detail
    world.wait(3600)
    assert health().detail == "reconciliation has not run for long"
    world.reconcile()
    world.work()
    assert health().ok


def test_no_page_asks_the_desk(world: World) -> None:
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="Уже готово")
    client, before = signed_in(world.anna), len(world.desk.calls)
    for path in ("", f"{case.pk}/", "?q=сч", "?tab=closed", "new/"):
        assert client.get(f"/cases/{path}").status_code == 200
    assert client.get("/live/").status_code == 200
    assert len(world.desk.calls) == before


def test_the_opening_is_no_reply_in_a_case_that_came_by_mail_either(world: World) -> None:
    row = world.desk.mailbox.write(sender="anna@example.ru", subject="Нет счёта", text="Пришлите счёт")
    world.reconcile()
    world.work()
    case = Case.objects.get()
    for _ in range(3):
        world.read(case)
    assert [message.text for message in case.messages.all()] == ["Пришлите счёт"]
    assert world.desk_id(case) == row.case_id


def test_a_subject_that_staff_changed_is_shown_and_found(world: World) -> None:
    case = world.delivered(subject="Помогите")
    with world.desk.core.work():
        row = world.desk.core.cases.get(world.desk_id(case))
        assert row is not None
        row.subject = "Возврат холодильника"
        world.desk.core.cases.put(row)
    world.read(case)
    assert fresh(case).subject == "Возврат холодильника"
    assert list(found(cases_of(world.anna), Search.of("холодильники"), world.anna)) == [case]


@pytest.mark.parametrize("act", ["spam", "trash"])
def test_what_was_cleared_can_be_answered_again_and_what_was_not_cannot(world: World, act: str) -> None:
    cleared, removed = world.delivered("первое"), world.delivered("второе")
    for case in (cleared, removed):
        getattr(world.desk.staffroom, act)(world.desk_id(case))
        world.read(case)
        with pytest.raises(services.CaseUnavailable):
            world.reply(fresh(case), "пока убрано")
    world.desk.staffroom.restore(world.desk_id(cleared))
    world.read(cleared)
    world.reply(fresh(cleared), "снова здесь")
    world.work_until(60)
    assert world.desk_texts(world.desk_id(cleared)).count("снова здесь") == 1
    assert world.desk_texts(world.desk_id(removed)) == ["второе"]
    assert not Message.objects.filter(text="пока убрано").exists()


def test_the_words_of_another_customer_are_not_the_owners(world: World) -> None:
    case = world.delivered()
    world.desk.core.switches.foreign_mail_reply = "same_case"
    world.desk.staffroom.reply(world.desk_id(case), text="Слушаем вас")
    world.desk.mailbox.answer(case_id=world.desk_id(case), text="Я её коллега", sender="boris@example.ru")
    world.read(case)
    last = case.messages.last()
    assert last is not None
    assert "коллега" in last.text
    assert last.author_user_id is None
    assert last.author_name != "Анна Петрова"
