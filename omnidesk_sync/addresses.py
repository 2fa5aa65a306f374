"""Which addresses our credentials may be sent to. Text only: nothing is looked up or contacted here."""

import ipaddress
import posixpath
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from omnidesk_sync.errors import Rejected

_USUAL_PORTS = {"http": 80, "https": 443}


def read_origin(base_url: str) -> str:
    """Scheme, host and port of an account's address. Raises `ValueError` with a sentence for people."""
    parts = _split(base_url.strip())
    if parts is None or parts.scheme not in _USUAL_PORTS or not parts.hostname:
        raise ValueError("The address of Omnidesk must look like https://acme.omnidesk.ru.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("The address of Omnidesk must not contain a name or a password.")
    if parts.query or parts.fragment:
        raise ValueError("The address of Omnidesk must not contain a query or a fragment.")
    if parts.scheme == "http" and not _is_near(parts.hostname):
        raise ValueError(
            "The address of Omnidesk must begin with https: the API key travels with every call."
        )
    return _origin_of(parts)


def own_file_address(origin: str, url: str) -> str:
    """Where to fetch the file at `url`, which may be relative; `Rejected` unless that is our account's host.

    The result is put together anew from `origin`, so that no other parser's reading of `url` can lead
    elsewhere. The API itself is no place where files lie: an answer about another customer must not be taken
    for a file.
    """
    parts = _split(url, origin) if url.isprintable() else None
    if parts is None or parts.username is not None or _origin_of(parts) != origin or "\\" in parts.path:
        raise Rejected("The file does not lie on the account's host.", code="foreign_address")
    plain = posixpath.normpath(unquote(parts.path)).lstrip("/").lower()
    if plain == "api" or plain.startswith("api/"):
        raise Rejected("The address of the file leads into the API.", code="foreign_address")
    return f"{origin}/{parts.path.lstrip('/')}" + (f"?{parts.query}" if parts.query else "")


def _split(url: str, origin: str = "") -> SplitResult | None:
    """The parts of an address, or None for one that no two programs would read alike."""
    try:
        parts = urlsplit(urljoin(f"{origin}/", url) if origin else url)
        # Reading the port is what checks it.
        readable = parts.port != 0 and not any(mark in parts.netloc for mark in "\\ \t\r\n%")
    except ValueError:
        return None
    return parts if readable else None


def _is_near(host: str) -> bool:
    """This machine, or a plain name as neighbouring containers have. 134744072 is an address in disguise."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host[0].isalpha() and "." not in host


def _origin_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    return f"{parts.scheme}://{host}" + (
        f":{port}" if port not in (None, _USUAL_PORTS.get(parts.scheme)) else ""
    )
