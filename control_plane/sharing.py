"""Telling the other control planes which edges were heard and found, and taking what they tell.

What happens within a short while goes as one hint, of each edge the latest.
"""

import asyncio
from collections.abc import Callable

from common import logs
from common.clock import Clock
from common.messages import Heartbeat, MessageInvalid
from control_plane.bus import HINT_AT_MOST, Bus, Hint, HintKind
from control_plane.presence import Finding, Found, Heard, Presence, decoded, encoded

TELL_EVERY = 0.1
"""Seconds."""
LOOK_EVERY = 0.3
"""Seconds between looks at what others wrote while nothing is heard of them: an edge that goes from
one control plane to another is silent for two seconds already, and falls after three."""

_log = logs.get(__name__)


class Sharing:
    """One control plane's part in what all of them know. Times are its monotonic clock's."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        monitor: str,
        *,
        heard: Callable[[Heartbeat, float], None],
        found: Callable[[str, Found, float], None],
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes what others tell, from now on.

        Args:
            bus: to the others.
            clock: the machine's.
            monitor: this control plane's name, an identifier.
            heard: takes a heartbeat that came to another, and when that was.
            found: takes the name of another, how it found an edge, and when that was told.
            look: has what others wrote down of edges read.
        """
        self._bus = bus
        self._clock = clock
        self._monitor = monitor
        self._on_heard = heard
        self._on_found = found
        self._look = look
        self._looked_at = clock.monotonic()
        self._heard: dict[str, tuple[Heartbeat, float]] = {}
        self._found: dict[str, Finding] = {}
        bus.subscribe(self._take)

    def hear(self, heartbeat: Heartbeat) -> None:
        """Has the others told soon that ``heartbeat`` has come."""
        self._heard[heartbeat.edge_id] = heartbeat, self._clock.monotonic()

    def find(self, edge_id: str, finding: Finding) -> None:
        """Has the others told soon how an edge was found."""
        self._found[edge_id] = finding

    async def run(self) -> None:
        """Tells them until it is cancelled."""
        while True:
            await asyncio.sleep(TELL_EVERY)
            self.tell()
            now = self._clock.monotonic()
            if self._bus.trouble is not None and now - self._looked_at >= LOOK_EVERY:
                self._looked_at = now
                self._look()

    def tell(self) -> None:
        """Tells them now what is new."""
        now = self._clock.monotonic()
        heard, self._heard = self._heard, {}
        found, self._found = self._found, {}
        told = Presence(
            self._monitor,
            tuple(Heard.of(heartbeat, at, now) for heartbeat, at in heard.values()),
            tuple(Found.of(edge_id, finding, now) for edge_id, finding in found.items()),
        )
        for body in encoded(told, at_most=HINT_AT_MOST):
            self._bus.publish(Hint(HintKind.PRESENCE, body))

    def _take(self, hint: Hint) -> None:
        if hint.kind is not HintKind.PRESENCE:
            return
        try:
            told = decoded(hint.body)
        except MessageInvalid as error:
            _log.debug("presence of another release", reason=str(error))
            return
        now = self._clock.monotonic()
        for each in told.heard:
            self._on_heard(each.heartbeat, now - each.age)
        for one in told.found:
            self._on_found(told.monitor, one, now)
