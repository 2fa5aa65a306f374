"""Customers and staff: finding them, and making a customer's profile when it is met first."""

from __future__ import annotations

import re

from .core import Core
from .records import Staff, User

_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")


def is_address(value: str) -> bool:
    return bool(_ADDRESS.fullmatch(value))


class People:
    def __init__(self, core: Core) -> None:
        self._core = core

    def by_email(self, email: str) -> User | None:
        wanted = email.strip().lower()
        return next((row for row in self._living() if row.email == wanted and not row.custom_id), None)

    def by_phone(self, phone: str) -> User | None:
        return next((row for row in self._living() if row.phone == phone and not row.custom_id), None)

    def by_custom_id(self, custom_id: str, channel: str) -> User | None:
        found = (
            row for row in self._living() if row.custom_id == custom_id and row.custom_channel == channel
        )
        return next(found, None)

    def meet(
        self, *, email: str = "", phone: str = "", custom_id: str = "", channel: str = "", name: str = ""
    ) -> User:
        """The profile of this identity, made now if there is none (omnidesk-api.md 2.1, identification).

        Inside a channel only the custom id counts: a profile met there never is the person's e-mail profile,
        even with the same address on it (5.1).
        """
        if custom_id:
            known = self.by_custom_id(custom_id, channel)
        else:
            known = self.by_email(email) if email else self.by_phone(phone)
        return known or self.create(email=email, phone=phone, custom_id=custom_id, channel=channel, name=name)

    def create(
        self, *, email: str = "", phone: str = "", custom_id: str = "", channel: str = "", name: str = ""
    ) -> User:
        now = self._core.now()
        kind = "custom_channel" if custom_id else "email" if email else "phone"
        return self._core.users.put(
            User(
                user_id=self._core.next_id("user"),
                full_name=name or email.partition("@")[0] or phone or custom_id,
                type=kind,
                email=email.strip().lower(),
                phone=phone,
                custom_id=custom_id,
                custom_channel=channel if custom_id else "",
                created_at=now,
                updated_at=now,
            )
        )

    def hire(self, email: str, full_name: str) -> Staff:
        """A staff member; the same address twice is the same person."""
        known = self.staff_by_email(email)
        if known:
            return known
        return self._core.staff.put(
            Staff(staff_id=self._core.next_id("staff"), email=email.lower(), full_name=full_name)
        )

    def staff_by_email(self, email: str) -> Staff | None:
        return next((row for row in self._core.staff.all() if row.email == email.lower()), None)

    def _living(self) -> list[User]:
        return [row for row in self._core.users.all() if not row.deleted]
