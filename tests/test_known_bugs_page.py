"""docs/known-bugs-elsewhere.md names tests; a page that names what is gone guards nothing."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "known-bugs-elsewhere.md").read_text(encoding="utf-8")


def test_every_line_names_tests_that_exist() -> None:
    lines = [line for line in PAGE.splitlines() if re.match(r"\| (?:sumo|kitsune)#", line)]
    assert len(lines) == 13
    for line in lines:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", line)
        assert named, line
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), (path, name)
