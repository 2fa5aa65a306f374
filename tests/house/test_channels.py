"""Row 5: without mail, and as a chat. Real processes; only the opening is done past the pages."""

import subprocess
import time
from pathlib import Path

import pytest

from scripts.processes import BIN, ROOT
from scripts.visitor import Visitor
from tests.house.checks import await_true, somebody
from tests.house.premises import Premises

OPEN = """
from django.contrib.auth import get_user_model
from cabinet.services import open_case
owner = get_user_model().objects.get(emailaddress__email={address!r})
print("case", open_case(owner=owner, subject={subject!r}, text="Hello?", mode={mode!r}).pk)
"""


def manage(house: Premises, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "python"), str(Path(ROOT) / "manage.py"), *words],
        cwd=ROOT,
        env=house.env,
        capture_output=True,
        text=True,
        check=False,
    )


def opened_in(house: Premises, mode: str) -> tuple[Visitor, str, int]:
    """The customer, the case's page, and its number at the desk."""
    address = somebody()
    subject = f"Question of {address}"
    visitor = house.sign_in(address)
    script = OPEN.format(address=address, subject=subject, mode=mode)
    said = manage(house, "shell", "-v", "0", "-c", script).stdout
    await_true("the case at the desk", lambda: len(house.desk.cases(subject)) == 1)
    return visitor, f"/cases/{said.split('case ')[-1].strip()}/", house.desk.cases(subject)[0]["case_id"]


@pytest.mark.parametrize("led", ["cabinet", "chat"])
def test_answers_in_a_channel_are_seen_and_mailed_to_nobody(calm_house: Premises, led: str) -> None:
    """How soon, tests/chaos/experiments/test_streams.py measures."""
    visitor, path, case_id = opened_in(calm_house, led)
    letters = len(calm_house.desk.letters(visitor.email))
    for number in range(4):
        text = f"answer {number}"
        calm_house.desk.reply(case_id, text)
        await_true("the answer", lambda text=text: visitor.thread(path)[-1].text == text)  # type: ignore[misc]
        # Staff write in bursts, and think in between.
        time.sleep((0.1, 0.6, 2.5)[number % 3])
    assert len(calm_house.desk.letters(visitor.email)) == letters


def test_the_check_finds_nothing_to_mend_but_http(calm_house: Premises) -> None:
    """A house of the tests has no certificate; all else is as it should be."""
    _, _, case_id = opened_in(calm_house, "chat")
    calm_house.desk.reply(case_id, "Hello!")
    await_true("the row", lambda: "OK       inbox message_new" in manage(calm_house, "omnidesk_check").stdout)
    said = manage(calm_house, "omnidesk_check")
    assert said.returncode == 1
    assert [line for line in said.stdout.splitlines() if line.startswith("PROBLEM")] == [
        f"PROBLEM  site: {calm_house.cabinet} is not https: sign-in cookies travel in the open."
    ]
    assert calm_house.settings["OMNIDESK_WEBHOOK_SECRETS"] not in said.stdout
