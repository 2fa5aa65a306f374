"""What people may say of a case that is solved."""

from django import forms
from django.utils.translation import gettext_lazy as _

from cabinet.forms import TextField
from cabinet.models import Case
from cabinet.rating import MAX_COMMENT


class RatingForm(forms.Form):
    """How it went, and in words why."""

    rating = forms.ChoiceField(
        label=_("How did we do?"),
        choices=Case.Rating.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose one of the three."),
            "invalid_choice": _("Choose one of the three."),
        },
    )
    comment = TextField(
        label=_("What was good, what was not? (if you like)"),
        required=False,
        max_length=MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"max_length": _("This is %(show_value)d characters long; %(limit_value)d fit.")},
    )

    @classmethod
    def of(cls, case: Case) -> "RatingForm":
        """With what was said before."""
        return cls(initial={"rating": case.rating, "comment": case.rating_comment})
