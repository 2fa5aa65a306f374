"""What a machine is told that has no Python new enough, or cannot make a venv."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.processes import ROOT

AS_OLD_PYTHON = (
    "import sys, runpy; sys.version_info = (3, 9, 2, 'final', 0); runpy.run_path({!r}, run_name='__main__')"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A fresh clone, as far as the bootstrap looks at it; with a space in its path."""
    tree = tmp_path / "a clone"
    (tree / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "bootstrap.py", tree / "scripts")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tree / name).write_text("")
    return tree


def run(tree: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *(arguments or (str(tree / "scripts" / "bootstrap.py"),))]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_missing_venv_module_is_answered_with_the_package_to_install(tree: Path) -> None:
    hidden = tree / "hidden"
    hidden.mkdir()
    (hidden / "ensurepip.py").write_text("raise ImportError")
    done = run(tree, PYTHONPATH=str(hidden), PATH="")
    assert done.returncode == 1
    assert f"apt install python3.{sys.version_info[1]}-venv" in done.stderr
    assert not (tree / ".venv").exists()


def test_a_python_that_is_too_old_says_what_is_needed(tree: Path) -> None:
    script = AS_OLD_PYTHON.format(str(tree / "scripts" / "bootstrap.py"))
    done = run(tree, "-c", script, PATH=str(tree))
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "3.9.2" in done.stderr


def test_a_python_that_is_too_old_hands_over_to_a_newer_one(tree: Path) -> None:
    newer = tree / "python3.12"
    newer.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "newer runs $1"\n')
    newer.chmod(0o755)
    script = AS_OLD_PYTHON.format(str(tree / "scripts" / "bootstrap.py"))
    done = run(tree, "-c", script, PATH=str(tree))
    assert done.returncode == 0
    assert f"newer runs {tree}/scripts/bootstrap.py" in done.stdout


def test_what_is_up_to_date_is_left_alone(tree: Path) -> None:
    python = tree / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    bootstrap = str(tree / "scripts" / "bootstrap.py")
    script = (
        f"import runpy; names = runpy.run_path({bootstrap!r}); "
        "names['STAMP'].write_text(names['fingerprint']()); names['main']()"
    )
    done = run(tree, "-c", script, PATH="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
