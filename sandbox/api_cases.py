"""The API's calls about cases (omnidesk-api.md 2 and 4)."""

from __future__ import annotations

from collections.abc import Callable

from .calls import Call, moment, number, uploads, words
from .cases import Draft, Refused
from .inbound import Reply, json_reply
from .people import is_address
from .records import CHANNEL_PREFIX, Case, Json, User
from .search import find_cases, is_true, page_of
from .staffroom import STATUSES

PRIORITIES = ("low", "normal", "high", "critical")
RATINGS = ("high", "middle", "low")
MANY_CASES = 10


def create(call: Call) -> Reply:
    """POST cases.json. The answer does not tell the first message's id (2.2)."""
    form = call.form("case")
    files = uploads(form)
    subject = _subject(call, form)
    body = call.body(form)
    status = _first_status(call, form)
    created_at = moment(form, "created_at")
    _check(call, form)
    channel = words(form, "channel") or "web"
    user = _customer(call, form, channel)
    draft = Draft(body=body, user_id=user.user_id, files=files, created_at=created_at, by_api=True)
    case = call.desk.cases.open_case(user, draft, subject=subject, channel=channel, status=status)
    _apply(case, form)
    call.core.cases.put(case)
    return call.made(call.shapes.case(case, with_files=bool(files)))


def _subject(call: Call, form: Json) -> str:
    subject = words(form, "subject")
    longest = call.core.switches.max_subject_length
    if not subject.strip() and not words(form, "channel").startswith(CHANNEL_PREFIX):
        raise Refused("subject_required")
    if longest and len(subject) > longest:
        raise Refused("subject_too_long")
    return subject.strip()


def _first_status(call: Call, form: Json) -> str:
    asked = words(form, "status")
    if asked and asked not in STATUSES:
        raise Refused("incorrect_status")
    return (asked or "waiting") if call.core.switches.api_case_status == "as_asked" else "waiting"


def _customer(call: Call, form: Json, channel: str) -> User:
    """Whose case it becomes; the profile is made when the identity is new (2.1)."""
    in_channel = channel.startswith(CHANNEL_PREFIX)
    if in_channel:
        call.desk.channels.receiving(channel)
    email, phone, custom_id = (
        words(form, f"user_{name}").strip() for name in ("email", "phone", "custom_id")
    )
    phone = phone or words(form, "user_whatsapp_phone").strip()
    if form.get("user_id") and call.core.switches.create_case_by_user_id:
        found = call.core.users.get(number(form, "user_id"))
        if found is None:
            raise Refused("user_not_found", 404)
        return found
    if email and not is_address(email):
        raise Refused("incorrect_user_email")
    if custom_id and not in_channel:
        raise Refused("channel_required")
    if not (custom_id if in_channel else email or phone):
        raise Refused("user_required")
    return call.desk.people.meet(
        email=email,
        phone=phone,
        custom_id=custom_id,
        channel=channel,
        name=words(form, "user_full_name").strip(),
    )


def listing(call: Call) -> Reply:
    found = find_cases(call.core, call.request)
    with_speed = is_true(call.request.first("show_first_response_time"))
    page = [call.shapes.case(case, with_speed=with_speed) for case in page_of(found, call.request)]
    return json_reply(call.shapes.many(page, len(found), name="case"))


def view(call: Call, reference: str) -> Reply:
    return json_reply(call.shapes.case(call.case(reference)))


def update(call: Call, reference: str) -> Reply:
    case = call.case(reference)
    form = call.form("case")
    status = words(form, "status")
    if status and status not in STATUSES:
        raise Refused("incorrect_status")
    _check(call, form)
    if "subject" in form:
        case.subject = _subject(call, form)
    _apply(case, form)
    case.updated_at = call.core.now()
    call.core.cases.put(case)
    if status:
        call.desk.cases.set_status(case, status, done_by=f"staff_{call.owner.staff_id}", by_api=True)
    return json_reply(call.shapes.case(case))


def _check(call: Call, form: Json) -> None:
    """Refuse before anything is changed: nothing may be half done behind an error."""
    if words(form, "priority") not in ("", *PRIORITIES):
        raise Refused("incorrect_priority")
    staff_id = number(form, "staff_id")
    member = call.core.staff.get(staff_id)
    if staff_id and (member is None or not member.active):
        raise Refused("staff_has_not_access")
    labels = [label for name in ("labels", "add_labels", "delete_labels") for label in form.get(name) or []]
    if any(not str(label).isdigit() for label in labels):
        raise Refused("incorrect_labels")


def _apply(case: Case, form: Json) -> None:
    """Routing, priority, labels and fields: what creating and editing have in common."""
    case.priority = words(form, "priority") or case.priority
    if "staff_id" in form:
        case.staff_id = number(form, "staff_id")
    for name in ("group_id", "language_id"):
        if form.get(name):
            setattr(case, name, number(form, name))
    fields = form.get("custom_fields")
    if isinstance(fields, dict):
        case.custom_fields = {**case.custom_fields, **fields}
    added = [int(label) for name in ("labels", "add_labels") for label in form.get(name) or []]
    dropped = {int(label) for label in form.get("delete_labels") or []}
    case.labels = [label for label in dict.fromkeys([*case.labels, *added]) if label not in dropped]


def rate(call: Call, reference: str) -> Reply:
    case = call.case(reference)
    form = call.form("rate")
    case.rating, case.rating_comment = rating_of(form), words(form, "rating_comment")
    case.rated_staff_id = number(form, "rated_staff_id")
    call.core.cases.put(case)
    return json_reply(call.shapes.case(case))


def rating_of(form: Json) -> str:
    rating = words(form, "rating")
    if rating not in RATINGS:
        raise Refused("incorrect_rating")
    return rating


def changelog(call: Call, reference: str) -> Reply:
    return json_reply({"changelog": call.case(reference).changelog})


def flag(call: Call, references: str, action: str) -> Reply:
    """PUT cases/{ids}/trash|spam|restore.json."""
    deleted, spam = action == "trash", action == "spam"
    return _for_each(
        call, references, lambda case: call.desk.cases.set_flags(case, deleted=deleted, spam=spam)
    )


def destroy(call: Call, references: str) -> Reply:
    return _for_each(call, references, call.desk.cases.destroy)


def _for_each(call: Call, references: str, act: Callable[[Case], None]) -> Reply:
    """One id answers with its case, several (up to ten) with the ids that worked (4.5)."""
    ids = references.split(",")
    if len(ids) > MANY_CASES:
        raise Refused("too_many_cases")
    cases = [call.case(reference) for reference in ids]
    for case in cases:
        act(case)
    if len(cases) == 1:
        return json_reply(call.shapes.case(cases[0]))
    return json_reply({"case_success_id": [case.case_id for case in cases]})
