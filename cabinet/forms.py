"""What people may type. A form knows limits and words; writing it down is the services' work."""

import uuid
from typing import Any, cast

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.core.validators import EmailValidator
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.encoding import punycode
from django.utils.translation import gettext_lazy as _

from cabinet import drafts, modes, notices
from cabinet.draft_models import Draft
from cabinet.models import MAX_SUBJECT, MAX_TEXT, Case, Message
from cabinet.uploads import Attachments, collect, seconds_until_room, still_wanted
from cabinet.wording import FORM_LEAD, FORM_LEADS, MODE_WITH_NOTICES, MODES

_ONE_LINE = dict.fromkeys(range(32), " ") | {0: None, 127: None}
_LINES = dict.fromkeys([*range(9), 11, *range(14, 32), 127])


class OneLineField(forms.CharField):
    """A line of text: control characters, which a database or a mail header would refuse, are left out."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(str(value).translate(_ONE_LINE) if value else value)


class TextField(forms.CharField):
    """Lines of text with one kind of line end, so that its length is what the person sees."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        if value:
            value = str(value).replace("\r\n", "\n").replace("\r", "\n").translate(_LINES)
        return super().to_python(value)


class AddressForm(forms.Form):
    """Who wants in."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True, "spellcheck": "false"}),
    )

    def clean_email(self) -> str:
        address = str(self.cleaned_data["email"]).lower()
        try:
            # As the letter's header will: some names of hosts look right and cannot be written there.
            punycode(address.rpartition("@")[2])
        except UnicodeError as error:
            raise forms.ValidationError(EmailValidator.message, code="invalid") from error
        return address


class CodeForm(forms.Form):
    """The code out of the letter, however it was pasted."""

    code = forms.CharField(
        label=_("Code from the letter"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autofocus": True,
                "spellcheck": "false",
            }
        ),
    )


class MessageForm(forms.Form):
    """A reply: a text, files, or both. Its uploads are staged as soon as it is read.

    Before it is sent, it says what its draft says. Values out of the address go first: then the draft is
    only offered.
    """

    text = TextField(
        label=_("Your reply"),
        required=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"max_length": _("This is %(show_value)d characters long; %(limit_value)d fit.")},
    )
    empty_message = _("Write something or attach a file.")

    def __init__(
        self,
        request: HttpRequest,
        author: AbstractBaseUser,
        draft: Draft | None = None,
        *,
        fresh: bool = False,
    ) -> None:
        """`fresh`: what was posted is another form's."""
        self.author = author
        self.attachments = Attachments()
        self.draft, self.offered_draft = draft, None
        self.typed: QueryDict = QueryDict()
        if request.method == "POST" and not fresh:
            super().__init__(request.POST)
            self.attachments = collect(author, request.POST, request.FILES, seconds_until_room(request))
            self.wait_seconds = self.attachments.wait_seconds
        else:
            super().__init__()
            self._begin(request)
        self.submission = _submission(self.data.get("submission"))
        # The browser would cut off the end of a long text that is pasted, and say nothing.
        self.fields["text"].widget.attrs.pop("maxlength", None)

    def _begin(self, request: HttpRequest) -> None:
        """What stands in the form before anything is sent."""
        if any(request.GET.get(name) for name in self.fields):
            self.typed = request.GET
            self.draft, self.offered_draft = None, self.draft
        elif self.draft is not None:
            self.typed = drafts.values_of(self.draft)
            self.attachments = Attachments(kept=list(self.draft.files.all()))

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        if field_name not in self.typed:
            return super().get_initial_for_field(field, field_name)
        return field.widget.value_from_datadict(self.typed, MultiValueDict(), self.add_prefix(field_name))

    @property
    def seen(self) -> drafts.Seen:
        """The draft that the page knows of, or is about to show."""
        if self.is_bound and self.draft is None:
            return drafts.Seen.of(cast("QueryDict", self.data))
        return drafts.Seen(self.draft.revision if self.draft else 0)

    def clean(self) -> dict[str, Any]:
        says_nothing = (
            "text" in self.cleaned_data and not self.cleaned_data["text"] and not self.attachments.kept
        )
        if says_nothing and not self._has_arrived():
            self.add_error("text", self.empty_message)
        for problem in self.attachments.problems:
            self.add_error(None, problem)
        return self.cleaned_data

    def _has_arrived(self) -> bool:
        """Whether these are nothing but files, sent before by this very form."""
        if self.errors or not self.attachments.sent:
            return False
        key = self.submission_key
        replies = Message.objects.filter(author_user_id=self.author.pk, submission_key=key)
        return replies.exists() or Case.objects.filter(owner_id=self.author.pk, submission_key=key).exists()

    @property
    def only_closes(self) -> bool:
        """The case is to be closed, and nothing was written or attached, well or badly."""
        nothing = not (self.attachments.kept or self.attachments.problems)
        return nothing and "close" in self.data and not str(self.data.get("text", "")).strip()

    @property
    def submission_key(self) -> uuid.UUID:
        """The same for a second click; another one when a page was gone back to and something else was typed.

        The hidden key alone would swallow what is typed after Back, because browsers restore the old key.
        """
        return uuid.uuid5(self.submission, "\0".join([*self.identity, self.attachments.fingerprint]))

    @property
    def identity(self) -> list[str]:
        """What makes one submission another than the one before."""
        return [str(self.cleaned_data.get(name, "")) for name in ("subject", "text")]


class ChatForm(MessageForm):
    """What is said in the chat."""

    def __init__(
        self,
        request: HttpRequest,
        author: AbstractBaseUser,
        draft: Draft | None = None,
        *,
        fresh: bool = False,
    ) -> None:
        super().__init__(request, author, draft, fresh=fresh)
        self._by_script = bool(request.headers.get("HX-Request"))
        count = len(still_wanted(request.POST)) + len(request.FILES.getlist("files"))
        self._file_count = count if self.is_bound else 0
        self.fields["text"].label = _("Your message")
        self.fields["text"].widget.attrs |= {"rows": 1, "placeholder": _("Write a message")}

    def clean(self) -> dict[str, Any]:
        # A page may keep them longer than uploads wait here: words about a file do not go without it.
        if len(self.attachments.kept) + len(self.attachments.problems) < self._file_count:
            self.add_error(None, _("A file is no longer kept here: take it out, or attach it again."))
        return super().clean()

    @property
    def submission_key(self) -> uuid.UUID:
        """The page's script gives each message a key of its own, and none to anything else."""
        return self.submission if self._by_script else super().submission_key


class ChatSettingsForm(forms.Form):
    """How the person likes the chat; each a box that is ticked or not."""

    enter_sends = forms.BooleanField(label=_("Enter sends, Shift + Enter begins a line"), required=False)
    chat_sound = forms.BooleanField(label=_("A sound for an answer"), required=False)
    chat_flash = forms.BooleanField(label=_("The tab's title blinks for an answer"), required=False)


class CaseForm(MessageForm):
    """A new case: a subject line beside the text, and a mode where several are open to the person.

    A form without a mode means the first one.
    """

    subject = OneLineField(
        label=_("Subject"),
        max_length=MAX_SUBJECT,
        error_messages={
            "required": _("Say in a few words what it is about."),
            "max_length": _("The subject is %(show_value)d characters long; %(limit_value)d fit."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    mode = forms.ChoiceField(
        label=_("How would you like our answer?"),
        required=False,
        widget=forms.RadioSelect,
        error_messages={
            "invalid_choice": _("This way of answering is not offered here. Choose another one.")
        },
    )
    field_order = ["subject", "text", "mode"]
    empty_message = _("Describe what happened, or attach a file.")

    def __init__(self, request: HttpRequest, author: AbstractBaseUser, draft: Draft | None = None) -> None:
        super().__init__(request, author, draft)
        self.fields["text"].label = _("What happened?")
        self.fields["text"].widget.attrs["rows"] = 9
        self.modes = modes.open_to(author)
        choices = [(mode.value, mode_choice(mode, author)) for mode in self.modes]
        self.fields["mode"].choices = choices  # type: ignore[attr-defined]
        self.initial["mode"] = self.modes[0] if self.modes else ""

    @property
    def lead(self) -> str:
        """What the form promises: more than one mode promises nothing beyond an answer."""
        return str(FORM_LEADS[self.modes[0]] if len(self.modes) == 1 else FORM_LEAD)

    def clean_mode(self) -> Case.Mode:
        chosen = self.cleaned_data["mode"]
        return Case.Mode(chosen) if chosen else self.modes[0]

    @property
    def submission_key(self) -> uuid.UUID:
        """Gone back and another mode chosen: that is another case, in another place."""
        key, mode = super().submission_key, self.cleaned_data["mode"]
        return key if mode == self.modes[0] else uuid.uuid5(key, mode)


def mode_choice(mode: Case.Mode, person: AbstractBaseUser) -> str:
    """What choosing this mode means for this person, in a sentence."""
    told = mode == Case.Mode.CABINET and notices.are_possible(user=person) and notices.wanted_by(person)
    return str(MODE_WITH_NOTICES if told else MODES[mode])


def _submission(value: object) -> uuid.UUID:
    """The form's hidden key; a form without one, or with a broken one, is a submission of its own."""
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return uuid.uuid4()
