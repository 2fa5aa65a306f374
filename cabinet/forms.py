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

from cabinet import drafts
from cabinet.draft_models import Draft
from cabinet.models import MAX_SUBJECT, MAX_TEXT
from cabinet.uploads import Attachments, collect

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

    def __init__(self, request: HttpRequest, author: AbstractBaseUser, draft: Draft | None = None) -> None:
        self.attachments = Attachments()
        self.draft, self.offered_draft = draft, None
        self.typed: QueryDict = QueryDict("", mutable=True)
        if request.method == "POST":
            super().__init__(request.POST)
            self.attachments = collect(author, request.POST, request.FILES)
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
        if "text" in self.cleaned_data and not self.cleaned_data["text"] and not self.attachments.kept:
            self.add_error("text", self.empty_message)
        for problem in self.attachments.problems:
            self.add_error(None, problem)
        return self.cleaned_data

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
        words = [str(self.cleaned_data.get(name, "")) for name in ("subject", "text")]
        return uuid.uuid5(self.submission, "\0".join([*words, self.attachments.fingerprint]))


class CaseForm(MessageForm):
    """A new case: a subject line beside the text."""

    subject = OneLineField(
        label=_("Subject"),
        max_length=MAX_SUBJECT,
        error_messages={
            "required": _("Say in a few words what it is about."),
            "max_length": _("The subject is %(show_value)d characters long; %(limit_value)d fit."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ["subject", "text"]
    empty_message = _("Describe what happened, or attach a file.")

    def __init__(self, request: HttpRequest, author: AbstractBaseUser, draft: Draft | None = None) -> None:
        super().__init__(request, author, draft)
        self.fields["text"].label = _("What happened?")
        self.fields["text"].widget.attrs["rows"] = 9


def _submission(value: object) -> uuid.UUID:
    """The form's hidden key; a form without one, or with a broken one, is a submission of its own."""
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return uuid.uuid4()
