"""An independent look at finished bodies, with a parser of its own."""

import re
from html.parser import HTMLParser

VOID = {"br", "hr"}
WORDS = (
    "a b blockquote br code del details div em hr i ins kbd li ol p pre s small span strong sub summary sup "
    "table tbody td th tr u ul"
)
TAGS = set(WORDS.split())
ATTRIBUTES: dict[str, dict[str, str]] = {
    "a": {
        "href": r"(?:https?://|mailto:|tel:)[^\s\"<>]+",
        "target": "_blank",
        "rel": "noopener noreferrer nofollow",
    },
    "ol": {"start": r"\d{1,7}"},
    "td": {"colspan": r"\d{1,2}", "rowspan": r"\d{1,2}"},
    "th": {"colspan": r"\d{1,2}", "rowspan": r"\d{1,2}"},
    "span": {"class": "blocked-image|quote-dots", "data-alt": r"[\s\S]*", "data-file": r"[0-9a-f-]{36}"},
    "div": {"class": "cabinet-body|mail-heading|table-wrap"},
    "details": {"class": "quote"},
}


class _Judge(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.folds = 0
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            pattern = "rtl" if name == "dir" else ATTRIBUTES.get(tag, {}).get(name)
            assert pattern is not None, (tag, name)
            assert re.fullmatch(pattern, value or "", re.IGNORECASE), (tag, name, value)
            if name == "href":
                self.links.append(value or "")
        self.folds += tag == "details"
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def judge(html: str) -> _Judge:
    """Fails unless every element and attribute is one of ours and everything opened is closed."""
    found = _Judge()
    found.feed(html)
    found.close()
    assert found.stack == []
    return found


def words(*texts: str) -> list[str]:
    return sorted(" ".join(texts).split())
