"""Responses of one shape are judged once: what is their own does not change whether to store them.

That holds where the origin tells in seconds how long they are fresh, and nothing in the request or
in Vary matters. All others are judged one by one, as ``storing`` does.
"""

import functools
import re
from dataclasses import dataclass

import msgspec

from common.http import parse_http_date
from common.http.fields import Fields
from edge.policy.forwarding import end_to_end
from edge.policy.freshness import corrected_age, governing
from edge.policy.messages import Request, Response
from edge.policy.plain_responses import MOST_SHAPES, PlainResponse, Shape
from edge.policy.stored import Stored
from edge.policy.storing import judge_storing

_JUDGED_ALONE = frozenset({"cache-control", "authorization"})
"""Fields of a request that say whether its response may be stored (RFC 9111 §3)."""
_FIRST_MARK = 0x80
_ANY = Request("GET", "http", "any", "/", Fields())


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """What is stored of all responses of a shape."""

    stored: Stored
    """Of one of them; ``mark`` stands for each value that is a response's own."""
    places: tuple[tuple[int, int], ...]
    """Where in its fields those are, and which."""


def mark(number: int) -> str:
    """A character that no recognised head has, for own value ``number``."""
    return chr(_FIRST_MARK + number)


@functools.lru_cache(MOST_SHAPES)
def pattern_of(shape: Shape) -> Pattern | None:
    """What is stored of responses of ``shape``; None where each has to be judged."""
    fields = list(shape.fields)
    for number, place in enumerate(shape.places):
        fields[place] = (fields[place][0], mark(number))
    kept = end_to_end(Fields(fields))
    control, _ = governing(kept)
    explicit = control.seconds("s-maxage") is not None or control.seconds("max-age") is not None
    if not explicit or "date" not in shape.own or "age" in kept or "vary" in kept:
        return None
    judged = judge_storing(_ANY, Response(shape.status, shape.reason, kept, 0.0, 0.0))
    stored = judged.stored
    if stored is None or judged.unshared or stored.validate_always:
        return None
    values = [value for _, value in stored.fields]
    return Pattern(
        stored,
        tuple(
            (values.index(mark(number)), number)
            for number in range(len(shape.places))
            if mark(number) in values
        ),
    )


def judge_alike(
    found: PlainResponse,
    request: Request,
    requested_at: float,
    received_at: float,
    sequence: int,
) -> Stored | None:
    """What to store of the response ``found`` to ``request``, a GET, for anybody who asks.

    The rest is as in ``Response`` and ``judge_storing``, which judges where this answers None.
    """
    pattern = pattern_of(found.shape)
    if pattern is None or not request.fields.lacks(_JUDGED_ALONE):
        return None
    values = found.values
    fields = list(pattern.stored.fields)
    for place, number in pattern.places:
        fields[place] = (fields[place][0], values[number].decode())
    date = parse_http_date(found.own("date") or "", now=received_at)
    stored = msgspec.structs.replace(
        pattern.stored,
        fields=tuple(fields),
        received_at=received_at,
        age=corrected_age(0, date, requested_at, received_at),
        sequence=sequence,
    )
    fresh = stored.freshness_at(received_at)
    return stored if fresh + stored.stale_while_revalidate > 0 else None


class Head:
    """The head of the answers that come of responses of one shape."""

    __slots__ = ("_order", "_text")

    def __init__(self, marked: bytes, shape: Shape) -> None:
        """Takes it as ``render_head`` makes it, with ``mark`` for what is a response's own.

        Args:
            marked: that, without Content-Length.
            shape: of the responses.
        """
        marks = b"[" + b"".join(_as_byte(number) for number in range(len(shape.places))) + b"]"
        self._order = [found[0] - _FIRST_MARK for found in re.findall(marks, marked)]
        text = re.sub(marks, b"%s", marked.replace(b"%", b"%%"))
        self._text = text.removesuffix(b"\r\n") + b"Content-Length: %d\r\n\r\n"

    def render(self, found: PlainResponse) -> bytes:
        """It, for what comes of ``found``."""
        values = found.values
        return self._text % (*[values[number] for number in self._order], found.length)


def _as_byte(number: int) -> bytes:
    return mark(number).encode("latin-1")
