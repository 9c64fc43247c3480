"""Whom to ask for a key: edges before the origins or after them, as far as they are well.

An origin has to fail several times in a row until it is left alone, an edge once: there is always
another way. Whoever broke off in a key's midst, or sent other bytes than were asked for, is asked
last for that key for a while; an edge that sent wrong bytes is left alone altogether.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from edge.policy.origin_health import Health, order_to_try

Kind = Literal["shield", "peer", "origin"]
SPOILED_FOR = 30.0
"""Seconds that whoever failed in a key's midst is asked last for it."""
MOST_SPOILED = 10_000
"""Keys that this is remembered of."""
LEFT_ALONE = 60.0
"""Seconds that an edge which sent wrong bytes is asked for nothing."""

Place = TypeVar("Place", bound=Hashable)


@dataclass(frozen=True)
class Source(Generic[Place]):
    """Somebody who may have what is wanted."""

    place: Place
    """Where it is; tells it from others."""
    name: str
    """For people."""
    kind: Kind = "origin"
    keeps_host: bool = False
    """Whether it is asked with the Host that the viewer named, and what else he sent."""

    @property
    def is_edge(self) -> bool:
        """Whether it is an edge, which others can stand in for."""
        return self.kind != "origin"


@dataclass(frozen=True)
class Route(Generic[Place]):
    """Which edges to ask for a key besides the origins."""

    before: tuple[Source[Place], ...] = ()
    after: tuple[Source[Place], ...] = ()
    """When no origin answers."""


class Standing(Generic[Place]):
    """What is known of all sources, from the requests that are made anyway."""

    def __init__(self) -> None:
        self._health: dict[Place, Health] = {}
        self._spoiled: OrderedDict[tuple[str, Place], float] = OrderedDict()
        self.bytes: Counter[Kind] = Counter()
        """Of content, by who sent them."""
        self.failures: Counter[str] = Counter()
        """By their reason: ``away``, ``error``, ``broke`` and ``wrong`` bytes."""

    def order(
        self, key: str, origins: Sequence[Source[Place]], route: Route[Place], now: float
    ) -> list[Source[Place]]:
        """Whom to ask for ``key``, the first first; somebody if there is anybody.

        Args:
            key: what is wanted.
            origins: the origins in the operator's order.
            route: the edges besides.
            now: seconds of a steady clock.
        """
        first = [one for one in route.before if self._of(one).usable(now)]
        last = [one for one in route.after if self._of(one).usable(now)]
        indices = order_to_try([self._of(one) for one in origins], now) if origins else []
        found = [*first, *(origins[index] for index in indices), *last]
        if not self._spoiled:
            return found
        spoiled = [one for one in found if self._spoiled.get((key, one.place), now) > now]
        return [one for one in found if one not in spoiled] + spoiled

    def _of(self, source: Source[Place]) -> Health:
        health = self._health.get(source.place)
        if health is None:
            health = Health(patience=1) if source.is_edge else Health()
            self._health[source.place] = health
        return health

    def began(self, source: Source[Place]) -> None:
        """Notes that ``source`` is asked."""
        self._of(source).began()

    def succeeded(self, source: Source[Place]) -> None:
        """Notes that it answered."""
        self._of(source).succeeded()

    def abandoned(self, source: Source[Place]) -> None:
        """Notes that a request ended for reasons that say nothing about it."""
        self._of(source).abandoned()

    def failed(self, source: Source[Place], reason: str, now: float) -> None:
        """Notes that it did not answer, or with an error of its own."""
        self.failures[reason] += 1
        self._of(source).failed(now)

    def broke(self, key: str, source: Source[Place], now: float) -> None:
        """Notes that it broke off, or stalled, in the midst of ``key``."""
        self.failed(source, "broke", now)
        self._spoil(key, source, now)

    def differs(self, key: str, source: Source[Place], now: float) -> None:
        """Notes that it has, and says so, something else under ``key`` than is wanted."""
        self.failures["wrong"] += 1
        self._spoil(key, source, now)

    def lied(self, key: str, source: Source[Place], now: float) -> None:
        """Notes that its bytes of ``key`` are not what they should be."""
        self.differs(key, source, now)
        if source.is_edge:
            self._of(source).leave_alone(now, LEFT_ALONE)

    def _spoil(self, key: str, source: Source[Place], now: float) -> None:
        at = (key, source.place)
        self._spoiled[at] = now + SPOILED_FOR
        self._spoiled.move_to_end(at)
        while len(self._spoiled) > MOST_SPOILED or (
            self._spoiled and next(iter(self._spoiled.values())) <= now
        ):
            self._spoiled.popitem(last=False)
