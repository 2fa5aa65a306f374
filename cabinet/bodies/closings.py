"""Signatures that nothing marks: "Best regards, Anna" and what may stand below it. Russian and English.

Strict on purpose: one line that might be said to the reader, and the whole of it stays visible. So a line
counts as part of a signature only if it looks like a name, a position, a company or a way to be reached.
"""

import re

MAX_LENGTH = 80
_MAX_WORDS = 5

_CLOSING = re.compile(
    r"(?i:с (?:глубоким |большим |искренним |неизменным )?уважением(?: к вам)?|с ув\b\.?|"
    r"с (?:наи)?лучшими пожеланиями|всего (?:вам )?(?:(?:наи)?лучшего|доброго|хорошего)|искренне ваш[аи]?|"
    r"(?:with )?(?:(?:kind|best|warm|kindest|warmest|many) )?regards|best wishes|"
    r"all the best|yours (?:sincerely|faithfully|truly)|sincerely(?: yours)?|"
    r"(?:best|cheers)(?=,|$))(?![\w])[\s,.!–—-]*(.*)"
)
_BETWEEN = re.compile(r"[,;|/•·–—]|\s-\s")
_WORD = re.compile(r"[^\W\d_][\w.'’-]*")

# Said to the reader, or something the reader needs: an order's number is no telephone's.
_SAID = re.compile(
    r"[?!]|:$|^(?:p\.?\s?){1,3}s\b|^п\.?\s?с\b|^з\.?\s?ы\b"
    r"|\b(?:не|нет|но|прош\w*|просьб\w*|жд[уеё]\w*|"
    r"надею\w*|буд[уе]\w*|спасибо|благодар\w*|пожалуйста|нужн\w+|надо|"
    r"срочно|кстати|также|"
    r"заказ\w*|договор\w*|сч[её]т\w*|номер\w*|заявк\w*|обращени\w*|трек\w*|код\w*|парол\w*|верси\w*|"
    # A verb; with a capital it would be Михаил or Людмила.
    r"\w+(?:йте|ите)|(?-i:[а-яё])\w*(?<!отде)(?:ла|ло|ли|лось|лась|лись|ит|ет|ёт|ют|ят|ал|ил))\b|"
    r"(?-i:\bI [a-z])"
    r"|\b(?:please|thanks?|you|your|i['’]\w+|we|let|me|my|waiting|looking|forward|could|would|"
    r"can|need|asap|urgent\w*|not|don['’]t|"
    r"order|invoice|contract|case|ticket|tracking|code|password|version|is|are|was|has|have)\b",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?:\+|\b8[ (-])\d?[\d ()–-]{6,}\d|"
    r"\b(?:тел|моб|факс|tel|phone|mob|mobile|cell|fax)\b[\w .:]{0,12}[\d ()+–-]{5,}",
    re.IGNORECASE,
)
_WEB = re.compile(r"\S@\S+\.\w|\bwww\.|https?://|\b[\w-]{2,}\.(?:ru|com|org|net|рф|example)\b", re.IGNORECASE)
_STREET = re.compile(
    r"(?:^|[\s,])(?:г|ул|пр-т|просп|пер|наб|д|оф|стр|корп|эт)\.\s?[\w«]|"
    r"\b(?:улица|проспект|офис|street|st\.|avenue|road|floor|suite|office)",
    re.IGNORECASE,
)
_POSITION = re.compile(
    r"(?:(?:главный|старший|ведущий|младший|генеральный|коммерческий|технический|исполнительный|"
    r"исп\.|зам\.|ген\.|заместитель|и\.\s?о\.)\s?)*"
    r"(?:менеджер|директор|инженер|специалист|бухгалтер|руководитель|начальник|администратор|секретарь|юрист|"
    r"экономист|аналитик|программист|разработчик|координатор|консультант|отдел|департамент|служба|"
    r"компания|группа|ооо|зао|оао|пао|ао|ип)\b",
    re.IGNORECASE,
)


def closes(text: str) -> bool:
    """ "Best regards," or "С уважением, Анна Петрова", and nothing else in the line."""
    match = _CLOSING.fullmatch(text) if len(text) <= MAX_LENGTH else None
    return match is not None and (not match[1] or could_be_signature(match[1]))


def could_be_signature(text: str) -> bool:
    """Whether this line below a closing says who writes or how to reach them, and nothing else."""
    if len(text) > MAX_LENGTH or _SAID.search(text):
        return False
    if _PHONE.search(text) or _WEB.search(text) or _STREET.search(text):
        return True
    if any(letter.isdigit() for letter in text):
        return False
    parts = [_WORD.findall(part) for part in _BETWEEN.split(text)]
    return any(parts) and all(map(_is_name_or_position, filter(None, parts)))


def _is_name_or_position(words: list[str]) -> bool:
    """As they are written: "Анна Петрова", "Head of Sales", "менеджер по закупкам"."""
    if _POSITION.match(" ".join(words)):
        return len(words) <= _MAX_WORDS
    return words[0][0].isupper() and all(word[0].isupper() or len(word) < 4 for word in words)
