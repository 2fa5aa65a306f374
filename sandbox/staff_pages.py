"""The staff's pages: the list of cases, one case with everything in it, and what staff can do to it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from .cases import Refused
from .desk import Desk
from .dictionaries import field_texts, group_title, label_titles
from .inbound import Reply, Request
from .markup import Markup, choices, joined, render
from .pictures import staff_picture
from .records import CHANNEL_PREFIX, Case, Json, Message, StoredFile, Upload, User
from .rules import STATUS_LABELS
from .staffroom import STATUSES
from .text import rfc2822


class StaffPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._core = desk.core

    def listing(self, request: Request) -> Markup:
        """All cases, the last changed first; ``?q=`` looks in subjects and identities, ``?channel=`` and
        ``?chats=active|other`` narrow it down."""
        cases = sorted(self._core.cases.all(), key=lambda case: (case.updated_at, case.case_id), reverse=True)
        rows = joined(self._row(case) for case in cases if self._wanted(case, request))
        names = sorted({case.channel for case in cases} | {row.api_key for row in self._core.channels.all()})
        channels = [("", "all channels"), *((name, self._channel(name)) for name in names)]
        chats = [("", "chats and cases"), ("active", "active chats"), ("other", "without active chats")]
        return render(
            "staff_list",
            q=request.first("q"),
            channels=choices(channels, request.first("channel")),
            chats=choices(chats, request.first("chats")),
            rows=rows or Markup("<p>No cases yet.</p>"),
        )

    def case(self, _request: Request, reference: str) -> Markup:
        case = next(
            (row for row in self._core.cases.all() if reference in (row.case_number, str(row.case_id))), None
        )
        if case is None:
            raise Refused("case_not_found", 404)
        user = self._core.users.get(case.user_id)
        staff = [(row.staff_id, row.full_name) for row in self._core.staff.all() if row.active]
        return render(
            "case",
            case_id=case.case_id,
            number=case.case_number,
            subject=case.subject,
            customer=user.full_name if user else "",
            identity=_identity(case, user),
            channel=self._channel(case.channel),
            marks=self._marks(case),
            details=joined(render("detail", name=name, value=value) for name, value in _details(case)),
            finish=render("finish_chat", case_id=case.case_id) if case.chat_active else "",
            thread=joined(self._message(row) for row in self._core.thread(case.case_id)),
            authors=choices(staff),
            statuses=choices([(name, name) for name in STATUSES], case.status),
            changelog=joined(render("change", **_change(entry)) for entry in case.changelog),
        )

    def open_case(self, request: Request) -> str:
        form = request.payload()
        case = self._desk.staffroom.open_case(
            form["email"], subject=form["subject"], text=form["text"], files=files_of(form)
        )
        return _place(case)

    def act(self, request: Request, case_id: str, action: str) -> str:
        """Whatever a form of the case page asks for; leads back to the page."""
        acts: dict[str, Callable[[int, Json], object]] = {
            "reply": self._reply,
            "note": self._note,
            "status": lambda key, form: self._desk.staffroom.set_status(key, form["status"]),
            "merge": lambda key, form: self._desk.staffroom.merge(key, self._find(form["into"])),
            "give": lambda key, form: self._desk.staffroom.give(key, form["email"]),
            "edit": lambda _key, form: self._desk.staffroom.edit(int(form["message_id"]), **_words(form)),
            "delete": lambda _key, form: self._desk.staffroom.delete(int(form["message_id"])),
            "trash": lambda key, _form: self._desk.staffroom.trash(key),
            "spam": lambda key, _form: self._desk.staffroom.spam(key),
            "restore": lambda key, _form: self._desk.staffroom.restore(key),
            "finish_chat": lambda key, _form: self._desk.staffroom.finish_chat(key),
            "destroy": lambda key, _form: self._desk.staffroom.destroy(key),
        }
        if action not in acts:
            raise Refused("page_not_found", 404)
        acts[action](int(case_id), request.payload())
        case = self._core.cases.get(int(case_id))
        return _place(case) if case else "/staff/"

    def file(self, _request: Request, file_id: str) -> Reply:
        """A file as staff see it: always, and only ever as a download."""
        row = self._core.files.get(int(file_id))
        if row is None:
            raise Refused("file_not_found", 404)
        with self._core.lock:
            data = self._core.store.blob(row.file_id)
        disposition = f"attachment; filename*=UTF-8''{quote(row.name)}"
        return Reply(
            status=200, body=data, headers={"Content-Type": row.mime_type, "Content-Disposition": disposition}
        )

    def picture(self, _request: Request, staff_id: str) -> Reply:
        if self._core.staff.get(int(staff_id)) is None:
            raise Refused("staff_not_found", 404)
        headers = {"Content-Type": "image/png", "Cache-Control": "max-age=3600"}
        return Reply(status=200, body=staff_picture(int(staff_id)), headers=headers)

    def _wanted(self, case: Case, request: Request) -> bool:
        user = self._core.users.get(case.user_id)
        words = f"{case.subject} {case.recipient} {user.custom_id if user else ''} {case.case_number}"
        chats = {"active": case.chat_active, "other": not case.chat_active}
        return (
            request.first("q").lower() in words.lower()
            and request.first("channel") in ("", case.channel)
            and chats.get(request.first("chats"), True)
        )

    def _channel(self, name: str) -> str:
        """``cch102 Cabinet chat (sync)``; of the desk's own channels the name."""
        channel = self._core.channel(name) if name.startswith(CHANNEL_PREFIX) else None
        return f"{name} {channel.title} ({channel.channel_type})" if channel else name

    def _reply(self, case_id: int, form: Json) -> object:
        return self._desk.staffroom.reply(
            case_id,
            text=_words(form).get("text", ""),
            html=_words(form).get("html", ""),
            files=files_of(form),
            delay_seconds=int(form.get("delay_seconds") or 0),
            staff_id=int(form.get("staff_id") or 0),
        )

    def _note(self, case_id: int, form: Json) -> object:
        return self._desk.staffroom.note(
            case_id, **_words(form), files=files_of(form), staff_id=int(form.get("staff_id") or 0)
        )

    def _find(self, reference: str) -> int:
        """A case by its id or number, as people type it."""
        wanted = reference.strip().lstrip("#")
        found = (row for row in self._core.cases.all() if wanted in (row.case_number, str(row.case_id)))
        case = next(found, None)
        return case.case_id if case else 0

    def _row(self, case: Case) -> Markup:
        thread = [row for row in self._core.thread(case.case_id) if not row.deleted]
        user = self._core.users.get(case.user_id)
        return render(
            "staff_row",
            place=_place(case),
            case_id=case.case_id,
            number=case.case_number,
            subject=case.subject or "(no subject)",
            customer=case.recipient or (user.full_name if user else ""),
            channel=self._channel(case.channel),
            updated=rfc2822(case.updated_at),
            marks=self._marks(case),
            count=len(thread),
        )

    def _marks(self, case: Case) -> Markup:
        marks = [STATUS_LABELS.get(case.status, case.status)]
        marks += [name for name in ("deleted", "spam", "destroyed") if getattr(case, name)]
        marks += ["active chat"] if case.chat_active else []
        if case.parent_case_id:
            marks.append(f"merged into {case.parent_case_id}")
        if case.rating:
            marks.append(f"rated {case.rating}")
        return joined(render("mark", text=mark, kind=case.status) for mark in marks)

    def _message(self, message: Message) -> Markup:
        kind = "note" if message.note else "customer" if message.user_id else "staff"
        marks = [name for name in ("note", "pending", "deleted", "sent_via_rule") if getattr(message, name)]
        marks += ["edited"] if message.edited_at else []
        found = (self._core.files.get(file_id) for file_id in message.file_ids)
        return render(
            "message",
            message_id=message.message_id,
            case_id=message.case_id,
            kind=f"{kind} gone" if message.deleted else kind,
            author=message.full_name or "—",
            picture=_picture(message),
            created=rfc2822(message.created_at),
            due=f"→ {rfc2822(message.sent_at)}" if message.sent_at != message.created_at else "",
            marks=joined(render("mark", text=mark, kind=mark) for mark in marks),
            text=message.text,
            html=message.html,
            files=file_links([row for row in found if row]),
        )


def _identity(case: Case, user: User | None) -> Markup:
    """How the customer is known: by an address with a mailbox, or by the id inside the channel."""
    if user and user.custom_id:
        return render("custom_id", custom_id=user.custom_id)
    place = f"/mailbox/{quote(case.recipient)}/" if case.recipient else "/mailbox/"
    return render("mailbox_link", place=place, address=case.recipient)


def _details(case: Case) -> list[tuple[str, str]]:
    found = [("Group", group_title(case.group_id)), ("Labels", ", ".join(label_titles(case)))]
    found += field_texts(case)
    if case.rating:
        found.append(("Rating", f"{case.rating} {case.rating_comment}".strip()))
    return [(name, value) for name, value in found if value]


def _picture(message: Message) -> Markup:
    place = f"/staff/pictures/{message.staff_id}.png"
    return render("picture", place=place) if message.staff_id else Markup()


def file_links(rows: list[StoredFile]) -> Markup:
    return joined(render("file", file_id=row.file_id, name=row.name, size=row.size) for row in rows)


def files_of(form: Json) -> list[Upload]:
    """The files chosen in a form; a browser sends an empty part when there are none."""
    given = form.get("files") or []
    found = given if isinstance(given, list) else [given]
    return [item for item in found if isinstance(item, Upload) and (item.data or item.name != "file")]


def _words(form: Json) -> dict[str, str]:
    """The text of a form as plain text, or as HTML where the box says so."""
    return {"html" if form.get("as_html") else "text": str(form.get("text", ""))}


def _change(entry: Json) -> Json:
    return {name: entry.get(name, "") for name in ("created_at", "event", "done_by", "old_value", "value")}


def _place(case: Case) -> str:
    return f"/staff/cases/record/{case.case_number}"
