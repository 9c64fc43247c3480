"""One request as one line of the access log.

Everything that a client chose is written in printable ASCII, and what is not is written ``\\xHH``,
byte by byte: no request can begin a line of its own or move a terminal's cursor.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

LONGEST = 2048
"""Characters of one member; longer ones are cut."""
SECRETS = ("token", "access_token", "signature", "sig", "key", "password")
"""Query parameters whose values are credentials, in any case."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _any_of(texts: Iterable[str]) -> str:
    return f"(?:{'|'.join(texts)})"


def _coded(text: str) -> str:
    """A pattern of ``text`` in which each character may be percent-encoded."""
    return "".join(
        _any_of((each, f"%{ord(each):02x}", f"%{ord(each.upper()):02x}")) for each in text
    )


# Encoded delimiters count too: a URL inside another one's query has them.
_SECRET = re.compile(
    rf"([?&;#%](?:3f|26|3b|23)?{_any_of(map(_coded, SECRETS))}(?:=|%3d))[^&#]*",
    re.IGNORECASE | re.ASCII,
)
_USER = re.compile(r"(://)[^/?#]*@")
_UNSAFE = re.compile(r"[^ -\[\]-~]")
_UNSAFE_IN_QUOTES = re.compile(r"[^ !#-\[\]-~]")
_UNSAFE_BARE = re.compile(r"[^!#-\[\]-~]")


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """A request that was answered.

    Text is as it came: one character a byte, or what was UTF-8 decoded with ``surrogateescape``.
    """

    time: float
    """When it began, POSIX seconds."""
    duration: float
    """Seconds until its last byte was handed over."""
    client: str
    """Its address."""
    method: str
    target: str
    version: str
    """``HTTP/1.1`` or ``HTTP/1.0``."""
    status: int
    sent: int
    """Bytes of content."""
    host: str
    cache_result: str
    """``hit``, ``stale``, ``miss``, ``collapsed``, ``revalidated``, ``partial``, ``pass``,
    ``error`` or ``none``."""
    cache_status: str
    """The Cache-Status field that was sent (RFC 9211)."""
    referrer: str | None = None
    user_agent: str | None = None
    request_received: int = 0
    """Bytes of the request's content."""
    tls: str | None = None
    """The version of TLS; None without."""


def json_line(record: AccessRecord) -> bytes:
    """A JSON object and a line feed; times are RFC 3339 in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(record.time, UTC).isoformat(timespec="milliseconds")
    document = {
        "time": moment.replace("+00:00", "Z"),
        "duration": round(record.duration, 6),
        "client": _safe(record.client),
        "method": _safe(record.method),
        "host": _safe(record.host),
        "target": _safe(_public(record.target)),
        "version": _safe(record.version),
        "status": record.status,
        "sent": record.sent,
        "cache_result": record.cache_result,
        "cache_status": _safe(_public(record.cache_status)),
        "referrer": None if record.referrer is None else _safe(_public(record.referrer)),
        "user_agent": None if record.user_agent is None else _safe(record.user_agent),
        "request_received": record.request_received,
        "tls": record.tls,
    }
    return msgspec.json.encode(document) + b"\n"


def combined_line(record: AccessRecord) -> bytes:
    """Apache's combined log format (mod_log_config: ``%h %l %u %t "%r" %>s %b`` and two fields)."""
    moment = datetime.fromtimestamp(record.time, UTC)
    when = f"{moment.day:02d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"
    client = _safe(record.client, _UNSAFE_BARE) or "-"
    request = " ".join(
        _safe(part, _UNSAFE_IN_QUOTES)
        for part in (record.method, _public(record.target), record.version)
    )
    referrer = "-" if record.referrer is None else _public(record.referrer)
    agent = "-" if record.user_agent is None else record.user_agent
    line = (
        f'{client} - - [{when}] "{request}" {record.status} {record.sent or "-"} '
        f'"{_safe(referrer, _UNSAFE_IN_QUOTES)}" "{_safe(agent, _UNSAFE_IN_QUOTES)}"\n'
    )
    return line.encode("ascii")


def _public(text: str) -> str:
    """``text`` without the credentials of the URLs in it."""
    if "=" in text or "%3" in text:
        text = _SECRET.sub(r"\1-", text)
    return _USER.sub(r"\1-@", text) if "@" in text else text


def _safe(text: str, unsafe: re.Pattern[str] = _UNSAFE) -> str:
    if len(text) > LONGEST:
        text = text[:LONGEST]
    return unsafe.sub(_as_hex, text)


def _as_hex(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        # A byte that was no UTF-8, as ``surrogateescape`` keeps it.
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return "".join(f"\\x{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))
