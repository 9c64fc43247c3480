"""The head of an answer that is made from a stored response (RFC 9111 §4, RFC 9110 §13, §14)."""

from dataclasses import dataclass

from common.http import (
    Answer,
    ByteRange,
    Conditions,
    Representation,
    Verdict,
    answer,
    judge,
    parse_entity_tag,
    parse_http_date,
)
from common.http.fields import Fields, Pairs
from edge.policy.coverage import Span
from edge.policy.messages import Request
from edge.policy.stored import Stored

_ASKING = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range"}
)
"""Fields that ask for less than the whole."""
_OF_CONTENT = ("content-type", "content-encoding", "content-language", "content-disposition")

_OF_FRESHNESS = ("cache-control", "cdn-cache-control", "expires", "pragma")


@dataclass(frozen=True, slots=True)
class Decided:
    """How to answer."""

    status: int
    reason: str
    fields: Pairs
    """All but Content-Length and what tells of the cache itself."""
    length: int | None
    """Bytes of content, as Content-Length tells; None when unknown, or when none may be told."""
    parts: tuple[bytes | ByteRange, ...]
    """The content in its order: bytes of the representation, and those that part them; none for an
    answer without content."""

    @property
    def spans(self) -> list[Span]:
        """The bytes of the representation that are sent."""
        return [(part.start, part.stop) for part in self.parts if isinstance(part, ByteRange)]


def decide(request: Request, stored: Stored, size: int | None) -> Decided:
    """The answer to GET or HEAD from ``stored``, or to the POST that brings it.

    Args:
        request: what was asked.
        stored: what is there, or begins to be.
        size: bytes of the representation; None while they still arrive and nothing tells.
    """
    if stored.status != 200 or request.method not in {"GET", "HEAD"}:
        # Conditions and ranges are about successful answers alone (RFC 9110 §13.2.1, §14.2), and
        # with other methods they were the origin's to judge.
        return _whole(request, stored, size)
    if request.fields.lacks(_ASKING):
        return _whole(request, stored, size)
    etag_field, modified_field = stored.field("etag"), stored.field("last-modified")
    etag = parse_entity_tag(etag_field) if etag_field is not None else None
    now = _sent_at(stored)
    modified = parse_http_date(modified_field, now=now) if modified_field is not None else None
    if size is None:
        conditions = Conditions.of(request.fields)
        verdict = judge(request.method, conditions, etag=etag, last_modified=modified, now=now)
        return _of_unknown_size(request, stored, verdict)
    representation = Representation(
        size=size,
        content_type=stored.field("content-type") or "",
        etag=etag,
        last_modified=modified,
    )
    return _decided(
        request,
        stored,
        size,
        answer(request.method, request.fields, representation, now=now, several=True),
    )


def _sent_at(stored: Stored) -> float:
    """When the origin said that this is the representation, by its own clock."""
    date = parse_http_date(stored.field("date") or "", now=stored.received_at)
    return stored.received_at if date is None else date


def _of_unknown_size(request: Request, stored: Stored, verdict: Verdict) -> Decided:
    if verdict is Verdict.PROCEED:
        return _whole(request, stored, None)
    return _without_content(304 if verdict is Verdict.NOT_MODIFIED else 412, stored)


def _decided(request: Request, stored: Stored, size: int, answered: Answer) -> Decided:
    if answered.status in {304, 412}:
        return _without_content(answered.status, stored)
    if answered.status == 416:
        return Decided(416, _REASONS[416], answered.fields, 0, ())
    if answered.status == 206:
        return _part(stored, answered)
    return _whole(request, stored, size)


_REASONS = {
    206: "Partial Content",
    304: "Not Modified",
    412: "Precondition Failed",
    416: "Range Not Satisfiable",
}


def _whole(request: Request, stored: Stored, size: int | None) -> Decided:
    parts = (ByteRange(0, size),) if size and request.method != "HEAD" else ()
    length = None if stored.status in {204, 205, 304} else size
    fields = stored.fields
    if stored.status == 200 and stored.field("accept-ranges") is None:
        fields = (*fields, ("Accept-Ranges", "bytes"))
    return Decided(stored.status, stored.reason, fields, length, parts)


def _part(stored: Stored, answered: Answer) -> Decided:
    told = Fields(answered.fields)
    fields = Fields(stored.fields)
    for name in ("Content-Type", "Content-Range", "Accept-Ranges"):
        value = told.get(name)
        if value:
            fields = fields.with_replaced((name, value))
    if answered.multipart is not None:
        parts: tuple[bytes | ByteRange, ...] = tuple(answered.multipart.pieces())
    else:
        parts = () if answered.body is None else (answered.body,)
    length = int(told.get("content-length") or 0)
    return Decided(206, _REASONS[206], fields.pairs, length, parts)


def _without_content(status: int, stored: Stored) -> Decided:
    """A 304 or 412: it tells of the cache's copy, not of content that it does not have."""
    fields = Fields(stored.fields).without(_OF_CONTENT)
    if status == 412:
        # No cache further on may give what failed for one to another.
        fields = fields.without(_OF_FRESHNESS)
    return Decided(status, _REASONS[status], fields.pairs, None if status == 304 else 0, ())
