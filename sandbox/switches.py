"""Everything about the real desk that nobody outside knows for certain, as named settings.

Each switch answers one open question of omnidesk-api.md section 12 (or of a remark marked [inferred] or
[unknown] elsewhere in it). The default is what the sources make likeliest; a product that works with
every setting does not depend on the answer. Set them in ``Desk(switches=…)``, by ``desk.switch(name=…)``
or over ``POST /sandbox/switches``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")


def _switch(default: T, doc: str, *options: T) -> T:
    return field(default=default, metadata={"doc": doc, "options": options})


@dataclass(kw_only=True)
class Switches:
    """The settings with their defaults; ``describe`` gives each with its meaning and its choices."""

    # What fires a rule
    api_echo: bool = _switch(True, "changes made through the API fire rules too (12.4)")
    notes_trigger_staff_replied: bool = _switch(False, "an internal note fires 'staff replied' (12.5)")
    delayed_fires: str = _switch("due", "when a delayed answer fires rules and is mailed", "due", "written")
    delayed_touches_case: bool = _switch(True, "a delayed answer going out moves the case's updated_at")
    edit_touches_case: bool = _switch(False, "editing or deleting a message moves the case's updated_at")
    note_touches_case: bool = _switch(True, "an internal note moves the case's updated_at")
    reply_fires_status_changed: bool = _switch(
        True, "a reply that changes the status fires 'status changed' as well (7.4, several rules match)"
    )
    merge_fires_rules: bool = _switch(False, "merging fires 'status changed' for the child case (12.12)")
    rule_order: str = _switch("listed", "in which order rules fire", "listed", "reversed", "random")

    # How webhooks are sent
    webhook_encoding: str = _switch(
        "json", "rule bodies as written, or turned into a PHP-style form (12.2)", "json", "form"
    )
    webhook_headers: bool = _switch(
        True, "a rule's own headers exist; off: only the address can hold a secret (12.2)"
    )
    webhook_escapes_json: bool = _switch(False, "values are escaped for JSON inside a body (12.1)")
    webhook_values_at: str = _switch(
        "firing", "placeholders show the case at firing or at sending (7.4)", "firing", "sending"
    )
    webhook_retries: int = _switch(0, "repeats after an answer that is not 2xx (12.3)")
    webhook_retry_seconds: float = _switch(5.0, "pause before such a repeat")
    webhook_timeout_seconds: float = _switch(5.0, "how long the receiver may take (7.4)")
    webhook_test_on_save: bool = _switch(
        True, "saving a rule in the form sends a test request without a case (7.4)"
    )

    # Custom channels and chats
    rules_match_custom_channels: bool = _switch(True, "rules fire for cases of custom channels too (6, 12.6)")
    channel_webhook_encoding: str = _switch(
        "json", "a channel's webhook: JSON, or a form with PHP-style keys (6, 12.6)", "json", "form"
    )
    channel_webhook_strings: bool = _switch(False, "numbers in a channel's webhook are strings (6)")
    channel_webhook_notes: bool = _switch(
        True, "internal notes are sent to the channel, with note 1 (6, 12.6)"
    )
    channel_webhook_rich: bool = _switch(
        False, "a channel's webhook carries content_html and attachments as well (6, 12.6)"
    )
    channel_webhook_other_types: bool = _switch(
        False,
        "besides message_new there are 'typing' before an answer and 'chat_closed' at the end (6, 12.6)",
    )
    user_custom_channel_shape: str = _switch(
        "key", "user_custom_channel of a profile: cch101 or 101 (5.2)", "key", "number"
    )
    chat_idle_seconds: int = _switch(
        600, "a chat leaves the chat window after so long without a message, 0 = never (6)"
    )
    chat_timeout_closes: bool = _switch(
        True, "that closes the case; off: it goes to the list, still open (6)"
    )
    chat_finish_closes: bool = _switch(True, "a chat that staff finish by the button is closed (6)")
    chat_reactivates: bool = _switch(
        True,
        "a customer's message makes a chat that had left the window active again, if it is open then (6)",
    )
    closed_chat_refuses: bool = _switch(False, "a customer's message to a closed chat is refused (6, 12.7)")
    closed_chat_error: str = _switch(
        "case_not_found",
        "with what: 404 case_not_found or 400 case_closed (1.6)",
        "case_not_found",
        "case_closed",
    )
    chat_service_rows: bool = _switch(
        False, "beginning and end of a chat are rows without author and message_type (3.2, 12.11)"
    )
    chat_content_shape: str = _switch(
        "text",
        "which of content / content_html is filled in chats (10.4)",
        "text",
        "html",
        "both",
    )

    # What API calls do
    api_case_status: str = _switch(
        "as_asked",
        "status of a case made by API: as asked (waiting if not asked), or always waiting (12.7)",
        "as_asked",
        "waiting",
    )
    api_user_message_reopens: bool = _switch(
        True, "a customer's message by API reopens a closed or waiting case (12.7)"
    )
    api_user_message_mails: str = _switch(
        "nobody", "whom a customer's message by API mails (12.8)", "nobody", "customer"
    )
    honour_do_not_send_email: bool = _switch(True, "do_not_send_email is obeyed (12.8)")
    message_user_must_own_case: bool = _switch(False, "a message's user_id must own the case (12.9)")
    create_case_by_user_id: bool = _switch(False, "user_id identifies the customer in create case (12.9)")
    merged_case_message: str = _switch(
        "to_parent", "where a message posted to a merged case goes (12.12)", "to_parent", "stays", "refused"
    )
    created_status: int = _switch(201, "status code of a successful POST (1.5)", 201, 200)
    max_subject_length: int = _switch(0, "longest subject, 0 = any; longer is 400 (12.13)")
    max_content_length: int = _switch(0, "longest text, 0 = any; longer is 400 (12.13)")
    sanitise_html: bool = _switch(
        False, "content_html loses scripts, styles and all attributes but href and src (12.13)"
    )
    text_as_html: str = _switch("br", "how plain content becomes HTML", "br", "br_newline", "paragraphs")
    commit_delay_seconds: float = _switch(
        0.0, "with the fault cut_after: the work is done this long after the cut"
    )

    # What answers look like
    content_shape: str = _switch(
        "html", "which of content / content_html is filled (3.2)", "html", "text", "both"
    )
    message_authors: str = _switch(
        "present", "full_name and thumbnail of a message's author (3.2)", "present", "absent"
    )
    bool_shape: str = _switch("bool", 'true/false, 1/0 or "1"/"0"', "bool", "number", "string")
    note_flag: str = _switch(
        "present",
        "the note flag of notes: true, absent, or wrongly false (3.2)",
        "present",
        "missing",
        "false",
    )
    note_type: str = _switch("note", "message_type of notes (12.11)")
    list_shape: str = _switch(
        "object", "lists as an object with numeric keys or as an array (1.2)", "object", "array"
    )
    total_count: str = _switch("number", "the counter of lists (1.2)", "number", "string", "missing")
    empty_list: str = _switch(
        "counter", 'an empty list: only the counter, {"case": []} or [] (1.2)', "counter", "named", "array"
    )
    retry_after_header: str = _switch(
        "limited", "when retry_after is sent (1.7)", "limited", "always", "never"
    )
    trashed_case: str = _switch(
        "flagged", "reading a case in the trash: 200 with its flag, or 404 (10.20)", "flagged", "404"
    )
    deleted_case: str = _switch("404", "reading a case deleted for good (10.20)", "404", "flagged")
    clock_offset_seconds: int = _switch(0, "how far the desk's clock is ahead of ours")

    # Files
    attachment_access: str = _switch(
        "basic",
        "file addresses: open to all; Basic or 401; Basic or a login page; Basic, then a redirect (12.10)",
        "open",
        "basic",
        "login_page",
        "redirect",
    )
    attachment_redirect_base: str = _switch(
        "", "where 'redirect' leads, such as http://localhost:8100; empty = this host"
    )
    attachment_expiry_seconds: int = _switch(
        0, "lifetime of a file address from the reading that gave it; 0 = for ever (12.10)"
    )

    # Mail
    staff_reply_status: str = _switch(
        "waiting", "status of a case after a staff answer", "waiting", "open", "closed", "keep"
    )
    quoted_original: str = _switch(
        "marked",
        "the quoted original of a mail answer: in div.omni_orig_reply, left as it came, or cut off (3.2)",
        "marked",
        "plain",
        "none",
    )
    foreign_mail_reply: str = _switch(
        "new_case",
        "an answer mailed from another address: a new case, or a message of the same one (10.22)",
        "new_case",
        "same_case",
    )

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several at once; nothing is set if one of them is unknown or not allowed (ValueError)."""
        known = {item.name: item for item in fields(self)}
        tamed: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}")
            tamed[name] = _tame(name, value, known[name].default, known[name].metadata["options"])
        for name, value in tamed.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def describe(self) -> list[dict[str, Any]]:
        """Every switch with value, default, choices and meaning, for the control page."""
        return [
            {
                "name": item.name,
                "value": getattr(self, item.name),
                "default": item.default,
                "options": list(item.metadata["options"]),
                "doc": item.metadata["doc"],
            }
            for item in fields(self)
        ]


_WORDS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def _tame(name: str, value: Any, default: Any, options: tuple[Any, ...]) -> Any:
    """Bring a value from JSON or from a form to the switch's own type."""
    try:
        if isinstance(default, bool):
            tamed: Any = value if isinstance(value, bool) else _WORDS[str(value).lower()]
        else:
            tamed = type(default)(value)
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"switch {name!r} cannot be {value!r}") from None
    if options and tamed not in options:
        raise ValueError(f"switch {name!r} must be one of {list(options)}")
    return tamed
