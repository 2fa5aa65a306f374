"""Every door of the site, found by walking its addresses, so that a new one cannot be forgotten."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.urls import URLPattern, URLResolver, get_resolver

FORM = ("subject", "text", "submission", "uploaded", "remove", "files", "mode")
FIELDS: dict[str, tuple[str, ...]] = {
    "": (),
    "cases/": ("tab", "q", "page", "sort"),
    "cases/new/": (*FORM, "topic", "choose", "fields_of", "field", "follow_up"),
    "cases/<uuid:case_id>/": ("stay",),
    "cases/<uuid:case_id>/reply/": FORM[1:],
    "cases/<uuid:case_id>/close/": ("next",),
    "cases/<uuid:case_id>/reopen/": (),
    "cases/<uuid:case_id>/messages/<uuid:message_id>/retry/": ("next",),
    "cases/<uuid:case_id>/here/": (),
    "cases/<uuid:case_id>/letters/": ("wanted", "next"),
    "chat/": (*FORM[1:], "shown", "new", "again", "revision"),
    "chat/settings/": ("enter_sends", "chat_sound", "chat_flash"),
    "letters/": ("wanted",),
    "letters/<str:token>/": ("scope", "List-Unsubscribe"),
    "cases/<uuid:case_id>/rate/": ("rating", "comment", "next"),
    "files/<uuid:file_id>/": (),
    "faces/<uuid:face_id>/<slug:digest>/": (),
    "access/jwt": ("jwt", "return_to"),
    "access/jwt/": ("jwt", "return_to"),
    "account/": (),
    "account/consent/": ("agree", "next"),
    "account/export/": (),
    "account/export/<uuid:export_id>/": (),
    "account/erase/": ("word",),
    "account/erase/sign-in/": (),
    "account/erased/<uuid:erasure_id>/": (),
    "drafts/": ("case", *FORM, "revision", "page", "step"),
    "drafts/discard/": ("case",),
    "uploads/": ("case", "revision"),
    "uploads/<uuid:file_id>/remove/": ("revision",),
    "brand/<slug:mark>/colours.css": (),
    "brand/<slug:mark>/logo": (),
    "brand/<slug:mark>/logo-dark": (),
    "live/": ("case",),
    "live/stream/": (),
    "accounts/login/": ("email", "next"),
    "accounts/login/code/confirm/": ("code", "action", "next"),
    "accounts/logout/": ("next",),
    "i18n/setlang/": ("language", "next"),
    "webhooks/omnidesk/": ("event", "case_id", "message_id", "note"),
    "webhooks/omnidesk/<str:secret>/": ("event", "case_id", "message_id", "note"),
    "webhooks/omnidesk": ("event", "case_id"),
    "webhooks/omnidesk/<str:secret>": ("event", "case_id"),
    "healthz/": (),
    "readyz/": (),
}
"""What each door is told by those who use it. Hostile values are put into each of these."""

ADMIN_FIELDS = (
    "username",
    "password",
    "next",
    "action",
    "_selected_action",
    "index",
    "select_across",
    "q",
    "p",
)
PARAMETERS = {
    *("case_id", "message_id", "file_id", "secret", "token", "export_id", "erasure_id", "mark"),
    *("face_id", "digest"),
    *("object_id", "content_type_id", "app_label", "url", "id"),
}
"""The parts of addresses that the tests know how to fill."""

_PART = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")


@dataclass(frozen=True)
class Door:
    """A place to knock: its route with `<placeholders>`, and the names of the fields it reads."""

    route: str
    model: str = ""
    fields: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_admin(self) -> bool:
        return self.route.startswith("admin/")

    @property
    def is_webhook(self) -> bool:
        return self.route.startswith("webhooks/")

    @property
    def is_for_programs(self) -> bool:
        """Whether others' programs post there, so that no page of ours could give them a token before."""
        return self.is_webhook or self.route.startswith("letters/<")

    @property
    def lists_rows(self) -> bool:
        """Whether the admin filters and chooses rows of a model there."""
        return bool(self.model) and self.route == f"admin/{self.model.replace('.', '/')}/"

    @property
    def parameters(self) -> list[str]:
        return [found[1] or found[2] for found in _PART.finditer(self.route)]

    def path(self, values: Mapping[str, str]) -> str:
        """The address with its parts filled in; `values` may know "model.name" better than "name"."""

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            return values.get(f"{self.model}.{name}", values[name])

        return "/" + _PART.sub(value, self.route).replace("^", "").replace("$", "")

    def __str__(self) -> str:
        return "/" + self.route


def all_doors() -> list[Door]:
    return list(dict.fromkeys(_walk(get_resolver(), "")))


def site_doors() -> list[Door]:
    return [door for door in all_doors() if not door.is_admin]


def admin_doors() -> list[Door]:
    return [door for door in all_doors() if door.is_admin]


def _walk(resolver: URLResolver, start: str) -> Iterator[Door]:
    for pattern in resolver.url_patterns:
        route = start + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, route)
        elif isinstance(pattern, URLPattern):
            model_admin = getattr(getattr(pattern.callback, "__wrapped__", None), "__self__", None)
            model = getattr(model_admin, "model", None)
            admin = route.startswith("admin/")
            fields = ADMIN_FIELDS if admin else FIELDS.get(route, ())
            yield Door(route, model._meta.label_lower if model else "", fields)
