"""The list, a new case, one case and what can be done with it."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cabinet import (
    attachments,
    chat,
    following,
    limits,
    live,
    modes,
    selectors,
    services,
    standings,
    visits,
)
from cabinet.forms import MessageForm
from cabinet.models import Case, Message
from cabinet.new_case import NewCaseForm
from cabinet.rating import asking
from cabinet.rating_form import RatingForm
from cabinet.search import excerpts
from cabinet.search.lookup import found
from cabinet.search.words import Search
from cabinet.views import chat as chat_page
from cabinet.views.access import PersonRequest, next_page, signed_in, to_sign_in
from cabinet.views.drafts import draft_of, keep_as_draft
from cabinet.wording import ORDER_NAMES, RECEIVED, TAB_NAMES, merged_words, too_old_words

PAGE_SIZE = 20
LONGEST_QUERY = 200


@signed_in
@require_safe
def home(request: PersonRequest) -> HttpResponse:  # noqa: ARG001
    """The front door leads to the list."""
    return redirect("cabinet:case-list")


@signed_in
@require_safe
def case_list(request: PersonRequest) -> HttpResponse:
    """The person's cases. Tab, query, order and page stand in the address, so Back and bookmarks work."""
    tab, order = request.GET.get("tab", ""), request.GET.get("sort", "")
    tab = tab if tab in selectors.TABS else "all"
    order = order if order in selectors.ORDERS else ""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_QUERY]
    # The mark is read first: what changes while the page is made is then news to it.
    search = Search.of(query) if query else None
    counts, total, unread, changed = selectors.overview(request.user, search)
    mark = live.list_mark(total, changed, unread)
    context: dict[str, object] = {"tab": tab, "query": query, "unread": unread, "total": total}
    context |= {"order": order, "orders": ORDER_NAMES.items()}
    cases = selectors.cases_under(request.user, tab, order)
    paginator = Paginator(found(cases, search, request.user) if search else cases, PAGE_SIZE)
    paginator.count = counts[tab]
    page = paginator.get_page(request.GET.get("page"))
    previews = selectors.previews(page, request.user)
    context |= {"page": page, "rows": [(case, previews.get(case.pk)) for case in page]}
    context |= {"tabs": [(name, label, counts[name]) for name, label in TAB_NAMES.items()]}
    context |= {"search": search, "excerpts": excerpts.of(page, search) if search else {}}
    return _live(request, "cabinet/case_list.html", context, mark)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def case_new(request: PersonRequest) -> HttpResponseBase:
    """The form for a new case; a good one leads to where the case is read."""
    offered = modes.open_to(request.user)
    if not offered:
        # Signed in by other means of the site: without a proved address nobody could answer by mail.
        return to_sign_in(request)
    if request.method != "POST" and offered == [Case.Mode.CHAT]:
        return redirect("cabinet:chat")
    draft = draft_of(request, None) if request.method != "POST" else None
    form = NewCaseForm(request, request.user, draft, address=request.path)
    if request.method != "POST" or form.only_switches:
        return render(request, "cabinet/case_new.html", {"form": form})
    if not form.is_valid() or limits.over(request, form, limits.CASE):
        keep_as_draft(request, form, None)
        return limits.refused(render(request, "cabinet/case_new.html", {"form": form}), form)
    case = services.open_case(
        owner=request.user,
        subject=form.cleaned_data["subject"],
        text=form.cleaned_data["text"],
        files=form.attachments.kept,
        mode=form.cleaned_data["mode"],
        topic=form.chosen,
        answers=form.answers,
        follow_up_of=form.follow_up,
        submission_key=form.submission_key,
        seen=form.seen,
    )
    if said := RECEIVED.get(Case.Mode(case.mode)):
        messages.success(request, said)
    return HttpResponseRedirect(chat.page_of(case))


@signed_in
@require_safe
def case_page(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """One case with its thread. One that was merged leads to where it goes on, unless asked to `stay`.

    An open page that looks for news stays where it is: the other case is another page.
    """
    case = visits.find(request.user, case_id)
    if case.goes_on_in and not request.headers.get("HX-Request") and "stay" not in request.GET:
        messages.info(request, merged_words(case))
        return redirect("cabinet:case", case.goes_on_in.pk)
    return _show(request, case, MessageForm(request, request.user, draft_of(request, case_id)))


@signed_in
@require_POST
def reply(request: PersonRequest, case_id: uuid.UUID) -> HttpResponseBase:
    """The customer answers; a bad form comes back with everything typed and attached.

    With `close` the case is closed after the reply, or at once if nothing was written.
    """
    case = _case(request, case_id)
    form = MessageForm(request, request.user)
    if form.only_closes:
        return close(request, case_id)
    if not form.is_valid() or limits.over(request, form, limits.POST):
        keep_as_draft(request, form, case)
        return limits.refused(_show(request, visits.find(request.user, case_id), form), form)
    try:
        services.post_reply(
            case=case,
            author=request.user,
            text=form.cleaned_data["text"],
            files=form.attachments.kept,
            submission_key=form.submission_key,
            close="close" in request.POST,
            seen=form.seen,
        )
    except services.CaseUnavailable:
        keep_as_draft(request, form, case)
        return _show(request, visits.find(request.user, case_id), form, status=422)
    return redirect("cabinet:case", case_id)


@limits.paced
@signed_in
@require_POST
def close(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """The customer says it is solved."""
    try:
        services.close_case(case=_case(request, case_id))
    except services.CaseUnavailable:
        messages.error(request, _("This case can no longer be changed."))
    return _back(request, case_id)


@limits.paced
@signed_in
@require_POST
def reopen(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """The customer says it is not solved after all."""
    case = _case(request, case_id)
    try:
        services.reopen_case(case=case)
    except services.CaseTooOld:
        messages.error(request, too_old_words(case))
    except services.CaseUnavailable:
        messages.error(request, _("This case can no longer be changed."))
    return redirect("cabinet:case", case_id)


@limits.paced
@signed_in
@require_POST
def rate(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """The customer says how it went. Only a form does: what follows links in letters votes for nothing."""
    case = _case(request, case_id)
    form = RatingForm(request.POST)
    if not form.is_valid():
        if (in_chat := chat_page.rate_again(request, case, form)) is not None:
            return in_chat
        reply_form = MessageForm(request, request.user, draft_of(request, case_id), fresh=True)
        return _show(request, visits.find(request.user, case_id), reply_form, 422, rating_form=form)
    rating, comment = Case.Rating(form.cleaned_data["rating"]), form.cleaned_data["comment"]
    try:
        services.rate_case(case=case, rating=rating, comment=comment)
        messages.success(request, _("Thank you. Support will see your rating."))
    except services.CannotRate:
        messages.error(request, _("This case cannot be rated now."))
    return _back(request, case_id)


@limits.paced
@signed_in
@require_POST
def retry(request: PersonRequest, case_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """Sends a message once more that was not delivered."""
    case = _case(request, case_id)
    message = get_object_or_404(Message, pk=message_id, case=case)
    try:
        services.retry_message(message=message)
    except services.NothingToRetry:
        messages.info(request, _("There is nothing to send again: look at the message's state."))
    except services.CaseTooOld:
        messages.error(request, too_old_words(case))
    except services.CaseUnavailable:
        messages.error(request, _("This case can no longer be changed."))
    return _back(request, case_id)


def _case(request: PersonRequest, case_id: uuid.UUID) -> Case:
    """The person's case; a stranger's does not exist."""
    return get_object_or_404(selectors.cases_of(request.user), pk=case_id)


def _back(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """To the page with the button: the chat names itself as `next`."""
    return HttpResponseRedirect(next_page(request) or reverse("cabinet:case", args=[case_id]))


def _show(
    request: PersonRequest,
    case: Case,
    form: MessageForm,
    status: int = 200,
    rating_form: RatingForm | None = None,
) -> HttpResponse:
    """`case` is one out of `visits.find`."""
    now = timezone.now()
    thread = visits.open_thread(user=request.user, case=case, visit=visits.Visit.of(request), now=now)
    unread: int = getattr(case, "unread", 0)
    context = {"case": case, "thread": thread, "form": form, "unread": unread}
    context |= {"attachments": attachments.of(case, thread)}
    context |= {"too_old": following.is_over(case, now=now), "newer": following.newer(case)}
    context["undelivered"] = standings.undelivered(case)
    context |= {"rating": asking(case, now=now).value, "rating_form": rating_form or RatingForm.of(case)}
    return _live(request, "cabinet/case.html", context, live.case_mark(case.revision, unread), status=status)


def _live(
    request: PersonRequest, template: str, context: dict[str, object], mark: str, *, status: int = 200
) -> HttpResponse:
    """A page that follows what changes. Its mark stands in a header too, for who fetches only parts of it."""
    context |= {"mark": mark, "stream": live.stream_address()}
    response = render(request, template, context, status=status)
    response["X-Live-Mark"] = mark
    return response
