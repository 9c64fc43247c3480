"""What a validation or a HEAD changes in a stored response (RFC 9111 §3.2, §4.3.3 to §4.3.5)."""

import dataclasses
from dataclasses import dataclass

import msgspec

from common.http import parse_entity_tag
from common.http.fields import Fields
from edge.policy.forwarding import NOT_STORED
from edge.policy.messages import Request, Response
from edge.policy.stored import Stored
from edge.policy.storing import judge_storing

_KEPT = NOT_STORED | frozenset(
    {"content-length", "content-range", "content-encoding", "transfer-encoding"}
)
"""Fields of the stored response that tell of its bytes, which an update does not bring."""


def validation_fields(stored: Stored) -> tuple[tuple[str, str], ...]:
    """The fields that ask whether ``stored`` is current (§4.3.1); none without a validator."""
    fields = []
    etag = stored.field("etag")
    if etag is not None:
        fields.append(("If-None-Match", etag))
    modified = stored.field("last-modified")
    if modified is not None:
        fields.append(("If-Modified-Since", modified))
    return tuple(fields)


@dataclass(frozen=True, slots=True)
class Update:
    """What becomes of a stored response."""

    stored: Stored | None
    """It, freshened; None when it is not what the response speaks of, or may be kept no more."""
    ours: bool
    """Whether the response speaks of the stored one at all (§4.3.4)."""


def freshen(
    stored: Stored,
    request: Request,
    response: Response,
    *,
    heuristic: float = 0.0,
    negative: float = 0.0,
    sequence: int = 0,
) -> Update:
    """``stored`` after a 304, or after the 200 of a HEAD.

    Args:
        stored: the stored response.
        request: what was asked.
        response: what came.
        heuristic: as ``freshness.lifetime``.
        negative: as ``freshness.lifetime``.
        sequence: the number of the last purge when the request was sent.
    """
    same = _same_in_full if request.method == "HEAD" else _same
    if not same(stored, response.fields):
        return Update(None, ours=False)
    merged = Response(
        status=stored.status,
        reason=stored.reason,
        fields=merged_fields(Fields(stored.fields), response.fields),
        requested_at=response.requested_at,
        received_at=response.received_at,
    )
    # It is stored for GET, whatever method brought the news.
    as_get = dataclasses.replace(request, method="GET")
    judged = judge_storing(
        as_get, merged, heuristic=heuristic, negative=negative, sequence=sequence
    ).stored
    if judged is None:
        return Update(None, ours=True)
    return Update(
        msgspec.structs.replace(
            judged,
            number=stored.number,
            size=stored.size,
            held=stored.held,
            sha256=stored.sha256,
        ),
        ours=True,
    )


def merged_fields(stored: Fields, update: Fields) -> Fields:
    """The stored fields, each replaced by the update's of the same name (§3.2)."""
    changed = update.without(_KEPT)
    # Age tells how old the update is, and is reckoned with, not stored.
    age = tuple(("Age", line) for line in update.lines("age"))
    return Fields((*stored.without(changed.names()).pairs, *changed.pairs, *age))


def _same_in_full(stored: Stored, update: Fields) -> bool:
    """Whether all that the 200 of a HEAD tells of the representation is so (§4.3.5)."""
    length = update.get("content-length")
    if length is not None and length != str(stored.size):
        return False
    told = (update.get(name) for name in ("etag", "last-modified"))
    held = (stored.field(name) for name in ("etag", "last-modified"))
    return all(new is None or new == old for new, old in zip(told, held, strict=True))


def _same(stored: Stored, update: Fields) -> bool:
    """Whether the validators of a 304 name the stored response (§4.3.4); without any, it does."""
    told = update.get("etag")
    held = stored.field("etag")
    if told is not None and held is not None:
        new, old = parse_entity_tag(told), parse_entity_tag(held)
        if new is None or old is None:
            return told == held
        # A strong tag tells of bytes, which a weak one that is stored cannot vouch for.
        return new.matches_weakly(old) and (new.weak or not old.weak)
    modified = update.get("last-modified")
    if modified is not None and stored.field("last-modified") is not None:
        return modified == stored.field("last-modified")
    if told is not None:
        # It names a representation by what is not known of the stored one.
        new = parse_entity_tag(told)
        return new is not None and new.weak
    length = update.get("content-length")
    return length is None or not length.isdigit() or int(length) in {0, stored.size}
