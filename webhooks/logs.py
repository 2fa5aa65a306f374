"""Keeps secrets that stand in an address, of webhooks or signing people in, out of every log line."""

import logging
import re
from urllib.parse import unquote

from django.conf import settings

_ADDRESS = re.compile(r"(webhooks/+omnidesk/+)[^\s\"'?<>]+|([?&]jwt=)[^\s\"'&#<>]+", re.IGNORECASE)
# Header, claims and signature of a token, wherever it stands: `eyJ` is how `{"` begins in it.
_TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?")


class MaskSecretPaths(logging.Filter):
    """Masks whatever follows `/webhooks/omnidesk/`, tokens, and every configured secret wherever it stands.

    In the message with its arguments, in the traceback and in the stack. It is attached to our handler and to
    the loggers that name paths, so that somebody else's handler is given the masked record too. It never
    raises: logging does not catch what a filter throws.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - wrong arguments; printing them as they are is what must not happen
            message = f"(a line that could not be put together: {mask(str(record.msg))})"
            record.msg, record.args = message, None
        if mask(message) != message:
            record.msg, record.args = mask(message), None
        _mask_traceback(record)
        return True


def mask(text: str) -> str:
    """The text without secrets. A percent-encoded address is decoded first if one hides in it."""
    masked = _mask_addresses(text)
    if "%" in masked:
        decoded = unquote(masked)
        if _mask_addresses(decoded) != decoded:
            masked = _mask_addresses(decoded)
    for secret in [*settings.OMNIDESK_WEBHOOK_SECRETS, settings.SSO_SECRET]:
        masked = masked.replace(secret, "***") if secret else masked
    return masked


def _mask_addresses(text: str) -> str:
    return _TOKEN.sub("***", _ADDRESS.sub(r"\1\2***", text))


def _mask_traceback(record: logging.LogRecord) -> None:
    """`exc_text` is what formatters print; the exception itself goes if its text was not fit to print."""
    if record.exc_info and not record.exc_text:
        text = logging.Formatter().formatException(record.exc_info)
        if mask(text) != text:
            record.exc_info, record.exc_text = None, mask(text)
    elif record.exc_text:
        record.exc_text = mask(record.exc_text)
    if record.stack_info:
        record.stack_info = mask(record.stack_info)
