"""How quick the search is on a large account, beside the way before it: looking for parts of words in texts.

    python -m scripts.measure_search [--cases 100000] [--rounds 15]
    python -m scripts.services python -m scripts.measure_search        (on PostgreSQL)

Builds a database of its own and drops it. One person has a tenth of the cases. Both ways are asked in turn,
in one run, so that the ratio says something where seconds depend on the machine.
"""

import argparse
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import AbstractBaseUser  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Exists, OuterRef, Q, QuerySet  # noqa: E402
from django.utils import timezone  # noqa: E402

from cabinet import desk, selectors, services  # noqa: E402
from cabinet.models import Case, CaseFile, Message  # noqa: E402
from cabinet.search import excerpts, fold  # noqa: E402
from cabinet.search.indexing import Indexer  # noqa: E402
from cabinet.search.lookup import found  # noqa: E402
from cabinet.search.words import Search  # noqa: E402

PAGE = 20
PEOPLE = 300
BATCH = 1000
# Word forms of everyday letters; each text also has rare words, as numbers of orders and names are.
COMMON = """
здравствуйте добрый день заказ заказа заказу заказом доставка доставку доставки принтер принтера принтером
счёт счета счётом оплата оплатили оплату документ документы документов письмо письма договор договора
пожалуйста спасибо проверьте ответ ответа вопрос вопросы клиент клиента телефон телефона адрес адреса
please order orders delivery printer printers invoice invoices payment document documents thanks account
accounts question answer address phone working works broken returned returning yesterday tomorrow
""".split()  # noqa: SIM905

QUERIES = {
    "a word of nearly every case": "заказами",
    "a word of some cases": "редкости",
    "a word that nobody wrote": "абракадабра",
    "three words": "принтеры счета delivery",
    "a word being typed": "дост",
    "three letters": "при",
    "a number": "100-004500",
    "a piece of a number": "4500",
    "the name of a file": "report-300",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    connection.creation.create_test_db(verbosity=0, serialize=False)
    try:
        print(f"{connection.vendor}, {options.cases} cases")
        people = build(options.cases)
        for who, user in people.items():
            measure(who, user, options.rounds)
            measure_writing(user, options.rounds)
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)
    return 0


def build(count: int) -> dict[str, AbstractBaseUser]:
    chance = random.Random(1)  # noqa: S311
    users = get_user_model().objects
    people = [users.create(username=f"person-{number}") for number in range(PEOPLE)]
    began = time.monotonic()
    for start in range(0, count, BATCH):
        owners = [
            people[0] if n % 10 == 0 else people[1 + n % (PEOPLE - 1)] for n in range(start, start + BATCH)
        ]
        _insert(start, owners, chance)
    print(f"rows    {time.monotonic() - began:7.1f} s")
    began = time.monotonic()
    Indexer().index_many(list(Case.objects.values_list("pk", flat=True)))
    print(f"indexed {time.monotonic() - began:7.1f} s, {_index_size()}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    return {"a person with a tenth of the cases": people[0], "a person with few cases": people[7]}


def _insert(start: int, owners: list[Any], chance: random.Random) -> None:
    now = timezone.now()
    cases = [_case(number, owner, now) for number, owner in enumerate(owners, start)]
    messages = [message for case in cases for message in _messages(case, now, chance)]
    files = [
        CaseFile(message=message, name=name, folded=name, size=1, created_at=now)
        for number, message in enumerate(messages)
        if number % 10 == 0 and (name := f"report-{start + number}.pdf")
    ]
    # Past the index, and the folded columns as saving would fill them.
    Case._base_manager.bulk_create(cases)
    Message._base_manager.bulk_create(messages)
    CaseFile._base_manager.bulk_create(files)


def _case(number: int, owner: Any, now: datetime) -> Case:
    when = now - timedelta(minutes=number)
    subject = f"Заказ {COMMON[number % len(COMMON)]} {COMMON[number * 7 % len(COMMON)]}"
    return Case(
        owner=owner,
        number=f"{100 + number % 900}-{number:06}",
        subject=subject,
        created_at=when,
        last_activity_at=when,
        changed_at=when,
        next_position=4,
    )


def _messages(case: Case, now: datetime, chance: random.Random) -> Iterator[Message]:
    for position in (1, 2, 3):
        text = " ".join(
            [
                *chance.choices(COMMON, k=35),
                f"артикул{chance.randrange(50_000)}",
                str(chance.randrange(10**7)),
                "редкость" if chance.random() < 0.01 else "",
            ]
        )
        yield Message(
            id=uuid.uuid4(),
            case=case,
            position=position,
            author=Message.Author.STAFF if position == 2 else Message.Author.CUSTOMER,
            origin=Message.Origin.DESK,
            text=text,
            written_at=now,
        )


def _index_size() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT SUM(LENGTH(block)) FROM cabinet_search_words_data"
            if connection.vendor == "sqlite"
            else "SELECT pg_relation_size('cabinet_search_words')"
        )
        return f"index of {cursor.fetchone()[0] / 2**20:.0f} MB"


def measure(who: str, user: AbstractBaseUser, rounds: int) -> None:
    print(
        f"\n{who}: {selectors.cases_of(user).count()}\n{'':32}{'new, ms':>18}{'before, ms':>18}{'ratio':>14}"
    )
    print(f"{'':32}{'median':>9}{'95 %':>9}{'median':>9}{'95 %':>9}{'median':>7}{'95 %':>7}{'found':>9}")
    for name, query in QUERIES.items():
        new, before = [], []
        for _ in range(rounds):
            new.append(_timed(lambda: _page_now(user, query)))  # noqa: B023
            before.append(_timed(lambda: _page_before(user, query)))  # noqa: B023
        (a, b), (c, d) = _figures(new), _figures(before)
        total = found(selectors.cases_of(user), Search.of(query), user).count()
        print(f"{name:32}{a:9.1f}{b:9.1f}{c:9.1f}{d:9.1f}{c / a:7.1f}{d / b:7.1f}{total:9}")


def measure_writing(user: AbstractBaseUser, rounds: int) -> None:
    """A reply, and its withdrawal with all its words, both up to the end of their commit."""
    case, replies, withdrawals = selectors.cases_of(user)[0], [], []
    for number in range(rounds):
        text = f"{' '.join(COMMON)} артикул{number}"
        replies.append(_timed(lambda: services.post_reply(case=case, author=user, text=text)))  # noqa: B023
        message = case.messages.order_by("-position")[0]
        withdrawals.append(_timed(lambda: desk.withdraw_message(message, now=timezone.now())))  # noqa: B023
    for name, times in (("a reply is written", replies), ("and withdrawn", withdrawals)):
        median, most = _figures(times)
        print(f"{name:32}{median:9.1f}{most:9.1f}")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _figures(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=20, method="inclusive")[-1]


def _page_now(user: AbstractBaseUser, query: str) -> None:
    search = Search.of(query)
    selectors.overview(user, search)
    page = list(found(selectors.cases_under(user, "all"), search, user)[:PAGE])
    excerpts.of(page, search)


def _page_before(user: AbstractBaseUser, query: str) -> None:
    selectors.overview(user)
    cases = _before(selectors.cases_under(user, "all"), query)
    cases.count()
    list(cases[:PAGE])


def _before(cases: QuerySet[Case], query: str) -> QuerySet[Case]:
    for word in fold(query).split():
        messages = Message.objects.filter(case=OuterRef("pk"), folded__contains=word)
        files = CaseFile.objects.filter(message__case=OuterRef("pk"), folded__contains=word)
        cases = cases.filter(Q(folded__contains=word) | Exists(messages) | Exists(files))
    return cases


if __name__ == "__main__":
    raise SystemExit(main())
