"""What a text says and what is asked for, as keys that a database compares byte by byte.

A word gives itself and its stem; a hyphenated number its parts and all its digits together. Names of files
and numbers of cases also give every ending, so that a piece from their middle is the beginning of a key. Keys
are letters and digits of a folded text, at most with one mark before them: nobody can write a mark.
"""

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from cabinet.search.folding import fold

INSIDE = "/"
"""Before the endings of file names and numbers."""

OWNER = "@"
"""Before the owner of a case: the index of a large account then reads one person's rows only."""

MARKS = INSIDE + OWNER

MAX_TERMS = 8
"""Words of a query beyond these are ignored: each one costs a walk through the index."""

LONGEST_KEY = 64
"""Characters. What is longer is no word, and found by its beginning."""

LONGEST_WORD = 4 * LONGEST_KEY
"""Characters that are looked at at all: what is kept in memory must not be somebody's pasted file."""

SHORTEST_PIECE = 3
"""Characters of a word's beginning, or of a piece of a number or a file name, that find it."""

_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"  # soft hyphens and the like, anywhere in mailed words
_HYPHEN = "[-\u2010-\u2013\u2212]"
_WORD = re.compile(
    # 664-245651 is one number wherever it stands alone; an accent may be a character of its own.
    rf"(?<![^\W_])\d+(?:{_HYPHEN}\d+)+(?![^\W_])|[^\W_](?:[^\W_]|[\u0300-\u036f{_UNSEEN}])*"
)
_PLAIN = re.compile(r"[^\W_]+")
_UNSEEN_ALL = dict.fromkeys(map(ord, _UNSEEN))
_LANGUAGES = ((re.compile("[а-я]+"), "russian"), (re.compile("[a-z]+"), "english"))
# A stemmer keeps the word it works at in itself.
_stemmers = threading.local()


def stem(word: str) -> str:
    """What the forms of a folded word share; the word itself where its language is not known."""
    for letters, language in _LANGUAGES:
        if letters.fullmatch(word):
            if not hasattr(_stemmers, language):
                setattr(_stemmers, language, snowballstemmer.stemmer(language))
            return str(getattr(_stemmers, language).stemWord(word)) or word
    return word


def keys(text: str) -> set[str]:
    """Under which keys a text is found."""
    return {key for word in set(_WORD.findall(text)) for key in _keys(word[:LONGEST_WORD])}


def keys_within(text: str) -> set[str]:
    """The same for a number or the name of a file, of which any piece finds it."""
    wholes = {key for word in _WORD.findall(text) for key in _wholes(word)}
    pieces = {key[start:] for key in wholes for start in range(len(key) - SHORTEST_PIECE + 1)}
    return keys(text) | {INSIDE + piece for piece in pieces}


def owner_key(owner_id: object) -> str:
    """The key that all cases of this person have. Only narrows down: who may see a case is asked in SQL."""
    return OWNER + "".join(_PLAIN.findall(fold(str(owner_id))))


def spots(text: str, *, initials: set[str] | None = None) -> Iterator[tuple[int, int, str]]:
    """Every word of a text with its beginning and end; with `initials` those that may have such a key."""
    for match in _WORD.finditer(text):
        first = match.group()[0]
        # A part of a hyphenated number begins with another digit than the whole.
        if initials is None or first.isdecimal() or _initial(first) in initials:
            yield match.start(), match.end(), match.group()


def initials_of(found: Iterable[str]) -> set[str]:
    """How words with these keys begin: most words of a long text need no stem then."""
    return {_initial(key[0]) for key in found}


def _initial(letter: str) -> str:
    # Without its accent, which may follow as a character of its own.
    plain = _PLAIN.search(unicodedata.normalize("NFKD", letter))
    return fold(plain.group()[0])[:1] if plain else ""


def _wholes(word: str) -> list[str]:
    parts = _parts(word)
    if len(parts) > 1 and all(map(str.isdecimal, parts)):
        parts.append("".join(parts)[:LONGEST_KEY])
    return parts


# Stemming is what costs, and people say the same words again and again.
@lru_cache(maxsize=50_000)
def _keys(word: str) -> tuple[str, ...]:
    wholes = _wholes(word)
    return (*wholes, *map(stem, wholes))


def _parts(word: str) -> list[str]:
    return [part[:LONGEST_KEY] for part in _PLAIN.findall(fold(word.translate(_UNSEEN_ALL)))]


@dataclass(frozen=True, slots=True)
class Term:
    """One word that is asked for. Any of the three finds it: the key itself, one that begins so, a piece."""

    key: str
    beginning: str = ""
    piece: str = ""

    def is_in(self, found: Iterable[str]) -> bool:
        """Whether one of these keys is what is asked for."""
        return any(
            key == self.key
            or (self.beginning and key.startswith(self.beginning))
            or (self.piece and key.startswith(self.piece))
            for key in found
        )


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for: every term must occur. Without terms nothing is found."""

    terms: tuple[Term, ...]
    numbers: tuple[str, ...]
    """Words that may be a case's whole number, as it would be stored."""

    @classmethod
    def of(cls, query: str) -> "Search":
        """Reads what somebody typed; the last word may be unfinished."""
        parts = [part for word in _WORD.findall(query) for part in _asked(word)]
        parts = list(dict.fromkeys(parts))[:MAX_TERMS]
        terms = tuple(_term(part, last=part == parts[-1]) for part in parts)
        written = [word.strip("#.,:;()") for word in fold(query).split()[:MAX_TERMS]]
        return cls(terms, tuple(word for word in written if any(map(str.isdecimal, word))))


def _asked(word: str) -> list[str]:
    """A number is asked for by its digits, however they are grouped."""
    parts = _parts(word)
    return ["".join(parts)[:LONGEST_KEY]] if parts and all(map(str.isdecimal, parts)) else parts


def _term(word: str, *, last: bool) -> Term:
    if len(word) < SHORTEST_PIECE:
        return Term(stem(word))
    unfinished = last or word.isdecimal()
    return Term(stem(word), beginning=word if unfinished else "", piece=INSIDE + word)
