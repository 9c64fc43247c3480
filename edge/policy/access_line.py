"""One request as one line of the access log.

Everything that a client chose is written in printable ASCII, and what is not is written ``\\xHH``,
byte by byte: no request can begin a line of its own or move a terminal's cursor.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import msgspec

LONGEST = 2048
"""Characters of one member; longer ones are cut."""
MOST_AROUND = 1024
"""Hosts, methods and versions whose rendering is remembered."""
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
_PATH_TOKEN = re.compile(r"/t/[A-Za-z0-9_-]{30,}(?=/)")
_USER = re.compile(r"(://)[^/?#]*@")
_UNSAFE = re.compile(r"[^ -\[\]-~]")
_UNSAFE_IN_QUOTES = re.compile(r"[^ !#-\[\]-~]")
_SHORT_UP_TO = 0.001
_SHORT = tuple(f"{microseconds / 1e6:.6f}" for microseconds in range(1001))
"""Seconds below that, by microseconds: nearly every hit takes as long as one of these."""
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


class LineFormat(Protocol):
    """How lines are written: in parts, since most of a line is the same for many requests."""

    def client(self, address: str, tls: str | None) -> str:
        """The part about a connection."""
        ...

    def asked(self, method: str, host: str, target: str, version: str) -> str:
        """The part about what was asked."""
        ...

    def answered(self, status: int, sent: int, cache_result: str, cache_status: str) -> str:
        """The part about the answer."""
        ...

    def viewer(self, referrer: str | None, user_agent: str | None, received: int) -> str:
        """The part about what the viewer said of itself, and the bytes of content it sent."""
        ...

    def line(
        self, time: float, duration: float, client: str, asked: str, answered: str, viewer: str
    ) -> str:
        """A line made of its parts, with the line feed."""
        ...


class JsonLines:
    """A JSON object a line; times are RFC 3339 in UTC, with milliseconds."""

    def __init__(self) -> None:
        self._millisecond = -1
        self._begin = ""
        """What all lines of that millisecond begin with."""
        self._around: dict[tuple[str, str, str], tuple[str, str]] = {}
        """What stands around a target, by method, host and version."""

    def client(self, address: str, tls: str | None) -> str:
        """Client and tls."""
        return f'"client":{_json(address)},"tls":{"null" if tls is None else _json(tls)},'

    def asked(self, method: str, host: str, target: str, version: str) -> str:
        """From method to version."""
        around = self._around.get((method, host, version))
        if around is None:
            if len(self._around) >= MOST_AROUND:
                self._around.clear()
            around = self._around[method, host, version] = (
                f'"method":{_json(method)},"host":{_json(host)},"target":',
                f',"version":{_json(version)},',
            )
        return f"{around[0]}{_json(_public(target))}{around[1]}"

    def answered(self, status: int, sent: int, cache_result: str, cache_status: str) -> str:
        """From status to cache_status."""
        return (
            f'"status":{status},"sent":{sent},'
            f'"cache_result":"{cache_result}","cache_status":{_public_json(cache_status)},'
        )

    def viewer(self, referrer: str | None, user_agent: str | None, received: int) -> str:
        """Referrer, user_agent and request_received."""
        told = "null" if referrer is None else _json(_public(referrer))
        agent = "null" if user_agent is None else _json(user_agent)
        return f'"referrer":{told},"user_agent":{agent},"request_received":{received}'

    def line(
        self, time: float, duration: float, client: str, asked: str, answered: str, viewer: str
    ) -> str:
        """One object."""
        millisecond = int(time * 1000)
        if millisecond != self._millisecond:
            second, past = divmod(millisecond, 1000)
            told = datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")
            self._millisecond = millisecond
            self._begin = f'{{"time":"{told}.{past:03d}Z","duration":'
        took = _SHORT[int(duration * 1e6)] if 0 <= duration < _SHORT_UP_TO else f"{duration:.6f}"
        return f"{self._begin}{took},{client}{asked}{answered}{viewer}}}\n"


class CombinedLines:
    """Apache's combined log format (mod_log_config: ``%h %l %u %t "%r" %>s %b`` and two fields)."""

    def __init__(self) -> None:
        self._second = -1
        self._when = ""

    def client(self, address: str, tls: str | None) -> str:  # noqa: ARG002 - it has no place
        """``%h %l %u``."""
        return f"{_safe(address, _UNSAFE_BARE) or '-'} - -"

    def asked(self, method: str, host: str, target: str, version: str) -> str:  # noqa: ARG002 - the host has no place
        """``"%r"``."""
        request = " ".join(
            _safe(part, _UNSAFE_IN_QUOTES) for part in (method, _public(target), version)
        )
        return f'"{request}"'

    def answered(self, status: int, sent: int, cache_result: str, cache_status: str) -> str:  # noqa: ARG002 - the cache has no place
        """``%>s %b``."""
        return f"{status} {sent or '-'}"

    def viewer(self, referrer: str | None, user_agent: str | None, received: int) -> str:  # noqa: ARG002 - it has no place
        """Referer and User-Agent."""
        told = "-" if referrer is None else _public(referrer)
        agent = "-" if user_agent is None else user_agent
        return f'"{_safe(told, _UNSAFE_IN_QUOTES)}" "{_safe(agent, _UNSAFE_IN_QUOTES)}"'

    def line(
        self,
        time: float,
        duration: float,  # noqa: ARG002 - it has no place
        client: str,
        asked: str,
        answered: str,
        viewer: str,
    ) -> str:
        """One line."""
        second = int(time)
        if second != self._second:
            self._second = second
            moment = datetime.fromtimestamp(second, UTC)
            month = _MONTHS[moment.month - 1]
            self._when = f"{moment.day:02d}/{month}/{moment:%Y:%H:%M:%S} +0000"
        return f"{client} [{self._when}] {asked} {answered} {viewer}\n"


def render(lines: LineFormat, record: AccessRecord) -> str:
    """The line of ``record``."""
    return lines.line(
        record.time,
        record.duration,
        lines.client(record.client, record.tls),
        lines.asked(record.method, record.host, record.target, record.version),
        lines.answered(record.status, record.sent, record.cache_result, record.cache_status),
        lines.viewer(record.referrer, record.user_agent, record.request_received),
    )


def _json(text: str) -> str:
    return msgspec.json.encode(_safe(text)).decode()


@functools.lru_cache(1024)
def _public_json(text: str) -> str:
    """``text`` as JSON without credentials; for what is the same in many lines."""
    return _json(_public(text))


def _public(text: str) -> str:
    """``text`` without the credentials of the URLs in it."""
    # Most queries are CMCD, and the pattern takes its time with them.
    if ("=" in text or "%3" in text) and _hints_at_secrets(text.lower()):
        text = _SECRET.sub(r"\1-", text)
    if "/t/" in text:
        text = _PATH_TOKEN.sub("/t/-", text)
    return _USER.sub(r"\1-@", text) if "@" in text else text


def _hints_at_secrets(lowered: str) -> bool:
    """Whether text, in lower case, has a part of a secret's name in it, or a coded letter."""
    named = "token" in lowered or "sig" in lowered or "key" in lowered or "password" in lowered
    return named or "%4" in lowered or "%5" in lowered or "%6" in lowered or "%7" in lowered


def _safe(text: str, unsafe: re.Pattern[str] = _UNSAFE) -> str:
    if len(text) > LONGEST:
        text = text[:LONGEST]
    if unsafe is _UNSAFE and text.isascii() and text.isprintable() and "\\" not in text:
        # Nothing to be found, at a fraction of the cost of looking for it.
        return text
    return unsafe.sub(_as_hex, text)


def _as_hex(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        # A byte that was no UTF-8, as ``surrogateescape`` keeps it.
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return "".join(f"\\x{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))
