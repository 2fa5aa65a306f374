"""How mail programs quote the letter one answers: the ways that turn up in real support threads.

Imitated from what these programs send; the class names and header blocks are the handles by which a
reader (or a cabinet) can tell the customer's own words from the history below them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from html import escape

from .text import ZONE

_DAYS = {
    "en": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    "ru": ["пн", "вт", "ср", "чт", "пт", "сб", "вс"],
}
_LONG_DAYS = {
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "ru": ["Понедельник", "Вторник", "Среда", "Четверг", "Пятница", "Суббота", "Воскресенье"],
}
_MONTHS = {
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    "ru": ["янв.", "февр.", "мар.", "апр.", "мая", "июн.", "июл.", "авг.", "сент.", "окт.", "нояб.", "дек."],
}
_LONG_MONTHS = {
    "en": [
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ],
    "ru": [
        *("января", "февраля", "марта", "апреля", "мая", "июня"),
        *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
    ],
}


@dataclass(frozen=True, kw_only=True)
class Original:
    """The letter being answered. ``name`` and ``address`` are its sender's."""

    name: str
    address: str
    to: str
    subject: str
    sent_at: int
    html: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Quote:
    """The history below an answer, in both forms."""

    html: str
    text: str


def _moment(original: Original) -> datetime:
    return datetime.fromtimestamp(original.sent_at, ZONE)


def _plain(attribution: str, original: Original) -> str:
    return "\n".join([attribution, *(f"> {line}" for line in original.text.split("\n"))])


def _gmail(original: Original, language: str) -> Quote:
    when = _moment(original)
    day, month = _DAYS[language][when.weekday()], _MONTHS[language][when.month - 1]
    link = f'<a href="mailto:{escape(original.address)}">{escape(original.address)}</a>'
    if language == "ru":
        stamp, wrote = f"{day}, {when.day} {month} {when.year} г. в {when:%H:%M}, ", ":"
    else:
        stamp, wrote = f"On {day}, {month} {when.day}, {when.year} at {when:%I:%M %p} ", " wrote:"
    html = (
        '<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
        f"{stamp}{escape(original.name)} &lt;{link}&gt;{wrote}<br></div>"
        '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid '
        f'rgb(204,204,204);padding-left:1ex">{original.html}</blockquote></div>'
    )
    return Quote(html=html, text=_plain(f"{stamp}{original.name} <{original.address}>{wrote}", original))


def _outlook(original: Original, language: str) -> Quote:
    when = _moment(original)
    sender = f"{original.name} <{original.address}>"
    if language == "ru":
        names = ("От", "Отправлено", "Кому", "Тема")
        stamp = f"{when.day} {_LONG_MONTHS['ru'][when.month - 1]} {when.year} г. {when:%H:%M}"
    else:
        names = ("From", "Sent", "To", "Subject")
        weekday, month = _LONG_DAYS["en"][when.weekday()], _LONG_MONTHS["en"][when.month - 1]
        stamp = f"{weekday}, {month} {when.day}, {when.year} {when:%I:%M %p}"
    rows = list(zip(names, (sender, stamp, original.to, original.subject), strict=True))
    block = "<br>".join(f"<b>{name}:</b> {escape(value)}" for name, value in rows)
    html = (
        '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif">{block}</font>'
        f"<div>&nbsp;</div></div><div>{original.html}</div>"
    )
    head = "\n".join(f"{name}: {value}" for name, value in rows)
    return Quote(html=html, text=f"{'_' * 32}\n{head}\n\n{original.text}")


def _apple(original: Original, language: str) -> Quote:
    when = _moment(original)
    if language == "ru":
        stamp = f"{when.day} {_LONG_MONTHS['ru'][when.month - 1]} {when.year} г., в {when:%H:%M}, "
        wrote = " написал(а):"
    else:
        stamp, wrote = (
            f"On {when.day} {_MONTHS['en'][when.month - 1]} {when.year}, at {when:%H:%M}, ",
            " wrote:",
        )
    sender = f"{original.name} <{original.address}>"
    html = (
        f'<div><br><blockquote type="cite"><div>{stamp}{escape(sender)}{wrote}</div>'
        f'<br class="Apple-interchange-newline"><div>{original.html}</div></blockquote></div>'
    )
    return Quote(html=html, text=_plain(f"{stamp}{sender}{wrote}", original))


def _thunderbird(original: Original, language: str) -> Quote:
    when = _moment(original)
    if language == "ru":
        line = f"{when:%d.%m.%Y %H:%M}, {original.name} пишет:"
    else:
        line = f"On {when:%m/%d/%Y %H:%M}, {original.name} wrote:"
    html = (
        f'<div class="moz-cite-prefix">{escape(line)}<br></div>'
        f'<blockquote type="cite" cite="mid:{original.sent_at}@desk">{original.html}</blockquote>'
    )
    return Quote(html=html, text=_plain(line, original))


def _yandex(original: Original, language: str) -> Quote:
    del language
    line = f'{_moment(original):%d.%m.%Y, %H:%M}, "{original.name}" <{original.address}>:'
    head = f"<div>&nbsp;</div><div>{escape(line, quote=False)}</div>"
    html = f"{head}<blockquote><div>{original.html}</div></blockquote>"
    return Quote(html=html, text=_plain(line, original))


def _mailru(original: Original, language: str) -> Quote:
    when = _moment(original)
    weekday, month = _LONG_DAYS[language][when.weekday()], _LONG_MONTHS[language][when.month - 1]
    sender = f"{original.name} <{original.address}>"
    if language == "ru":
        line = f"{weekday}, {when.day} {month} {when.year}, {when:%H:%M} +03:00 от {sender}:"
    else:
        line = f"{weekday}, {month} {when.day}, {when.year} {when:%I:%M %p} +03:00 from {sender}:"
    html = (
        '<br><br><blockquote style="border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;">'
        f'{escape(line)}<br>&nbsp;<div class="js-helper js-readmsg-msg">{original.html}</div></blockquote>'
    )
    return Quote(html=html, text=_plain(line, original))


STYLES: dict[str, Callable[[Original, str], Quote]] = {
    "gmail": _gmail,
    "outlook": _outlook,
    "apple": _apple,
    "thunderbird": _thunderbird,
    "yandex": _yandex,
    "mailru": _mailru,
}


def quote(original: Original, style: str, language: str) -> Quote:
    """The quoted original in one program's manner; style "none" quotes nothing (ValueError for others)."""
    if style == "none":
        return Quote(html="", text="")
    if style not in STYLES or language not in _DAYS:
        raise ValueError(f"no such way of quoting: {style!r} in {language!r}")
    return STYLES[style](original, language)
