"""Where a case says what was asked for: the part around the first match, its words marked, safe to show."""

import re
import uuid
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from cabinet import models
from cabinet.search.words import Search, Term, initials_of, keys, keys_within, spots

LENGTH = 160
BEFORE = 50
"""Characters of an excerpt, and how many of them may stand before the first match."""

REACH = 4 * LENGTH
"""Characters of the text that are looked at on either side of it: blanks are many in mailed text."""


class Excerpt(NamedTuple):
    """What the best matching message of a case says; `author` and the like are those of a preview."""

    author: str
    author_name: str
    author_user_id: object
    marked: SafeString
    file_name: bool
    """Whether it is the name of a file that matches, and not what was written."""


def of(cases: Iterable[models.Case], search: Search) -> dict[uuid.UUID, Excerpt]:
    """An excerpt of each case in which a message says some of it, in one query.

    The message that says most counts, of several the latest. The cases must be the reader's own.
    """
    ids = [case.pk for case in cases]
    if not ids or not search.terms:
        return {}
    best = _best(ids, search).values_list(
        "message__case_id",
        "message__author",
        "message__author_name",
        "message__author_user_id",
        "message__text",
        "file_names",
    )
    return {
        case_id: Excerpt(author, name, user_id, *where)
        for case_id, author, name, user_id, text, names in best
        if (where := _where(text, names.split("\n"), search))
    }


def marked(text: str, search: Search | None, *, within: bool = False) -> str:
    """The text as HTML with the matching words marked; unchanged where nothing is searched."""
    if search is None:
        return text
    return _marked(text, _matches(text, search, within=within))


def excerpt(text: str, search: Search) -> SafeString | None:
    """The part of a text around its first match, in one line; None if nothing matches."""
    first = next(_matches(text, search), None)
    if first is None:
        return None
    start, end = first
    # Only this part of a long text is worked at.
    begin, stop = max(0, start - REACH), start + REACH
    before, cut_before = _last_words(_one_line(text[begin:start]), BEFORE)
    after, cut_after = _first_words(_one_line(text[start:stop]), LENGTH - len(before), least=end - start)
    shown = before + after.rstrip()
    return format_html(
        "{}{}{}",
        "…" if cut_before or begin else "",
        _marked(shown, _matches(shown, search)),
        "…" if cut_after or stop < len(text) else "",
    )


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _last_words(text: str, most: int) -> tuple[str, bool]:
    if len(text) <= most:
        return text.lstrip(), False
    cut = text[-most:]
    # A word without an end, an address perhaps, is cut anywhere.
    return (cut.partition(" ")[2] if " " in cut.rstrip() else cut), True


def _first_words(text: str, most: int, *, least: int) -> tuple[str, bool]:
    if len(text) <= most:
        return text, False
    cut = text[: max(most, least)]
    end = cut.rfind(" ", least)
    return (cut[:end] if end > 0 else cut), True


def _marked(text: str, matches: Iterable[tuple[int, int]]) -> SafeString:
    pieces, done = [], 0
    for start, end in matches:
        pieces.append(format_html("{}<mark>{}</mark>", text[done:start], text[start:end]))
        done = end
    return format_html_join("", "{}", ((piece,) for piece in (*pieces, text[done:])))


def _matches(text: str, search: Search, *, within: bool = False) -> Iterator[tuple[int, int]]:
    """Where the words begin and end that are asked for. `within`: a number or a file name."""
    initials = None if within else initials_of(term.key for term in search.terms)
    for start, end, word in spots(text, initials=initials):
        found = keys_within(word) if within else keys(word)
        if any(term.is_in(found) for term in search.terms):
            yield start, end


def _where(text: str, names: list[str], search: Search) -> tuple[SafeString, bool] | None:
    said = excerpt(text, search)
    if said is not None:
        return said, False
    matching = (name for name in names if any(_matches(name, search, within=True)))
    name = next(matching, None)
    return None if name is None else (_marked(name, _matches(name, search, within=True)), True)


def _best(case_ids: list[uuid.UUID], search: Search) -> QuerySet[models.SearchPassage]:
    terms = [_says(term) for term in search.terms]
    score = sum(
        (Case(When(term, then=Value(1)), default=Value(0), output_field=IntegerField()) for term in terms),
        Value(0),
    )
    place = Window(
        RowNumber(),
        partition_by=F("message__case_id"),
        order_by=[score.desc(), F("message__position").desc()],
    )
    passages = models.SearchPassage.objects.filter(message__case_id__in=case_ids)
    ranked = passages.filter(reduce(or_, terms)).annotate(place=place).filter(place=1)
    return models.SearchPassage.objects.filter(pk__in=ranked.values("pk"))


def _says(term: Term) -> Q:
    ways = Q(words__contains=f" {term.key} ")
    for beginning in filter(None, (term.beginning, term.piece)):
        ways |= Q(words__contains=f" {beginning}")
    return ways
