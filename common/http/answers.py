"""The answer to GET and HEAD of a representation that is at hand (RFC 9110 §13.2.2, §14.2, §15).

Origin and edge both ask here, so that a client cannot tell which of them it spoke to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from common.http.conditional import Conditions, EntityTag, Verdict, judge, range_applies
from common.http.dates import format_http_date
from common.http.multipart import Multipart, derive_boundary
from common.http.ranges import ByteRange, NoRange, select_range, select_ranges


@dataclass(frozen=True, slots=True)
class Representation:
    """What is known of a representation without its bytes."""

    size: int
    """Bytes."""
    content_type: str
    etag: EntityTag | None = None
    last_modified: float | None = None
    """POSIX seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How to answer."""

    status: int
    """200, 206, 304, 412 or 416."""
    fields: tuple[tuple[str, str], ...]
    """Content-Length and whatever tells of the representation. The caller adds its own, such as
    Cache-Control (also to a 304) and Date; and a body, with its length, to 412 and 416."""
    body: ByteRange | None
    """The bytes of the representation that are the content; None when none of them are sent, or
    those of ``multipart``."""
    multipart: Multipart | None = None
    """The content when it has several parts."""


def answer(
    method: str,
    fields: Iterable[tuple[str, str]],
    representation: Representation,
    *,
    now: float,
    several: bool = False,
) -> Answer:
    """Decides status, fields and content.

    Args:
        method: ``GET`` or ``HEAD``; other methods are the caller's to answer.
        fields: the request's field lines.
        representation: what is there.
        now: POSIX time at which the representation was known to be this one (for a cache, the Date
            of the stored response).
        several: whether the caller can send a multipart; where it cannot, a Range field that asks
            for several ranges is answered with the whole.
    """
    conditions = Conditions.of(fields)
    etag, last_modified = representation.etag, representation.last_modified
    verdict = judge(method, conditions, etag=etag, last_modified=last_modified, now=now)
    if verdict is Verdict.FAILED:
        return Answer(412, (), None)
    validators = _validators(representation)
    if verdict is Verdict.NOT_MODIFIED:
        return Answer(304, validators, None)
    selected: tuple[ByteRange, ...] | NoRange = NoRange.WHOLE
    # GET is the only method for which Range is defined (§14.2).
    if method == "GET" and range_applies(
        conditions.if_range, etag=etag, last_modified=last_modified, now=now
    ):
        selected = _select(conditions.range, representation.size, several=several)
    if selected is NoRange.UNSATISFIABLE:
        return Answer(416, (("Content-Range", f"bytes */{representation.size}"),), None)
    if selected is NoRange.WHOLE:
        return _whole(method, representation, validators)
    return _part(representation, selected, validators)


def _select(field: str | None, size: int, *, several: bool) -> tuple[ByteRange, ...] | NoRange:
    if several:
        return select_ranges(field, size)
    selected = select_range(field, size)
    return selected if isinstance(selected, NoRange) else (selected,)


def _whole(
    method: str, representation: Representation, validators: tuple[tuple[str, str], ...]
) -> Answer:
    content = ByteRange(0, representation.size)
    told = _told(representation.content_type, content.length, validators)
    return Answer(200, told, content if method == "GET" else None)


def _part(
    representation: Representation,
    selected: tuple[ByteRange, ...],
    validators: tuple[tuple[str, str], ...],
) -> Answer:
    size, kind = representation.size, representation.content_type
    # A client that gets one range need not know how to read a multipart (§15.3.7.2).
    if len(selected) == 1:
        content_range = ("Content-Range", selected[0].content_range(size))
        told = _told(kind, selected[0].length, validators)
        return Answer(206, (*told, content_range), selected[0])
    boundary = derive_boundary(validators, size, *((part.start, part.stop) for part in selected))
    parts = Multipart(selected, size, kind, boundary)
    return Answer(206, _told(parts.content_type, parts.length, validators), None, parts)


def _told(
    content_type: str, length: int, validators: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    return (
        ("Content-Type", content_type),
        ("Content-Length", str(length)),
        ("Accept-Ranges", "bytes"),
        *validators,
    )


def _validators(representation: Representation) -> tuple[tuple[str, str], ...]:
    told: list[tuple[str, str]] = []
    if representation.etag is not None:
        told.append(("ETag", str(representation.etag)))
    if representation.last_modified is not None:
        told.append(("Last-Modified", format_http_date(representation.last_modified)))
    return tuple(told)
