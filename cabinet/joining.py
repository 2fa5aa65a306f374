"""Two ways in, one person: who has signed in here with a code, and comes by the company's site now.

The site's word for an address opens a new account, never one that already belongs to whoever reads that
address here. So the hand-over waits in the browser's session until a code sent there has come back.
"""

import time

from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from cabinet.models import Profile

KEY = "cabinet_joining"
PATIENCE_SECONDS = 3600


def remember(session: SessionBase, *, external_id: str, address: str) -> None:
    """Keeps in this browser what a code to the address would join."""
    session[KEY] = {"external_id": external_id, "address": address, "until": time.time() + PATIENCE_SECONDS}


def complete(request: HttpRequest, address: str) -> bool:
    """Joins what waits to the person who has just signed in by this address. False if nothing was joined.

    Somebody who has an id of the site keeps it, and an id that has a person keeps him.
    """
    waiting = request.session.pop(KEY, None)
    if waiting is None or not request.user.is_authenticated:
        return False
    if waiting["address"] != address.lower() or waiting["until"] < time.time():
        return False
    profile, _ = Profile.objects.get_or_create(user_id=request.user.pk)
    try:
        with transaction.atomic():
            free = Profile.objects.filter(pk=profile.pk, external_id=None)
            return bool(free.update(external_id=waiting["external_id"]))
    except IntegrityError:
        return False
