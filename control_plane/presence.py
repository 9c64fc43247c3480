"""What control planes tell one another of edges that live. Pure.

Each tells what it heard and found as ages: how long ago by its own monotonic clock. So no clock is
compared with another's; what word takes on the way makes things look younger by that much.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Final, Protocol

import msgspec

from common.messages import Heartbeat, MessageInvalid
from common.messages.packages import Identifier

OLDEST: Final = 3600.0
"""Seconds: what is older is told as so old."""

Age = Annotated[float, msgspec.Meta(ge=0, le=OLDEST)]
"""Seconds before it was told."""


class Finding(Protocol):
    """How a monitor found an edge; times are seconds of its own clock."""

    @property
    def at(self) -> float:
        """When it last asked."""
        ...

    @property
    def reached_at(self) -> float:
        """When it was last answered; minus infinity for never."""
        ...

    @property
    def failures(self) -> int:
        """How often in a row it was not."""
        ...

    @property
    def refused(self) -> bool:
        """Whether nobody listened there last time."""
        ...

    @property
    def wrong(self) -> bool:
        """Whether what came last was not what was asked for."""
        ...


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """A heartbeat that came to the one who tells."""

    heartbeat: Heartbeat
    """Without what was watched, which only the one that it came to counts, and without networks,
    which it tells by themselves."""
    age: Age

    @classmethod
    def of(cls, heartbeat: Heartbeat, at: float, now: float) -> "Heard":
        """What to tell at ``now`` of a heartbeat that came ``at``, seconds of one clock."""
        return cls(msgspec.structs.replace(heartbeat, watched=(), networks=()), age_of(at, now))


class Found(msgspec.Struct, frozen=True, array_like=True):
    """How the one who tells found an edge when it last asked it for an object."""

    edge_id: Identifier
    age: Age
    reached_age: Age | None
    """When it was last answered; None for never."""
    failures: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] = 0
    """How often in a row it was not."""
    refused: bool = False
    wrong: bool = False

    @classmethod
    def of(cls, edge_id: str, finding: Finding, now: float) -> "Found":
        """What to tell at ``now`` of how an edge was found."""
        reached = None if math.isinf(finding.reached_at) else age_of(finding.reached_at, now)
        return cls(
            edge_id,
            age_of(finding.at, now),
            reached,
            finding.failures,
            finding.refused,
            finding.wrong,
        )

    def reached_at(self, now: float) -> float:
        """When the edge last answered, in seconds of the clock of the one who is told at ``now``;
        minus infinity for never."""
        return -math.inf if self.reached_age is None else now - self.reached_age


class Presence(msgspec.Struct, frozen=True, array_like=True):
    """What one control plane tells."""

    monitor: Identifier
    """Its name."""
    heard: tuple[Heard, ...] = ()
    found: tuple[Found, ...] = ()


def age_of(at: float, now: float) -> float:
    """The age of what was at ``at``, both in seconds of one clock."""
    return min(max(0.0, now - at), OLDEST)


def encoded(presence: Presence, *, at_most: int) -> Iterator[bytes]:
    """``presence`` in messages of no more than ``at_most`` bytes each; nothing when it is empty.

    What does not fit alone is left out.
    """
    told = (*presence.heard, *presence.found)
    if not told:
        return
    body = msgspec.msgpack.encode(presence)
    if len(body) <= at_most:
        yield body
    elif len(told) > 1:
        for half in (told[: len(told) // 2], told[len(told) // 2 :]):
            heard = tuple(each for each in half if isinstance(each, Heard))
            found = tuple(each for each in half if isinstance(each, Found))
            yield from encoded(Presence(presence.monitor, heard, found), at_most=at_most)


def decoded(body: bytes) -> Presence:
    """What ``encoded`` made a message of.

    Raises:
        MessageInvalid: it is none of them.
    """
    try:
        return msgspec.msgpack.decode(body, type=Presence)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageInvalid(message="Presence", reason=str(error)) from error
