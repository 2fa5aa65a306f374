"""What is given under a topic reaches the desk, and never stands in the way of recognising a case."""

import io

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import translation

from cabinet.models import Case, OutboxEntry, Topic, TopicField
from cabinet.types import Answer
from omnidesk_sync.checks import check_topic_fields
from omnidesk_sync.models import CaseLink, FieldMapping, TopicMapping
from omnidesk_sync.routing import unmapped
from sandbox.records import Case as DeskCase
from tests.factories import signed_in
from tests.omnidesk_sync.world import World

State, Kind = OutboxEntry.State, TopicField.Kind
ANSWERS = (
    Answer(key="device", kind="choice", value="printer", label_ru="Устройство", choice_ru="Принтер"),
    Answer(key="serial", kind="text", value="X-1 & <b>", label_ru="Номер"),
    Answer(key="urgent", kind="checkbox", value="yes", label_ru="Срочно"),
    Answer(key="bought", kind="date", value="2026-02-28", label_ru="Куплен"),
    Answer(key="price", kind="number", value="12.50", label_ru="Цена"),
)
SENT = {"cf_1": "7", "cf_2": "X-1 & <b>", "cf_3": True, "cf_4": "2026-02-28"}


def made_topic() -> Topic:
    topic = Topic.objects.create(key="repair", title_ru="Ремонт")
    for answer in ANSWERS:
        choices = "printer=Принтер\nphone=Телефон" if answer.kind == "choice" else ""
        TopicField.objects.create(
            topic=topic, key=answer.key, kind=answer.kind, label_ru=answer.label_ru, choices_ru=choices
        )
    return topic


def mapped(topic: Topic) -> TopicMapping:
    """Everything but the price has a field at the desk."""
    mapping = TopicMapping.objects.create(topic=topic, group_id=44, labels="101, 102", priority="high")
    for number, answer in enumerate(ANSWERS[:4], start=1):
        FieldMapping.objects.create(
            mapping=mapping,
            field=topic.fields.get(key=answer.key),
            desk_field=f"cf_{number}",
            options="printer=7" if answer.key == "device" else "",
        )
    return mapping


@pytest.fixture
def topic(world: World) -> Topic:
    topic = made_topic()
    mapped(topic)
    return topic


def opened(world: World, topic: Topic, **more: object) -> Case:
    return world.opened("Он дымит", "Принтер", topic=topic, answers=ANSWERS, **more)


def at_desk(world: World) -> DeskCase:
    (there,) = world.desk.core.cases.all()
    return there


def test_the_desk_is_told_group_labels_priority_and_fields(world: World, topic: Topic) -> None:
    opened(world, topic)
    world.work()
    there = at_desk(world)
    assert (there.group_id, there.labels, there.priority) == (44, [101, 102], "high")
    assert there.custom_fields == SENT
    assert world.desk_texts(there.case_id) == ["Он дымит"]
    assert world.units() == 2


def test_with_a_file_it_travels_as_a_form(world: World, topic: Topic) -> None:
    opened(world, topic, files=[world.upload("photo.txt", b"words")])
    world.work()
    there = at_desk(world)
    assert (there.group_id, there.labels, there.priority) == (44, [101, 102], "high")
    assert there.custom_fields == SENT | {"cf_3": "1"}


def test_without_a_mapping_only_the_words_go(world: World) -> None:
    case = opened(world, made_topic())
    world.work()
    assert at_desk(world).custom_fields == {}
    assert world.outbox(case) == [State.DELIVERED]


@pytest.mark.parametrize("reference", ["", "cf_9"])
@pytest.mark.parametrize("fault", ["cut_after", "cut_before"])
def test_an_opening_with_fields_exists_once_whatever_happened_to_the_answer(
    world: World, topic: Topic, fault: str, reference: str, settings: object
) -> None:
    settings.OMNIDESK_CASE_REFERENCE_FIELD = reference  # type: ignore[attr-defined]
    world.desk.faults.add(fault, count=1, path=r"cases\.json", method="POST")
    case = opened(world, topic)
    world.work()
    assert world.outbox(case) == [State.UNSETTLED]
    world.work_until(150, step=60)
    assert world.outbox(case) == [State.DELIVERED]
    assert at_desk(world).custom_fields == SENT | ({reference: str(case.pk)} if reference else {})
    world.read(case)
    assert world.thread(case) == ["Он дымит"]


@pytest.mark.slow
def test_another_cases_number_typed_into_a_field_makes_nobody_believe_it_is_that_case(
    world: World, topic: Topic
) -> None:
    world.desk.faults.add("cut_before", count=1, path=r"cases\.json", method="POST")
    first = world.opened("Первое", "Первое")
    world.work()
    typed = Answer(key="serial", kind="text", value=str(first.pk), label_ru="Номер")
    second = world.opened("Второе", "Второе", topic=topic, answers=[typed])
    world.work()
    world.work_until(200, step=60)
    assert {link.case_id for link in CaseLink.objects.all()} == {first.pk, second.pk}
    assert sorted(case.subject for case in world.desk.core.cases.all()) == ["Второе", "Первое"]


def test_a_mistake_mended_in_the_admin_counts_at_the_next_try(world: World, topic: Topic) -> None:
    world.desk.faults.add("rate_limited", count=1, path=r"cases\.json", method="POST")
    opened(world, topic)
    world.work()
    TopicMapping.objects.update(group_id=45)
    world.work_until(120, step=60)
    assert at_desk(world).group_id == 45


# ── what admins are told ──


@pytest.mark.django_db
def test_fields_that_nobody_over_there_sees_are_named() -> None:
    assert check_topic_fields(databases=["default"]) == []
    topic = made_topic()
    (said,) = check_topic_fields(databases=["default"])
    assert said.id == "omnidesk_sync.W003"
    assert "repair.device, repair.serial" in said.msg
    mapped(topic)
    assert [str(row) for row in unmapped()] == ["repair.price"]
    # Without a database to look into, as at an ordinary start, nothing is asked.
    assert check_topic_fields() == []
    out = io.StringIO()
    call_command("check", databases=["default"], stdout=out, stderr=out)
    assert "W003" in out.getvalue()
    Topic.objects.update(active=False)
    assert check_topic_fields(databases=["default"]) == []


@pytest.mark.slow
@pytest.mark.django_db
def test_the_admin_maps_a_topic_and_says_what_is_missing() -> None:
    staff = signed_in(get_user_model().objects.create_superuser("root", "root@example.com", "pw"))
    topic = made_topic()
    device = topic.fields.get(key="device")
    data = {"topic": topic.pk, "group_id": "44", "labels": "101, 102", "priority": ""}
    data |= {"fields-TOTAL_FORMS": 1, "fields-INITIAL_FORMS": 0, "fields-0-field": device.pk}
    data |= {"fields-0-desk_field": "cf_1", "fields-0-options": "printer=7"}
    address = "/admin/omnidesk_sync/topicmapping/"
    for mistake, words in (
        ({"fields-0-desk_field": "25"}, "is written cf_25"),
        ({"fields-0-options": "fax=8"}, "no such choice: fax"),
        ({"labels": "urgent"}, "Numbers with commas"),
    ):
        assert words in staff.post(f"{address}add/", data | mistake).content.decode()
    assert staff.post(f"{address}add/", data).status_code == 302
    mapping = TopicMapping.objects.get()
    assert mapping.label_ids == (101, 102)
    page = staff.get(address).content.decode()
    assert "device → cf_1" in page
    assert "repair.serial, repair.urgent, repair.bought, repair.price" in page
    other = Topic.objects.create(key="billing", title_ru="Оплата")
    TopicField.objects.create(topic=other, key="invoice", label_ru="Счёт")
    assert "billing.invoice" not in staff.get(f"{address}{mapping.pk}/change/").content.decode()


@pytest.mark.django_db
def test_a_field_is_mapped_within_its_topic() -> None:
    topic = made_topic()
    other = TopicMapping.objects.create(topic=Topic.objects.create(key="billing", title_ru="Оплата"))
    with translation.override("en"), pytest.raises(ValidationError, match="another topic"):
        FieldMapping(mapping=other, field=topic.fields.get(key="serial"), desk_field="cf_1").full_clean()
