"""A real SMTP door: what the cabinet mails (its sign-in codes) lands in the same mailboxes."""

from __future__ import annotations

import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from .letters import PostOffice
from .text import html_to_text


class _Receiver:
    def __init__(self, post: PostOffice) -> None:
        self._post = post

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Called by aiosmtpd for every letter; one row per addressee."""
        del server, session
        mail = message_from_bytes(envelope.content, policy=policy.default)
        text, html = _part(mail, "plain"), _part(mail, "html")
        for address in envelope.rcpt_tos:
            self._post.receive(
                sender=str(mail.get("From", envelope.mail_from)),
                to=address,
                subject=str(mail.get("Subject", "")),
                text=text or html_to_text(html),
                html=html,
            )
        return "250 OK"


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class SmtpDoor:
    """Listens in a thread of its own; port 0 takes a free one."""

    def __init__(self, post: PostOffice, host: str = "127.0.0.1", port: int = 0) -> None:
        self.port = port or free_port(host)
        self._controller = Controller(_Receiver(post), hostname=host, port=self.port)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()
