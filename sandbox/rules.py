"""Automation rules: which of them match an event, and what their webhooks say.

Values are strings, statuses are Russian labels, and neither an event name nor a time is added of the
desk's own accord (omnidesk-api.md 7.2, seen in captured bodies): whoever needs those writes them into the
rule's body by hand. Single braces are the likeliest placeholder syntax [inferred].
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

from .core import Core, Event
from .dictionaries import group_title, label_titles
from .records import Case, Rule

STATUS_LABELS = {"open": "открытое", "waiting": "в ожидании", "closed": "закрытое"}
PRIORITY_LABELS = {"low": "Низкий", "normal": "Обычный", "high": "Высокий", "critical": "Критический"}
CONDITIONS = ("staff_replied", "user_replied", "status_changed", "new_case", "note_added")

_PLACEHOLDER = re.compile(r"\{([a-z_]+(?:_\d+)?)\}")


def matching(rules: list[Rule], event: Event) -> list[Rule]:
    """The rules that fire, in the order of the list; several may."""
    return [
        rule
        for rule in rules
        if rule.enabled and rule.condition == event.condition and rule.kind == event.kind
    ]


def values_of(core: Core, case: Case | None) -> dict[str, str]:
    """What the placeholders stand for at this moment; all empty for the test request."""
    if case is None:
        return {}
    thread = [row for row in core.thread(case.case_id) if not row.deleted and not row.pending]
    answers = [row for row in thread if not row.note]
    last = max(answers, key=lambda row: row.message_id, default=None)
    last_note = max((row for row in thread if row.note), key=lambda row: row.message_id, default=None)
    last_staff = max((row for row in answers if row.staff_id), key=lambda row: row.message_id, default=None)
    user = core.users.get(case.user_id)
    assigned = core.staff.get(case.staff_id)
    values: dict[str, Any] = {
        "case_id": case.case_id,
        "case_number": case.case_number,
        "case_subject": case.subject,
        "case_description": answers[0].html if answers else "",
        "case_url": f"{core.base_url}/staff/cases/record/{case.case_number}",
        "case_status": STATUS_LABELS.get(case.status, case.status),
        "case_priority": PRIORITY_LABELS.get(case.priority, case.priority),
        "case_group": group_title(case.group_id),
        "case_tags": ", ".join(label_titles(case)),
        "last_message": last.html if last else "",
        "last_message_id": last.message_id if last else "",
        "note_text": last_note.text if last_note else "",
        "last_note_id": last_note.message_id if last_note else "",
        "staff_id": case.staff_id,
        "assigned_full_name": assigned.full_name if assigned else "",
        "staff_full_name": last_staff.full_name if last_staff else "",
        "last_staff_id": last_staff.staff_id if last_staff else 0,
        "user_id": case.user_id,
        "user_full_name": user.full_name if user else "",
        "user_email": user.email if user else "",
        "user_lang": "ru",
    }
    for name, value in case.custom_fields.items():
        values[f"custom_field_{name.removeprefix('cf_')}"] = value
    return {name: str(value) for name, value in values.items()}


def fill(template: str, values: dict[str, str], *, escaping: str = "") -> str:
    """Put the values in; an unknown or empty placeholder becomes an empty string."""

    def value(match: re.Match[str]) -> str:
        plain = values.get(match.group(1), "")
        if escaping == "json":
            return json.dumps(plain, ensure_ascii=False)[1:-1]
        return quote(plain, safe="") if escaping == "url" else plain

    return _PLACEHOLDER.sub(value, template)


def as_form(body: str) -> str:
    """A JSON body the way PHP would post it: ``object[content]=…``; what is not JSON stays as it is."""
    try:
        data = json.loads(body)
    except ValueError:
        return body
    return urlencode(_pairs("", data)) if isinstance(data, dict) else body


def _pairs(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return [(prefix, "" if value is None else str(int(value) if isinstance(value, bool) else value))]
    found: list[tuple[str, str]] = []
    for name, inner in items:
        found += _pairs(f"{prefix}[{name}]" if prefix else str(name), inner)
    return found


def cabinet_rules(url: str, secret: str) -> list[dict[str, Any]]:
    """The two rules a cabinet must have and the two it is advised to have, as a person would type them."""

    def rule(name: str, condition: str, event: str, kind: str = "changed") -> dict[str, Any]:
        message = '"{last_message_id}"'
        body = f'{{"v": 1, "event": "{event}", "case_id": "{{case_id}}", "message_id": {message}}}'
        return {
            "name": name,
            "kind": kind,
            "condition": condition,
            "url": url,
            "headers": {"X-Webhook-Secret": secret} if secret else {},
            "body": body,
            "url_without_headers": f"{url.rstrip('/')}/{secret}/" if secret else url,
        }

    return [
        rule("Cabinet: staff answered", "staff_replied", "staff_reply"),
        rule("Cabinet: customer answered", "user_replied", "user_reply"),
        rule("Cabinet: status changed", "status_changed", "status"),
        rule("Cabinet: new case", "new_case", "new_case", kind="new"),
    ]
