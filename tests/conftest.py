"""People of the tests: Alice owns, Bob is her colleague, Charlie is a stranger."""

import gc

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client

from tests import factories, profiles
from tests.factories import signed_in

profiles.register()

SLOW_SECONDS = 240
"""Until a slow test counts as stuck: they run on PostgreSQL too, on machines that are busy."""


LONG = (
    *("drift", "drift_admin", "drift_channels", "drift_command", "drift_motion"),
    *("unknown_outcomes", "review", "interleavings", "clocks", "owners", "channels", "chats"),
    *("channel_switches", "budget", "budget_under_load", "claim_model", "importing", "joining"),
    *("crawl", "bodies", "addresses", "names", "erasure", "export", "handover", "topics", "standings"),
    "chat_drafts",
    *("search", "search_index", "search_pages", "bodies_safety", "feed", "stream"),
    *("admin", "check_command", "erasing", "following", "rating", "visits", "consent", "limits"),
    *("in", "known_bugs", "routing", "client_wire", "attachments", "chat", "notices", "strangers", "between"),
    *("drafts", "drafts_interrupted", "reading_marks", "case_page", "pages", "weight"),
)
"""Files whose tests play whole conversations or go through every door: they run with the slow ones, so that
the fast ones stay a minute's."""

DECIDED_BY_THE_DATABASE = (
    *("between", "claim_model", "drift_motion", "erasing", "rating", "in", "chat", "search_index", "erasure"),
    *("handover", "chat_drafts"),
)
"""Those of them that CI runs on PostgreSQL too."""


OWN_TARGETS = ("browser", "whole_house", "experiment", "service")
"""Marks of tests that `make` runs by themselves; a file of theirs may bear the name of a long one."""


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it again and again took an eighth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.get_closest_marker(mark) for mark in OWN_TARGETS):
            continue
        name = item.path.stem.removeprefix("test_")
        if name in LONG:
            item.add_marker(pytest.mark.slow)
        if name in DECIDED_BY_THE_DATABASE:
            item.add_marker(pytest.mark.database)
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture
def alice(db: None) -> AbstractBaseUser:
    return factories.person("alice")


@pytest.fixture
def bob(db: None) -> AbstractBaseUser:
    return factories.person("bob")


@pytest.fixture
def charlie(db: None) -> AbstractBaseUser:
    return factories.person("charlie")


@pytest.fixture
def as_alice(alice: AbstractBaseUser) -> Client:
    return signed_in(alice)


@pytest.fixture
def as_charlie(charlie: AbstractBaseUser) -> Client:
    return signed_in(charlie)
