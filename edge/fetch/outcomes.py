"""What is wanted from upstream, and what can become of it."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from common.http.fields import Pairs
from edge.fetch.arriving import Arriving
from edge.fetch.connection import Interim
from edge.fetch.pool import Exchange
from edge.policy.messages import Request, Response
from edge.policy.stored import Stored

SERVER_ERRORS = frozenset({500, 502, 503, 504})
"""Statuses by which an origin says that it is not well (RFC 5861 §4)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted from upstream."""

    request: Request
    key: str
    interim: Interim | None = None
    client: str | None = None
    """The viewer's address; told upstream only where the response is for nobody else."""
    stale: Stored | None = None
    """The stored response to validate."""
    grow: Stored | None = None
    """The partial response to which the range belongs."""
    range: str | None = None
    """The Range field to send; None for the whole."""
    start: int | None = None
    """The first byte that is wanted; None for a suffix, whose first byte nobody knows yet."""
    sha256: bytes = b""
    """What the representation's digest must be, where that is known."""
    reload: bool = False
    """Whether the viewer wants what the origin says now, not what was asked for before."""
    changes: int = 0
    """How often unsafe requests had changed what is under the key when it was asked for."""
    paced: bool = False
    """Whether it is filled ahead of demand, at the rate that is set for that."""
    alone: bool = False
    """Whether the viewer's own conditions and range are passed on, as nobody else shares this."""


@dataclass(frozen=True, slots=True)
class Passing:
    """A response for one viewer. Whoever gets it closes it."""

    response: Response
    exchange: Exchange
    stack: AsyncExitStack
    why: str
    """Why it is not stored."""


@dataclass(frozen=True, slots=True)
class Coming:
    """A response that arrives, and is left when done with."""

    arriving: Arriving
    collapsed: bool
    unshared: Pairs = ()
    """Fields that are not stored, for the one whose request this answers."""


@dataclass(frozen=True, slots=True)
class Validated:
    """The stored response is current."""

    stored: Stored
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What was on its way has come to its end: the cache is to be asked again."""


@dataclass(frozen=True, slots=True)
class OriginFailed:
    """Somebody else's attempt to validate brought an error of the origin's own."""


Outcome = Passing | Coming | Validated | Settled | OriginFailed


async def let_go(outcome: Outcome) -> None:
    """Goes without what came of an ask: what arrives for the cache does so all the same."""
    if isinstance(outcome, Coming):
        outcome.arriving.leave()
    elif isinstance(outcome, Passing):
        await outcome.stack.aclose()
