"""The cases in which everything occurs that is asked for. It narrows a queryset down and never widens one."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import BooleanField, Case, F, Func, IntegerField, Q, QuerySet, Value, When

from cabinet import models
from cabinet.search.schema import ENTRIES, INDEX, VECTOR
from cabinet.search.words import Search, Term, owner_key


def found(cases: QuerySet[models.Case], search: Search, user: AbstractBaseUser) -> QuerySet[models.Case]:
    """Those of the cases that say all of it, in their own order; a number that was written whole comes first.

    `cases` must be this person's own already. When people share cases, their owners belong to the question.
    """
    if not search.terms:
        return cases.none()
    cases = cases.filter(says(search, user))
    if not search.numbers:
        return cases
    exact = Case(
        When(number__in=search.numbers, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    return cases.order_by(exact, *cases.query.order_by)


def says(search: Search, user: AbstractBaseUser) -> Q:
    """That a case of this person's own says all of it."""
    if not search.terms:
        return Q(pk__in=[])
    return Q(Says(search, owner_key(user.pk)))


class Says(Func):
    """Whether a case says every term and is of this owner, as the database's own index answers it."""

    output_field = BooleanField()

    def __init__(self, search: Search, owner: str) -> None:
        self.search, self.owner = search, owner
        super().__init__(F("pk"))

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ARG002
        case, params = compiler.compile(self.source_expressions[0])
        # Quoted, a key is a key: nothing in it is an operator.
        asked = [f'"{self.owner}"', *(_either('"{}"', '"{}"*', " OR ", term) for term in self.search.terms)]
        # From the case to its entry, which an index tells: the other way every entry found would be fetched
        # with all its words, and a page of twenty could not stop at the twentieth.
        sql = (
            f"EXISTS (SELECT 1 FROM {ENTRIES} entry WHERE entry.case_id = {case}"  # noqa: S608
            f" AND entry.id IN (SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH %s))"
        )
        return sql, (*params, " AND ".join(asked))

    def as_postgresql(self, compiler: Any, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        case, params = compiler.compile(self.source_expressions[0])
        asked = [f"'{self.owner}'", *(_either("'{}'", "'{}':*", " | ", term) for term in self.search.terms)]
        vector = VECTOR.format(column="entry.words")
        sql = f"{case} IN (SELECT entry.case_id FROM {ENTRIES} entry WHERE {vector} @@ %s::tsquery)"  # noqa: S608
        return sql, (*params, " & ".join(asked))


def _either(whole: str, beginning: str, either: str, term: Term) -> str:
    ways = [whole.format(term.key), *(beginning.format(key) for key in (term.beginning, term.piece) if key)]
    return f"({either.join(ways)})"
