"""JSON doors for scripts and tests, beside the vendor's API. They exist only in the sandbox.

All take and give JSON; a refusal is 4xx with ``{"error": …}``. ``files`` are
``[{"name", "mime_type", "content_base64"}]``.

==============================  ===============================================================
GET  /sandbox/state             everything: cases with all messages, users, staff, letters, webhooks
GET  /sandbox/mailbox           ?address=… letters of an address, newest first; none: all addresses
GET  /sandbox/calls             the log of API calls and file downloads, with units and faults
GET  /sandbox/webhooks          every webhook sent or lost
GET  /sandbox/switches          all switches with meaning and choices
GET  /sandbox/faults            what is on, and how often each kind has struck
GET  /sandbox/rules, /limit     the rules; the rate limit and what is left of it
GET  /sandbox/channels          the custom channels, each with its channel_api_key
POST /sandbox/staff/reply       case_id, text|html, files, delay_seconds, staff_id, sent_via_rule
POST /sandbox/staff/note        case_id, text|html, files, staff_id
POST /sandbox/staff/service     case_id, text: a row of the desk itself
POST /sandbox/staff/status      case_id, status
POST /sandbox/staff/edit        message_id, text|html
POST /sandbox/staff/delete      message_id
POST /sandbox/staff/trash       case_id; likewise spam, restore, destroy
POST /sandbox/staff/merge       case_id, into
POST /sandbox/staff/give        case_id, email
POST /sandbox/staff/chat        case_id, active: a running chat or not
POST /sandbox/staff/finish      case_id: finish an active chat, as the button does
POST /sandbox/staff/enable      staff_id, active
POST /sandbox/mail/new          from, subject, text, files: a letter that opens a case
POST /sandbox/mail/reply        letter_id or case_id, text, style, language, from, files
POST /sandbox/switches          {name: value, …}
POST /sandbox/faults            {kind, …} or {"faults": [{kind, …}], "clear": true, "seed": 1}
POST /sandbox/rules             a rule; or {"install": {"url", "secret"}}, {"delete": id},
                                {"enabled": false, "name": "…"} (without a name: all of them)
POST /sandbox/channels          a channel: title, channel_type, webhook_url, icon, active, test, channel_id;
                                or {"install": {"url", "secret"}} (cch101 for cases, cch102 for chats),
                                {"delete": id}, {"channel_id", "active"}; gives all channels
POST /sandbox/limit             {"per_minute": 20, "burn": 5, "reset": true}, each optional
POST /sandbox/tick              do now what has become due
POST /sandbox/reset             forget cases, people, letters, faults and logs; rules, channels, switches stay
==============================  ===============================================================
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .cases import Refused
from .desk import Desk
from .inbound import Reply, Request, json_reply
from .quoting import STYLES
from .records import Case, Json, Letter, Message, Upload

PREFIX = "/sandbox/"
Door = Callable[[Json], Any]


class Doors:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._reading: dict[str, Callable[[], Any]] = {
            "state": self.state,
            "calls": lambda: list(desk.calls),
            "webhooks": desk.webhooks.log,
            "switches": desk.switches.describe,
            "faults": desk.faults.describe,
            "rules": lambda: [asdict(rule) for rule in desk.core.rules.all()],
            "channels": self._channels,
            "limit": self._limit_now,
        }
        self._acting: dict[str, Door] = {
            **self._staff_doors(),
            "mail/new": self._mail_new,
            "mail/reply": self._mail_reply,
            "switches": self._set_switches,
            "faults": self._set_faults,
            "rules": self._set_rules,
            "channels": self._set_channels,
            "limit": self._set_limit,
            "tick": self._tick,
            "reset": self._reset,
        }

    def answer(self, request: Request) -> Reply:
        name = request.path.removeprefix(PREFIX).rstrip("/")
        try:
            if request.method == "GET" and (name == "mailbox" or name in self._reading):
                with self._desk.core.lock:
                    return json_reply(self._mailbox(request) if name == "mailbox" else self._reading[name]())
            if request.method == "POST" and name in self._acting:
                return json_reply(self._acting[name](request.payload()))
        except Refused as refused:
            return json_reply({"error": refused.code}, refused.status)
        except (KeyError, TypeError, ValueError) as trouble:
            return json_reply({"error": f"{type(trouble).__name__}: {trouble}"}, 400)
        return json_reply({"error": "no such door"}, 404)

    def state(self) -> Json:
        """The whole history, with everything that the API would hide."""
        core = self._desk.core
        return {
            "now": core.now(),
            "cases": [self.case(case) for case in core.cases.all()],
            "users": [asdict(row) for row in core.users.all()],
            "staff": [asdict(row) for row in core.staff.all()],
            "letters": [self.letter(row) for row in core.letters.all()],
            "webhooks": self._desk.webhooks.log(),
        }

    def case(self, case: Case) -> Json:
        thread = [self.message(row) for row in self._desk.core.thread(case.case_id)]
        return {**asdict(case), "messages": thread}

    def message(self, message: Message) -> Json:
        return {**asdict(message), "files": self._files(message.file_ids)}

    def letter(self, letter: Letter) -> Json:
        return {**asdict(letter), "files": self._files(letter.file_ids)}

    def _files(self, file_ids: list[int]) -> list[Json]:
        rows = [self._desk.core.files.get(file_id) for file_id in file_ids]
        return [asdict(row) for row in rows if row]

    def _mailbox(self, request: Request) -> Any:
        address = request.first("address")
        if not address:
            return {"addresses": self._desk.post.addresses()}
        return [self.letter(row) for row in self._desk.post.mailbox(address)]

    def _staff_doors(self) -> dict[str, Door]:
        room = self._desk.staffroom

        def by_case(act: Callable[[int], Case]) -> Door:
            return lambda given: self.case(act(int(given["case_id"])))

        def kept(given: Json) -> Json:
            """The optional details of an answer or a note, files decoded."""
            names = ("text", "html", "delay_seconds", "staff_id", "sent_via_rule")
            return {"files": files_of(given), **{name: given[name] for name in names if name in given}}

        return {
            "staff/reply": lambda given: self.message(room.reply(int(given["case_id"]), **kept(given))),
            "staff/note": lambda given: self.message(room.note(int(given["case_id"]), **kept(given))),
            "staff/service": lambda given: self.message(
                room.service_row(int(given["case_id"]), text=given["text"])
            ),
            "staff/status": lambda given: self.case(room.set_status(int(given["case_id"]), given["status"])),
            "staff/edit": lambda given: self.message(
                room.edit(int(given["message_id"]), text=given.get("text", ""), html=given.get("html", ""))
            ),
            "staff/delete": lambda given: self.message(room.delete(int(given["message_id"]))),
            "staff/trash": by_case(room.trash),
            "staff/spam": by_case(room.spam),
            "staff/restore": by_case(room.restore),
            "staff/destroy": by_case(room.destroy),
            "staff/merge": lambda given: self.case(room.merge(int(given["case_id"]), int(given["into"]))),
            "staff/give": lambda given: self.case(room.give(int(given["case_id"]), given["email"])),
            "staff/chat": lambda given: self.case(
                room.set_chat(int(given["case_id"]), active=bool(given["active"]))
            ),
            "staff/finish": by_case(room.finish_chat),
            "staff/enable": self._enable,
        }

    def _enable(self, given: Json) -> Json:
        self._desk.staffroom.enable(int(given["staff_id"]), active=bool(given["active"]))
        return {"ok": True}

    def _tick(self, given: Json) -> Json:
        del given
        self._desk.tick()
        return {"ok": True}

    def _reset(self, given: Json) -> Json:
        del given
        self._desk.reset()
        return {"ok": True}

    def _mail_new(self, given: Json) -> Json:
        case = self._desk.mailbox.write(
            sender=given["from"],
            subject=given.get("subject", ""),
            text=given.get("text", ""),
            html=given.get("html", ""),
            files=files_of(given),
        )
        return self.case(case)

    def _mail_reply(self, given: Json) -> Json:
        message = self._desk.mailbox.answer(
            letter_id=int(given.get("letter_id", 0)),
            case_id=int(given.get("case_id", 0)),
            text=given["text"],
            style=given.get("style", next(iter(STYLES))),
            language=given.get("language", "ru"),
            sender=given.get("from", ""),
            files=files_of(given),
        )
        return self.message(message)

    def _set_switches(self, given: Json) -> Json:
        self._desk.switch(**given)
        return self._desk.switches.as_dict()

    def _set_faults(self, given: Json) -> Json:
        faults = self._desk.faults
        if given.get("clear"):
            faults.clear()
        if "seed" in given:
            faults.reseed(int(given["seed"]))
        for fault in [given] if "kind" in given else given.get("faults", []):
            faults.add(**{name: value for name, value in fault.items() if name not in ("clear", "seed")})
        return faults.describe()

    def _set_rules(self, given: Json) -> list[Json]:
        desk = self._desk
        if "install" in given:
            desk.install_cabinet_rules(given["install"]["url"], given["install"].get("secret", ""))
        elif "delete" in given:
            desk.remove_rule(int(given["delete"]))
        elif "enabled" in given and "condition" not in given:
            desk.enable_rules(enabled=bool(given["enabled"]), name=given.get("name", ""))
        else:
            desk.save_rule(**given)
        return [asdict(rule) for rule in desk.core.rules.all()]

    def _set_channels(self, given: Json) -> list[Json]:
        desk = self._desk
        if "install" in given:
            desk.install_cabinet_channels(given["install"]["url"], given["install"].get("secret", ""))
        elif "delete" in given:
            desk.channels.remove(int(given["delete"]))
        elif "active" in given and "title" not in given:
            desk.channels.enable(int(given["channel_id"]), active=bool(given["active"]))
        else:
            desk.add_channel(**given)
        return self._channels()

    def _channels(self) -> list[Json]:
        return [{**asdict(row), "channel_api_key": row.api_key} for row in self._desk.core.channels.all()]

    def _set_limit(self, given: Json) -> Json:
        limit = self._desk.limit
        if given.get("reset"):
            limit.reset()
        if "per_minute" in given:
            limit.per_minute = int(given["per_minute"])
        limit.burn(int(given.get("burn", 0)))
        return self._limit_now()

    def _limit_now(self) -> Json:
        return {"per_minute": self._desk.limit.per_minute, "left": self._desk.limit.left()}


def files_of(given: Json) -> list[Upload]:
    """The files of a door's JSON."""
    try:
        return [
            Upload(
                name=item["name"],
                mime_type=item.get("mime_type", "application/octet-stream"),
                data=base64.b64decode(item["content_base64"], validate=True),
            )
            for item in given.get("files") or []
        ]
    except binascii.Error:
        raise Refused("incorrect_base64") from None
