"""A request and a response, as the edge's decisions see them."""

from dataclasses import dataclass

from common.http.fields import Fields


@dataclass(frozen=True, slots=True)
class Request:
    """A request, its target in the form that the cache key and the origin share."""

    method: str
    scheme: str
    """``http`` or ``https``: how the viewer came."""
    host: str
    """Host and port, lower case, without the scheme's default port."""
    target: str
    """Path and query (origin-form), or ``*``."""
    fields: Fields

    @property
    def url(self) -> str:
        """The target URI (RFC 9110 §7.1)."""
        return f"{self.scheme}://{self.host}{self.target}"


@dataclass(frozen=True, slots=True)
class Response:
    """The head of a response, hop-by-hop fields already gone."""

    status: int
    reason: str
    fields: Fields
    requested_at: float
    """When the request for it was sent, POSIX seconds."""
    received_at: float
    """When its head came, POSIX seconds."""

    def length_to(self, method: str) -> int | None:
        """Bytes of the content that answers ``method``; None when nothing tells before its end."""
        if method == "HEAD" or self.status in {204, 304}:
            return 0
        told = self.fields.get("content-length")
        return int(told) if told is not None and told.isascii() and told.isdigit() else None
