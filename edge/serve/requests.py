"""Reading a viewer's request, and refusing what must not be passed on (RFC 9112)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from common.errors import NearcastError
from common.http import CacheControl
from common.http.fields import Fields
from edge.fetch.begun import Begun
from edge.policy.forwarding import PURGES, end_to_end
from edge.policy.keys import KeyRules, normalised_host, read_target
from edge.policy.messages import Request
from edge.policy.reuse import request_directives

LONGEST_LENGTH = 18
"""Digits of a Content-Length: what fits 64 bits with a sign, as every reader has them."""


class VersionUnsupported(NearcastError):
    """Only HTTP/1.1 and HTTP/1.0 are spoken here."""

    status = 505


class FramingInvalid(NearcastError):
    """The length of the request's content cannot be told: {reason}."""

    status = 400
    headers: ClassVar[dict[str, str]] = {"Connection": "close"}


class CodingUnknown(NearcastError):
    """The request's content has a transfer coding other than chunked."""

    status = 501
    headers: ClassVar[dict[str, str]] = {"Connection": "close"}


class TunnelRefused(NearcastError):
    """This is no proxy to other hosts: CONNECT is not carried out."""

    status = 501


@dataclass(slots=True)
class Visit:
    """A request while it is answered."""

    raw: web.BaseRequest
    request: Request
    key: str
    asked: CacheControl
    """The directives of its Cache-Control."""
    client: str
    has_content: bool
    internal: bool
    """Whether another worker process of this edge passes it on."""
    whole: bool = False
    """Whether upstream is asked for the whole, as its parts cannot be combined."""
    begun: Begun | None = None
    """What was begun upstream for it."""
    sha256: bytes = b""
    """What the object's digest must be, where the fill agent says so."""
    paced: bool = False
    """Whether the fill agent asks, and it is to be filled at the rate that is set for that."""
    result: str = "none"
    """What the cache did, for counting."""
    cache_status: str = ""
    status: int = 0
    sent: int = 0
    """Bytes of content."""

    def told(self, status: int, result: str, cache_status: str) -> None:
        """Notes what is answered."""
        self.status, self.result, self.cache_status = status, result, cache_status


def read_visit(
    raw: web.BaseRequest,
    rules: KeyRules,
    *,
    scheme: str,
    client: str,
    internal: bool,
    opened: Callable[[str], str] | None = None,
) -> Visit:
    """The request, checked.

    Args:
        raw: it.
        rules: what is in a key.
        scheme: of its URL.
        client: the viewer's address.
        internal: whether another worker process passes it on.
        opened: takes the viewer's token out of a target, where tokens are asked for.

    Raises:
        NearcastError: it cannot be answered; the error tells why and its status.
    """
    if raw.version not in {(1, 0), (1, 1)}:
        raise VersionUnsupported
    if raw.method == "CONNECT":
        raise TunnelRefused
    received = Fields(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in raw.raw_headers
    )
    _check_framing(raw, received)
    told_host, target = read_target(raw.raw_path, received.get("host"))
    if opened is not None and target != "*":
        target = opened(target)
    if rules.objects_only and told_host is None:
        told_host = "localhost"
    host = normalised_host(told_host, scheme)
    fields = end_to_end(received)
    if target != "*" and raw.method in {"GET", "HEAD", "POST"}:
        target = rules.target(target)
    request = Request(raw.method, scheme, host, target, fields)
    key = rules.key(scheme, host, target)
    return Visit(
        raw=raw,
        request=request,
        key=key,
        asked=request_directives(fields),
        client=client,
        has_content=raw.can_read_body,
        internal=internal,
        sha256=_digest(received) if internal else b"",
        paced=internal and "nearcast-paced" in received,
    )


def ask_anew_unless(visit: Visit, held_to: Callable[[], int]) -> None:
    """Has nothing that is stored answer another edge that has carried out a purge which this one,
    that is held to those up to ``held_to``, has not heard of yet."""
    told = visit.request.fields.get(PURGES) or ""
    number = int(told) if told.isascii() and told.isdigit() and len(told) <= LONGEST_LENGTH else 0
    if number > 0 and number > held_to():
        visit.asked = CacheControl({**visit.asked.directives, "no-cache": (None,)})


def _digest(fields: Fields) -> bytes:
    told = fields.get("nearcast-sha256")
    return bytes.fromhex(told) if told else b""


def _check_framing(raw: web.BaseRequest, fields: Fields) -> None:
    if len(fields.get("content-length") or "") > LONGEST_LENGTH:
        raise FramingInvalid(reason="its Content-Length has too many digits")
    codings = fields.get("transfer-encoding")
    if codings is None:
        return
    if raw.version == (1, 0):
        # RFC 9112 §6.1: whoever sent this may mean another length than it says.
        raise FramingInvalid(reason="HTTP/1.0 knows no Transfer-Encoding")
    if codings.strip(" \t").lower() != "chunked":
        raise CodingUnknown
