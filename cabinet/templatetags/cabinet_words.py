"""How templates say times, states and people."""

import uuid
from datetime import datetime, timedelta
from html import unescape

from django import template
from django.contrib.auth.models import AbstractBaseUser
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, linebreaks
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from cabinet import answer_times, filetypes, standings, topics, wording
from cabinet.bodies import with_pictures
from cabinet.closings import Change
from cabinet.models import Case, CaseFile, Message
from cabinet.search import excerpts
from cabinet.search.excerpts import Excerpt
from cabinet.search.words import Search
from cabinet.selectors import Preview, name_of
from cabinet.types import Answer

register = template.Library()

USUALLY_SENT = timedelta(minutes=2)
"""Longer than a message takes whose first try had an unknown outcome."""


@register.filter
def takes_long(message: Message) -> bool:
    """Whether a message that is on its way should have arrived long ago: the desk is in trouble."""
    return timezone.now() - message.written_at > USUALLY_SENT


@register.simple_tag
def answer_time(case: Case | None = None) -> str:
    """When support answers, as the company says it; "" if it says nothing."""
    return answer_times.answer_time(case)


@register.filter
def day(when: datetime) -> str:
    """The day in the reader's zone: today, yesterday, or the date, with the year if it is another one."""
    local, today = timezone.localtime(when).date(), timezone.localdate()
    if local == today:
        return _("Today")
    if local == today - timedelta(days=1):
        return _("Yesterday")
    return date_format(local, "j E" if local.year == today.year else "j E Y")


@register.simple_tag
def moment(when: datetime, form: str = "full") -> SafeString:
    """A `<time>` with the exact moment on hover: "full" says day and time, "time" only the time of day."""
    local = timezone.localtime(when)
    clock = date_format(local, "H:i")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        date_format(local, "j E Y, H:i:s e"),
        clock if form == "time" else f"{day(when)}, {clock}",
    )


@register.inclusion_tag("cabinet/_pill.html")
def status_pill(case: Case) -> dict[str, standings.Standing]:
    return {"state": standings.standing(case)}


@register.filter
def standing(case: Case) -> standings.Standing:
    """How the case stands: `label`, `sentence`, `whose_turn` and `kind`, all of one row."""
    return standings.standing(case)


@register.filter
def who(user: AbstractBaseUser) -> str:
    """As whom somebody is signed in: his address if the site keeps one in the user's row, else his name."""
    return str(getattr(user, user.get_email_field_name(), "") or name_of(user))


@register.filter
def closing_words(change: Change, reader: AbstractBaseUser) -> str:
    """That the case was closed, or opened again, and whether it was the reader."""
    return str(wording.CLOSINGS[change.closed, change.is_by(reader)])


@register.filter
def why_unavailable(case: Case) -> str:
    """Why nothing can be written in this case, "" if something can."""
    return standings.standing(case).sentence if case.availability else ""


@register.filter
def failure(message: Message) -> str:
    """In words, why a message was not delivered."""
    return str(wording.FAILURES.get(message.failure, wording.FAILED))


@register.filter
def can_retry(message: Message) -> bool:
    """Whether sending again makes sense and is safe."""
    return message.state == Message.State.FAILED and message.failure not in wording.NOT_RETRIED


@register.simple_tag
def author(message: Message | Preview | Excerpt, reader: AbstractBaseUser) -> str:
    """Who wrote it, from the reader's point of view."""
    if message.author == Message.Author.STAFF:
        return message.author_name or pgettext("author", "Support")
    if message.author_user_id == reader.pk or not message.author_name:
        return pgettext("author", "You")
    return message.author_name


@register.filter
def shown(message: Message) -> SafeString:
    """The body as HTML: what `cabinet.bodies` has made safe, its folded quotes named for screen readers."""
    if not message.html:
        return mark_safe(linebreaks(message.text, autoescape=True))  # noqa: S308
    fold = format_html(
        '<summary aria-label="{}" title="{}">', *[_("Quoted text or signature: show or hide")] * 2
    )
    # What scrolls is reached by the keyboard too.
    table = format_html('<div class="table-wrap" tabindex="0" role="group" aria-label="{}">', _("Table"))
    html = message.html.replace("<summary>", fold).replace('<div class="table-wrap">', table)
    files = {str(file.pk): file for file in message.files.all()}

    def picture(file_id: str, alt: str) -> str:
        # Only files of this very message: whatever else the HTML names is not there.
        context = {
            "file": files.get(file_id),
            "alt": unescape(alt) or getattr(files.get(file_id), "name", ""),
        }
        return render_to_string("cabinet/_inline_picture.html", context) if file_id in files else ""

    return mark_safe(with_pictures(html, picture))  # noqa: S308


@register.filter
def is_picture(file: CaseFile) -> bool:
    """Whether the file may be shown in the page: a kind browsers are given inline, and not a huge one."""
    return (
        file.state == CaseFile.State.READY
        and file.content_type in filetypes.INLINE_TYPES
        and file.size <= wording.LARGEST_PICTURE
    )


@register.filter
def marked(text: str, search: Search | None) -> str:
    """What is searched for, marked in a text; nothing is changed where nothing is searched."""
    return excerpts.marked(text, search)


@register.filter
def number_marked(number: str, search: Search | None) -> str:
    """The same in a case's number, of which a piece is enough."""
    return excerpts.marked(number, search, within=True)


@register.filter
def of(found: dict[uuid.UUID, Excerpt] | None, case: Case) -> Excerpt | None:
    """The case's own out of those of a page."""
    return (found or {}).get(case.pk)


@register.filter
def answer_label(answer: Answer) -> str:
    """The name of a field of a topic, as it was when it was answered."""
    return topics.label_of(answer)


@register.filter
def answer_value(answer: Answer) -> SafeString:
    """What was given there, for people; several lines stay several lines."""
    return mark_safe(linebreaks(topics.shown_value(answer), autoescape=True))  # noqa: S308
