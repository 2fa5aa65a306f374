"""`make demo`: everything running on this machine, shown to work, and staying until Ctrl-C.

Without an account in the environment a pretend Omnidesk stands in for the real one. With OMNIDESK_URL,
OMNIDESK_STAFF_EMAIL and OMNIDESK_API_KEY set, the same processes talk to that account instead.
"""

import argparse
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import NoReturn

import requests

from scripts.house import House, Ports
from scripts.processes import ROOT, NotReady, free_port, tail
from scripts.rows import RowFailed, Walk, WalkWithoutMail
from scripts.visitor import Refused

FOLDERS = ROOT / "var"
USUAL = Ports(web=8000, live=8001, sandbox=8100, smtp=8125)
ACCOUNT = ("OMNIDESK_URL", "OMNIDESK_STAFF_EMAIL", "OMNIDESK_API_KEY")
CUSTOMER = "customer@example.com"
CLIENT = "client-17"
"""Of the pretend company's site; has no e-mail address."""
# Short enough to watch an unknown outcome settle; production keeps the longer defaults.
QUICK = {"OMNIDESK_QUARANTINE_SECONDS": "10", "OMNIDESK_RECONCILE_SECONDS": "30"}
# Without a public address the account's webhooks cannot come in: then reconciliation brings everything.
PATIENT = {"OMNIDESK_RECONCILE_SECONDS": "60"}
OLDER_CASES = (
    ("Адрес для возврата", "Здравствуйте! Куда отправить возврат?", "Добрый день! Адрес: ул. Ленина, 1."),
    ("Invoice for October", "Please send the October invoice once more.", ""),
)


class Left(Exception):
    """Somebody wants us to go: Ctrl-C, SIGTERM, or the terminal was closed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--once", action="store_true", help="leave after the check")
    parser.add_argument("--reset", action="store_true", help="forget what the demo has kept")
    options = parser.parse_args()
    # Redirected into a file or a pipe, a line should be there when it is written.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    folder = kept_in(connected_account())
    with alone(folder):
        if options.reset:
            shutil.rmtree(folder)
            print(f"Cleared {folder.relative_to(ROOT)}.")
            return 0
        return Demo(folder, once=options.once).run()


def leave(number: int, frame: object) -> NoReturn:  # noqa: ARG001
    raise Left(signal.Signals(number).name)


def kept_in(account: str) -> Path:
    """A folder for each account: ids of the pretend one must never be taken for cases of a real one."""
    host = "".join(letter if letter.isalnum() else "-" for letter in account.partition("://")[2])
    return FOLDERS / (f"demo-{host}" if account else "demo")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One demo at a time: two would share one database and answer for each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit("A demo is already running in this folder; stop it with Ctrl-C first.")
        yield


class Demo:
    def __init__(self, folder: Path, *, once: bool) -> None:
        self.folder = folder
        self.once = once
        self.began = time.monotonic()
        self.kept = keep(folder / "kept.json")
        self.account = bool(connected_account())
        self.house = House(
            folder,
            ports=find_ports(real=self.account),
            settings=self._settings(),
            with_sandbox=not self.account,
        )

    def _settings(self) -> dict[str, str]:
        """What the caller has set wins; the rest is made up once and kept."""
        made_up = {
            "SECRET_KEY": self.kept["SECRET_KEY"],
            "OMNIDESK_WEBHOOK_SECRETS": self.kept["WEBHOOK_SECRET"],
            "SSO_SECRET": self.kept["SSO_SECRET"],
        }
        if self.account:
            made_up |= {"EMAIL_URL": "consolemail://", "DEFAULT_FROM_EMAIL": "cabinet@localhost", **PATIENT}
            passed = tuple(name for name in os.environ if name.startswith(("OMNIDESK_", "CABINET_")))
            passed += (
                "SSO_SECRET",
                "FRAME_ANCESTORS",
                "SSO_SIGN_IN_URL",
                "EMAIL_URL",
                "DEFAULT_FROM_EMAIL",
                "SITE_URL",
                "ALLOWED_HOSTS",
                "CSRF_TRUSTED_ORIGINS",
            )
        else:
            made_up |= {**QUICK, "OMNIDESK_API_KEY": self.kept["API_KEY"]}
            passed = tuple(QUICK)
        passed += ("DATABASE_URL", "REDIS_URL", "MEDIA_ROOT")
        return made_up | {name: os.environ[name] for name in passed if os.environ.get(name)}

    def run(self) -> int:
        code = 1
        try:
            self._say_what_runs()
            self._start()
            failed = False if self.account else not self._drive()
            code = int(failed)
            self._say_ready("Not everything works, but it runs" if failed else "ready")
            if not self.once:
                self._stay()
        except Left as left:
            print(f"\n{left}: stopping …")
            code = code if self.once else 0
        except NotReady as trouble:
            print(f"\n{trouble}\nStopping the rest …", file=sys.stderr)
            code = 1
        finally:
            # A second Ctrl-C must not leave half of the processes behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            self.house.stop()
        print("Everything is stopped.")
        return code

    def _say_what_runs(self) -> None:
        database = "your DATABASE_URL" if os.environ.get("DATABASE_URL") else "SQLite"
        broker = "your REDIS_URL" if os.environ.get("REDIS_URL") else "a folder of files"
        where = self.folder.relative_to(ROOT)
        print(f"Database: {database}. Broker: {broker}. Everything is kept in {where} between starts.")
        if self.account:
            print(f"Talking to the account at {self.house.settings['OMNIDESK_URL']}; no sandbox is started.")
        else:
            quick = ", ".join(f"{name}={self.house.settings[name]}" for name in QUICK)
            print(f"Omnidesk is a pretend one. Shorter than in production: {quick}.")

    def _start(self) -> None:
        print("Preparing …")
        self.house.prepare(DEMO_ADMIN_PASSWORD=self.kept["ADMIN_PASSWORD"])
        print(f"Starting {', '.join(self.house.commands)} …")
        # Where mails go to the console, the code has to be seen there.
        console = self.house.settings["EMAIL_URL"].startswith("consolemail")
        self.house.start(web_on_terminal=console)
        if not self.account and not self.house.desk.cases():
            self._fill_the_desk()

    def _fill_the_desk(self) -> None:
        """A customer who has written by mail before: the cabinet finds these cases when he signs in."""
        for subject, text, answer in OLDER_CASES:
            case = self.house.desk.mail_new(f"Anna Petrova <{CUSTOMER}>", subject, text)
            if answer:
                self.house.desk.reply(case["case_id"], answer)

    def _drive(self) -> bool:
        """The rows over real HTTP; False if one failed."""
        print("Driving the rows as a customer and the staff would …")
        number = 1
        try:
            visitor = self.house.sign_in(CUSTOMER)
            for title, seconds in Walk(visitor, self.house.desk).timed():
                print(f"  row {number}  {title}   {seconds:5.2f} s")
                number += 1
            client = self.house.hand_over(CLIENT)
            for title, seconds in WalkWithoutMail(client, self.house.desk).timed():
                print(f"  row {number}  {title}   {seconds:5.2f} s")
        except (RowFailed, Refused, TimeoutError, RuntimeError, requests.RequestException) as trouble:
            print(f"  row {number}  FAILED: {tail(str(trouble), 4)}")
            print(f"  What the processes said is in {self.house.processes.logs.relative_to(ROOT)}.")
            return False
        return True

    def _say_ready(self, word: str) -> None:
        cabinet, desk = self.house.settings["SITE_URL"], self.house.desk.base
        print(f"\n{word} (after {time.monotonic() - self.began:.0f} s)\n")
        if self.account:
            secret = self.house.settings["OMNIDESK_WEBHOOK_SECRETS"].split(",")[0]
            print(f"  Cabinet   {cabinet}/   sign in with any address you can read mail of")
            print(f"  Admin     {cabinet}/admin/   admin / {self.kept['ADMIN_PASSWORD']}")
            print(f"  Webhooks  {cabinet}/webhooks/omnidesk/   X-Webhook-Secret: {secret}")
            print("  If Omnidesk cannot reach that address, answers come by reconciliation, once a minute.")
        else:
            print(f"  Cabinet     {cabinet}/   sign in as {CUSTOMER} or anybody else;")
            print(f"              the code is mailed: read it at {desk}/mailbox/{CUSTOMER}/")
            print(f"  Staff page  {desk}/staff/   answers, notes, files")
            print(f"  Mailbox     {desk}/mailbox/   what customers get, and where they answer")
            print(f"  Own site    {desk}/company/   hands visitors without e-mail over; chat in a frame")
            print(f"  Troubles    {desk}/control/   faults, rules and switches of the pretend Omnidesk")
            print(f"  Admin       {cabinet}/admin/   admin / {self.kept['ADMIN_PASSWORD']}")
        print(f"  Logs        {self.house.processes.logs.relative_to(ROOT)}/\n")

    def _stay(self) -> None:
        print("Ctrl-C stops everything; `make demo-reset` clears what was kept.")
        while not (ended := self.house.processes.ended()):
            time.sleep(0.3)
        name, code = next(iter(ended.items()))
        raise NotReady(f"{name} ended with {code}:\n{tail(self.house.processes.running[name].said())}")


def connected_account() -> str:
    """The address of the real account to be used, "" for none; half of one is a mistake that is said."""
    given = [name for name in ACCOUNT if os.environ.get(name)]
    if given and len(given) < len(ACCOUNT):
        missing = ", ".join(name for name in ACCOUNT if name not in given)
        sys.exit(
            f"For the real account {missing} must be set too; for the demo alone unset {', '.join(given)}."
        )
    return os.environ["OMNIDESK_URL"] if given else ""


def keep(path: Path) -> dict[str, str]:
    """What is made up at the first start, so that sessions and passwords outlive a restart."""
    kept = {
        "SECRET_KEY": secrets.token_urlsafe(40),
        "WEBHOOK_SECRET": secrets.token_urlsafe(24),
        "API_KEY": secrets.token_urlsafe(16),
        "SSO_SECRET": secrets.token_urlsafe(32),
        "ADMIN_PASSWORD": secrets.token_urlsafe(9),
    }
    if path.exists():
        # What an older version has not made up is new.
        kept |= json.loads(path.read_text(encoding="utf-8"))
    path.touch(mode=0o600)
    path.write_text(json.dumps(kept), encoding="utf-8")
    return kept


def find_ports(*, real: bool) -> Ports:
    wanted = replace(USUAL, web=int(os.environ.get("PORT") or USUAL.web))
    found = Ports(**{name: free_port(port) for name, port in asdict(wanted).items()})
    for name in ("web", "live") if real else ("web", "live", "sandbox", "smtp"):
        if getattr(found, name) != getattr(wanted, name):
            print(f"Port {getattr(wanted, name)} is taken; {name} listens on {getattr(found, name)}.")
    return found


if __name__ == "__main__":
    sys.exit(main())
