"""The main flows with every answer that the vendor's open questions may have (the sandbox's switches)."""

import pytest
from django.utils import timezone

from cabinet import services
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from omnidesk_sync.models import Lane
from sandbox.records import Upload
from sandbox.switches import Switches
from tests.omnidesk_sync.world import World, everything_stored, fresh

pytestmark = pytest.mark.slow

WORLDS: tuple[dict[str, object], ...] = (
    {},
    {
        "api_echo": False,
        "notes_trigger_staff_replied": True,
        "delayed_fires": "written",
        "delayed_touches_case": False,
        "edit_touches_case": True,
        "note_touches_case": False,
        "reply_fires_status_changed": False,
        "merge_fires_rules": True,
        "api_case_status": "waiting",
        "api_user_message_reopens": False,
        "api_user_message_mails": "customer",
        "honour_do_not_send_email": False,
        "message_user_must_own_case": True,
        "create_case_by_user_id": True,
        "merged_case_message": "stays",
        "created_status": 200,
        "sanitise_html": True,
        "text_as_html": "br_newline",
        "content_shape": "text",
        "message_authors": "absent",
        "bool_shape": "number",
        "note_flag": "missing",
        "note_type": "",
        "list_shape": "array",
        "empty_list": "array",
        "retry_after_header": "always",
        "trashed_case": "404",
        "deleted_case": "flagged",
        "clock_offset_seconds": 3600,
        "attachment_access": "open",
        "staff_reply_status": "closed",
        "quoted_original": "plain",
        "foreign_mail_reply": "same_case",
    },
    {
        "merged_case_message": "refused",
        "text_as_html": "paragraphs",
        "content_shape": "both",
        "bool_shape": "string",
        "note_flag": "false",
        "note_type": "internal",
        "total_count": "missing",
        "empty_list": "named",
        "retry_after_header": "never",
        "clock_offset_seconds": -3600,
        "attachment_access": "login_page",
        "staff_reply_status": "open",
        "quoted_original": "none",
    },
    {
        "api_user_message_reopens": False,
        "total_count": "string",
        "note_flag": "missing",
        "clock_offset_seconds": 600,
        "attachment_access": "redirect",
        "staff_reply_status": "keep",
    },
    {
        "api_case_status": "waiting",
        "staff_reply_status": "keep",
        "content_shape": "text",
        "list_shape": "array",
    },
    {"api_user_message_reopens": False, "staff_reply_status": "closed", "text_as_html": "paragraphs"},
)
NOT_OURS = {
    # These only change webhooks and mail, whose doors have tests of their own.
    "rule_order",
    "webhook_encoding",
    "webhook_headers",
    "webhook_escapes_json",
    "webhook_values_at",
    "webhook_retries",
    "webhook_retry_seconds",
    "webhook_timeout_seconds",
    "webhook_test_on_save",
    "attachment_redirect_base",
}
CHANNELS = {
    # These matter in custom channels only, none of which these flows go through.
    "rules_match_custom_channels",
    "channel_webhook_encoding",
    "channel_webhook_strings",
    "channel_webhook_notes",
    "channel_webhook_rich",
    "channel_webhook_other_types",
    "user_custom_channel_shape",
    "chat_idle_seconds",
    "chat_timeout_closes",
    "chat_finish_closes",
    "chat_reactivates",
    "closed_chat_refuses",
    "closed_chat_error",
    "chat_service_rows",
    "chat_content_shape",
}
ELSEWHERE = {
    # Tested where they matter: rejected messages, quarantine, expired addresses.
    "max_subject_length",
    "max_content_length",
    "commit_delay_seconds",
    "attachment_expiry_seconds",
}


def test_every_value_of_every_switch_is_tried() -> None:
    for switch in Switches().describe():
        name = switch["name"]
        if name in NOT_OURS | CHANNELS | ELSEWHERE:
            continue
        tried = {values.get(name, switch["default"]) for values in WORLDS}
        choices = {True, False} if isinstance(switch["default"], bool) else set(switch["options"])
        assert tried >= choices, name
        assert len(tried) > 1, name


@pytest.mark.parametrize("values", WORLDS)
def test_the_main_flows(world: World, values: dict[str, object]) -> None:
    """Rows 1 to 4, a note, a delayed answer, an edit, files, a lost answer, closing: by readings alone."""
    world.desk.switch(**values)
    case = world.opened("Где счёт за август?\n\n  <b>&</b> ещё", files=[world.upload("a.txt", b"one")])
    world.work()
    there = world.desk_id(case)
    assert world.states(case) == [Message.State.SENT]

    akt = Upload(name="акт.pdf", mime_type="application/pdf", data=b"%PDF-1.4 synthetic")
    answer = world.desk.staffroom.reply(there, text="Вот акт", files=[akt])
    world.desk.staffroom.note(there, text="тайная пометка")
    world.read(case)
    world.desk.mailbox.answer(case_id=there, text="Договор 18", style="gmail")
    world.desk.staffroom.reply(there, text="отложенная тайна", delay_seconds=3600)
    world.read(case)
    world.desk.faults.add("cut_after", method="POST", count=1)
    world.reply(fresh(case), "Спасибо,\nпонятно")
    world.work()
    world.desk.staffroom.edit(answer.message_id, text="Вот акт, исправленный")
    world.read(case)
    world.work_until(120, step=40)
    expected = ["Где счёт за август?\n\n  <b>&</b> ещё", "Вот акт, исправленный", "Договор 18"]
    assert [text.strip() for text in world.thread(case)] == [*expected, "Спасибо,\nпонятно"]
    assert world.desk_texts(there).count("Спасибо,\nпонятно") == 1
    assert "тайн" not in everything_stored()
    assert CaseFile.objects.get(name="акт.pdf").state == CaseFile.State.READY
    services.close_case(case=fresh(case))
    world.work()
    assert world.desk.core.cases.get(there).status == "closed"  # type: ignore[union-attr]
    world.reply(fresh(case), "Всё-таки нет")
    world.work()
    assert world.desk.core.cases.get(there).status == "open"  # type: ignore[union-attr]
    assert set(world.outbox(case)) == {OutboxEntry.State.DELIVERED}
    assert Lane.objects.get(pk=case.pk).read_failures == 0


@pytest.mark.parametrize(
    ("clock", "shapes"),
    [(3600, {}), (-3600, {"list_shape": "array", "total_count": "missing", "empty_list": "array"})],
)
def test_without_webhooks_everything_arrives_whatever_the_desks_clock(
    world: World, clock: int, shapes: dict[str, object]
) -> None:
    world.desk.switch(clock_offset_seconds=clock, **shapes)
    world.reconcile()
    case = world.opened("начало")
    world.work()
    world.wait(60)
    world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    world.desk.staffroom.open_case("anna@example.ru", subject="Письмом", text="письмом")
    world.wait(30)
    world.reconcile()
    world.work()
    assert world.thread(case) == ["начало", "ответ"]
    assert Case.objects.filter(owner=world.anna).count() == 2


@pytest.mark.parametrize("where", ["to_parent", "stays", "refused"])
def test_a_reply_to_a_case_that_was_merged_meanwhile_is_never_doubled_in_one_thread(
    world: World, where: str
) -> None:
    world.desk.switch(merged_case_message=where)
    child, parent = world.delivered("первое"), world.delivered("второе", "Другая тема")
    world.desk.staffroom.merge(world.desk_id(child), into=world.desk_id(parent))
    world.reply(child, "вдогонку")
    world.work()
    world.wait(5)
    world.reconcile()
    world.work()
    assert fresh(child).availability == Case.Availability.MERGED
    for case in (child, parent):
        texts = world.thread(case)
        assert len(texts) == len(set(texts))
    assert world.states(child)[-1] == ("failed" if where == "refused" else "sent")


@pytest.mark.parametrize("status", ["as_asked", "waiting"])
def test_a_new_case_is_with_support_whatever_the_desk_makes_of_it(world: World, status: str) -> None:
    world.desk.switch(api_case_status=status)
    before = len(world.desk.calls)
    case = world.opened()
    world.work()
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    assert there.status == "open"
    assert world.units(before) == (2 if status == "as_asked" else 4)
    world.read(case)
    assert fresh(case).status == Case.Status.OPEN


@pytest.mark.parametrize(("switch", "gone"), [("trashed_case", "404"), ("deleted_case", "flagged")])
def test_a_case_that_is_gone_keeps_its_thread(world: World, switch: str, gone: str) -> None:
    world.desk.switch(**{switch: gone})
    case = world.delivered("начало")
    act = world.desk.staffroom.trash if switch == "trashed_case" else world.desk.staffroom.destroy
    act(world.desk_id(case))
    world.read(case)
    assert fresh(case).availability in ("archived", "deleted")
    assert world.thread(case) == ["начало"]
    if switch == "trashed_case":
        world.desk.staffroom.restore(world.desk_id(case))
        world.read(case)
        assert fresh(case).availability == ""
    assert Lane.objects.get(pk=case.pk).last_read_at is not None
    assert Lane.objects.filter(pk=case.pk, read_due_at__lt=timezone.now()).count() == 0
