"""Whether a session is moved, where to, and why.

It stays on its edge as long as that is fit for it, whatever has changed in the ranks: each move
costs a player connections, and an edge that gets it the surprise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from control_plane.routing import EdgeFacts, Estimate, Turn
from control_plane.steering.rooms import Rooms, at_ease
from control_plane.steering.rules import SteeringSettings
from control_plane.steering.session import Session
from control_plane.steering.spread import chance
from control_plane.steering.words import Words

ENOUGH: Final = 20e6
"""Bits per second that carry every rendition."""
FASTER: Final = 3.0
"""Times the throughput that another edge must give for a session to be moved there for it."""
STARVING: Final = 0.2
"""Of what a network's players told, the share of empty buffers that says that an edge is bad."""
HEARD_ENOUGH: Final = 5.0
"""An estimate that rests on fewer words says nothing."""
TRIES: Final = 2
"""Edges that a player may complain of; when it has left so many, its own network is to blame."""


class Why(StrEnum):
    """Why a session is where it is told to be."""

    NEW = "new"
    """It has only begun, and stays where it is."""
    KNOWN = "known"
    """It is sent to the best edge, whether it is there already or not: from now on it is known
    where it is."""
    STAYS = "stays"
    LOST = "lost"
    """Its player is not where it was sent, and does not tell where else."""
    GONE = "gone"
    """Its edge takes no viewers any more."""
    LESS = "less"
    """Its edge gets fewer viewers than when the session came to it."""
    FETCHES = "fetches"
    """Its edge does not hold the video, and another does."""
    BUSY = "busy"
    """Its edge has more to do than it may, and another has room."""
    BAD = "bad"
    """Its player, or others in its network, say that the edge serves them badly."""
    HOME = "home"
    """A nearer region has an edge for it again."""


Estimates = Callable[[str], Estimate | None]
"""What is known of the network of a session's player, from the edge of that name on."""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """What a session is judged by."""

    session: Session
    words: Words
    current: bool
    """Whether it plays the version that viewers get now, by whose copies the edges are ranked."""
    nearest: str
    """The region where it would be at best."""
    others: Sequence[EdgeFacts]
    """Where it can go that it has not left; best first."""
    rooms: Rooms
    now: float
    """POSIX seconds."""
    rules: SteeringSettings
    estimates: Estimates


def moved(at: Standpoint, edge: EdgeFacts | None) -> tuple[Why, EdgeFacts | None]:
    """Why a session is where it is to be, and the edge; None when there is no other.

    Args:
        at: what it is judged by.
        edge: where it is; None when that takes no viewers, or is not known.
    """
    first = at.others[0] if at.others else None
    if edge is None:
        return (Why.GONE if at.session.edge else Why.LOST), first
    if first is None:
        return Why.STAYS, edge
    if _let_go(at.session, edge):
        return Why.LESS, first
    if at.now - at.session.since < at.rules.settle:
        return Why.STAYS, edge
    return _wished(at, edge, first)


def _wished(at: Standpoint, edge: EdgeFacts, first: EdgeFacts) -> tuple[Why, EdgeFacts]:
    """The same for a session that could stay, and has been there for a while."""
    if (better := _better(at, edge)) is not None:
        return Why.BAD, better
    if _shed(at, edge, first):
        return Why.BUSY, first
    if not at.current or not at_ease(first):
        return Why.STAYS, edge
    if first.holds and not edge.holds:
        return Why.FETCHES, first
    # Where its own region is full for it, it is no better off in the one that is nearest then.
    farther = edge.region != first.region == at.nearest and edge.turn is not Turn.FULL
    if farther and at.now - at.session.since >= at.rules.homesick:
        return Why.HOME, first
    return Why.STAYS, edge


def _shed(at: Standpoint, edge: EdgeFacts, first: EdgeFacts) -> bool:
    """Whether a session is among those that an edge gives up as it has too much to do: each time a
    few, others every time."""
    if first.load >= edge.load or at.rooms.takes(first) <= 0:
        return False
    part = at.rooms.sheds(edge)
    return chance(at.session.name, f"{edge.edge_id}/{int(at.now)}") < part


def _let_go(session: Session, edge: EdgeFacts) -> bool:
    """Whether a session is among those that an edge gives up: of those who came while it had a
    larger share a part, always the same ones."""
    # Another chance than the one by which they came to it.
    return chance(session.name, f"{edge.edge_id}/stays") > 100 * edge.share / session.share


def _better(at: Standpoint, edge: EdgeFacts) -> EdgeFacts | None:
    """Where the session would be better off, if it is badly off, as far as one can hear."""
    if len(at.session.left) >= TRIES:
        return None
    there, words = _sure(at.estimates(edge.edge_id)), at.words
    if words.starving or (there is not None and there.starving >= STARVING):
        # Where others in its network starve too, the network is bad, and not the edge.
        return next((other for other in at.others if not _starves(at, other)), None)
    if words.throughput is None or words.throughput >= ENOUGH:
        return None
    wanted = FASTER * words.throughput
    return next((other for other in at.others if _gives(at, other) >= wanted), None)


def _starves(at: Standpoint, edge: EdgeFacts) -> bool:
    heard = _sure(at.estimates(edge.edge_id))
    return heard is not None and heard.starving >= STARVING


def _gives(at: Standpoint, edge: EdgeFacts) -> float:
    """Bits per second that players in the same network measure; 0 when nobody has told."""
    heard = _sure(at.estimates(edge.edge_id))
    return heard.throughput if heard is not None else 0.0


def _sure(estimate: Estimate | None) -> Estimate | None:
    return estimate if estimate is not None and estimate.weight >= HEARD_ENOUGH else None
