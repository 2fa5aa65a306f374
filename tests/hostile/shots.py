"""What is thrown at doors: requests no honest browser makes, each with a word about what is wrong with it."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"
TYPES = (MULTIPART, FORM, "application/json", "text/plain", "")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get")


@dataclass(frozen=True)
class Shot:
    """One request. `environ` is laid over what a server would say about it."""

    why: str
    method: str = "GET"
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    environ: dict[str, str] = field(default_factory=dict)


VALUES: dict[str, bytes] = {
    "nothing": b"",
    "NUL": b"\x00",
    "words around a NUL": b"a\x00b",
    "a lone surrogate in UTF-8": b"\xed\xa0\x80",
    "bytes that are no UTF-8": b"\xff\xfe\x80",
    "a half character": b"\xd1",
    "a surrogate in a JSON escape": b"\\ud800",
    "UTF-16": "привет".encode("utf-16"),
    "KOI8-R": "привет".encode("koi8-r"),
    "1e999": b"1e999",
    "a number of 400 digits": b"1" + b"0" * 400,
    "a number of 5000 digits": b"9" * 5000,
    "a number beyond 64 bits": str(2**63).encode(),
    "a negative number": b"-1",
    "NaN": b"NaN",
    "Arabic digits": "٣٤".encode(),
    "a boolean in words": b"true",
    "null": b"null",
    "brackets": b"[]",
    "10,000 brackets": b"[" * 10_000,
    "an address elsewhere": b"//evil.example/",
    "an address in disguise": b"/\\evil.example/",
    "an address that breaks off": b"http://[",
    "a line end": b"x\r\nSet-Cookie: y=z",
    "a very long word": b"x" * 20_000,
    "a thousand words": b"x " * 1000,
    "letters that unfold": "\ufdfa".encode() * 300,
    "patterns": b"%_\\%",
    "a quote": b"'\"; --",
    "a template": b"{{ 7|add:7 }}{% csrf_token %}%(name)s{0.__class__}",
    "invisible letters": "\u200b\u202e\u2028\ufeff".encode(),
    "noncharacters": "\ufffe\U0010ffff".encode(),
    "an unknown id": str(uuid.UUID(int=7)).encode(),
    "an id in another spelling": b"urn:uuid:{00000000-0000-0000-0000-000000000007}",
}
COOKIES = {
    "a NUL": '"abcdefgh\\000ijkl"',
    "only NULs": '"\\000\\000\\000\\000\\000\\000\\000\\000"',
    "a made up one": "a1b2c3d4" * 4,
    "a very long one": "a" * 5000,
    "bytes": "\xff\xfe" * 20,
    "folders": "../../../../etc/passwd",
    "a folder of time zones": "Europe",
    "a quote that does not end": '"abcdefgh',
    "nothing": "",
}
HEADERS: dict[str, dict[str, str]] = {
    "a language without end": {"HTTP_ACCEPT_LANGUAGE": "ru-" * 2500},
    "many languages": {"HTTP_ACCEPT_LANGUAGE": ",".join(f"x{n}-y;q=0.{n}" for n in range(900))},
    "a language of no weight": {"HTTP_ACCEPT_LANGUAGE": "en;q=1e999, *;q=nan, ;;;=,"},
    "bytes for a language": {"HTTP_ACCEPT_LANGUAGE": "\xff\xfe"},
    "a mark without end": {"HTTP_IF_NONE_MATCH": 'W/"' * 2500},
    "half a mark": {"HTTP_IF_NONE_MATCH": '"\xff'},
    "a date that is none": {"HTTP_IF_MODIFIED_SINCE": "Thu, 99 Foo 99999 99:99:99 GMT"},
    "a range backwards": {"HTTP_RANGE": "bytes=9-1,,-0,x"},
    "another host": {"HTTP_HOST": "evil.example"},
    "a host that breaks off": {"HTTP_HOST": "["},
    "a host with a strange port": {"HTTP_HOST": "testserver:99999999"},
    "no host": {"HTTP_HOST": ""},
    "a referrer that breaks off": {"HTTP_REFERER": "http://[", "HTTP_ORIGIN": "http://["},
    "an origin that is none": {"HTTP_ORIGIN": "null"},
    "a forwarded chain": {"HTTP_X_FORWARDED_FOR": ", ,\xff,," * 200},
    "a background request": {
        "HTTP_HX_REQUEST": "true",
        "HTTP_HX_CURRENT_URL": "http://[",
        "HTTP_HX_TARGET": "\xff",
    },
    "an encoded background request": {
        "HTTP_HX_REQUEST": "true",
        "HTTP_HX_CURRENT_URL_URI_AUTOENCODED": "true",
        "HTTP_HX_CURRENT_URL": "%ff%00%zz",
    },
    "a browser without end": {"HTTP_USER_AGENT": "\xff" * 5000, "HTTP_ACCEPT": "x" * 5000},
    "a length of many digits": {"CONTENT_LENGTH": "9" * 30},
    "a negative length": {"CONTENT_LENGTH": "-1"},
    "no length": {"CONTENT_LENGTH": ""},
    "a chunked body": {"HTTP_TRANSFER_ENCODING": "chunked"},
    "another method in a header": {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"},
}
CONTENT_TYPES = {
    "a boundary missing": "multipart/form-data",
    "an empty boundary": "multipart/form-data; boundary=",
    "a boundary too long": "multipart/form-data; boundary=" + "x" * 300,
    "a boundary in bytes": "multipart/form-data; boundary=\xff\xfe",
    "a boundary in half characters": "multipart/form-data; boundary*=utf-7''%2B2AA-",
    "a boundary in a charset nobody knows": "multipart/form-data; boundary*=nonsense''B",
    "a mixed body": "multipart/mixed; boundary=B",
    "a type of separators": ";" * 5000,
    "a type that is none": "\xff/\x00; =; ;",
    "a quote that does not end": 'text/plain; charset="',
    **{
        f"charset {name}": f"{kind}; charset={name}"
        for kind in (MULTIPART, FORM, "application/json")
        for name in (
            "utf-16",
            "koi8-r",
            "nonsense",
            "utf-7",
            "unicode_escape",
            "rot13",
            "hex",
            "idna",
            "undefined",
        )
    },
}
FILE_NAMES = {
    "folders": b'filename="../../../etc/passwd"',
    "folders of Windows": b'filename="C:\\Users\\x\\..\\y.txt"',
    "only dots": b'filename=".."',
    "a NUL": b'filename="a\x00b.txt"',
    "a line end": b'filename="a\r\n b.txt"',
    "bytes": b'filename="\xff\xfe.txt"',
    "300 letters": 'filename="{}.txt"'.format("я" * 300).encode(),
    "an override": 'filename="\u202egpj.exe"'.encode(),
    "half characters": b"filename*=utf-7''%2B2AA-.txt",
    "half characters, escaped": b"filename*=unicode_escape''%5Cud800.txt",
    "a charset nobody knows": b"filename*=nonsense''x.txt",
    "a codec that is none": b"filename*=rot13''x.txt",
    "an entity": b'filename="&#xd800;&#0;&#x110000;.txt"',
    "an entity of 5000 digits": b'filename="&#' + b"9" * 5000 + b';.txt"',
    "nothing": b'filename=""',
}


def part(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return (
        b'--B\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + value + b"\r\n"
    )


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--B--\r\n"


def shots(fields: tuple[str, ...], *, one_by_one: bool = False) -> Iterator[Shot]:
    """Everything, for a door that reads these fields: all of them spoiled at once, or one after another."""
    yield from (Shot(f"method {method}", method, "x=1") for method in METHODS)
    for why, environ in HEADERS.items():
        yield Shot(f"{why}, asked", environ=environ)
        yield Shot(f"{why}, told", "POST", body=b"x=1", content_type=FORM, environ=environ)
    for some in [(name,) for name in fields] if one_by_one else [fields or ("x",)]:
        yield from _values(some)
    yield from _malformed(fields, list(TYPES) if one_by_one else [MULTIPART])


def cookie_shots() -> Iterator[Shot]:
    for name in ("sessionid", "csrftoken", "messages", "django_language", "tz"):
        for why, value in COOKIES.items():
            yield Shot(f"the cookie {name}: {why}", environ={"HTTP_COOKIE": f"{name}={value}"})


def _values(fields: tuple[str, ...]) -> Iterator[Shot]:
    for why, value in VALUES.items():
        quoted = quote_from_bytes(value, safe="")
        pairs = "&".join(f"{name}={quoted}" for name in fields)
        if len(value) < 8000:
            yield Shot(f"{why}, asked for {fields}", query=f"{pairs}&{pairs}&x[]={quoted}")
        yield Shot(f"{why} in {fields}", "POST", body=pairs.encode(), content_type=FORM)
        parts = [part(name.encode(), value) for name in fields]
        yield Shot(f"{why} in parts {fields}", "POST", body=multipart(*parts), content_type=MULTIPART)
        yield Shot(f"{why} for a name", "POST", body=multipart(part(value, b"x")), content_type=MULTIPART)
    for why, name in FILE_NAMES.items() if "files" in fields else ():
        for content in (b"", b"words"):
            body = multipart(part(b"text", b"kept"), part(b"files", content, b"; " + name))
            yield Shot(
                f"a file called {why}, {len(content)} bytes", "POST", body=body, content_type=MULTIPART
            )


def _malformed(fields: tuple[str, ...], types: list[str]) -> Iterator[Shot]:
    good = multipart(*[part(name.encode(), b"x") for name in fields or ("x",)])
    for why, content_type in CONTENT_TYPES.items():
        yield Shot(f"{why}, asked", query="q=%2B2AA-%5Cud800", content_type=content_type)
        yield Shot(why, "POST", body=good.replace(b"x", b"+2AA-\\ud800"), content_type=content_type)
    for why, body in BODIES.items():
        for content_type in types:
            yield Shot(f"{why}, as {content_type or 'nothing'}", "POST", body=body, content_type=content_type)
    yield Shot("a query of separators", query="&" * 900 + ";" * 900)
    yield Shot("a query of bytes", query="\xff=\xfe&%zz=%")
    yield Shot("thousands of fields, asked", query="&".join(f"f{n}=" for n in range(3000)))
    broken = good[: len(good) // 2]
    yield Shot("half a form", "POST", body=broken, content_type=MULTIPART)
    yield Shot(
        "half a form of full length",
        "POST",
        body=broken,
        content_type=MULTIPART,
        environ={"CONTENT_LENGTH": str(len(good))},
    )
    yield Shot("another boundary", "POST", body=good.replace(b"--B", b"--C"), content_type=MULTIPART)


def _nested(depth: int) -> bytes:
    return b'{"object":' * depth + b"1" + b"}" * depth


BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "10,000 brackets": b"[" * 10_000,
    "10,000 brackets and back": b"[" * 10_000 + b"]" * 10_000,
    "10,000 objects": _nested(10_000),
    "half characters": b'{"event": "\\ud800", "case_id": "\\udfff", "\\ud800": 1}',
    "NUL": b'{"event": "\\u0000", "case_id": "1\\u0000"}\x00',
    "infinite numbers": b'{"case_id": 1e999, "message_id": -Infinity, "note": NaN}',
    "numbers of 5000 digits": b'{"case_id": ' + b"9" * 5000 + b"}",
    "arrays for numbers": b'{"case_id": [1], "message_id": {"a": 1}, "event": ["x"], "note": [[]]}',
    "booleans in words": b'{"case_id": true, "note": "false", "event": false}',
    "a list": b"[1, 2, 3]",
    "a number": b"7",
    "UTF-16": json.dumps({"event": "статус", "case_id": 1}, ensure_ascii=False).encode("utf-16"),
    "UTF-32": json.dumps({"event": "x", "case_id": 1}).encode("utf-32"),
    "thousands of fields": b"&".join(b"f%d=x" % number for number in range(3000)),
    "thousands of parts": multipart(*[part(b"f%d" % number, b"x") for number in range(3000)]),
    "thousands of tiny files": multipart(
        *[part(b"files", b"x", b'; filename="%d"' % n) for n in range(3000)]
    ),
    "just fewer files than may be": multipart(
        *[part(b"files", b"x", b'; filename="%d"' % n) for n in range(99)]
    ),
    "parts without names": b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B\r\n\r\ny\r\n--B--\r\n",
    "a part without an end of its header": b"--B\r\nContent-Disposition: form-data; name=",
    "a part with a header without end": b"--B\r\nX: " + b"y" * 20_000 + b"\r\n\r\nz\r\n--B--\r\n",
    "a part in base64 that is none": part(b"text", b"!", b"\r\nContent-Transfer-Encoding: base64"),
    "a part in a charset nobody knows": multipart(
        part(b"files", b"!", b"; filename=\"a\"\r\nContent-Type: text/plain; charset*=nonsense''x")
    ),
    "only boundaries": b"--B\r\n" * 5000,
    "bytes": bytes(range(256)) * 20,
    "nothing": b"",
}
