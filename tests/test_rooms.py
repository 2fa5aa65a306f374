"""What the import contracts cannot say about the rooms."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("suffix", ["py", "html", "txt", "js", "css", "po"])
def test_the_cabinet_knows_no_vendor(suffix: str) -> None:
    files = sorted((ROOT / "cabinet").rglob(f"*.{suffix}"))
    assert files
    assert [str(file) for file in files if "omnidesk" in file.read_text(encoding="utf-8").lower()] == []
