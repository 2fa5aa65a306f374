"""The whole product as real processes on this machine, with the pretend Omnidesk beside it.

The demo stays in such a house; the whole-house tests build, break and rebuild them.
"""

import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

from scripts.desk import Desk
from scripts.processes import (
    BIN,
    ROOT,
    NotReady,
    Processes,
    environment,
    free_port,
    module,
    procfile,
    tail,
)
from scripts.visitor import Visitor

START_SECONDS = 60
STAFF_EMAIL = "robot@acme.example"
DESK_ADDRESS = "support@acme.example"
# What `--cabinet-channels` gives an empty pretend Omnidesk.
CABINET_CHANNEL, CHAT_CHANNEL = "cch101", "cch102"


@dataclass
class Ports:
    """Loopback ports of everything that listens; the usual ones where they are free."""

    web: int = field(default_factory=free_port)
    live: int = field(default_factory=free_port)
    sandbox: int = field(default_factory=free_port)
    smtp: int = field(default_factory=free_port)


class House:
    """`settings` are environment variables of the product and win over the house's own."""

    def __init__(
        self,
        folder: Path,
        *,
        ports: Ports | None = None,
        settings: Mapping[str, str] | None = None,
        with_sandbox: bool = True,
        limit: int = 300,
    ) -> None:
        self.folder = folder
        self.ports = ports or Ports()
        self.limit = limit
        self.cabinet = f"http://127.0.0.1:{self.ports.web}"
        self.desk = Desk(f"http://127.0.0.1:{self.ports.sandbox}")
        self.api_key = secrets.token_urlsafe(16)
        self.processes = Processes(folder / "log")
        self.commands = procfile()
        own = self._own_settings() | (self._sandbox_settings() if with_sandbox else {})
        self.settings = own | dict(settings or {})
        if with_sandbox:
            self.commands["sandbox"] = self._sandbox_command()

    def _own_settings(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            # A developer's own .env belongs to `make run`.
            "READ_DOTENV": "0",
            "DEBUG": "0",
            "SECRET_KEY": secrets.token_urlsafe(40),
            "SITE_URL": self.cabinet,
            "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
            "DATABASE_URL": f"sqlite:///{self.folder / 'cabinet.sqlite3'}",
            "PORT": str(self.ports.web),
            "LIVE_PORT": str(self.ports.live),
            "LIVE_URL": f"http://127.0.0.1:{self.ports.live}",
            "GRANIAN_HOST": "127.0.0.1",
        }

    def _sandbox_settings(self) -> dict[str, str]:
        return {
            "EMAIL_URL": f"smtp://127.0.0.1:{self.ports.smtp}",
            "DEFAULT_FROM_EMAIL": "cabinet@acme.example",
            "OMNIDESK_URL": self.desk.base,
            "OMNIDESK_STAFF_EMAIL": STAFF_EMAIL,
            "OMNIDESK_API_KEY": self.api_key,
            "OMNIDESK_WEBHOOK_SECRETS": secrets.token_urlsafe(24),
            "CABINET_MODES": "mail,cabinet,chat",
            "OMNIDESK_CABINET_CHANNEL": CABINET_CHANNEL,
            "OMNIDESK_CHAT_CHANNEL": CHAT_CHANNEL,
            "SSO_SECRET": secrets.token_urlsafe(32),
            # The pretend company's site, which is served by the sandbox too.
            "FRAME_ANCESTORS": self.desk.base,
            "SSO_SIGN_IN_URL": f"{self.desk.base}/company/",
        }

    def _sandbox_command(self) -> str:
        options = {
            "port": self.ports.sandbox,
            "smtp-port": self.ports.smtp,
            "state": self.folder / "sandbox.sqlite3",
            "api-key": self.settings["OMNIDESK_API_KEY"],
            "staff-email": STAFF_EMAIL,
            "desk-address": DESK_ADDRESS,
            "limit": self.limit,
            "webhook-url": f"{self.cabinet}/webhooks/omnidesk/",
            "webhook-secret": self.settings["OMNIDESK_WEBHOOK_SECRETS"],
            "company-cabinet": self.cabinet,
            "company-secret": self.settings["SSO_SECRET"],
        }
        given = (f"--{name}={value}" for name, value in options.items())
        return module("sandbox", *given, "--cabinet-channels")

    @property
    def env(self) -> dict[str, str]:
        return environment(**self.settings)

    def prepare(self, **more: str) -> None:
        """Tables, static files, and whatever else must be there before the first process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [str(BIN / "python"), "-m", "scripts.prepare"],
            cwd=ROOT,
            env={**self.env, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotReady(f"The database could not be prepared:\n{tail(done.stdout)}")

    def start(self, *names: str, web_on_terminal: bool = False) -> None:
        """All processes, or these, and wait until they can be used."""
        wanted = names or tuple(self.commands)
        for name in wanted:
            shown = web_on_terminal and name == "web"
            self.processes.start(name, self.commands[name], self.env, shown=shown)
        for name in wanted:
            self.wait_ready(name)

    def wait_ready(self, name: str) -> None:
        signs = {
            "web": lambda: answers(f"{self.cabinet}/healthz/"),
            "live": lambda: answers(f"http://127.0.0.1:{self.ports.live}/healthz/"),
            "sandbox": lambda: answers(f"{self.desk.base}/healthz"),
            "worker": lambda: " ready." in self.processes.running[name].said(),
            "beat": lambda: "beat: Starting" in self.processes.running[name].said(),
        }
        # "worker-2" is a second worker.
        sign = signs[name.partition("-")[0]]
        self.processes.wait(f"The start of {name}", sign, seconds=START_SECONDS)

    def stop(self) -> None:
        """What others depend on goes last, so that a worker can finish the call it is in."""
        servers = ("sandbox", "redis")
        self.processes.stop(*(name for name in self.processes.running if name not in servers))
        self.processes.stop_all()

    def visitor(self, email: str, *, language: str = "en") -> Visitor:
        return Visitor(self.cabinet, email, language=language)

    def sign_in(self, email: str, *, language: str = "en") -> Visitor:
        visitor = self.visitor(email, language=language)
        visitor.sign_in(self.desk.code_reader())
        return visitor

    def hand_over(self, external_id: str, *, language: str = "en") -> Visitor:
        """Somebody without an e-mail address, led here by the company's own site."""
        visitor = self.visitor("", language=language)
        visitor.hand_over(self.desk.hand_over_link(external_id))
        return visitor


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2, allow_redirects=False).status_code == 200
    except requests.RequestException:
        return False
