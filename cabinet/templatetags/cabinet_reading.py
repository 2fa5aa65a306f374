"""What templates say of reading: how much is new, where it begins, what is too long to stand there whole."""

import json
from collections.abc import Sequence
from math import ceil

from django import template
from django.template.context import RequestContext
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cabinet import reading_marks
from cabinet.bodies import files_in
from cabinet.closings import Change
from cabinet.models import CaseFile, Message
from cabinet.visits import Thread

register = template.Library()

LETTERS_A_LINE = 70
"""As many fit into a line of a wide message; on a phone a text is longer than it is thought to be."""

MOST_LINES = 20
"""Lines of a message that are shown at once."""

FORMS = {"one": 1, "few": 2, "many": 5}
"""The plural categories of our languages, each with a number of it; English says "other" for the last two."""


@register.simple_tag(takes_context=True)
def cases_with_news(context: RequestContext) -> int:
    """In how many of the reader's cases something is new; asked for unless the page knows it already."""
    if "unread" in context:
        return int(context["unread"])
    user = context.get("user")
    return reading_marks.count_cases_with_news(user) if user else 0


@register.simple_tag
def forms_of_new_replies() -> str:
    """How a script says "2 new replies from Maria" in the reader's language; `several` is for more people."""
    several = {form: ngettext("%(count)s new reply", "%(count)s new replies", n) for form, n in FORMS.items()}
    said = {
        form: ngettext("%(count)s new reply from %(name)s", "%(count)s new replies from %(name)s", number)
        for form, number in FORMS.items()
    }
    return json.dumps(_with_places(said) | {"several": _with_places(several)})


@register.simple_tag
def closings_before(thread: Thread, message: Message | None = None) -> Sequence[Change]:
    """When the case was closed and opened again before this message; without one, after the last."""
    return thread.closings.get(message.pk if message else None, ())


@register.simple_tag
def forms_of_unread_cases() -> str:
    """How a script says "2 cases with something new"."""
    said = {
        form: ngettext("%(count)s case with something new", "%(count)s cases with something new", number)
        for form, number in FORMS.items()
    }
    return json.dumps(_with_places(said))


def _with_places(said: dict[str, str]) -> dict[str, str]:
    return {form: words % {"count": "{count}", "name": "{name}"} for form, words in said.items()}


@register.filter
def is_long(message: Message) -> bool:
    """Whether it is too long to be shown whole at once."""
    lines = message.text.split("\n") if message.text else []
    return sum(max(1, ceil(len(line) / LETTERS_A_LINE)) for line in lines) > MOST_LINES


@register.filter
def beside(message: Message) -> list[CaseFile]:
    """The files of a message that its body does not show in place."""
    shown = files_in(message.html)
    return [file for file in message.files.all() if str(file.pk) not in shown]


@register.simple_tag
def picture_waits(file: CaseFile) -> str:
    """What stands in the place of a picture that is not here."""
    if file.state == CaseFile.State.FETCHING:
        return _("The picture “%(name)s” is being fetched") % {"name": file.name}
    return _("The picture “%(name)s” is not available") % {"name": file.name}
