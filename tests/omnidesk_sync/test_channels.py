"""Cases without mail: opened, answered, looked for and found again by an id of ours in a custom channel."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from cabinet import services as customers
from cabinet.models import Case, Message, OutboxEntry, Profile
from cabinet.modes import custom_id_of
from omnidesk_sync import imports, linking, people, services
from omnidesk_sync.account import Account
from omnidesk_sync.budget import Spending
from omnidesk_sync.models import AddressImport, Candidate, CaseLink, PersonLink, Reconciliation, Stranger
from omnidesk_sync.services import Verdict
from sandbox.people import People
from sandbox.records import User as DeskProfile
from tests.omnidesk_sync.world import CHANNELS, World, everything_stored, fresh

State = OutboxEntry.State
Mode = Case.Mode
CHANNEL_MODES = [Mode.CABINET, Mode.CHAT]


@pytest.fixture(autouse=True)
def channels(world: World, settings: Any) -> None:
    world.switch_channels_on()
    settings.OMNIDESK_CHANNELS = CHANNELS
    settings.CABINET_MODES = ["mail", "cabinet", "chat"]


@pytest.fixture
def dina(world: World) -> User:
    """Signed in by the site itself: no address of hers is proved."""
    return User.objects.create(username="dina", first_name="Дина")


def profile_of(world: World, case: Case) -> DeskProfile:
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    found = world.desk.core.users.get(there.user_id)
    assert found is not None
    return found


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", CHANNEL_MODES)
def test_a_case_is_opened_in_its_channel_by_an_id_of_ours(world: World, mode: Case.Mode) -> None:
    case = world.opened("Где счёт?", "Счёт", mode=mode)
    world.work()
    [there] = world.desk.core.cases.all()
    assert (there.channel, there.status, there.subject) == (CHANNELS[mode], "open", "Счёт")
    profile = profile_of(world, case)
    assert (profile.custom_id, profile.custom_channel) == (custom_id_of(world.anna), CHANNELS[mode])
    assert profile.email == ""
    assert profile.full_name == "Анна Петрова"
    assert world.states(case) == [Message.State.SENT]
    assert fresh(case).number == there.case_number


@pytest.mark.parametrize("mode", CHANNEL_MODES)
def test_a_new_case_in_a_channel_costs_two_units_the_first_one_too(world: World, mode: Case.Mode) -> None:
    for _ in range(2):
        before = len(world.desk.calls)
        world.opened(mode=mode)
        world.work()
        assert world.units(before) == 2


@pytest.mark.parametrize("mode", CHANNEL_MODES)
def test_replies_carry_the_channels_profile(world: World, mode: Case.Mode) -> None:
    by_mail = world.delivered("письмом")
    case = world.opened("в кабинете", mode=mode)
    world.work()
    for text in ("второе", "третье"):
        world.reply(case, text)
    world.work()
    rows = world.desk_rows(world.desk_id(case))
    assert [row.text for row in rows] == ["в кабинете", "второе", "третье"]
    assert {row.user_id for row in rows} == {profile_of(world, case).user_id}
    assert profile_of(world, case).user_id != profile_of(world, by_mail).user_id
    world.read(case)
    assert world.thread(case) == ["в кабинете", "второе", "третье"]
    assert set(linking.profiles_of(world.anna.pk)) == {
        profile_of(world, case).user_id,
        profile_of(world, by_mail).user_id,
    }


@pytest.mark.parametrize("mode", CHANNEL_MODES)
def test_who_has_no_proved_address_can_open_in_a_channel(world: World, dina: User, mode: Case.Mode) -> None:
    case = world.opened("без адреса", mode=mode, owner=dina)
    mailed = world.opened("без адреса", owner=dina)
    world.work()
    assert world.states(case) == [Message.State.SENT]
    assert list(mailed.messages.values_list("state", "failure")) == [("failed", "no_address")]


def test_files_travel_in_a_channel_too(world: World) -> None:
    case = world.opened(files=[world.upload("счёт.txt", b"one")], mode=Mode.CHAT)
    world.work()
    [row] = world.desk_rows(world.desk_id(case))
    assert [upload.name for upload in world.desk.core.uploads_of(row.file_ids)] == ["счёт.txt"]
    assert profile_of(world, case).custom_id == custom_id_of(world.anna)


def test_a_chat_may_have_no_subject(world: World) -> None:
    world.desk.faults.add("cut_after", count=1, path=r"cases\.json", method="POST")
    case = world.opened("Вы тут?", "", mode=Mode.CHAT)
    world.work()
    world.desk.core.cases.all()[0].subject = "Чат с сайта"
    world.work_until(150, step=50)
    assert world.outbox(case) == [State.DELIVERED]
    assert len(world.desk.core.cases.all()) == 1


def test_a_mode_whose_channel_is_gone_is_said_and_can_be_tried_again(world: World, settings: Any) -> None:
    case = world.opened(mode=Mode.CHAT)
    settings.OMNIDESK_CHANNELS = {"cabinet": "cch7"}
    world.work()
    assert world.desk.calls == []
    [message] = case.messages.all()
    assert (message.state, message.failure) == ("failed", "no_channel")
    settings.OMNIDESK_CHANNELS = CHANNELS
    customers.retry_message(message=message)
    world.work()
    assert world.states(case) == [Message.State.SENT]


# ── unknown outcomes ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", CHANNEL_MODES)
@pytest.mark.parametrize("fault", ["cut_after", "cut_before", "error_500", "half_answer"])
def test_an_opening_in_a_channel_exists_once_whatever_happened_to_the_answer(
    world: World, dina: User, fault: str, mode: Case.Mode
) -> None:
    world.desk.faults.add(fault, count=1, path=r"cases\.json", method="POST")
    case = world.opened("Где счёт?", "Счёт", mode=mode, owner=dina)
    world.work()
    assert world.outbox(case) == [State.UNSETTLED]
    for there in world.desk.core.cases.all():
        world.desk.staffroom.set_chat(there.case_id, active=mode == Mode.CHAT)
    world.work_until(120, step=60)
    assert world.outbox(case) == [State.DELIVERED]
    assert [there.subject for there in world.desk.core.cases.all()] == ["Счёт"]
    world.read(case)
    assert world.thread(case) == ["Где счёт?"]


def test_equal_openings_in_all_modes_each_find_their_own(world: World) -> None:
    world.desk.faults.add("cut_after", count=3, path=r"cases\.json", method="POST")
    cases = {mode: world.opened("Где счёт?", "Счёт", mode=mode) for mode in Mode}
    world.work()
    world.work_until(200, step=50)
    rows = {there.case_id: there.channel for there in world.desk.core.cases.all()}
    assert len(rows) == 3
    assert {mode: rows[world.desk_id(case)] for mode, case in cases.items()} == {
        Mode.MAIL: "web",
        Mode.CABINET: CHANNELS["cabinet"],
        Mode.CHAT: CHANNELS["chat"],
    }


@pytest.mark.parametrize("mode", CHANNEL_MODES)
def test_while_an_opening_is_unsettled_no_case_of_its_customer_is_imported(
    world: World, mode: Case.Mode
) -> None:
    world.desk.faults.add("cut_after", count=1, path=r"cases\.json", method="POST")
    case = world.opened("Где счёт?", mode=mode)
    world.work()
    world.desk.staffroom.open_case("anna@example.ru", subject="Письмо", text="письмом")
    world.wait(3)
    world.reconcile()
    world.work()
    assert Case.objects.count() == 1
    world.work_until(150, step=50)
    world.reconcile()
    world.work_until(60, step=30)
    assert sorted(Case.objects.values_list("subject", "mode")) == [
        ("Нет счёта", mode),
        ("Письмо", Mode.MAIL),
    ]
    assert CaseLink.objects.get(case=case).case_id == case.pk


def test_a_desk_that_ignores_the_filter_gives_nobodys_case_away(world: World, dina: User) -> None:
    """`user_custom_id` stands in clients' code, not on a page of the vendor: everybody's cases may come."""
    world.desk.staffroom.open_case("boris@example.ru", subject="Счёт", text="Где счёт?")
    theirs = world.opened("Где счёт?", "Счёт", mode=Mode.CHAT)
    world.work()
    stolen = world.desk_id(theirs)
    CaseLink.objects.all().delete()
    PersonLink.objects.all().delete()
    forget_the_filter(world)
    world.desk.faults.add("cut_before", count=1, path=r"cases\.json", method="POST")
    case = world.opened("Где счёт?", "Счёт", mode=Mode.CHAT, owner=dina)
    Reconciliation.objects.update_or_create(pk=1, defaults={"restored_at": timezone.now()})
    world.work()
    world.work_until(200, step=50)
    assert world.outbox(case) == [State.DELIVERED]
    assert world.desk_id(case) != stolen
    assert profile_of(world, case).custom_id == custom_id_of(dina)
    assert Case.objects.filter(owner=dina).count() == 1


def forget_the_filter(world: World) -> None:
    answered = world.exchange.handle

    def handle(verb: str, url: str, *more: Any) -> Any:
        return answered(verb, url.replace("user_custom_id=", "user_nothing="), *more)

    world.exchange.handle = handle  # type: ignore[method-assign,assignment]


# ── a backup, a second site ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def restored(world: World, dina: User) -> int:
    """Dina's first chat was opened after the backup was taken, and the backup knows nothing of it."""
    world.reconcile()
    custom_id_of(dina)
    world.wait(120)
    lost = world.opened("Где счёт?", "Счёт", mode=Mode.CHAT, owner=dina)
    world.work()
    there = world.desk_id(lost)
    lost.delete()
    for model in (AddressImport, PersonLink, Candidate, Stranger):
        model.objects.filter().delete()
    return there


def test_after_a_restore_the_first_opening_looks_for_older_cases_of_its_id(
    world: World, dina: User, restored: int
) -> None:
    """The same words once more: they are a new case, not the one from after the backup."""
    call_command("omnidesk_after_restore", verbosity=0)
    world.desk.faults.add("cut_before", count=1, path=r"cases\.json", method="POST")
    case = world.opened("Где счёт?", "Счёт", mode=Mode.CHAT, owner=dina)
    world.work()
    world.work_until(200, step=50)
    assert world.desk_id(case) != restored
    assert sorted(CaseLink.objects.values_list("desk_case_id", flat=True)) == [restored, world.desk_id(case)]
    found = Case.objects.get(desk_link__desk_case_id=restored)
    assert (found.owner_id, found.mode) == (dina.pk, Mode.CHAT)
    assert world.thread(found) == ["Где счёт?"]


def test_after_a_restore_the_walk_brings_back_what_was_opened_since(
    world: World, dina: User, restored: int
) -> None:
    call_command("omnidesk_after_restore", verbosity=0)
    world.reconcile()
    world.work()
    found = Case.objects.get(desk_link__desk_case_id=restored)
    assert (found.owner_id, found.mode) == (dina.pk, Mode.CHAT)


def test_an_unsent_opening_of_the_backup_is_looked_for_by_the_id(world: World) -> None:
    case = world.opened("Где счёт?", mode=Mode.CABINET)
    entry = OutboxEntry.objects.filter(case=case).values().get()
    world.work()
    CaseLink.objects.all().delete()
    PersonLink.objects.all().delete()
    OutboxEntry.objects.filter(case=case).update(**{k: v for k, v in entry.items() if k != "id"})
    call_command("omnidesk_after_restore", verbosity=0)
    world.work_until(60)
    assert world.outbox(case) == [State.DELIVERED]
    assert len(world.desk.core.cases.all()) == 1


# ── whose profile it is ─────────────────────────────────────────────────────────────────────────────────


def met(world: World, **profile: str) -> int:
    """The id of a profile over there that was made now."""
    return People(world.desk.core).create(**profile).user_id


def behind(user_id: int) -> Any:
    with Account(Spending.READINGS) as account:
        return people.person_behind(user_id, account)


@pytest.mark.parametrize("channel", [*CHANNELS.values(), "8"])
def test_a_profile_of_our_channels_is_known_by_our_id(world: World, channel: str) -> None:
    profile = met(world, custom_id=custom_id_of(world.anna).upper(), channel=channel)
    assert behind(profile) == world.anna
    assert PersonLink.objects.get(desk_user_id=profile).user_id == world.anna.pk


@pytest.mark.parametrize(
    "values",
    [
        {"custom_id": "anna@example.ru", "channel": "cch8"},
        {"custom_id": "someone-elses-id", "channel": "cch8", "email": "anna@example.ru"},
        {"custom_id": "4a3f5dc6-7a13-4b0e-9d6b-0f5a3a4f1f11", "channel": "cch8"},
        {"custom_id": "OURS", "channel": "cch99"},
    ],
)
def test_no_other_profile_is_a_persons_whatever_stands_in_it(world: World, values: dict[str, str]) -> None:
    ours = custom_id_of(world.anna)
    profile = met(world, **{key: ours if value == "OURS" else value for key, value in values.items()})
    assert behind(profile) is None
    assert Stranger.objects.filter(desk_user_id=profile).exists()


def test_somebody_switched_off_is_nobody(world: World, dina: User) -> None:
    profile = met(world, custom_id=custom_id_of(dina), channel="cch7")
    User.objects.filter(pk=dina.pk).update(is_active=False)
    assert behind(profile) is None


def test_the_id_says_nothing_about_the_person(world: World) -> None:
    found = custom_id_of(world.anna)
    assert found == str(Profile.objects.get(user=world.anna).custom_id)
    assert "anna" not in found
    assert found == custom_id_of(world.anna)


# ── what was opened elsewhere ───────────────────────────────────────────────────────────────────────────


def started_by_staff(world: World, case: Case, subject: str) -> int:
    """A case that staff open for the customer's channel profile."""
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    made = world.desk.staffroom.open_case("nobody@example.ru", subject=subject, text="Мы вам пишем")
    made.user_id, made.channel, made.recipient = there.user_id, there.channel, ""
    world.desk.core.cases.put(made)
    for row in world.desk.core.thread(made.case_id):
        row.user_id = there.user_id
        world.desk.core.messages.put(row)
    return made.case_id


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("mode", CHANNEL_MODES)
def test_a_case_found_in_our_channel_gets_its_mode_and_a_running_chat_is_seen(
    world: World, mode: Case.Mode, active: bool
) -> None:
    case = world.opened(mode=mode)
    world.work()
    world.reconcile()
    PersonLink.objects.all().delete()
    there = started_by_staff(world, case, "От поддержки")
    world.desk.staffroom.set_chat(there, active=active)
    world.wait(5)
    world.reconcile()
    world.work()
    found = Case.objects.get(subject="От поддержки")
    assert (found.owner_id, found.mode) == (world.anna.pk, mode)
    assert world.thread(found) == ["Мы вам пишем"]


def test_a_case_moved_between_a_persons_profiles_stays_hers_and_keeps_its_mode(world: World) -> None:
    case = world.opened(mode=Mode.CABINET)
    world.work()
    world.desk.staffroom.give(world.desk_id(case), "anna@example.ru")
    world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    world.read(case)
    assert fresh(case).availability == Case.Availability.NORMAL
    assert fresh(case).mode == Mode.CABINET
    assert world.thread(case)[-1] == "ответ"
    world.reply(case, "спасибо")
    world.work()
    assert world.states(case)[-1] == Message.State.SENT


def test_a_case_of_a_channel_given_to_somebody_else_freezes(world: World) -> None:
    boris = world.person("boris@example.ru")
    case = world.opened("моё", mode=Mode.CABINET)
    world.work()
    world.desk.staffroom.give(world.desk_id(case), "boris@example.ru")
    world.desk.staffroom.reply(world.desk_id(case), text="только для Бориса")
    world.read(case)
    world.work()
    assert fresh(case).availability == Case.Availability.MOVED
    assert world.thread(case) == ["моё"]
    assert Case.objects.get(owner=boris).mode == Mode.CABINET


def test_reading_a_case_of_a_channel_costs_two_units(world: World) -> None:
    case = world.opened(mode=Mode.CHAT)
    world.work()
    world.read(case)
    for text in ("раз", "два", "три"):
        world.desk.staffroom.reply(world.desk_id(case), text=text)
    before = len(world.desk.calls)
    world.read(case)
    assert world.units(before) == 2
    assert world.thread(case)[1:] == ["раз", "два", "три"]


def test_staff_stand_with_their_names(world: World) -> None:
    case = world.opened(mode=Mode.CHAT)
    world.work()
    world.desk.staffroom.reply(world.desk_id(case), text="Здравствуйте")
    world.read(case)
    answer = case.messages.get(author=Message.Author.STAFF)
    assert answer.author_name == "Мария Орлова"


# ── the channel's webhook ───────────────────────────────────────────────────────────────────────────────


def hint(case: int, message: int | None, event: str = "message_new") -> services.HintAnswer:
    return services.take_hint(
        event=event, desk_case_id=case, desk_message_id=message, received_at=timezone.now()
    )


def test_the_channels_webhook_brings_its_message_and_only_once(world: World) -> None:
    case = world.opened(mode=Mode.CHAT)
    world.work()
    world.read(case)
    world.wait(2)
    row = world.desk.staffroom.reply(world.desk_id(case), text="Здравствуйте")
    assert hint(row.case_id, row.message_id).verdict is Verdict.WANTED
    world.work()
    assert world.thread(case)[-1] == "Здравствуйте"
    before = len(world.desk.calls)
    for event in ("message_new", "staff_reply"):
        assert hint(row.case_id, row.message_id, event).verdict is Verdict.NOTHING
    world.work()
    assert world.units(before) == 0


def test_an_event_nobody_knows_has_its_case_read(world: World) -> None:
    case = world.opened(mode=Mode.CHAT)
    world.work()
    world.wait(5)
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    assert hint(world.desk_id(case), None, "chat.closed").verdict is Verdict.WANTED
    world.work()
    assert fresh(case).status == Case.Status.CLOSED


def test_nothing_private_of_a_chat_is_stored(world: World) -> None:
    case = world.opened(mode=Mode.CHAT)
    world.work()
    note = world.desk.staffroom.note(world.desk_id(case), text="тайна")
    hint(note.case_id, note.message_id)
    world.work()
    world.read(case)
    assert "тайна" not in everything_stored()


# ── the older cases of an id ────────────────────────────────────────────────────────────────────────────


def test_an_import_by_id_is_one_row_that_an_admin_can_start_again(world: World) -> None:
    case = world.opened(mode=Mode.CHAT)
    world.work()
    row = AddressImport.objects.get(user=world.anna, address="")
    assert row.done_at is not None
    there = started_by_staff(world, case, "Старое")
    AddressImport.objects.filter(pk=row.pk).update(due_at=timezone.now(), page=1)
    world.work()
    found = Case.objects.get(desk_link__desk_case_id=there)
    assert found.mode == Mode.CHAT
    assert imports.identity_of(row).custom_id == custom_id_of(world.anna)
