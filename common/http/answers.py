"""The answer to GET and HEAD of a representation that is at hand (RFC 9110 §13.2.2, §14.2, §15).

Origin and edge both ask here, so that a client cannot tell which of them it spoke to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from common.http.conditional import Conditions, EntityTag, Verdict, judge, range_applies
from common.http.dates import format_http_date
from common.http.ranges import ByteRange, NoRange, select_range


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
    """The bytes of the representation that are the content; None when none of them are sent."""


def answer(
    method: str,
    fields: Iterable[tuple[str, str]],
    representation: Representation,
    *,
    now: float,
) -> Answer:
    """Decides status, fields and content.

    Args:
        method: ``GET`` or ``HEAD``; other methods are the caller's to answer.
        fields: the request's field lines.
        representation: what is there.
        now: POSIX time at which the representation was known to be this one (for a cache, the Date
            of the stored response).
    """
    conditions = Conditions.of(fields)
    etag, last_modified = representation.etag, representation.last_modified
    verdict = judge(method, conditions, etag=etag, last_modified=last_modified, now=now)
    if verdict is Verdict.FAILED:
        return Answer(412, (), None)
    validators = _validators(representation)
    if verdict is Verdict.NOT_MODIFIED:
        return Answer(304, validators, None)
    selected: ByteRange | NoRange = NoRange.WHOLE
    # GET is the only method for which Range is defined (§14.2).
    if method == "GET" and range_applies(
        conditions.if_range, etag=etag, last_modified=last_modified, now=now
    ):
        selected = select_range(conditions.range, representation.size)
    if selected is NoRange.UNSATISFIABLE:
        return Answer(416, (("Content-Range", f"bytes */{representation.size}"),), None)
    return _with_content(method, representation, selected, validators)


def _with_content(
    method: str,
    representation: Representation,
    selected: ByteRange | NoRange,
    validators: tuple[tuple[str, str], ...],
) -> Answer:
    size = representation.size
    content = selected if isinstance(selected, ByteRange) else ByteRange(0, size)
    told = [
        ("Content-Type", representation.content_type),
        ("Content-Length", str(content.length)),
        ("Accept-Ranges", "bytes"),
        *validators,
    ]
    if isinstance(selected, ByteRange):
        told.append(("Content-Range", content.content_range(size)))
    status = 206 if isinstance(selected, ByteRange) else 200
    return Answer(status, tuple(told), content if method == "GET" else None)


def _validators(representation: Representation) -> tuple[tuple[str, str], ...]:
    told: list[tuple[str, str]] = []
    if representation.etag is not None:
        told.append(("ETag", str(representation.etag)))
    if representation.last_modified is not None:
        told.append(("Last-Modified", format_http_date(representation.last_modified)))
    return tuple(told)
