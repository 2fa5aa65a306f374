"""A customer with a browser, over real HTTP: sees pages, fills in their forms, reads the thread.

Knows only the doors of docs/architecture.md: paths, field names, `article[data-message]` and `[data-body]`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BLOCKS = {"p", "div", "li", "tr", "h1", "h2", "h3", "h4", "blockquote", "pre", "details"}
# Longer than the product promises, shorter than a stuck test.
TIMEOUT_SECONDS = 20

File = tuple[str, bytes, str]
"""Name, bytes, content type."""


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Shown:
    """A message as the page shows it."""

    id: str
    author: str
    state: str
    text: str = ""
    files: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """The parts of a page that a person acts on: its forms, its messages and its links."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.messages: list[Shown] = []
        self.links: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self._link: tuple[str, list[str]] | None = None
        self.feed(html)
        self.close()
        for message in self.messages:
            lines = [" ".join(line.split()) for line in message.text.splitlines()]
            message.text = "\n".join(line for line in lines if line)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", "")))
        elif tag == "input" and self.forms and self._inside("form"):
            if values.get("type") == "hidden" and values.get("name"):
                self.forms[-1].fields[values["name"]] = values.get("value", "")
        elif tag == "article" and "data-message" in values:
            self.messages.append(
                Shown(values["data-message"], values.get("data-author", ""), values.get("data-state", ""))
            )
        elif tag == "a":
            self._link = (values.get("href", ""), [])
        if tag == "br" or tag in BLOCKS:
            self._write("\n")
        if tag not in VOID:
            self._open.append((tag, _mark(tag, values)))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link:
            self._close_link(*self._link)
        if tag in BLOCKS:
            self._write("\n")
        if any(name == tag for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._write(data)
        if self._link:
            self._link[1].append(data)

    def _close_link(self, target: str, words: list[str]) -> None:
        name = " ".join("".join(words).split())
        self.links[target] = name
        if self._inside("article") and "/files/" in target and self.messages:
            self.messages[-1].files[name] = target
        self._link = None

    def _write(self, data: str) -> None:
        if self.messages and self._inside("body-of-message"):
            self.messages[-1].text += data

    def _inside(self, what: str) -> bool:
        return any(what in pair for pair in self._open)


def _mark(tag: str, values: Mapping[str, str]) -> str:
    if "data-body" in values:
        return "body-of-message"
    return "article" if tag == "article" and "data-message" in values else ""


class Refused(Exception):
    """The cabinet did not answer an action with a redirect."""


class Visitor:
    """One browser: cookies, a language, and the habit of loading a page before filling in its form."""

    def __init__(self, base: str, email: str, *, language: str = "en") -> None:
        self.base, self.email = base, email
        self.session = requests.Session()
        self.session.headers["Accept-Language"] = language
        # Whatever proxy the machine has, it is not for loopback.
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        return self.session.get(urljoin(self.base, path), timeout=TIMEOUT_SECONDS)

    def page(self, path: str) -> Page:
        answer = self.get(path)
        answer.raise_for_status()
        return Page(answer.text)

    def submit(
        self, page: str, action: str, values: Mapping[str, str], files: Iterable[File] = ()
    ) -> requests.Response:
        """Fill in the form with this action on that page; answers the response before any redirect."""
        form = next((form for form in self.page(page).forms if (form.action or page) == action), None)
        if form is None:
            raise Refused(f"{page} has no form for {action}.")
        return self.post(action, {**form.fields, **values}, files, referer=page)

    def post(
        self, action: str, values: Mapping[str, str], files: Iterable[File] = (), *, referer: str = ""
    ) -> requests.Response:
        return self.session.post(
            urljoin(self.base, action),
            data=dict(values),
            files=[("files", part) for part in files],
            headers={"Referer": urljoin(self.base, referer or action)},
            allow_redirects=False,
            timeout=TIMEOUT_SECONDS,
        )

    def act(self, page: str, action: str, values: Mapping[str, str], files: Iterable[File] = ()) -> str:
        """Submit, insist on 302 and answer the path it leads to."""
        answer = self.submit(page, action, values, files)
        if answer.status_code != 302:
            raise Refused(f"{action} answered {answer.status_code}:\n{answer.text[:2000]}")
        return urlsplit(answer.headers["Location"]).path

    def sign_in(self, read_code: Callable[[str], str]) -> None:
        """`read_code(email)` answers the code that was mailed."""
        self.act("/accounts/login/", "/accounts/login/", {"email": self.email})
        code = read_code(self.email)
        self.act("/accounts/login/code/confirm/", "/accounts/login/code/confirm/", {"code": code})

    def hand_over(self, link: str) -> None:
        """Follows the link by which another site hands this visitor over."""
        answer = self.session.get(link, allow_redirects=False, timeout=TIMEOUT_SECONDS)
        if answer.status_code != 302:
            raise Refused(f"The hand-over answered {answer.status_code}.")

    def open_case(self, subject: str, text: str, files: Iterable[File] = (), *, mode: str = "") -> str:
        """Answers the path of the new case's page."""
        values = {"subject": subject, "text": text} | ({"mode": mode} if mode else {})
        return self.act("/cases/new/", "/cases/new/", values, files)

    def say(self, text: str, files: Iterable[File] = ()) -> None:
        """Says something in the chat; the first words begin one."""
        self.act("/chat/", "/chat/", {"text": text}, files)

    def reply(self, case: str, text: str, files: Iterable[File] = ()) -> None:
        self.act(case, f"{case}reply/", {"text": text}, files)

    def close_case(self, case: str) -> None:
        self.act(case, f"{case}close/", {})

    def reopen(self, case: str) -> None:
        self.act(case, f"{case}reopen/", {})

    def thread(self, case: str) -> list[Shown]:
        # All of it: of a long thread the page itself shows the first message and the last ones.
        return self.page(f"{case}?all=1").messages

    def cases(self) -> dict[str, str]:
        """Path and words of every case in the list."""
        links = self.page("/cases/").links
        return {path: words for path, words in links.items() if is_case(path)}

    def download(self, path: str) -> bytes:
        answer = self.get(path)
        answer.raise_for_status()
        return answer.content


def is_case(path: str) -> bool:
    parts = urlsplit(path).path.strip("/").split("/")
    return len(parts) == 2 and parts[0] == "cases" and len(parts[1]) == 36
