"""What the documents name exists."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py|…)((?:::\w+)*)`")
DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def named_in(document: Path) -> Iterator[tuple[str, str]]:
    """The file and, if one is named, the test; `…` stands for the file named before."""
    file = ""
    for found in NAMED.finditer(document.read_text(encoding="utf-8")):
        file = found[1] if found[1] != "…" else file
        yield file, found[2].removeprefix("::")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_is_named_exists(document: Path) -> None:
    missing = []
    for file, name in named_in(document):
        path = ROOT / file
        known = _functions(path) if path.is_file() else None
        if known is None or (name and name.rsplit("::")[-1] not in known):
            missing.append(f"{file}::{name}")
    assert missing == []


def test_the_guarantees_name_their_tests_in_both_languages() -> None:
    english, russian = (
        {name for _, name in named_in(ROOT / "docs" / page)} for page in ("guarantees.md", "guarantees.ru.md")
    )
    assert len(english) > 80
    assert english == russian


@cache
def _functions(path: Path) -> set[str]:
    return set(
        re.findall(r"^ *(?:async )?(?:def|class) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    )
