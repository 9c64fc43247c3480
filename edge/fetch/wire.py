"""Messages upstream: what is asked of whom, and the head of what comes back."""

import re
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import h11

from common.http.fields import Pairs
from edge.policy.recognising import FRAMING

_PLAIN = re.compile(
    rb"GET /[!-~]* HTTP/1\.1\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: (?:[!-~]+(?:[ \t]+[!-~]+)*)?\r\n)+\r\n"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    """Path before every target, without a slash at its end."""
    unix_socket: Path | None = None
    """In place of host and port."""
    _hash: int = field(init=False, repr=False, compare=False)
    """Reckoned once: what is known of endpoints is looked up for every request."""

    def __post_init__(self) -> None:
        parts = (self.scheme, self.host, self.port, self.prefix, self.unix_socket)
        object.__setattr__(self, "_hash", hash(parts))

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    def of(cls, url: str) -> "Endpoint":
        """The server that ``url`` names.

        Raises:
            ValueError: it is no http or https URL of a server.
        """
        parts = urlsplit(url)
        odd = parts.query or parts.fragment or "@" in parts.netloc or parts.port == 0
        if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
            raise ValueError(f"no URL of a server: {url!r}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """The value of Host (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What to ask."""

    method: str
    target: str
    """In origin-form, or ``*``."""
    fields: Pairs
    """With Host, and without what tells the length of the content."""
    body: AsyncIterable[bytes] | None = None
    body_length: int | None = None
    """Bytes; None with a body sends it in chunks."""


@dataclass(frozen=True, slots=True)
class Head:
    """Of a response."""

    status: int
    reason: str
    fields: Pairs
    """In their order and case, hop-by-hop fields among them."""
    version: str
    """``1.1`` or ``1.0``."""


def plain_request(request: UpstreamRequest) -> bytes | None:
    """A GET without content as it is sent; None where only h11 knows how."""
    if request.method != "GET" or request.body is not None:
        return None
    hosts: list[str] = []
    others: list[str] = []
    for name, value in request.fields:
        lowered = name.lower()
        if lowered in FRAMING:
            return None
        (hosts if lowered == "host" else others).append(f"{name}: {value}\r\n")
    text = f"GET {request.target} HTTP/1.1\r\n{''.join(hosts)}{''.join(others)}\r\n"
    head = text.encode("latin-1")
    return head if len(hosts) == 1 and _PLAIN.fullmatch(head) else None


def outgoing(request: UpstreamRequest) -> h11.Request:
    """A request as h11 takes it, its content to follow."""
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.fields]
    if request.body is not None and request.body_length is None:
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif request.body is not None:
        fields.append((b"Content-Length", str(request.body_length).encode()))
    return h11.Request(
        method=request.method.encode("latin-1"),
        target=request.target.encode("latin-1"),
        headers=fields,
    )
