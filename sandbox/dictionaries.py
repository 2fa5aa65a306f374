"""The desk's small dictionaries: labels, groups, languages, custom fields (omnidesk-api.md 4.9).

Nothing here changes while the desk runs. Among them are things that a form must not offer: a group that is
switched off, a field of people instead of cases.
"""

from __future__ import annotations

from .records import Case, Json

LABELS: list[Json] = [{"label_id": 101, "label_title": "Кабинет"}, {"label_id": 102, "label_title": "Счета"}]
GROUPS: list[Json] = [
    {"group_id": 44, "group_title": "Поддержка", "active": True},
    {"group_id": 45, "group_title": "Бухгалтерия", "active": True},
    {"group_id": 46, "group_title": "Старый отдел", "active": False},
]
LANGUAGES: list[Json] = [
    {"language_id": 1, "code": "en", "title": "English", "active": True},
    {"language_id": 2, "code": "ru", "title": "Русский", "active": True},
]
CUSTOM_FIELDS: list[Json] = [
    {
        "field_id": field_id,
        "title": title,
        "field_type": kind,
        "field_level": level,
        "active": True,
        "field_data": data,
    }
    for field_id, title, kind, level, data in (
        (25, "Договор", "text", "case", {}),
        (30, "Срочно", "checkbox", "case", {}),
        (31, "Отдел", "select", "case", {"1": "Продажи", "2": "Бухгалтерия"}),
        (32, "Подробности", "textarea", "case", {}),
        (33, "Срок", "date", "case", {}),
        (20, "Номер клиента", "text", "user", {}),
    )
]


def group_title(group_id: int) -> str:
    return next((str(row["group_title"]) for row in GROUPS if row["group_id"] == group_id), str(group_id))


def label_titles(case: Case) -> list[str]:
    """What staff read on the case; an id that no label has stays a number."""
    known = {row["label_id"]: str(row["label_title"]) for row in LABELS}
    return [known.get(label, str(label)) for label in case.labels]


def field_texts(case: Case) -> list[tuple[str, str]]:
    """(title, value) of each filled custom field, a select's key as its title."""
    known = {f"cf_{row['field_id']}": row for row in CUSTOM_FIELDS}
    found = []
    for name, value in case.custom_fields.items():
        row = known.get(name, {"title": name, "field_data": {}})
        found.append((str(row["title"]), str(row["field_data"].get(str(value), value))))
    return found
