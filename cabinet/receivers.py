"""Listens to Django: remembers in the session when its person signed in, however that was."""

import time
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

SIGNED_IN_AT = "cabinet_signed_in_at"


@receiver(user_logged_in)
def remember_sign_in(request: HttpRequest | None, **_: Any) -> None:
    if request is not None:
        request.session[SIGNED_IN_AT] = time.time()


def signed_in_lately(request: HttpRequest, *, seconds: float) -> bool:
    """Whether this very session began so lately."""
    began = request.session.get(SIGNED_IN_AT)
    return isinstance(began, (int, float)) and 0 <= time.time() - began < seconds
