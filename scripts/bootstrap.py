"""Makes `.venv` with exactly the pinned packages; does nothing when it is up to date.

Run by the Makefile with whatever `python3` there is, so: standard library only, and no syntax that an old
Python could not read far enough to say that it is too old.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# Written last: an install that was interrupted is done again.
STAMP = VENV / "installed.sha256"
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
LEAST = (3, 11)
NEWER = ("python3.11", "python3.12", "python3.13", "python3.14")


def say(text: str) -> None:
    print(text, flush=True)


def give_up(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
    sys.exit(1)


def hand_over_to_a_newer_python() -> None:
    """Continue under the first Python that is new enough, or say what is missing."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    for name in NEWER:
        path = shutil.which(name)
        if path and subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            say(f"python3 is {found}, too old; using {path}.")
            os.execv(path, [path, __file__])  # noqa: S606
    give_up(
        f"This needs Python 3.11 or newer; {sys.executable} is {found}. Install it (on Debian or Ubuntu: "
        "apt install python3.11 python3.11-venv) or name one: make PYTHON=/path/to/python3.11 …"
    )


def require_venv_modules() -> None:
    """Debian ships Python without them; the message of `python -m venv` itself comes after half the work."""
    try:
        import ensurepip
        import venv  # noqa: F401
    except ImportError:
        version = ".".join(str(part) for part in sys.version_info[:2])
        give_up(
            "This Python cannot make virtual environments. Install the missing package and start again, "
            f"on Debian or Ubuntu: apt install python{version}-venv (or python3-venv)."
        )
    else:
        ensurepip.version()


def fingerprint() -> str:
    """Of the packages, of the Python they are installed for, and of the place: a venv cannot be moved."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {VENV}".encode())
    for name in REQUIREMENTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def works(python: Path) -> bool:
    """Whether it starts, lies where it believes to lie, and has the version we would install for."""
    wanted = (str(VENV), sys.version_info[:2])
    test = f"import pip, sys; sys.exit((sys.prefix, sys.version_info[:2]) != {wanted!r})"
    try:
        return subprocess.call([str(python), "-c", test], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def up_to_date() -> bool:
    try:
        return STAMP.read_text(encoding="ascii") == fingerprint() and PYTHON.exists()
    except OSError:
        return False


def install() -> None:
    started = time.monotonic()
    if not works(PYTHON):
        require_venv_modules()
        say("Making .venv …")
        # --clear: whatever half of an environment lies there is not worth repairing.
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    STAMP.unlink(missing_ok=True)
    say("Installing the pinned packages into .venv (once; about a minute) …")
    pip = (str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq")
    run(*pip, "install", "--require-virtualenv", "-r", str(ROOT / REQUIREMENTS[-1]))
    STAMP.write_text(fingerprint(), encoding="ascii")
    say(f"Installed in {time.monotonic() - started:.0f} s.")


def run(*command: str) -> None:
    # pip installing as root into a venv of its own warns about nothing that matters here.
    environment = dict(os.environ, PIP_ROOT_USER_ACTION="ignore")
    if subprocess.call(command, env=environment, stdin=subprocess.DEVNULL) != 0:
        give_up(f"This failed (its reason is above): {' '.join(command)}")


def main() -> None:
    if sys.version_info < LEAST:
        hand_over_to_a_newer_python()
    if not up_to_date():
        install()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
