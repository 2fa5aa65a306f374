"""What a customer writes reaches the desk once, in order, and is shown as sent."""

import pytest

from cabinet import services
from cabinet.models import Case, Message, OutboxEntry
from omnidesk_sync.models import CaseLink, MessageLink
from tests.omnidesk_sync.world import World, fresh


def test_an_opening_arrives_once_with_its_words_and_its_number(world: World) -> None:
    case = world.opened("Здравствуйте!\n\nГде счёт за август? <b>не HTML</b> & всё", "Счёт за август")
    world.work()

    (there,) = world.desk.core.cases.all()
    assert there.subject == "Счёт за август"
    assert there.status == "open"
    assert world.desk_texts(there.case_id) == ["Здравствуйте!\n\nГде счёт за август? <b>не HTML</b> & всё"]
    case = fresh(case)
    assert case.number == there.case_number
    assert world.states(case) == [Message.State.SENT]
    assert world.outbox(case) == [OutboxEntry.State.DELIVERED]


def test_a_new_case_costs_two_units(world: World) -> None:
    world.opened()
    world.work()
    assert world.units() == 2


def test_replies_arrive_in_the_order_they_were_written(world: World) -> None:
    case = world.opened("первое")
    for text in ("второе", "третье", "четвёртое"):
        world.reply(case, text)
    world.work()
    assert world.desk_texts(world.desk_id(case)) == ["первое", "второе", "третье", "четвёртое"]
    assert world.thread(case) == ["первое", "второе", "третье", "четвёртое"]


def test_a_reply_costs_two_units(world: World) -> None:
    case = world.delivered()
    before = len(world.desk.calls)
    world.reply(case, "Всё ещё жду")
    world.work()
    assert world.units(before) == 2


def test_our_own_words_are_not_read_back_as_somebody_elses(world: World) -> None:
    case = world.delivered("первое")
    world.reply(case, "второе")
    world.work()
    world.read(case)
    assert world.thread(case) == ["первое", "второе"]
    assert MessageLink.objects.filter(case=case).count() == 2


def test_equal_texts_stay_two_messages(world: World) -> None:
    case = world.opened("ok")
    world.reply(case, "ok")
    world.reply(case, "ok")
    world.work()
    world.read(case)
    assert world.thread(case) == ["ok", "ok", "ok"]
    assert world.desk_texts(world.desk_id(case)) == ["ok", "ok", "ok"]


def test_files_travel_with_an_opening_and_a_reply(world: World) -> None:
    case = world.opened(files=[world.upload("счёт.txt", b"one"), world.upload("b.bin", b"\x00\x01")])
    world.reply(case, "и ещё", files=[world.upload("c.txt", b"three")])
    world.work()
    rows = world.desk_rows(world.desk_id(case))
    names = [[upload.name for upload in world.desk.core.uploads_of(row.file_ids)] for row in rows]
    assert names == [["счёт.txt", "b.bin"], ["c.txt"]]
    world.read(case)
    assert [file.name for message in case.messages.all() for file in message.files.all()] == [
        "счёт.txt",
        "b.bin",
        "c.txt",
    ]


def test_close_and_reopen_reach_the_desk(world: World) -> None:
    case = world.delivered()
    services.close_case(case=case)
    world.work()
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    assert there.status == "closed"
    services.reopen_case(case=case)
    world.work()
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    assert there.status == "open"


@pytest.mark.parametrize("reopens_by_itself", [True, False])
def test_a_reply_to_a_closed_case_opens_it_on_both_sides(world: World, reopens_by_itself: bool) -> None:
    world.desk.switch(api_user_message_reopens=reopens_by_itself)
    case = world.delivered()
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    world.read(case)
    assert fresh(case).status == Case.Status.CLOSED
    before = len(world.desk.calls)
    world.reply(fresh(case), "Не помогло")
    assert fresh(case).status == Case.Status.OPEN
    world.work()
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    assert there.status == "open"
    said_open = any(call.startswith("PUT") for call in world.calls(before))
    assert said_open is not reopens_by_itself


def test_the_reference_field_is_filled_where_one_is_configured(world: World, settings: object) -> None:
    settings.OMNIDESK_CASE_REFERENCE_FIELD = "cf_25"  # type: ignore[attr-defined]
    case = world.opened()
    world.work()
    (there,) = world.desk.core.cases.all()
    assert there.custom_fields == {"cf_25": str(case.pk)}


def test_who_has_no_proved_address_is_told_and_nothing_is_sent(world: World) -> None:
    from allauth.account.models import EmailAddress

    case = world.opened()
    EmailAddress.objects.filter(user=world.anna).delete()
    world.work()
    assert world.desk.calls == []
    assert list(case.messages.values_list("state", "failure")) == [("failed", "no_address")]
    assert not CaseLink.objects.exists()
