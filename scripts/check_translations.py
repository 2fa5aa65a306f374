"""Fails if a text of ours lacks a translation, or if a compiled catalogue is not what its source says.

Works on copies: nothing in the tree is changed. Needs GNU gettext's programs.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.processes import BIN, ROOT

ROOMS = ("cabinet", "omnidesk_sync", "webhooks")
LANGUAGES = ("ru", "en")
PROGRAMS = ("xgettext", "msgcmp", "msgfmt", "msgunfmt")


def main() -> int:
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        print(f"{', '.join(missing)} not found; on Debian or Ubuntu: apt install gettext", file=sys.stderr)
        return 1
    faults = []
    with tempfile.TemporaryDirectory(prefix="cabinet-translations-") as folder:
        for room in ROOMS:
            template = extract(room, Path(folder) / room)
            if template is None:
                continue
            for language in LANGUAGES:
                faults += check(ROOT / room / "locale" / language / "LC_MESSAGES", template)
    print("\n".join(faults) or "Every text is translated and every compiled catalogue is up to date.")
    return 1 if faults else 0


def extract(room: str, copy: Path) -> Path | None:
    """Every text of a room, as makemessages finds them; None if it has none."""
    shutil.copytree(ROOT / room, copy, ignore=shutil.ignore_patterns("__pycache__", "locale", "static"))
    (copy / "locale").mkdir()
    command = [str(BIN / "django-admin"), "makemessages", "--keep-pot", "-l", "ru", "--no-wrap"]
    run(command, copy)
    template = copy / "locale" / "django.pot"
    return template if template.exists() else None


def check(folder: Path, template: Path) -> list[str]:
    source, compiled = folder / "django.po", folder / "django.mo"
    name = folder.relative_to(ROOT)
    if not source.exists():
        return [f"{name}: no django.po; run: django-admin makemessages"]
    problems = output(["msgcmp", str(source), str(template)])
    problems += output(["msgfmt", "--check", "-o", "/dev/null", str(source)])
    if not compiled.exists() or texts_of(compiled) != texts_of(compile_copy(source, template.parent)):
        problems.append("django.mo is not what django.po says; run: django-admin compilemessages")
    return [f"{name}: {problem}" for problem in problems]


def compile_copy(source: Path, folder: Path) -> Path:
    target = folder / "fresh.mo"
    run(["msgfmt", "-o", str(target), str(source)], folder)
    return target


def texts_of(compiled: Path) -> str:
    # Not the bytes: another gettext version lays the same texts out differently.
    return run(["msgunfmt", "--sort-output", str(compiled)], compiled.parent)


def output(command: list[str]) -> list[str]:
    """What a program has to complain about."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines() if done.returncode else []


def run(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
