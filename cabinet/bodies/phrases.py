"""How mail programs introduce a quote in words, Russian and English."""

import re

# Nobody's introduction is longer; the cap also bounds what the patterns below can cost.
_MAX_LENGTH = 400

_MONTHS = (
    "янв|фев|мар|апр|мая|май|июн|июл|авг|сен|окт|ноя|дек|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
)
_DATE = re.compile(
    rf"\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|\d{{4}}-\d{{2}}-\d{{2}}"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\.?\s(?:{_MONTHS})\w*\.?,?\s\d{{4}}"
    rf"|\b(?:{_MONTHS})\w*\.?\s\d{{1,2}},?\s(?:\d{{4}}|at\b)",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{1,2}[:.]\d{2}")
_EMAIL = re.compile(r"[^\s<>@]@[^\s<>@]")
_BRACKETED = re.compile(r"<\s?[^\s<>@]{1,100}@[^\s<>@]{1,100}\s?>")
_WROTE = re.compile(r"(?:wrote|writes|пиш[еу]т|писал(?:\(а\)|а)?|написал(?:\(а\)|а)?)\s*:$", re.IGNORECASE)
_OPENS = re.compile(
    r"(?:on|am|le|el|в|\d|\W{1,2}\d|пн|вт|ср|чт|пт|сб|вс|mon|tue|wed|thu|fri|sat|sun|понед|втор|сред|четв|пятн|субб|воск)",
    re.IGNORECASE,
)

_LABELS = {
    "from": ("from", "от", "от кого", "отправитель"),
    "sent": ("sent", "date", "отправлено", "дата", "отправлен", "время"),
    "to": ("to", "кому", "получатель"),
    "cc": ("cc", "копия"),
    "subject": ("subject", "тема"),
    "extra": ("reply-to", "importance", "важность", "attachments", "вложения", "bcc"),
}
_KIND_OF = {word: kind for kind, words in _LABELS.items() for word in words}
_LABEL = re.compile(r"^[\s*>]{0,4}([\w-]+(?: кого)?)\*?\s?:", re.IGNORECASE)

_PASSED_ON = "(?:пересланн|пересылаем|переадресованн|перенаправленн|перенаправляем)"
_ORIGINAL = re.compile(
    r"^[-_=\s]{2,20}(?:original (?:message|appointment)|исходное сообщение)[^-]{0,60}[-_=\s]{2,20}$",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    rf"^[-_=\s]{{2,20}}(?:forwarded message|{_PASSED_ON}ое (?:сообщение|письмо))[^-]{{0,60}}[-_=\s]{{2,20}}$"
    rf"|^(?:begin forwarded message|начало {_PASSED_ON}ого (?:сообщения|письма)):$",
    re.IGNORECASE,
)
_END = re.compile(r"^[-_=\s]{2,20}(?:конец\b|end of\b).{1,60}[-_=\s]{2,20}$", re.IGNORECASE)
_RULE = re.compile(r"^[-_=*—–]{3,}$")
# With the name of a device or a program: "Отправлено из Твери, трек 4711" is an answer.
_SENT_FROM = re.compile(
    r"^(?:sent|отправлено) (?:from|using|with|by|via|из|с|через)\b(?=.{0,60}(?:"
    r"\b(?:iphone|ipad|ios|android|galaxy|samsung|huawei|honor|xiaomi|redmi|poco|realme|oneplus|pixel|blackberry|windows|outlook|gmail|thunderbird|yahoo|"
    r"proton|k-9|mail|mobile|device|phone|tablet|app)\b|мобильн|смартфон|телефон|планшет|устройств|приложени|"
    r"яндекс|yandex|mail\.ru)).{0,160}$"
    r"|^(?:get|скачать|скачайте|получить|получите) outlook (?:for|для) \w+(?:\W.{0,60})?$",
    re.IGNORECASE,
)
# The writer points at what stands below: it is to be read.
_ANNOUNCES = re.compile(
    r"\b(?:ниже|в тексте|по тексту|между строк|красным|синим|зел[её]ным|жирным|"
    r"пересылаю|переслал[аи]?|перенаправляю|для информации|к сведению|"
    r"below|in ?line|in-line|interleaved|in (?:red|blue|green|bold)|fyi|forwarding|fwd)\b",
    re.IGNORECASE,
)


def is_attribution(text: str) -> bool:
    """ "On 10.11.2026 12:03 somebody wrote:"."""
    if len(text) > _MAX_LENGTH or not text.endswith(":") or not _OPENS.match(text):
        return False
    dated = _DATE.search(text) is not None and (_TIME.search(text) is not None or has_address(text))
    return dated and (_WROTE.search(text) is not None or has_address(text))


def begins_attribution(text: str) -> bool:
    return len(text) <= _MAX_LENGTH and _OPENS.match(text) is not None


def has_address(text: str) -> bool:
    return _EMAIL.search(text[:_MAX_LENGTH]) is not None


def has_bracketed_address(text: str) -> bool:
    """As mail programs write it: "Anna <anna@client.example>"."""
    return _BRACKETED.search(text[:_MAX_LENGTH]) is not None


def label_of(text: str) -> str:
    """Which header line of a letter this is: "from", "sent", "to", "cc", "subject", "extra", else ""."""
    match = _LABEL.match(text[:40])
    return _KIND_OF.get(match[1].lower(), "") if match else ""


def is_any_label(text: str) -> bool:
    return _LABEL.match(text[:40]) is not None


def opens_original(text: str) -> bool:
    return len(text) <= _MAX_LENGTH and _ORIGINAL.match(text) is not None


def opens_forwarded(text: str) -> bool:
    """What follows was passed on: it is what the letter is about."""
    return len(text) <= _MAX_LENGTH and _FORWARDED.match(text) is not None


def announces_more(text: str) -> bool:
    """ "My answers are below", "Пересылаю ответ банка"."""
    return _ANNOUNCES.search(text[:_MAX_LENGTH]) is not None


def ends_original(text: str) -> bool:
    return len(text) <= _MAX_LENGTH and _END.match(text) is not None


def is_rule(text: str) -> bool:
    return len(text) <= _MAX_LENGTH and _RULE.match(text) is not None


def is_sent_from(text: str) -> bool:
    return len(text) <= _MAX_LENGTH and _SENT_FROM.match(text) is not None
