"""What the player of a session is told when it asks where to go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from common.hls import HERE
from control_plane.routing import EdgeFacts
from control_plane.steering.moving import Estimates, Standpoint, Why, moved
from control_plane.steering.pathways import clonable
from control_plane.steering.rooms import Rooms
from control_plane.steering.rules import SteeringSettings
from control_plane.steering.session import Session
from control_plane.steering.spread import bounded, chance, spread
from control_plane.steering.words import Words

EARLIEST: Final = 0.75
"""Of the time to wait, the part after which the first players come back."""
NEAR: Final = 16
"""Edges that are looked at beside the session's own: a fleet may have hundreds."""
HURRIED: Final = frozenset({Why.GONE, Why.LESS, Why.BAD})
"""Who was moved so is looked after sooner."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where a session may go."""

    edges: Sequence[EdgeFacts]
    """Those that take viewers of its video, best first; the best few will do."""
    version: str
    """The one of its video that they are ranked by."""
    elsewhere: Callable[[str], EdgeFacts | None] = lambda _: None
    """Finds one that takes viewers, and is not among these, by its name."""

    def named(self, edge_id: str) -> EdgeFacts | None:
        """An edge that takes viewers."""
        for edge in self.edges:
            if edge.edge_id == edge_id:
                return edge
        return self.elsewhere(edge_id) if edge_id else None


@dataclass(frozen=True, slots=True)
class Steering:
    """What a player is told."""

    session: Session
    """As the player is to carry it."""
    edges: Sequence[EdgeFacts]
    """Where it is to play from, best first; none when it is to keep what it has."""
    seconds: int
    """When it is to ask again."""
    why: Why

    @property
    def priority(self) -> list[str]:
        """The pathways, best first. That of the playlist itself is the last: nobody knows which
        edge it came from. Only at first it is to be kept, as hls.js 1.7 hangs when it has to
        change in the middle of its first segments."""
        names = [edge.edge_id for edge in self.edges]
        return [HERE, *names] if self.why is Why.NEW else [*names, HERE]


def steer(
    session: Session,
    words: Words,
    ranks: Ranks,
    now: float,
    rules: SteeringSettings,
    estimates: Estimates = lambda _: None,
) -> Steering:
    """Where ``session`` goes on.

    Args:
        session: as its player carried it.
        words: what its player says.
        ranks: where it may go.
        now: POSIX seconds.
        rules: how easily it is moved.
        estimates: what is known of its network.
    """
    ranked = clonable(bounded(ranks.edges, NEAR))
    if not ranked:
        seconds = _seconds(session.name, now, rules.ttl, words.starving)
        return Steering(session, (), seconds, Why.STAYS)
    session = _followed(session, words, ranks, now)
    edge = _reached(ranks.named(session.edge), ranked[0])
    rooms = Rooms(ranked if edge is None else [*ranked, edge])
    near = spread(session.name, ranked, rooms)
    if not session.since:
        session = session.greeted(ranks.version, now)
        return _greeted(session, near, ranked[0], now, rules)
    if session.edge or session.left:
        others = [
            other for other in near if other is not edge and other.edge_id not in session.left
        ]
        at = Standpoint(
            session,
            words,
            session.version == ranks.version,
            ranked[0].region,
            others,
            rooms,
            now,
            rules,
            estimates,
        )
        why, best = moved(at, edge)
        # When it has left all that there are, one of them is better than none.
        best = best or near[0]
    else:
        # Where it was sent before its player asked: when that is the best still, nothing changes.
        why, best = Why.KNOWN, ranked[0]
    if why is Why.BAD:
        session = session.leaving(now)
    if why is not Why.STAYS:
        session = session.sent(best.edge_id, best.share, now)
    told = _in_turn(session, best, near, edge)
    hurried = why in HURRIED or words.starving
    return Steering(
        session, bounded(told, rules.clones), _seconds(session.name, now, rules.ttl, hurried), why
    )


def _reached(edge: EdgeFacts | None, best: EdgeFacts) -> EdgeFacts | None:
    """The edge that a session is on, where it can be a pathway beside the best one."""
    return edge if edge is not None and edge in clonable([best, edge]) else None


def _greeted(
    session: Session,
    near: Sequence[EdgeFacts],
    best: EdgeFacts,
    now: float,
    rules: SteeringSettings,
) -> Steering:
    """What a player is told that asks for the first time: where to go when its edge fails."""
    # That is the best most likely, where it was sent just now.
    told = bounded([*(edge for edge in near if edge is not best), best], rules.clones)
    seconds = _seconds(session.name, now, rules.ttl, hurried=False)
    return Steering(session, told, seconds, Why.NEW)


def _followed(session: Session, words: Words, ranks: Ranks, now: float) -> Session:
    """The session by where its player says that it plays from: when that is not where it was sent,
    it could not play from there, or cannot be sent anywhere."""
    if words.pathway in {"", session.edge}:
        return session
    left = session.leaving(now)
    there = ranks.named(words.pathway)
    return left.sent(there.edge_id, there.share, now) if there is not None else left


def _in_turn(
    session: Session,
    best: EdgeFacts,
    near: Sequence[EdgeFacts],
    before: EdgeFacts | None,
) -> list[EdgeFacts]:
    """Where the session goes, and where when that fails: what it has left, or leaves now, last."""
    others = [edge for edge in near if edge is not best]
    others.sort(key=lambda edge: edge.edge_id in session.left or edge is before)
    return [best, *others]


def _seconds(name: str, now: float, ttl: int, hurried: bool) -> int:
    """When a session asks again: sooner when it is in trouble, and not all sessions at once."""
    longest = ttl / 2 if hurried else ttl
    part = EARLIEST + (1 - EARLIEST) * chance(name, str(int(now)))
    return max(1, int(longest * part))
