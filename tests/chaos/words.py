"""Texts that can be told apart: a marker of their own in the first line, little in common in the rest."""

import random
import re

# Long enough that no two runs, and no secret and no ordinary text, ever share one.
# The page puts the words of its parts side by side, without a space.
_SUBJECT = re.compile(r"SUBJECT-[0-9a-f]{10}")
# No two texts may have half of their words in common: what is similar is left to a person, on purpose.
_TAILS = (
    "",
    "\nпо-русски: {word} {other}",
    "\n{word} < {other} & {other} > {word} &lt;b&gt;{word}&lt;/b&gt; &amp;amp;",
    "\n😀{word} 👩‍👩‍👧{other} é é",
    "\n\n  {word}\t{other}   {word}  \n\n{other}",
    "\n<script>alert('{word}')</script> <b>{other}</b>",
    "\nhttps://example.com/{word}?a={other}&b=1",
)
EQUAL = "ok"
CHAT_CHANNEL = "cch102"


def marker(dice: random.Random, kind: str) -> str:
    return f"{kind}-{dice.getrandbits(40):010x}"


def text_with(dice: random.Random, mark: str) -> str:
    """The marker alone in its line, then something that a careless system would change."""
    tail = dice.choice(_TAILS)
    return mark + tail.format(word=f"{dice.getrandbits(32):08x}", other=f"{dice.getrandbits(32):08x}")


def subject(dice: random.Random) -> str:
    return marker(dice, "SUBJECT")


def subject_in(words: str) -> str:
    """The marker of a case among the words of its row: beside it stand those of its last message."""
    found = _SUBJECT.search(words)
    return found.group(0) if found else ""


def chat_of(name: str) -> str:
    """The marker of somebody's conversation: chats have no subject, so all of a person's are one thread."""
    return f"CHAT-OF-{name}"


def first_line(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return next((line for line in lines if line), "")


def bytes_of(dice: random.Random) -> bytes:
    """A text file of a size nothing else has."""
    return f"{dice.getrandbits(64):016x}\n".encode() * dice.randint(3, 4000)
