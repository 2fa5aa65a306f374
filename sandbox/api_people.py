"""The API's calls about users and staff, and its small dictionaries (omnidesk-api.md 4.9, 5, 6)."""

from __future__ import annotations

import secrets

from .calls import Call, words
from .cases import Refused
from .dictionaries import CUSTOM_FIELDS, GROUPS, LABELS, LANGUAGES
from .inbound import Reply, json_reply
from .people import is_address
from .search import find_users, page_of


def create(call: Call) -> Reply:
    """POST users.json. The answer holds a password in clear text, as the vendor's does (5.2)."""
    form = call.form("user")
    email, phone = words(form, "user_email").strip(), words(form, "user_phone").strip()
    custom_id, channel = words(form, "user_custom_id").strip(), ""
    if email and not is_address(email):
        raise Refused("wrong_email")
    if email and not custom_id and call.desk.people.by_email(email):
        raise Refused("email_already_exist")
    if phone and not custom_id and call.desk.people.by_phone(phone):
        raise Refused("phone_already_exist")
    if not (email or phone or custom_id):
        raise Refused("user_required")
    if custom_id:
        channel = call.desk.channels.receiving(words(form, "user_custom_channel")).api_key
        if call.desk.people.by_custom_id(custom_id, channel):
            raise Refused("custom_id_already_exist")
    user = call.desk.people.create(
        email=email,
        phone=phone,
        custom_id=custom_id,
        channel=channel,
        name=words(form, "user_full_name").strip(),
    )
    for name in ("company_name", "company_position", "user_note"):
        setattr(user, name, words(form, name))
    user.custom_fields = dict(form.get("custom_fields") or {})
    call.core.users.put(user)
    return call.made(call.shapes.user(user, password=secrets.token_urlsafe(8)))


def listing(call: Call) -> Reply:
    found = find_users(call.core, call.request)
    page = [call.shapes.user(user) for user in page_of(found, call.request)]
    return json_reply(call.shapes.many(page, len(found), name="user"))


def view(call: Call, user_id: str) -> Reply:
    user = call.core.users.get(int(user_id))
    if user is None or user.deleted:
        raise Refused("user_not_found", 404)
    return json_reply(call.shapes.user(user))


def staff(call: Call) -> Reply:
    found = call.core.staff.all()
    page = [call.shapes.staff(member) for member in page_of(found, call.request)]
    return json_reply(call.shapes.many(page, len(found), name="staff"))


def dictionary(call: Call, name: str) -> Reply:
    """labels.json and its like: small lists that nothing here changes."""
    singular, rows = {
        "labels": ("label", LABELS),
        "groups": ("group", GROUPS),
        "languages": ("language", LANGUAGES),
        "custom_fields": ("custom_field", CUSTOM_FIELDS),
        "custom_channels": ("custom_channel", [call.shapes.channel(row) for row in call.core.channels.all()]),
    }[name]
    return json_reply(call.shapes.many([{singular: row} for row in rows], len(rows), name=singular))


def rules(call: Call) -> Reply:
    """Rules can be neither read nor made through the API (1.5)."""
    del call
    raise Refused("forbidden", 403)
