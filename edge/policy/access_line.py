"""One request as one line of the access log."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

LONGEST = 2048
"""Characters of one member; longer ones are cut."""
_SECRET = re.compile(
    r"([?&](?:token|access_token|signature|sig|key|password)=)[^&#]*", re.IGNORECASE
)
_UNSAFE = re.compile(r'[^ -~]|["\\]')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """A request that was answered."""

    time: float
    """When it began, POSIX seconds."""
    duration: float
    """Seconds until its last byte was handed over."""
    client: str
    method: str
    target: str
    version: str
    """``HTTP/1.1`` or ``HTTP/1.0``."""
    status: int
    sent: int
    """Bytes of content."""
    host: str
    cache_result: str
    """``hit``, ``stale``, ``miss``, ``collapsed``, ``revalidated``, ``partial``, ``pass`` or
    ``none``."""
    cache_status: str
    """The Cache-Status field that was sent."""
    referrer: str | None = None
    user_agent: str | None = None


def json_line(record: AccessRecord) -> bytes:
    """A JSON object and a line feed; times are RFC 3339 in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(record.time, UTC).isoformat(timespec="milliseconds")
    document = {
        "time": moment.replace("+00:00", "Z"),
        "duration": round(record.duration, 6),
        "client": record.client,
        "method": record.method,
        "host": record.host,
        "target": _told(record.target),
        "version": record.version,
        "status": record.status,
        "sent": record.sent,
        "cache_result": record.cache_result,
        "cache_status": _cut(record.cache_status),
        "referrer": None if record.referrer is None else _told(record.referrer),
        "user_agent": None if record.user_agent is None else _cut(record.user_agent),
    }
    return msgspec.json.encode(document) + b"\n"


def combined_line(record: AccessRecord) -> bytes:
    """Apache's combined log format; what could break a line or a terminal is written as \\xHH."""
    moment = datetime.fromtimestamp(record.time, UTC)
    when = f"{moment.day:02d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"
    request = f"{record.method} {_told(record.target)} {record.version}"
    referrer = "-" if record.referrer is None else _told(record.referrer)
    agent = "-" if record.user_agent is None else _cut(record.user_agent)
    line = (
        f"{_escaped(record.client) or '-'} - - [{when}] "
        f'"{_escaped(request)}" {record.status} {record.sent} '
        f'"{_escaped(referrer)}" "{_escaped(agent)}"\n'
    )
    return line.encode("ascii")


def _told(url: str) -> str:
    """``url`` without the secrets in its query."""
    return _cut(_SECRET.sub(r"\1-", url))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _escaped(text: str) -> str:
    return _UNSAFE.sub(_as_hex, text)


def _as_hex(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))
