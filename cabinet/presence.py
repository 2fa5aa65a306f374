"""Who is there: an open page of a case says so about once a minute.

Hidden tabs say it too: whoever has the thread open is told by the tab itself, and no letter goes out.
"""

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser

from cabinet.models import Case, ReadMark

PRESENT_FOR = timedelta(seconds=150)
"""How long a word of an open page counts: two beats may be lost, and a browser wakes hidden tabs late."""


def here(*, user: AbstractBaseUser, case: Case, now: datetime) -> None:
    """An open page of the case is there. Not a word about how far it was read."""
    marks = ReadMark.objects.filter(user_id=user.pk, case=case)
    if not marks.update(seen_at=now):
        # Whoever makes the row at the same moment writes the same.
        ReadMark.objects.get_or_create(user_id=user.pk, case=case, defaults={"seen_at": now})


def there_until(mark: ReadMark | None, *, now: datetime) -> datetime | None:
    """When the person will have been away for certain; None if nobody is there."""
    if mark is None or mark.seen_at is None or mark.seen_at + PRESENT_FOR <= now:
        return None
    return mark.seen_at + PRESENT_FOR
