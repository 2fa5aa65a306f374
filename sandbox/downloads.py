"""Answering the addresses of attachments: who may fetch a file, for how long, and by which detour.

What the real desk does is unknown (omnidesk-api.md 8, 12.10), so each possibility is a switch.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from .api import Api
from .cases import Refused
from .desk import Desk
from .inbound import Reply, Request, html_reply
from .records import StoredFile

_ADDRESS = re.compile(r"/attachment/(download|stored)/\d+/(\d+)-([0-9a-f]+)-(\d+)/(.*)")
LOGIN_PAGE = "<html><body><form><h1>Вход</h1><input name=login><input type=password></form></body></html>"


class Downloads:
    def __init__(self, desk: Desk, api: Api) -> None:
        self._desk, self._api = desk, api

    def answer(self, request: Request) -> Reply:
        found = _ADDRESS.fullmatch(request.path)
        row = self._desk.core.files.get(int(found.group(2))) if found else None
        if found is None or row is None or row.token != found.group(3):
            return html_reply("<h1>404</h1>", 404)
        if self._expired(int(found.group(4))):
            return html_reply("<h1>403 Link has expired</h1>", 403)
        access = self._desk.switches.attachment_access
        if found.group(1) == "download" and access != "open":
            if not self._authorised(request):
                return html_reply(LOGIN_PAGE) if access == "login_page" else _who_are_you()
            if access == "redirect":
                return self._elsewhere(request)
        return self._file(row)

    def _expired(self, issued: int) -> bool:
        lifetime = self._desk.switches.attachment_expiry_seconds
        return bool(lifetime) and self._desk.core.now() > issued + lifetime

    def _authorised(self, request: Request) -> bool:
        try:
            self._api.owner(request.headers.get("authorization", ""))
        except Refused:
            return False
        return True

    def _elsewhere(self, request: Request) -> Reply:
        base = self._desk.switches.attachment_redirect_base or self._desk.core.base_url
        path = quote(request.path.replace("/download/", "/stored/", 1))
        return Reply(status=302, headers={"Location": base.rstrip("/") + path})

    def _file(self, row: StoredFile) -> Reply:
        with self._desk.core.lock:
            data = self._desk.core.store.blob(row.file_id)
        disposition = f"attachment; filename*=UTF-8''{quote(row.name)}"
        return Reply(
            status=200, body=data, headers={"Content-Type": row.mime_type, "Content-Disposition": disposition}
        )


def _who_are_you() -> Reply:
    reply = html_reply("<h1>401</h1>", 401)
    reply.headers["WWW-Authenticate"] = 'Basic realm="desk"'
    return reply
