"""The only door to Omnidesk's API: calls in, frozen values out, errors named by what the caller does next.

Owns the addresses and parameters of the API and the rules that must hold before anything is sent. Refuses
Django, retries, and sleeping: when to call again is the caller's decision.

| module | decides |
|---|---|
| `client` | what to ask, and what must never be sent |
| `wire` | how bytes travel, when a call is over, whether anything can have left |
| `verdicts` | what an answer means |
| `parsing` | how the vendor's JSON becomes our values |

Prices are in units of the account's budget: writes cost two [documented: deskie.io/api/introduction].
Marks in docstrings: [documented] on a vendor page, [seen in code] of a public client, [inferred], [unknown].
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from time import monotonic
from typing import BinaryIO, Self, TypeVar, Unpack

from omnidesk_sync.addresses import own_file_address, read_origin
from omnidesk_sync.downloads import Wanted, fetch_file
from omnidesk_sync.errors import (
    AccountTrouble,
    NoAuthor,
    NoIdentity,
    OmnideskError,
    TooManyPages,
    Unreadable,
)
from omnidesk_sync.multipart import MultipartBody
from omnidesk_sync.parsing import (
    clean_text,
    read_answered,
    read_case,
    read_channel,
    read_field,
    read_message,
    read_object,
    read_rows,
    read_staff,
    read_total,
    read_user,
)
from omnidesk_sync.types import (
    Answered,
    Call,
    CaseFilters,
    CaseStatus,
    DeskCase,
    DeskChannel,
    DeskField,
    DeskMessage,
    DeskStaff,
    DeskUser,
    Downloaded,
    FieldValue,
    MessageOrder,
    NewCase,
    NewMessage,
    OutgoingFile,
    Page,
    Rating,
)
from omnidesk_sync.verdicts import read_document
from omnidesk_sync.wire import Arriving, Outgoing, RawAnswer, Wire

T = TypeVar("T")
Params = tuple[tuple[str, str], ...]
Body = Mapping[str, object] | MultipartBody

# The vendor's limits [seen in code: laravel validators, ref-l1].
MAX_PAGE = 500
MAX_LIMIT = 100
READ_UNITS = 1
WRITE_UNITS = 2
USER_AGENT = "omnidesk-cabinet/0.1"

# A 25 MB file over a slow line; no lane waits for it.
DOWNLOAD_SECONDS = 120.0

logger = logging.getLogger(__name__)


class Client:
    """One account's API. Thread safe, holds no connection between calls.

    `base_url` is the account's whole host, `https://acme.omnidesk.ru`; a path after it is ignored, and http
    is accepted only for this machine and for names without a dot (a neighbouring container). A bad one raises
    `ValueError`. `timeout_seconds` is one deadline for a whole call: name lookup, TLS, sending, the answer.

    `before_call` is invoked right before every API call, and whatever it raises passes through: nothing has
    been sent. `on_answer` is invoked after every answer; what it raises is logged and forgotten, because by
    then the work over there has been done.

    Every call raises `TryLater`, `Rejected`, `OutcomeUnknown` or `AccountTrouble` (see `errors`); calls about
    a named object also `NotFound`.
    """

    def __init__(
        self,
        *,
        base_url: str,
        staff_email: str,
        api_key: str,
        timeout_seconds: float = 20.0,
        user_agent: str = USER_AGENT,
        before_call: Callable[[Call], None] | None = None,
        on_answer: Callable[[Answered], None] | None = None,
    ) -> None:
        self._origin = read_origin(base_url)
        self._timeout_seconds = timeout_seconds
        self._before_call = before_call
        self._on_answer = on_answer
        self._wire = Wire(staff_email=staff_email, api_key=api_key, user_agent=user_agent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self._origin}>"

    def close(self) -> None:
        self._wire.close()

    # --- Cases

    def create_case(self, new: NewCase) -> DeskCase:
        """Open a case; the customer is found by his identity, and made when missing. 2 units.

        `POST cases.json` [documented: doc/cases], multipart when there are files. By e-mail, or by an id of
        ours inside a custom channel [seen in code: laravel, goedgar, wa-bot]; never by both, since somebody's
        mail and channel profiles are two customers over there. Always says `status: "open"`: the documented
        sample answer is "waiting", which would be the customer's turn. `content` is plain text.
        `custom_fields` and `labels` [documented], `group_id` and `priority` [seen in code] go along where
        they are given. The answer does not hold the first message's id [documented].

        Raises `NoIdentity` before anything else happens for what would make a wrong profile.
        """
        fields: dict[str, object] = {
            **_identity(new),
            "user_full_name": clean_text(new.user_full_name),
            "subject": clean_text(new.subject),
            "content": clean_text(new.content),
            "status": "open",
        }
        if new.custom_fields:
            fields["custom_fields"] = {key: _field_value(value) for key, value in new.custom_fields.items()}
        if new.group_id:
            fields["group_id"] = new.group_id
        if new.labels:
            fields["labels"] = list(new.labels)
        if new.priority:
            fields["priority"] = new.priority
        return self._write("POST", "create_case", "cases.json", "case", fields, new.files, read_case)

    def view_case(self, case_id: int) -> DeskCase:
        """One case, also from the trash (with its flags). 1 unit. `GET cases/{id}.json` [seen in code]."""
        answer = self._ask("view_case", f"cases/{_positive(case_id)}.json")
        return answer.read(lambda document: read_case(read_object(document, "case")))

    def list_cases(
        self, *, page: int = 1, limit: int = MAX_LIMIT, **filters: Unpack[CaseFilters]
    ) -> Page[DeskCase]:
        """One page of cases, in the desk's order. 1 unit. `GET cases.json` [seen in code: ref-l1, winlex].

        Text filters match exactly (`^text^` [documented: doc/intro]; plain ones would match parts, so
        `me@b.ru` would also find `some@b.ru`). `from_updated_time` travels as unix seconds, and so knows no
        account zone [seen in code: kpi]. Without the two `show_*` flags running chats and merged cases are
        left out [seen in code]. The part names of `custom_fields` are [inferred] from the bracket scheme.

        Raises `ValueError` for an empty filter, which would match everybody's cases.
        """
        return self._case_page(_case_params(filters), page, limit)

    def iter_cases(self, *, limit: int = MAX_LIMIT, **filters: Unpack[CaseFilters]) -> Iterator[DeskCase]:
        """All cases, page after page. 1 unit for each page, taken when the page is fetched.

        Filters as in `list_cases`. Raises `TooManyPages` after page 500 when there would be more, never ends
        early. A case that changes meanwhile may come twice or move to a page that was already read.
        """
        return self._walk_cases(_case_params(filters), limit)

    def set_status(self, case_id: int, status: CaseStatus) -> DeskCase:
        """Close or reopen a case. 2 units. `PUT cases/{id}.json` [seen in code: booking, bundle]."""
        path = f"cases/{_positive(case_id)}.json"
        return self._write("PUT", "set_status", path, "case", {"status": status}, (), read_case)

    def rate_case(self, case_id: int, rating: Rating, comment: str = "") -> DeskCase:
        """Say how the customer rates the case; the same again changes nothing. 2 units.

        `PUT cases/{id}/rate.json` [seen in code: laravel]. Which of the staff is rated is left to the desk.
        """
        path = f"cases/{_positive(case_id)}/rate.json"
        fields = {"rating": rating, "rating_comment": clean_text(comment)}
        return self._write("PUT", "rate_case", path, "rate", fields, (), read_case, answered="case")

    # --- Messages

    def list_messages(
        self, case_id: int, *, order: MessageOrder = "desc", page: int = 1, limit: int = MAX_LIMIT
    ) -> Page[DeskMessage]:
        """One page of a case's messages, internal notes among them, sorted by id as asked. 1 unit.

        `GET cases/{id}/messages.json` [seen in code: laravel]. A row that cannot be read makes the whole page
        `Unreadable`: left out, it would look like a message that staff have deleted.
        """
        params = (("order", order), *_paging(page, limit))
        path = f"cases/{_positive(case_id)}/messages.json"
        answer = self._ask("list_messages", path, params)
        rows = answer.read(lambda document: read_rows(document, "message", read_message))
        rows.sort(key=lambda message: message.message_id, reverse=order == "desc")
        return answer.page_of(rows)

    def add_message(self, case_id: int, new: NewMessage) -> DeskMessage:
        """Add a customer's message. 2 units.

        `POST cases/{id}/messages.json` [seen in code: laravel, goedgar], multipart when there are files.
        Raises `NoAuthor` without a positive `user_id`, before anything else happens: the desk would post the
        text as staff and mail it to the customer [seen in code: affairs].
        """
        if not _is_id(new.user_id):
            raise NoAuthor("A customer's message needs the customer's user_id.")
        path = f"cases/{_positive(case_id)}/messages.json"
        fields: dict[str, object] = {"user_id": new.user_id, "content": clean_text(new.content)}
        return self._write("POST", "add_message", path, "message", fields, new.files, read_message)

    # --- People, the account, files

    def view_user(self, user_id: int) -> DeskUser:
        """One profile. 1 unit. `GET users/{id}.json` [seen in code: laravel]."""
        answer = self._ask("view_user", f"users/{_positive(user_id)}.json")
        return answer.read(lambda document: read_user(read_object(document, "user")))

    def list_channels(self) -> tuple[DeskChannel, ...]:
        """The account's custom channels. 1 unit. `GET custom_channels.json` [seen in code: laravel]."""
        answer = self._ask("list_channels", "custom_channels.json")
        return tuple(answer.read(lambda document: read_rows(document, "custom_channel", read_channel)))

    def list_staff(self, *, page: int = 1, limit: int = MAX_LIMIT) -> Page[DeskStaff]:
        """One page of the account's staff. 1 unit. `GET staff.json` [documented: doc/staff]."""
        answer = self._ask("list_staff", "staff.json", _paging(page, limit))
        return answer.page_of(answer.read(lambda document: read_rows(document, "staff", read_staff)))

    def list_fields(self) -> tuple[DeskField, ...]:
        """The account's custom fields. 1 unit. `GET custom_fields.json` [seen in code: laravel]."""
        answer = self._ask("list_fields", "custom_fields.json")
        return tuple(answer.read(lambda document: read_rows(document, "custom_field", read_field)))

    def probe(self) -> None:
        """The cheapest proof that address, key and staff are right. 1 unit.

        A success that is no list of cases (somebody else's web site) is `AccountTrouble` here.
        """
        try:
            self._case_page((), 1, 1)
            return
        except Unreadable as error:
            status = error.status
        raise AccountTrouble("Something answers at this address, but it is not Omnidesk.", status=status)

    def download(
        self,
        url: str,
        target: BinaryIO,
        *,
        max_bytes: int,
        expected_type: str = "",
        expected_size: int | None = None,
        timeout_seconds: float = DOWNLOAD_SECONDS,
    ) -> Downloaded:
        """Write an attachment into `target`. 0 units [unknown], so `before_call` is not asked.

        Only the account's own scheme, host and port are contacted, whatever `url` or a redirect says; one
        redirect is followed, without credentials. `expected_type` is what the message said about the file: an
        HTML or JSON answer is taken only for a file of that type, since it is a login page or an error
        otherwise [seen in code: bridge]. `expected_size` is needed only where the answer has no length, to
        tell a whole file from a cut one.

        `Rejected` carries a `code` of ours: `foreign_address`, `redirected`, `not_a_file`, `too_large`; a 403
        is `Rejected` too, since it may be about this file alone. `OutcomeUnknown` means: fetch again. After
        any error `target` may hold a part of the file. What `target.write` raises passes through.
        """
        address = own_file_address(self._origin, url)
        wanted = Wanted(max_bytes, expected_type, expected_size)
        return fetch_file(
            self._wire, address, target, wanted, seconds=timeout_seconds, heard=self._report_budget
        )

    # --- Within

    def _case_page(self, params: Params, page: int, limit: int) -> Page[DeskCase]:
        answer = self._ask("list_cases", "cases.json", (*params, *_paging(page, limit)))
        return answer.page_of(answer.read(lambda document: read_rows(document, "case", read_case)))

    def _walk_cases(self, params: Params, limit: int) -> Iterator[DeskCase]:
        for number in range(1, MAX_PAGE + 1):
            page = self._case_page(params, number, limit)
            yield from page.items
            if _is_last(page, number, limit):
                return
        raise TooManyPages(f"There are more than {MAX_PAGE} pages of cases.")

    def _ask(self, name: str, path: str, params: Params = ()) -> "_Answer":
        return self._call(Call("GET", name, READ_UNITS), path, params=params)

    def _write(
        self,
        method: str,
        name: str,
        path: str,
        key: str,
        fields: Mapping[str, object],
        files: Sequence[OutgoingFile],
        parse: Callable[[Mapping[str, object]], T],
        *,
        answered: str = "",
    ) -> T:
        """`key` is what the object is called on its way there, and back unless `answered` says otherwise."""
        with _body(key, fields, files) as body:
            answer = self._call(Call(method, name, WRITE_UNITS), path, body=body)
        return answer.read(lambda document: parse(read_object(document, answered or key)))

    def _call(self, call: Call, path: str, *, params: Params = (), body: Body | None = None) -> "_Answer":
        url = f"{self._origin}/api/{path}"
        outgoing = Outgoing(call.method, url, params, body, {"Accept": "application/json"})
        if self._before_call is not None:
            self._before_call(call)
        raw = self._exchange(call, outgoing)
        answered = read_answered(raw.status, raw.headers)
        self._report(answered)
        return _Answer(raw, read_document(raw, names_object="/" in path), answered.server_time)

    def _exchange(self, call: Call, outgoing: Outgoing) -> RawAnswer:
        began = monotonic()
        outcome: object = "interrupted"
        try:
            raw = self._wire.exchange(outgoing, seconds=self._timeout_seconds)
            outcome = raw.status
            return raw
        except OmnideskError as error:
            outcome = type(error).__name__
            raise
        finally:
            spent = round((monotonic() - began) * 1000)
            logger.info("%s %s: %s in %d ms", call.method, call.name, outcome, spent)

    def _report_budget(self, arriving: Arriving) -> None:
        answered = read_answered(arriving.status, arriving.headers)
        if answered.rate_limit_per_minute is not None or answered.api_calls_left is not None:
            self._report(answered)

    def _report(self, answered: Answered) -> None:
        if self._on_answer is None:
            return
        try:
            self._on_answer(answered)
        except Exception:
            logger.exception("What an answer said about the budget could not be noted")


class _Answer:
    """A successful answer: its JSON, and when it was given."""

    def __init__(self, raw: RawAnswer, document: object, server_time: datetime | None) -> None:
        self._status = raw.status
        self._document = document
        self._server_time = server_time or datetime.now(UTC)

    def read(self, parse: Callable[[object], T]) -> T:
        try:
            return parse(self._document)
        except Unreadable as error:
            error.status = self._status
            raise

    def page_of(self, rows: Sequence[T]) -> Page[T]:
        return Page(tuple(rows), read_total(self._document), self._server_time)


_CHANNEL_KEY = re.compile(r"cch[0-9]{1,18}")
# A customer's id in a channel is ours: no address, and nothing that means something in a filter.
_CUSTOM_ID = re.compile(r"[A-Za-z0-9_.:-]{8,128}")


def _identity(new: NewCase) -> dict[str, object]:
    """Who the customer is: by exactly one identity, and by a whole one."""
    address, custom_id, channel = clean_text(new.user_email).strip(), new.user_custom_id, new.channel
    if address and (custom_id or channel):
        raise NoIdentity("A new case names its customer by e-mail or by an id in a channel, not by both.")
    if address:
        return {"user_email": address}
    if not _CUSTOM_ID.fullmatch(custom_id):
        raise NoIdentity("A new case needs the customer's e-mail, or his id in a custom channel.")
    if not _CHANNEL_KEY.fullmatch(channel):
        raise NoIdentity("A customer's own id means something only inside a custom channel (cchN).")
    return {"user_custom_id": custom_id, "channel": channel}


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _positive(value: int) -> int:
    if not _is_id(value):
        raise ValueError("An id of Omnidesk is a positive number.")
    return value


def _exactly(text: str) -> str:
    if not text.strip():
        raise ValueError("An empty filter would match everybody's cases.")
    return f"^{text}^"


def _paging(page: int, limit: int) -> Params:
    if page < 1 or not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"A page begins at 1 and holds 1 to {MAX_LIMIT} rows.")
    if page > MAX_PAGE:
        raise TooManyPages(f"Omnidesk gives no page after {MAX_PAGE}.")
    return (("page", str(page)), ("limit", str(limit)))


def _case_params(filters: CaseFilters) -> Params:
    params: list[tuple[str, str]] = []
    if (user_email := filters.get("user_email")) is not None:
        params.append(("user_email", _exactly(user_email)))
    if (user_custom_id := filters.get("user_custom_id")) is not None:
        params.append(("user_custom_id", _exactly(user_custom_id)))
    if (user_id := filters.get("user_id")) is not None:
        params.append(("user_id", str(_positive(user_id))))
    if (since := filters.get("from_updated_time")) is not None:
        params.append(("from_updated_time", str(_unix_seconds(since))))
    if (sort := filters.get("sort")) is not None:
        params.append(("sort", sort))
    if filters.get("show_active_chats"):
        params.append(("show_active_chats", "true"))
    if filters.get("show_merged_cases"):
        params.append(("show_merged_cases", "true"))
    custom_fields = filters.get("custom_fields") or {}
    params += [(f"custom_fields[{key}]", _exactly(text)) for key, text in custom_fields.items()]
    return tuple(params)


def _field_value(value: FieldValue) -> FieldValue:
    return value if isinstance(value, bool) else clean_text(value)


def _unix_seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("A time without a zone means different moments here and there.")
    return int(moment.timestamp())


def _is_last(page: Page[DeskCase], number: int, limit: int) -> bool:
    """With a counter it decides: a page may be short because rows were hidden from us."""
    if not page.items:
        return True
    if page.total_count is not None:
        return number * limit >= page.total_count
    return len(page.items) < limit


def _body(
    key: str, fields: Mapping[str, object], files: Sequence[OutgoingFile]
) -> AbstractContextManager[Body]:
    """JSON, or with files multipart with bracketed names [documented: doc/cases], counted from 1 as there."""
    if not files:
        return nullcontext({key: fields})
    numbered = [(f"{key}[attachments][{number}]", file) for number, file in enumerate(files, start=1)]
    return MultipartBody(list(_bracketed(key, fields)), numbered)


def _bracketed(prefix: str, fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        name = f"{prefix}[{key}]"
        if isinstance(value, Mapping):
            yield from _bracketed(name, value)
        elif isinstance(value, list):
            yield from _bracketed(name, {str(number): each for number, each in enumerate(value)})
        else:
            # A form knows no booleans: the word "False" would be true over there.
            yield name, str(int(value)) if isinstance(value, bool) else str(value)
