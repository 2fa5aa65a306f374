"""The API's calls about the messages and notes of a case (omnidesk-api.md 3)."""

from __future__ import annotations

from .api_cases import rating_of
from .calls import Call, moment, number, uploads, words
from .cases import Draft, Refused
from .inbound import Reply, json_reply
from .records import Case, Json
from .search import is_true, page_of

LAST_MESSAGES = 100


def listing(call: Call, reference: str) -> Reply:
    """GET messages.json: notes and delayed answers among the rest; without page and limit the last 100."""
    case = call.case(reference)
    thread = [row for row in call.core.thread(case.case_id) if not row.deleted]
    total = len(thread)
    asked_for_page = call.request.first("page") or call.request.first("limit")
    if not asked_for_page:
        thread = thread[-LAST_MESSAGES:]
    order = call.request.first("order", "asc")
    if order not in ("asc", "desc"):
        raise Refused("incorrect_order")
    if order == "desc":
        thread.reverse()
    page = page_of(thread, call.request) if asked_for_page else thread
    return json_reply(call.shapes.many([call.shapes.message(row) for row in page], total, name="message"))


def add(call: Call, reference: str) -> Reply:
    """POST messages.json.

    With neither ``user_id`` nor ``staff_id`` the key's owner becomes the author, and the text is mailed to
    the customer as an answer of the desk: the danger of 3.3, imitated on purpose.
    """
    case = _receiving_case(call, call.case(reference))
    form = call.form("message")
    files = uploads(form)
    user_id, staff_id = number(form, "user_id"), number(form, "staff_id")
    quiet = call.core.switches.honour_do_not_send_email and is_true(words(form, "do_not_send_email"))
    if user_id:
        _check_user(call, case, user_id)
        call.desk.chats.check_takes_message(case)
    else:
        staff_id = _answering_staff(call, staff_id)
    draft = Draft(
        body=call.body(form),
        user_id=user_id,
        staff_id=0 if user_id else staff_id,
        files=files,
        created_at=moment(form, "created_at"),
        send_at=moment(form, "send_at"),
        mail_customer=not quiet,
        by_api=True,
    )
    return call.made(call.shapes.message(call.desk.cases.add_message(case, draft)))


def _receiving_case(call: Call, case: Case) -> Case:
    if case.destroyed:
        raise Refused("case_not_found", 404)
    if not case.parent_case_id or call.core.switches.merged_case_message == "stays":
        return case
    parent = call.core.cases.get(case.parent_case_id)
    if parent is None or call.core.switches.merged_case_message == "refused":
        raise Refused("case_not_found", 404)
    return parent


def _check_user(call: Call, case: Case, user_id: int) -> None:
    user = call.core.users.get(user_id)
    if user is None:
        raise Refused("user_not_found", 404)
    if call.core.switches.message_user_must_own_case and user_id not in (case.user_id, *user.linked_users):
        raise Refused("incorrect_user_id")


def _answering_staff(call: Call, staff_id: int) -> int:
    member = call.core.staff.get(staff_id) if staff_id else call.owner
    if member is None:
        raise Refused("staff_not_found", 404)
    if not member.active:
        raise Refused("staff_not_active")
    return member.staff_id


def edit(call: Call, reference: str, message_id: str) -> Reply:
    message = call.message(call.case(reference), message_id)
    form = call.form("message")
    return json_reply(call.shapes.message(call.desk.cases.edit(message, call.body(form))))


def delete(call: Call, reference: str, message_id: str) -> Reply:
    call.desk.cases.remove(call.message(call.case(reference), message_id))
    return Reply(status=200)


def rate(call: Call, reference: str, message_id: str) -> Reply:
    message = call.message(call.case(reference), message_id)
    form = call.form("rate")
    message.rating, message.rating_comment = rating_of(form), words(form, "rating_comment")
    message.rated_staff_id = message.staff_id
    call.core.messages.put(message)
    return json_reply(call.shapes.message(message))


def add_note(call: Call, reference: str) -> Reply:
    case = call.case(reference)
    draft = _note(call, call.form("note"))
    return call.made(call.shapes.message(call.desk.cases.add_message(case, draft)))


def _note(call: Call, form: Json) -> Draft:
    return Draft(
        body=call.body(form),
        staff_id=call.owner.staff_id,
        note=True,
        files=uploads(form),
        created_at=moment(form, "created_at"),
        by_api=True,
    )


def edit_note(call: Call, reference: str, message_id: str) -> Reply:
    message = call.message(call.case(reference), message_id, note=True)
    return json_reply(call.shapes.message(call.desk.cases.edit(message, call.body(call.form("note")))))


def delete_note(call: Call, reference: str, message_id: str) -> Reply:
    call.desk.cases.remove(call.message(call.case(reference), message_id, note=True))
    return Reply(status=200)
