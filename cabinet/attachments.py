"""All files of a case in one list, whichever message they came with."""

from dataclasses import dataclass

from cabinet.models import Case, CaseFile, Message
from cabinet.visits import Thread

SHOWN_AT_ONCE = 5
"""Of the list; the others unfold."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file with the message that brought it. `on_page`: the page shows that message."""

    file: CaseFile
    message: Message
    on_page: bool


@dataclass(frozen=True, slots=True)
class Attachments:
    """The newest first, and those beyond the first few apart."""

    first: list[Attachment]
    more: list[Attachment]

    def __len__(self) -> int:
        return len(self.first) + len(self.more)


def of(case: Case, thread: Thread) -> Attachments:
    """Every file of the thread. One question at most, and none where the whole thread is on the page."""
    found = [
        Attachment(file, message, on_page=True)
        for message in thread.messages
        if message.withdrawn_at is None
        for file in message.files.all()
    ]
    if thread.earlier:
        found += [
            Attachment(file, file.message, on_page=False)
            for file in _elsewhere(case, thread)
            if file.message is not None
        ]
    found.sort(key=lambda one: (-one.message.position, one.file.position))
    return Attachments(found[:SHOWN_AT_ONCE], found[SHOWN_AT_ONCE:])


def _elsewhere(case: Case, thread: Thread) -> list[CaseFile]:
    """Files of the messages that the page leaves out."""
    shown = [message.position for message in thread.messages if message.position < thread.first]
    files = CaseFile.objects.filter(message__case=case, message__withdrawn_at=None)
    files = files.filter(message__position__lt=thread.first).exclude(message__position__in=shown)
    unneeded = ("folded", "message__text", "message__html", "message__folded", "message__quoted_text")
    return list(files.select_related("message").defer(*unneeded).order_by("message__position", "position"))
