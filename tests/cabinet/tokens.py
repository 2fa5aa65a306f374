"""Tokens as the company's site makes them, well or badly."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from django.conf import settings
from django.test import Client

DOOR = "/access/jwt"


def claims(**more: Any) -> dict[str, Any]:
    """Those of a good token for one person; `name=...` changes a claim, None leaves it out."""
    now = int(time.time())
    said = {"iat": now, "exp": now + 300, "external_id": "c-17", "name": "Alice Smith"} | more
    return {name: value for name, value in said.items() if value is not None}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: bytes, header: dict[str, Any] | None = None, secret: str = "") -> str:
    """Header, payload and an HMAC-SHA256 over both, by nothing but the standard library."""
    head = json.dumps({"alg": "HS256", "typ": "JWT"} if header is None else header).encode()
    text = f"{encoded(head)}.{encoded(payload)}"
    key = (secret or settings.SSO_SECRET).encode()
    return f"{text}.{encoded(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def token(**more: Any) -> str:
    return signed(json.dumps(claims(**more)).encode())


def enter(client: Client, given: str | None = None, **more: str) -> Any:
    """A visitor follows the link; without `given` it is a good one."""
    return client.get(DOOR, {"jwt": token() if given is None else given, **more})
