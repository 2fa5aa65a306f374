"""What people confirm about their data."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class ConsentForm(forms.Form):
    """Agreeing to the policy: a box that nobody has ticked beforehand."""

    agree = forms.BooleanField(
        label=gettext_lazy(
            "I agree to the processing of my personal data as the privacy policy describes it."
        ),
        error_messages={"required": gettext_lazy("Without your consent we cannot lead your cases here.")},
    )


class ErasureForm(forms.Form):
    """Erasing everything: a word typed on purpose."""

    word = forms.CharField(
        label="",
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Nothing was erased: the word is missing.")},
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["word"].label = _("To confirm, type the word “%(word)s”") % {"word": wanted_word()}

    def clean_word(self) -> str:
        word = str(self.cleaned_data["word"]).strip().strip("“”«»\"'").casefold()
        if word != wanted_word().casefold():
            raise forms.ValidationError(_("Nothing was erased: this is not the word."), code="word")
        return word


def wanted_word() -> str:
    """The word in the reader's language."""
    return _("erase")
