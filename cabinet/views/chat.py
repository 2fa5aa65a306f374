"""The chat: its page, what is said there, and how the person likes it; and "I am here" of open pages."""

import uuid

from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from cabinet import chat, drafts, limits, live, notices, presence, selectors
from cabinet.forms import ChatForm, ChatSettingsForm
from cabinet.models import Case, Message, Profile
from cabinet.rating import Asking, asking
from cabinet.rating_form import RatingForm
from cabinet.views.access import PersonRequest, next_page, signed_in
from cabinet.views.drafts import draft_of, keep_as_draft
from cabinet.visits import Visit


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def conversation(request: PersonRequest) -> HttpResponseBase:
    """All the person's chats as one conversation; a POST says something in it."""
    _must_be_on()
    if request.method != "POST":
        return _show(request, _begun(request))
    form = ChatForm(request, request.user)
    is_good, seen = form.is_valid(), form.seen
    message = chat.said_before(request.user, form.submission_key)
    if message is None and (not is_good or limits.over(request, form, _limits_of(request))):
        if not request.headers.get("HX-Request"):
            keep_as_draft(request, form, drafts.CHAT)
        return limits.refused(_show(request, form), form)
    message = chat.say(
        author=request.user,
        text=message.text if message else form.cleaned_data["text"],
        files=form.attachments.kept,
        submission_key=form.submission_key,
        seen=seen,
    )
    if request.headers.get("HX-Request"):
        # The page's own script shows the words already, and learns here which message they have become.
        return HttpResponse(status=201, headers={"Location": f"{reverse('cabinet:chat')}#m-{message.pk}"})
    return redirect("cabinet:chat")


@signed_in
@require_POST
def settings(request: PersonRequest) -> HttpResponse:
    """Enter, sound and flashing title, as the person likes them. What is not ticked is off."""
    _must_be_on()
    form = ChatSettingsForm(request.POST)
    form.full_clean()
    Profile.objects.update_or_create(user_id=request.user.pk, defaults=form.cleaned_data)
    return redirect("cabinet:chat")


@signed_in
@require_POST
def here(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """An open page of the case is there: no letter is needed meanwhile."""
    case = get_object_or_404(selectors.cases_of(request.user), pk=case_id)
    presence.here(user=request.user, case=case, now=timezone.now())
    return HttpResponse(status=204)


def _limits_of(request: PersonRequest) -> tuple[str, ...]:
    """Words that begin a chat are a new case, too."""
    current = chat.current_chat(request.user)
    return limits.POST if current is not None and current.accepts_messages else limits.CASE


def _once_said(request: PersonRequest) -> str:
    """Words of the person that a chat did not take any more, to be sent in the next one."""
    try:
        wanted = uuid.UUID(request.GET.get("again", ""))
    except ValueError:
        return ""
    own = Message.objects.filter(case__in=chat.chats_of(request.user), author_user_id=request.user.pk)
    return own.filter(pk=wanted).values_list("text", flat=True).first() or ""


def _begun(request: PersonRequest) -> ChatForm:
    """The form with what is not sent yet, and before it what the person wants to say once more."""
    if request.headers.get("HX-Request"):
        # An open page looks for news: its box is its own.
        return ChatForm(request, request.user)
    form = ChatForm(request, request.user, draft_of(request, drafts.CHAT))
    if again := _once_said(request):
        typed = str(form.get_initial_for_field(form.fields["text"], "text") or "")
        form.typed = QueryDict(mutable=True)
        form.typed["text"] = typed if again in typed else f"{again}\n\n{typed}".strip()
    return form


def _must_be_on() -> None:
    if not chat.is_on():
        raise Http404


def rate_again(request: PersonRequest, case: Case, form: RatingForm) -> HttpResponse | None:
    """The chat with a rating of it that has to be put right; None where that rating is not asked for here."""
    if next_page(request).partition("?")[0] != reverse("cabinet:chat") or not chat.is_on():
        return None
    current = chat.current_chat(request.user)
    if current is None or current.pk != case.pk:
        return None
    said = ChatForm(request, request.user, draft_of(request, drafts.CHAT), fresh=True)
    return _show(request, said, 422, rating_form=form)


def _show(
    request: PersonRequest, form: ChatForm, status: int = 200, rating_form: RatingForm | None = None
) -> HttpResponse:
    # The mark is read first: what changes while the page is made is then news to it. It is the list's mark,
    # since another tab may begin the next chat.
    _counts, total, unread, changed = selectors.overview(request.user)
    talk = chat.conversation(request.user, shown=_shown(request))
    news = chat.news(talk, user=request.user)
    if Visit.of(request).looking:
        unread -= chat.read(talk, news, user=request.user, now=timezone.now())
    mark = live.list_mark(total, changed, unread)
    context: dict[str, object] = {"mark": mark, "stream": live.stream_address(), "unread": unread}
    profile, _made = Profile.objects.get_or_create(user_id=request.user.pk)
    context["first_new"] = _first_new(request, news)
    context |= {"talk": talk, "case": talk.current, "form": form, "profile": profile}
    context |= {"begins_anew": talk.is_over and "new" in request.GET, "letters": notices.switched_on()}
    if talk.is_over and talk.current is not None:
        context["closed_by_you"] = chat.was_closed_by_owner(talk.current)
        context["rating"] = asking(talk.current, now=timezone.now()).value
        context["rating_form"] = rating_form or RatingForm.of(talk.current)
        context["rating_back"] = reverse("cabinet:chat")
    else:
        context["rating"] = Asking.NOTHING.value
    response = render(request, "cabinet/chat.html", context, status=status)
    response["X-Live-Mark"] = mark
    return response


def _first_new(request: PersonRequest, news: list[Message]) -> uuid.UUID | None:
    """The message under the "new" line: an open page says again which it was when its visit began.

    What comes while the page is open gets no line: it is a conversation.
    """
    if not request.headers.get("HX-Request"):
        return news[0].pk if news else None
    try:
        return uuid.UUID(request.headers.get("X-Visit-Since", ""))
    except ValueError:
        return None


def _shown(request: PersonRequest) -> int:
    """How many messages the address asks for; whatever cannot be read as that means the usual number."""
    asked = request.GET.get("shown", "")
    number = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 0
    return min(max(number, chat.PAGE_SIZE), chat.MOST_SHOWN)
