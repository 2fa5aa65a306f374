"""One page for everything that makes the desk behave otherwise: switches, limit, faults, rules, channels."""

from __future__ import annotations

from collections.abc import Callable

from .cases import Refused
from .channels import TYPES
from .desk import Desk
from .faults import CALL_KINDS, WEBHOOK_KINDS
from .inbound import Request
from .markup import Markup, choices, joined, render
from .records import Channel, Json, Rule


class ControlPage:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def page(self, _request: Request) -> Markup:
        desk = self._desk
        faults = desk.faults.describe()
        return render(
            "control",
            switches=joined(_switch_row(row) for row in desk.switches.describe()),
            per_minute=desk.limit.per_minute,
            left=desk.limit.left(),
            kinds=choices([(kind, kind) for kind in CALL_KINDS + WEBHOOK_KINDS]),
            faults=joined(render("fault", **fault) for fault in faults["active"]),
            fired=", ".join(f"{kind} ×{count}" for kind, count in faults["fired"].items()) or "nothing yet",
            channels=joined(_channel_row(channel) for channel in desk.core.channels.all()),
            types=choices([(kind, kind) for kind in TYPES]),
            rules=joined(_rule_row(rule) for rule in desk.core.rules.all()),
            calls=joined(render("call", **{**call, "query": ""}) for call in reversed(desk.calls[-30:])),
        )

    def act(self, request: Request, what: str) -> str:
        acts: dict[str, Callable[[Json], object]] = {
            "switch": lambda form: self._desk.switch(**{form["name"]: form["value"]}),
            "limit": self._set_limit,
            "fault": self._add_fault,
            "calm": lambda _form: self._desk.faults.clear(),
            "rule": lambda form: self._desk.enable_rules(enabled=form["enabled"] == "1", name=form["name"]),
            "save_rule": self._save_rule,
            "channel": lambda form: self._desk.channels.enable(
                int(form["channel_id"]), active=form["active"] == "1"
            ),
            "save_channel": self._save_channel,
        }
        if what not in acts:
            raise Refused("page_not_found", 404)
        acts[what](request.payload())
        return "/control/"

    def _set_limit(self, form: Json) -> None:
        self._desk.limit.per_minute = int(form["per_minute"])

    def _add_fault(self, form: Json) -> None:
        self._desk.faults.add(
            form["kind"],
            count=int(form["count"]) if form.get("count") else None,
            probability=float(form.get("probability") or 1),
            path=form.get("path", ""),
            seconds=float(form.get("seconds") or 3),
        )

    def _save_rule(self, form: Json) -> None:
        header, _, value = str(form.get("header", "")).partition(":")
        self._desk.save_rule(
            name=form["name"],
            condition=form["condition"],
            kind="new" if form["condition"] == "new_case" else "changed",
            url=form["url"],
            headers={header.strip(): value.strip()} if header.strip() else {},
            body=form["body"],
        )

    def _save_channel(self, form: Json) -> None:
        kept = {"channel_id": int(form["channel_id"])} if form.get("channel_id") else {}
        self._desk.add_channel(
            form["title"],
            channel_type=form["channel_type"],
            webhook_url=str(form.get("webhook_url", "")).strip(),
            icon=form.get("icon") or Channel.icon,
            active=form.get("active", "1") == "1",
            **kept,
        )


def _switch_row(row: Json) -> Markup:
    options = row["options"] or ([True, False] if isinstance(row["default"], bool) else [])
    if options:
        field = render("select", options=choices([(value, value) for value in options], row["value"]))
    else:
        field = render("input", value=row["value"])
    changed = "changed" if row["value"] != row["default"] else ""
    return render("switch", name=row["name"], doc=row["doc"], field=field, changed=changed)


def _channel_row(channel: Channel) -> Markup:
    return render(
        "channel",
        channel_id=channel.channel_id,
        key=channel.api_key,
        title=channel.title,
        kind=channel.channel_type,
        icon=channel.icon,
        url=channel.webhook_url,
        state="on" if channel.active else "off",
        now="1" if channel.active else "0",
        wanted="0" if channel.active else "1",
        action="Switch off" if channel.active else "Switch on",
    )


def _rule_row(rule: Rule) -> Markup:
    return render(
        "rule",
        name=rule.name,
        condition=rule.condition,
        url=rule.url,
        body=rule.body,
        state="on" if rule.enabled else "off",
        wanted="0" if rule.enabled else "1",
        action="Switch off" if rule.enabled else "Switch on",
    )
