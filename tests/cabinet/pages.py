"""Reading pages in tests the way people and scripts do: by roles and names, not by looks."""

import re
from html import unescape
from html.parser import HTMLParser

from django.http import HttpResponseBase

VOID = {"meta", "link", "input", "br", "img", "hr", "path", "source"}


class Page(HTMLParser):
    """Every start tag with its attributes, the visible text, and a complaint about what was never closed."""

    def __init__(self, response: HttpResponseBase) -> None:
        super().__init__(convert_charrefs=True)
        self.source = response.content.decode()  # type: ignore[attr-defined]
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(self.source)
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        last = self.open.pop()
        assert last == tag, f"</{tag}> closes <{last}>"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", unescape(" ".join(self.words)))

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        names = {name.rstrip("_").replace("_", "-"): value for name, value in wanted.items()}
        return [
            attrs
            for found, attrs in self.tags
            if found == tag and all(attrs.get(name) == value for name, value in names.items())
        ]

    def values(self, name: str) -> list[str]:
        return [attrs.get("value", "") for attrs in self.all("input", name=name)]
