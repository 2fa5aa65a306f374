"""What is said to people about states and failures, in one place."""

from typing import TYPE_CHECKING, NamedTuple

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from cabinet.models import Case, OutboxEntry, Turn

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TAB_NAMES = {
    "all": pgettext_lazy("cases", "All"),
    "turn": _("Your turn"),
    "open": pgettext_lazy("cases", "Open"),
    "closed": pgettext_lazy("cases", "Closed"),
}
ORDER_NAMES = {"": _("Latest activity first"), "newest": _("Newest first"), "oldest": _("Oldest first")}

# Whether it was closed, or opened again; whether by the reader.
CLOSINGS = {
    (True, True): _("You closed the case"),
    (False, True): _("You opened the case again"),
    (True, False): _("The case was closed"),
    (False, False): _("The case was opened again"),
}

FAILURES = {
    "rejected": _("The help desk did not accept this message. Send it again, or write it differently."),
    "forbidden": _("The help desk does not take messages in this case. Send it again, or open a new case."),
    "undecided": _("We could not find out whether this message arrived. Our staff is looking into it."),
    "unavailable": _("The case can no longer be answered at the help desk."),
    "too_large": _("The message or its files are too large for the help desk. Send them in smaller parts."),
    "not_found": _("The help desk no longer knows this case. Please open a new one."),
    "file_missing": _("A file of this message is no longer here. Write again and attach it anew."),
    "no_address": _("No e-mail address of yours is confirmed. Sign in with a code, then send it again."),
    "chat_closed": _(
        "The chat was closed before this message arrived. Write it in a new chat, or send it here once more."
    ),
    "no_channel": _("New cases of this kind are not taken at the moment. Send it again later."),
    "dropped": _("Our staff decided not to send this message on. Write again if you still need to."),
}
"""In words, why a message was not delivered, by `Message.failure`."""

FAILED = _("The message could not be delivered.")
NOT_RETRIED = frozenset({"undecided", "dropped"})
"""Failures after which sending again might bring the message twice."""

LARGEST_PICTURE = 3 * 1024 * 1024
"""Bytes of a picture that is shown in the thread; larger ones are a link, for people on a phone."""


class Words(NamedTuple):
    """A label, a sentence for whoever wants to know more, and whose turn it is."""

    label: "StrOrPromise"
    sentence: "StrOrPromise"
    turn: Turn


STANDINGS = {
    "open": Words(
        Case.Status.OPEN.label,
        _("Support is working on it. You need not do anything; the answer will appear here."),
        Turn.SUPPORT,
    ),
    "waiting": Words(
        Case.Status.WAITING.label,
        _("It is your turn: support has answered and waits for you."),
        Turn.CUSTOMER,
    ),
    "closed": Words(
        Case.Status.CLOSED.label, _("This case is closed. Nothing more needs to be done."), Turn.NOBODY
    ),
    "unknown": Words(
        Case.Status.UNKNOWN.label,
        _("Support has put this case into a state of its own. You need not do anything."),
        Turn.SUPPORT,
    ),
    "merged": Words(
        Case.Availability.MERGED.label,
        _("This case was merged into another one. The conversation goes on there."),
        Turn.NOBODY,
    ),
    "spam": Words(
        Case.Availability.SPAM.label,
        _("This case was marked as spam, so it cannot be answered. If that is a mistake, open a new one."),
        Turn.NOBODY,
    ),
    "deleted": Words(
        Case.Availability.DELETED.label,
        _("Support has deleted this case. What you wrote stays readable here."),
        Turn.NOBODY,
    ),
    "archived": Words(
        Case.Availability.ARCHIVED.label,
        _("This case is in the archive and can only be read."),
        Turn.NOBODY,
    ),
    "moved": Words(
        Case.Availability.MOVED.label,
        _("This case was handed to another person. New messages are no longer shown here."),
        Turn.NOBODY,
    ),
}
"""How cases stand, by availability or else by status. Admins may say it differently: `cabinet.standings`."""

SEND_AGAIN = _("You can send it again")

UNDELIVERED = {
    OutboxEntry.State.REJECTED: Words(
        _("Not delivered"),
        _("Support has not got this case. Send the message again, or write it differently in a new case."),
        Turn.CUSTOMER,
    ),
    OutboxEntry.State.UNDECIDED: Words(
        _("Being checked"),
        _("We do not know yet whether support has got this case. Our staff is looking into it."),
        Turn.SUPPORT,
    ),
    OutboxEntry.State.DROPPED: Words(
        _("Not delivered"),
        _("Our staff decided not to send this case on. Open a new one if you still need to."),
        Turn.NOBODY,
    ),
}
"""How cases stand that the desk does not have, by what became of their opening. Always in these words."""


MODES = {
    Case.Mode.MAIL: _("Answers also by e-mail"),
    Case.Mode.CABINET: _("Only here, no letters"),
    Case.Mode.CHAT: _("Chat, when you have a minute now"),
}
MODE_WITH_NOTICES = _("Only here; a short letter says that there is an answer")

FORM_LEAD = _("Our staff reads it and answers.")
FORM_LEADS = {
    Case.Mode.MAIL: _("Our staff reads it and answers. You will see the answer here and get it by e-mail."),
    Case.Mode.CABINET: _("Our staff reads it and answers. You will see the answer here."),
    Case.Mode.CHAT: _("Our staff reads it and answers in the chat."),
}
"""What the form for a new case promises where only one mode is open to the person."""

RECEIVED = {
    Case.Mode.MAIL: _("We have your case. You will see our answer here and by e-mail."),
    Case.Mode.CABINET: _("We have your case. You will see our answer here."),
}
"""What is said after a case was opened; a chat shows the words themselves."""


def merged_words(case: Case) -> str:
    """For the page that a merged case leads to."""
    text = _("Case %(name)s was merged into this one.") % {
        "name": f"№ {case.number}" if case.number else f"“{case.subject}”"
    }
    return format_html(
        '{} <a href="{}?stay=1">{}</a>', text, reverse("cabinet:case", args=[case.pk]), _("Show it as it was")
    )


def too_old_words(case: Case) -> str:
    """Why a case is not opened again, with the way to a new one about the same."""
    return format_html(
        '{} <a href="{}?follow_up={}">{}</a>',
        _("This case was closed too long ago. Open a new one about it."),
        reverse("cabinet:case-new"),
        case.pk,
        _("New case about this"),
    )
