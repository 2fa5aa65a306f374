"""The list, a new case, one case and what can be done with it."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cabinet import drafts, interrupted, live, selectors, services, visits
from cabinet.draft_models import Draft
from cabinet.forms import CaseForm, MessageForm
from cabinet.models import Case, Message
from cabinet.views.access import PersonRequest, signed_in, to_sign_in
from cabinet.wording import TAB_NAMES

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
    """The person's cases. Tab, query and page stand in the address, so Back and bookmarks work."""
    tab = request.GET.get("tab", "")
    tab = tab if tab in selectors.TABS else "all"
    query = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_QUERY]
    # The mark is read first: what changes while the page is made is then news to it.
    counts, unread, changed = selectors.overview(request.user)
    context: dict[str, object] = {"tab": tab, "query": query, "unread": unread}
    cases = selectors.matching(selectors.cases_under(request.user, tab), query)
    paginator = Paginator(cases, PAGE_SIZE)
    if not query:
        paginator.count = counts[tab]
    page = paginator.get_page(request.GET.get("page"))
    previews = selectors.previews(page, request.user)
    context |= {"page": page, "rows": [(case, previews.get(case.pk)) for case in page]}
    context |= {"tabs": [(name, label, counts[name]) for name, label in TAB_NAMES.items()]}
    context |= {"total": counts["all"]}
    return _live(request, "cabinet/case_list.html", context, live.list_mark(counts["all"], changed, unread))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def case_new(request: PersonRequest) -> HttpResponseBase:
    """The form for a new case; a good one leads to the case's page."""
    if not selectors.address_of(request.user):
        # Signed in by other means of the site: without a proved address nobody could answer.
        return to_sign_in(request)
    if request.method != "POST":
        form = CaseForm(request, request.user, _draft(request, None))
        return render(request, "cabinet/case_new.html", {"form": form})
    form = CaseForm(request, request.user)
    if not form.is_valid():
        _keep(request, form, None)
        return render(request, "cabinet/case_new.html", {"form": form}, status=422)
    case = services.open_case(
        owner=request.user,
        subject=form.cleaned_data["subject"],
        text=form.cleaned_data["text"],
        files=form.attachments.kept,
        submission_key=form.submission_key,
        seen=form.seen,
    )
    messages.success(request, _("We have your case. You will see our answer here and by e-mail."))
    return redirect("cabinet:case", case.pk)


@signed_in
@require_safe
def case_page(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """One case with its thread."""
    form = MessageForm(request, request.user, _draft(request, case_id))
    return _show(request, case_id, form)


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
    if not form.is_valid():
        return _sent_back(request, case, form)
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
        return _sent_back(request, case, form)
    return redirect("cabinet:case", case_id)


@signed_in
@require_POST
def close(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """The customer says it is solved."""
    try:
        services.close_case(case=_case(request, case_id))
    except services.CaseUnavailable:
        messages.error(request, _("This case can no longer be changed."))
    return redirect("cabinet:case", case_id)


@signed_in
@require_POST
def reopen(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """The customer says it is not solved after all."""
    try:
        services.reopen_case(case=_case(request, case_id))
    except services.CaseUnavailable:
        messages.error(request, _("This case can no longer be changed."))
    return redirect("cabinet:case", case_id)


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
    except services.CaseUnavailable:
        messages.error(request, _("This case can no longer be changed."))
    return redirect("cabinet:case", case_id)


def _case(request: PersonRequest, case_id: uuid.UUID) -> Case:
    """The person's case; a stranger's does not exist."""
    return get_object_or_404(selectors.cases_of(request.user), pk=case_id)


def _draft(request: PersonRequest, case_id: uuid.UUID | None) -> Draft | None:
    """What was typed on this page before, also what waited for its person to sign in again."""
    interrupted.hand_over(request, case_id=case_id)
    return drafts.find(request.user, case_id)


def _keep(request: PersonRequest, form: MessageForm, case: Case | None) -> None:
    """A form that comes back is a draft too: the page may be closed over it."""
    try:
        typed = drafts.Typed.of(request.POST)
    except drafts.TooMuch:
        return
    saved = drafts.save(
        user=request.user,
        case=case,
        typed=typed,
        seen=form.seen,
        now=timezone.now(),
        files=form.attachments.kept,
    )
    form.draft = saved.draft


def _show(request: PersonRequest, case_id: uuid.UUID, form: MessageForm, status: int = 200) -> HttpResponse:
    case = visits.find(request.user, case_id)
    visit = visits.Visit.of(request)
    thread = visits.open_thread(user=request.user, case=case, visit=visit, now=timezone.now())
    unread: int = getattr(case, "unread", 0)
    context = {"case": case, "thread": thread, "form": form, "unread": unread}
    return _live(request, "cabinet/case.html", context, live.case_mark(case.revision, unread), status=status)


def _sent_back(request: PersonRequest, case: Case, form: MessageForm) -> HttpResponse:
    _keep(request, form, case)
    return _show(request, case.pk, form, status=422)


def _live(
    request: PersonRequest, template: str, context: dict[str, object], mark: str, *, status: int = 200
) -> HttpResponse:
    """A page that follows what changes. Its mark stands in a header too, for who fetches only parts of it."""
    context |= {"mark": mark, "stream": live.stream_address()}
    response = render(request, template, context, status=status)
    response["X-Live-Mark"] = mark
    return response
