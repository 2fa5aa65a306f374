"""The other side, over the sandbox's doors: staff who answer, people who write mail, what the desk holds."""

import base64
import re
import time
from typing import Any

import requests

from scripts.visitor import TIMEOUT_SECONDS, File

Json = dict[str, Any]
CODE_SECONDS = 15


class Desk:
    """A pretend Omnidesk that runs at `base`."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False

    def see(self, door: str, **query: str) -> Any:
        answer = self.session.get(f"{self.base}/sandbox/{door}", params=query, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def do(self, door: str, **given: Any) -> Any:
        answer = self.session.post(f"{self.base}/sandbox/{door}", json=given, timeout=TIMEOUT_SECONDS)
        if not answer.ok:
            raise RuntimeError(f"The desk refused {door}: {answer.text}")
        return answer.json()

    def cases(self, subject: str = "") -> list[Json]:
        return [case for case in self.see("state")["cases"] if not subject or case["subject"] == subject]

    def case(self, case_id: int) -> Json:
        return next(case for case in self.see("state")["cases"] if case["case_id"] == case_id)

    def reply(self, case_id: int, text: str, *files: File, **details: Any) -> Json:
        found: Json = self.do("staff/reply", case_id=case_id, text=text, files=_as_json(files), **details)
        return found

    def note(self, case_id: int, text: str) -> None:
        self.do("staff/note", case_id=case_id, text=text)

    def mail_reply(self, case_id: int, text: str, *files: File) -> None:
        """The customer answers the last letter the desk has mailed about this case."""
        self.do("mail/reply", case_id=case_id, text=text, files=_as_json(files))

    def mail_new(self, sender: str, subject: str, text: str) -> Json:
        found: Json = self.do("mail/new", **{"from": sender, "subject": subject, "text": text})
        return found

    def fault(self, kind: str, **details: Any) -> None:
        self.do("faults", kind=kind, **details)

    def calls(self) -> list[Json]:
        found: list[Json] = self.see("calls")
        return found

    def letters(self, address: str) -> list[Json]:
        found: list[Json] = self.see("mailbox", address=address)
        return found

    def hand_over_link(self, external_id: str, place: str = "/cases/") -> str:
        """Where the company's own site leads this visitor of its; good once."""
        query = {"visitor": external_id, "to": place}
        answer = self.session.get(
            f"{self.base}/company/go", params=query, allow_redirects=False, timeout=TIMEOUT_SECONDS
        )
        return answer.headers["Location"]

    def code_reader(self) -> "CodeReader":
        return CodeReader(self)


class CodeReader:
    """Reads the newest sign-in code of an address, never one that was there before it was made."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen = {letter["letter_id"] for letter in desk.see("state")["letters"]}

    def __call__(self, address: str) -> str:
        deadline = time.monotonic() + CODE_SECONDS
        while time.monotonic() < deadline:
            for letter in self._desk.letters(address):
                code = code_in(letter["text"])
                if code and letter["letter_id"] not in self._seen:
                    return code
            time.sleep(0.05)
        raise TimeoutError(f"No sign-in code came to {address} within {CODE_SECONDS} s.")


def code_in(text: str) -> str:
    """The code stands alone on its line, as letters and digits, perhaps in two halves."""
    found = re.search(r"^\s*([A-Z0-9]{3,8}(?:-[A-Z0-9]{3,8})?)\s*$", text, re.MULTILINE)
    return found.group(1) if found else ""


def _as_json(files: tuple[File, ...]) -> list[Json]:
    return [
        {"name": name, "mime_type": kind, "content_base64": base64.b64encode(data).decode()}
        for name, data, kind in files
    ]
