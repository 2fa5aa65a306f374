"""Whether an open page is still up to date: one tiny answer, nothing of the page itself.

Two queries, whatever is asked: the session, and the person together with the mark. `request.user` is not
used, because it would cost a third; the same checks are made here (active, and the session's hash of the
password, so that "signed out everywhere" holds here too).
"""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from cabinet import reading_marks
from cabinet.models import Case


def case_mark(revision: int, unread: int) -> str:
    """Changes whenever anything on the case's page does, the number of unread cases above it included."""
    return f'"{revision}-{unread}"'


def list_mark(count: int, changed: datetime | None, unread: int) -> str:
    """Changes whenever anything in the person's list does: a message makes a case newer, reading it one less
    unread."""
    return f'"{count}-{changed.timestamp() if changed else 0}-{unread}"'


def stream_address() -> str:
    """Where an open page listens: our own host, or the `live` process's if browsers reach that elsewhere."""
    return f"{getattr(settings, 'LIVE_URL', '')}{reverse('cabinet:stream')}"


def is_page_of(request: HttpRequest, user_id: int | str) -> bool:
    """Whether the open page that asks was made for this person: with scripts, a page of ours says for whom.

    Somebody else may have signed in since in the same browser, and what the page holds is not theirs.
    """
    return request.headers.get("X-Person", str(user_id)) == str(user_id)


@require_safe
def anything_new(request: HttpRequest) -> HttpResponse:
    """The current mark, or 304 while the page has it; 401 signed out, 404 not his case."""
    wanted = request.GET.get("case")
    people = _people(request.session)
    person = person_of(
        request.session, _with_case(people, wanted) if wanted is not None else _with_list(people)
    )
    if person is None or not is_page_of(request, person.pk):
        response = HttpResponse(status=401)
    else:
        mark = _mark_of_case(person) if wanted is not None else _mark_of_list(person)
        response = _answer(request, mark) if mark else HttpResponse(status=404)
    patch_cache_control(response, private=True, no_cache=True)
    patch_vary_headers(response, ["Cookie"])
    return response


@require_safe
def no_stream(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """`/live/stream/` where no `live` process is put in front: "do not come again" to an EventSource."""
    return HttpResponse(status=204)


def _answer(request: HttpRequest, mark: str) -> HttpResponse:
    known = request.headers.get("If-None-Match", "").removeprefix("W/")
    response = HttpResponse(mark, content_type="text/plain") if known != mark else HttpResponse(status=304)
    response["ETag"] = mark
    return response


def _mark_of_case(person: AbstractBaseUser) -> str:
    revision = getattr(person, "revision", None)
    return case_mark(revision, getattr(person, "unread", 0)) if revision else ""


def _mark_of_list(person: AbstractBaseUser) -> str:
    found = (getattr(person, name, None) for name in ("case_count", "changed", "unread"))
    count, changed, unread = found
    return list_mark(count or 0, changed, unread or 0)


def _people(session: SessionBase) -> QuerySet[AbstractBaseUser]:
    """Whoever may be signed in, with the number of cases in which something is new to him."""
    people: QuerySet[AbstractBaseUser] = get_user_model()._default_manager.annotate(
        unread=reading_marks.unread_of(_signed_in_id(session))
    )
    return people


def _with_list(people: QuerySet[AbstractBaseUser]) -> QuerySet[AbstractBaseUser]:
    return people.annotate(case_count=Count("cases"), changed=Max("cases__changed_at"))


def _with_case(people: QuerySet[AbstractBaseUser], case_id: str) -> QuerySet[AbstractBaseUser]:
    try:
        wanted = uuid.UUID(case_id)
    except ValueError:
        wanted = uuid.UUID(int=0)
    revision = Case.objects.filter(owner=OuterRef("pk"), pk=wanted).values("revision")
    return people.annotate(revision=Subquery(revision))


def _signed_in_id(session: SessionBase) -> object | None:
    """The id of the person whose session it says it is."""
    try:
        found: object = get_user_model()._meta.pk.to_python(session[SESSION_KEY])
    except (KeyError, ValidationError):
        return None
    return found


def person_of(session: SessionBase, people: QuerySet[AbstractBaseUser]) -> AbstractBaseUser | None:
    """Who is signed in, as Django's own middleware would say, taken out of `people`."""
    user_id = _signed_in_id(session)
    person = None if user_id is None else people.filter(pk=user_id).first()
    if person is None or not person.is_active:
        return None
    known = session.get(HASH_SESSION_KEY, "")
    hashes = [person.get_session_auth_hash(), *person.get_session_auth_fallback_hash()]
    return person if any(constant_time_compare(known, each) for each in hashes) else None
