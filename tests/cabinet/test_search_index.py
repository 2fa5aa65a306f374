"""The index follows its rows: whichever way they are written, and without a word left when one is gone."""

import importlib
import threading
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cabinet import desk, services
from cabinet.models import Case, CaseFile, Message, SearchEntry, SearchPassage
from cabinet.search import indexing, schema
from cabinet.search.lookup import found
from cabinet.search.words import Search, keys, stem
from cabinet.selectors import cases_of, overview
from cabinet.types import IncomingFile, IncomingMessage
from tests import factories
from tests.factories import case_of, changed, delivered, staff_reply

WORD = "wolpertinger"


def find(user: AbstractBaseUser, query: str) -> list[str]:
    return sorted(found(cases_of(user), Search.of(query), user).values_list("subject", flat=True))


def incoming(text: str, *files: str) -> IncomingMessage:
    return IncomingMessage(
        author=Message.Author.STAFF,
        author_name="Maria",
        by_owner=False,
        text=text,
        html="",
        written_at=timezone.now(),
        files=tuple(IncomingFile(name=name, size=1, content_type="") for name in files),
    )


def left_of(word: str) -> list[str]:
    """Every row that still holds a word, the index's own tables included."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        mine = [name for name in tables if name.startswith("cabinet_search")]
        assert "cabinet_searchentry" in mine
        left = []
        for table in mine:
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
            left += [f"{table}: {row[0]}" for row in cursor.fetchall() if word in _plain(row)]
    return left


def _plain(row: tuple[object, ...]) -> str:
    return " ".join(
        bytes(cell).decode("utf-8", "replace") if isinstance(cell, bytes | memoryview) else str(cell)
        for cell in row
    )


# ── every way of writing ──


def test_what_customers_and_staff_write_is_found_at_once(alice: AbstractBaseUser) -> None:
    file = services.stage_file(owner=alice, upload=factories.upload("basilisk.pdf"), name="basilisk.pdf")
    case = services.open_case(owner=alice, subject="phoenix", text="griffin", files=[file])
    services.post_reply(case=case, author=alice, text="kraken")
    desk.record_message(case.pk, incoming("centaur", "minotaur.png"), now=timezone.now())
    facts = desk.CaseFacts("664-245651", Case.Status.OPEN, Case.Availability.NORMAL)
    desk.set_facts(case.pk, facts, merged_into=None, now=timezone.now())
    assert find(alice, "phoenix griffins basilisk krakens centaurs minotaur 664-245651") == ["phoenix"]


def test_a_file_is_found_once_its_message_is_written(alice: AbstractBaseUser) -> None:
    file = services.stage_file(owner=alice, upload=factories.upload(), name="basilisk.pdf")
    assert not SearchPassage.objects.exists()
    case = case_of(alice, "it")
    CaseFile.objects.filter(pk=file.pk).update(message=case.messages.get())
    assert find(alice, "silisk") == ["it"]
    CaseFile.objects.filter(pk=file.pk).update(message=None)
    assert find(alice, "silisk") == []


def test_a_staged_upload_and_a_quote_are_not_searched(alice: AbstractBaseUser) -> None:
    services.stage_file(owner=alice, upload=factories.upload(), name="basilisk.pdf")
    message = case_of(alice, "it").messages.get()
    message.quoted_text = "quoted kraken"
    message.save()
    assert find(alice, "basilisk") == find(alice, "kraken") == []


def test_django_s_ways_past_saving_are_followed_too(alice: AbstractBaseUser) -> None:
    one, other = case_of(alice, "one", "griffin"), case_of(alice, "other", "nothing")
    Message.objects.filter(case=one, text="griffin").update(text="kraken")
    assert (find(alice, "griffin"), find(alice, "kraken")) == ([], ["one"])
    one.messages.update(case=other, position=7)
    assert find(alice, "kraken") == ["other"]
    Case.objects.filter(pk=other.pk).update(subject="renamed")
    assert find(alice, "kraken renamed") == ["renamed"]
    fresh = Message(
        case=one, position=9, author="staff", origin="desk", written_at=one.created_at, text="sphinx"
    )
    Message.objects.bulk_create([fresh])
    fresh.text = "hydra"
    Message.objects.bulk_update([fresh], ["text"])
    assert (find(alice, "sphinx"), find(alice, "hydra")) == ([], ["one"])


def test_a_transaction_that_fails_leaves_no_word(alice: AbstractBaseUser) -> None:
    case = case_of(alice, "it", "griffin")
    with transaction.atomic():
        services.post_reply(case=case, author=alice, text=WORD)
        transaction.set_rollback(True)
    assert find(alice, WORD) == []
    assert find(alice, "griffin") == ["it"]


def test_a_change_that_searches_nothing_costs_one_statement(
    alice: AbstractBaseUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    case = case_of(alice)
    message = case.messages.get()
    with django_assert_num_queries(2):
        case.revision += 1
        case.save()
    with django_assert_num_queries(1):
        message.save(update_fields=["state"])
    with django_assert_num_queries(1):
        case.messages.update(state=Message.State.SENT)


# ── what is gone is gone ──


def test_an_edited_message_is_found_by_its_new_words_only(alice: AbstractBaseUser) -> None:
    case = case_of(alice, "it", "first kraken")
    message = staff_reply(case, "A griffin and a kraken")
    file = factories.file_in(message, "basilisk.pdf")
    desk.rewrite_message(message, incoming("A sphinx"), gone=[file], now=timezone.now())
    assert find(alice, "griffin") == find(alice, "basilisk") == []
    assert find(alice, "sphinx") == find(alice, "kraken") == ["it"]


def withdraw(case: Case, message: Message) -> None:
    desk.withdraw_message(message, now=timezone.now())


def rewrite(case: Case, message: Message) -> None:
    desk.rewrite_message(message, incoming("other"), gone=list(message.files.all()), now=timezone.now())


def delete_message(case: Case, message: Message) -> None:
    message.delete()


def delete_messages(case: Case, message: Message) -> None:
    Message.objects.filter(pk=message.pk).delete()


def delete_case(case: Case, message: Message) -> None:
    case.outbox.all().delete()
    case.delete()


def empty(case: Case, message: Message) -> None:
    message.files.all().delete()
    case.messages.filter(pk=message.pk).update(text="")


def absorb(case: Case, message: Message) -> None:
    into = case_of(case.owner, "target")
    desk.absorb_case(case, into=into, now=timezone.now())
    case.delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "take_away", [withdraw, rewrite, delete_message, delete_messages, delete_case, empty, absorb]
)
def test_no_table_keeps_a_word_that_was_taken_away(alice: AbstractBaseUser, take_away: object) -> None:
    case = case_of(alice, "it", "something else")
    with transaction.atomic():
        message = staff_reply(case, f"The {WORD}s are out")
    factories.file_in(message, f"{WORD}.pdf")
    case_of(alice, "bystander", "wolves and wonders")
    tables = {row.partition(":")[0] for row in left_of("pertinger")}
    assert tables >= {"cabinet_searchentry", "cabinet_searchpassage"}
    assert connection.vendor != "sqlite" or f"{schema.INDEX}_data" in tables
    assert find(alice, WORD) == ["it"]
    assert callable(take_away)
    take_away(case, message)
    assert find(alice, WORD) == []
    # Words are stored without what they share with the word before them.
    assert left_of("pertinger") == []
    assert find(alice, "wolves") == ["bystander"]


def test_absorbing_takes_along_what_the_customer_wrote(alice: AbstractBaseUser) -> None:
    twin, into = case_of(alice, "twin", "griffin"), case_of(alice, "into", "kraken")
    staff_reply(twin, "sphinx")
    desk.absorb_case(twin, into=into, now=timezone.now())
    twin.delete()
    assert find(alice, "griffin kraken") == ["into"]
    assert find(alice, "sphinx") == []


# ── written past the index ──


def written_by_an_older_version(case: Case, **fields: object) -> None:
    """As a process does that knows no index: the row, and the case under a new revision."""
    Message._base_manager.filter(case=case).update(**fields)
    Case._base_manager.filter(pk=case.pk).update(revision=case.revision + 1, changed_at=timezone.now())


def test_the_sweep_finds_what_an_older_version_wrote(alice: AbstractBaseUser) -> None:
    case, other = case_of(alice, "it", "griffin"), case_of(alice, "other", "griffin")
    written_by_an_older_version(case, text="kraken")
    lately = timezone.now() - timedelta(hours=1)
    assert services.index_what_changed(since=timezone.now() + timedelta(hours=1)) == 0
    assert services.index_what_changed(since=lately) == 1
    assert services.index_what_changed(since=lately) == 0
    assert (find(alice, "griffin"), find(alice, "kraken")) == (["other"], ["it"])
    assert SearchEntry.objects.get(case=other).revision == 2


def test_the_next_change_here_finds_it_too(alice: AbstractBaseUser) -> None:
    case = case_of(alice, "it", "griffin")
    written_by_an_older_version(case, text="kraken")
    services.post_reply(case=case, author=alice, text="sphinx")
    assert (find(alice, "griffin"), find(alice, "kraken sphinx")) == ([], ["it"])


def test_a_case_of_an_older_version_is_indexed_with_its_first_change(alice: AbstractBaseUser) -> None:
    case = case_of(alice, "it", "griffin")
    SearchEntry._base_manager.all().delete()
    SearchPassage._base_manager.all().delete()
    staff_reply(case, "kraken")
    assert find(alice, "griffin kraken") == ["it"]


def test_the_command_and_the_migration_index_what_is_there(alice: AbstractBaseUser) -> None:
    for number in range(3):
        factories.file_in(case_of(alice, "it", f"griffin {number}").messages.get(), "basilisk.pdf")
    before = list(SearchEntry.objects.order_by("case_id").values_list("case_id", "revision", "words"))
    passages = list(SearchPassage.objects.order_by("pk").values_list())
    SearchEntry._base_manager.all().delete()
    SearchPassage._base_manager.all().delete()
    migration = importlib.import_module("cabinet.migrations.0006_search_words")
    migration.index(apps, None)
    again = SearchEntry.objects.order_by("case_id").values_list("case_id", "revision", "words")
    assert [(key, rev, set(words.split())) for key, rev, words in again] == [
        (key, rev, set(words.split())) for key, rev, words in before
    ]
    assert list(SearchPassage.objects.order_by("pk").values_list()) == passages
    out = StringIO()
    call_command("index_search", stdout=out)
    call_command("index_search", "--all", stdout=out)
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["0", "3"]


# ── the index itself ──


@pytest.mark.django_db
def test_the_database_keeps_its_index() -> None:
    """A migration that has Django copy the table must call `schema.create` again."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE tbl_name = %s", [schema.ENTRIES])
            assert set(schema.TRIGGERS) <= {name for (name,) in cursor.fetchall()}
            cursor.execute(f"INSERT INTO {schema.INDEX} ({schema.INDEX}) VALUES ('integrity-check')")  # noqa: S608
        else:
            cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = %s", [schema.ENTRIES])
            assert schema.INDEX in {name for (name,) in cursor.fetchall()}


def test_the_index_can_be_taken_away_and_made_anew(alice: AbstractBaseUser) -> None:
    schema.drop(connection)
    schema.create(connection)
    case_of(alice, "it", "griffin")
    assert find(alice, "griffin") == ["it"]


def test_of_an_endless_case_the_oldest_words_are_left_out(
    alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "MOST_BYTES", 200)
    case = delivered(case_of(alice, "it", "griffin"), "664-245651"[:3])
    staff_reply(case, " ".join(f"kraken{number}" for number in range(40)))
    staff_reply(case, "sphinx")
    assert find(alice, "sphinx 664") == ["it"]
    assert find(alice, "griffin") == []


@pytest.mark.slow
def test_the_longest_message_of_words_that_are_all_different_fits(alice: AbstractBaseUser) -> None:
    text = " ".join(f"щ{number:x}" for number in range(17_000))[:100_000]
    assert len(keys(text)) > 10_000
    case = case_of(alice, "it", text)
    for number in range(3):
        staff_reply(case, text.replace("щ", "фыв"[number]))
    assert find(alice, "в3039") == ["it"]


def test_threads_do_not_share_a_stemmer() -> None:
    words = [
        f"{begin}{end}" for begin in ("принтер", "документ", "доставк") for end in ("ами", "ах", "а", "ой")
    ]
    expected = [stem(word) for word in words]
    wrong: list[str] = []

    def stem_all() -> None:
        wrong.extend(
            word for word, right in zip(words * 50, expected * 50, strict=True) if stem(word) != right
        )

    threads = [threading.Thread(target=stem_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_cases_never_share_an_entry(alice: AbstractBaseUser) -> None:
    case = changed(case_of(alice, "it", "griffin"), number="1-1")
    with pytest.raises(IntegrityError), transaction.atomic():
        SearchEntry.objects.create(case=case, revision=1, head="", words="")
    assert not SearchEntry.objects.filter(case_id=uuid.uuid4()).exists()


# ── an index of an earlier version ──


def test_an_index_made_otherwise_is_made_anew_and_misses_nothing(
    alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("Only SQLite's index knows beginnings of words by their length.")
    case = delivered(case_of(alice, text=WORD))
    now = schema._FTS5
    with monkeypatch.context() as patch:
        patch.setattr(
            schema, "_FTS5", (now[0].replace(f"prefix='{schema.PREFIXES}'", "prefix='3'"), *now[1:])
        )
        schema.renew(connection)
    staff_reply(case, "griffin")
    schema.renew(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [schema.INDEX])
        assert schema.PREFIXES in cursor.fetchone()[0]
    for query in (WORD[:3], WORD[:5], WORD[:8], WORD, "griff"):
        assert find(alice, query) == [case.subject]
    staff_reply(case, "phoenix")
    assert find(alice, "phoen") == [case.subject]
    Case.objects.filter(pk=case.pk).delete()
    assert find(alice, "phoen") == []


def test_a_search_asks_the_index_once_however_many_tabs_are_counted(
    alice: AbstractBaseUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    delivered(case_of(alice, text=WORD))
    with django_assert_num_queries(1) as asked:
        assert overview(alice, Search.of(WORD[:5])).counts == {"all": 1, "turn": 0, "open": 1, "closed": 0}
    # The question stands behind the index's name in the one place.
    assert asked.captured_queries[0]["sql"].count(f"@{alice.pk}") == 1
