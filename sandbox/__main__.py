"""The sandbox as a process: ``python -m sandbox --port 8100 --smtp-port 8125 --state var/sandbox.sqlite``.

When it is ready it says so in one line on standard output, with the address and the SMTP port it really
has; 1 and a sentence on standard error mean that it could not start.
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from .company import Company
from .desk import Desk
from .smtp import SmtpDoor
from .store import SqliteStore
from .webhooks import post_webhook
from .wire import Server


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A pretend Omnidesk.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (0.0.0.0 in a container)")
    parser.add_argument(
        "--port", type=int, default=8100, help="HTTP: API, staff page, mailboxes; 0 = any free one"
    )
    parser.add_argument("--smtp-port", type=int, default=8125, help="SMTP; 0 = any free one")
    parser.add_argument(
        "--base-url", default="", help="address under which others reach this server (in file links)"
    )
    parser.add_argument(
        "--state", type=Path, help="SQLite file that keeps everything; without it nothing is kept"
    )
    parser.add_argument("--api-key", default="sandbox-key")
    parser.add_argument("--staff-email", default="robot@acme.example", help="login of the API key's owner")
    parser.add_argument(
        "--desk-address", default="support@acme.example", help="where the desk's letters come from"
    )
    parser.add_argument("--limit", type=int, default=300, help="API units a minute")
    parser.add_argument("--webhook-url", default="", help="installs the four rules of a cabinet")
    parser.add_argument("--webhook-secret", default="", help="sent by those rules as X-Webhook-Secret")
    parser.add_argument(
        "--seed-rules", action="store_true", help="switch those rules on again if they were off"
    )
    parser.add_argument(
        "--cabinet-channels",
        action="store_true",
        help="installs two custom channels, cch101 for cases and cch102 for chats, that call the same address"
        " with the secret in it",
    )
    parser.add_argument("--company-cabinet", default="", help="the cabinet that the company's site leads to")
    parser.add_argument("--company-secret", default="", help="what that site signs its hand-overs with")
    parser.add_argument("--seed", type=int, default=1, help="seed of the faults' dice")
    return parser.parse_args(argv)


def build(options: argparse.Namespace) -> tuple[Desk, Server, SmtpDoor]:
    """The desk with both of its servers, not started yet."""
    desk = Desk(
        store=SqliteStore(options.state) if options.state else None,
        api_key=options.api_key,
        staff_email=options.staff_email,
        limit=options.limit,
        desk_address=options.desk_address,
        send_webhook=post_webhook,
        background=True,
        seed=options.seed,
        company=Company(options.company_cabinet, options.company_secret) if options.company_secret else None,
    )
    server = Server(desk, options.host, options.port)
    desk.core.base_url = options.base_url or f"http://127.0.0.1:{server.port}"
    if options.webhook_url:
        desk.install_cabinet_rules(options.webhook_url, options.webhook_secret)
        if options.seed_rules:
            desk.enable_rules(enabled=True)
        if options.cabinet_channels:
            desk.install_cabinet_channels(options.webhook_url, options.webhook_secret)
    return desk, server, SmtpDoor(desk.post, options.host, options.smtp_port)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        desk, server, smtp = build(arguments(argv))
        smtp.start()
    except (OSError, sqlite3.Error) as trouble:
        sys.stderr.write(f"sandbox: cannot start: {trouble}\n")
        return 1
    server.start()
    sys.stdout.write(f"sandbox: {desk.core.base_url} smtp: {smtp.port}\n")
    sys.stdout.flush()
    done.wait()
    smtp.stop()
    server.stop()
    desk.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
