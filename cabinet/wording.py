"""What is said to people about states and failures, in one place."""

from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from cabinet import notices
from cabinet.models import Case

TAB_NAMES = {
    "all": pgettext_lazy("cases", "All"),
    "turn": _("Your turn"),
    "open": pgettext_lazy("cases", "Open"),
    "closed": pgettext_lazy("cases", "Closed"),
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

UNAVAILABLE = {
    Case.Availability.MERGED: _("This case was merged into another one. The conversation goes on there."),
    Case.Availability.SPAM: _(
        "This case was marked as spam, so it cannot be answered. If that is a mistake, open a new one."
    ),
    Case.Availability.DELETED: _("Support has deleted this case. What you wrote stays readable here."),
    Case.Availability.ARCHIVED: _("This case is in the archive and can only be read."),
    Case.Availability.MOVED: _(
        "This case was handed to another person. New messages are no longer shown here."
    ),
}
"""Why nothing more can be written in a case."""


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


def mode_choice(mode: Case.Mode, person: AbstractBaseUser) -> str:
    """What choosing this mode means for this person, in a sentence."""
    told = mode == Case.Mode.CABINET and notices.are_possible(user=person) and notices.wanted_by(person)
    return str(MODE_WITH_NOTICES if told else MODES[mode])


def standing(case: Case) -> tuple[str, str]:
    """How a case stands: a word for its looks and the words for people."""
    if case.availability:
        return "gone", str(Case.Availability(case.availability).label)
    kind = {Case.Status.WAITING: "turn", Case.Status.OPEN: "open", Case.Status.CLOSED: "closed"}
    status = Case.Status(case.status)
    return kind[status], str(status.label)
