"""How to start the Chromium that is installed here; playwright brings no browser of its own."""

import os
import shutil
from typing import Any

# The first is the same Chromium without its windows, packaged by Debian from the same source: pages are the
# same there, and tests take little more than half the time.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# It must look for nothing outside this machine: no updates, no lists, no accounts.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


class NoBrowser(Exception):
    """No Chromium is installed."""


def launch_options() -> dict[str, Any]:
    """For playwright's `chromium.launch`: the program named by CHROMIUM, or the first of those known."""
    program = os.environ.get("CHROMIUM") or next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if program is None:
        raise NoBrowser("Chromium is not installed; on Debian or Ubuntu: apt install chromium")
    # Its sandbox refuses to run as root.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return {"executable_path": program, "args": [*QUIET, *sandbox]}
