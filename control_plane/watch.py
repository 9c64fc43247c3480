"""Watching the edges: how each one is now, and which take viewers."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from common import logs
from common.clock import Clock
from common.messages import EdgeState
from control_plane.catalog import EdgeRecord
from control_plane.findings import Findings
from control_plane.fleet import Fleet
from control_plane.health import Credential, EdgeHealth, HealthRules, Outlook, Signs, admitted, look
from control_plane.standing import Standings

LOOK_EVERY: Final = 0.2
"""Seconds. An edge is given up so much earlier: silence is told with everything included."""
NOTICED_WITHIN: Final = 1.0
"""Seconds between two control planes that find an edge down, at most: what they heard last of it
came to one of them later, and each looks at its own times."""
FEW: Final = 50
"""Edges; judging so few takes no time."""
SOON: Final = 0.02
"""Seconds between judgements of more, however many edges come at once."""

_log = logs.get(__name__)


class Watch:
    """Judges every edge again and again."""

    def __init__(
        self,
        fleet: Fleet,
        rules: HealthRules,
        clock: Clock,
        standings: Standings,
        findings: Findings,
        purge_head: Callable[[], int],
    ) -> None:
        """``purge_head`` tells the number of the last purge."""
        self._fleet = fleet
        self._rules = msgspec.structs.replace(rules, silence=rules.silence - LOOK_EVERY)
        self._clock = clock
        self._standings = standings
        self._findings = findings
        self._purge_head = purge_head
        self.valid_until: Callable[[str], float | None] = lambda _: math.inf
        """Until when, POSIX seconds, an edge's credential is valid; None when it has none."""
        self._listeners: list[Callable[[], None]] = []
        self._outlook = Outlook({}, blind=False)
        self._shares: dict[str, float] = {}
        self._stale = False
        """Whether an edge has told something that it is not judged by yet."""
        self._looked_at = -math.inf
        fleet.on_overheard(self._heard)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Has ``listener`` called when edges are in other states than before."""
        self._listeners.append(listener)

    @property
    def blind(self) -> bool:
        """Whether no edge at all is heard, so that their states are what was last known."""
        return self._outlook.blind

    async def run(self) -> None:
        """Looks, for ever."""
        while True:
            try:
                self.look()
            except Exception:
                # Whatever it was, it must not be the end of looking.
                _log.exception("edges could not be judged")
            await asyncio.sleep(LOOK_EVERY)

    def _heard(self, record: EdgeRecord) -> None:
        """An edge that is new, or tells something else of itself than before, is judged before
        anybody is told of it."""
        known = self._outlook.edges.get(record.edge_id)
        beat = record.heartbeat
        takes = known is not None and known.state in {EdgeState.UP, EdgeState.DEGRADED}
        self._stale = self._stale or takes != (beat.ready and not beat.draining)

    def _judged(self) -> None:
        """Judges again where it matters; a large fleet that comes back at once only so often."""
        now = self._clock.monotonic()
        if self._stale and (len(self._outlook.edges) < FEW or now - self._looked_at >= SOON):
            self.look()

    def look(self) -> None:
        """Judges every edge now."""
        self._stale, self._looked_at = False, self._clock.monotonic()
        signs = {record.edge_id: self._signs(record) for record in self._fleet.edges()}
        before = self._outlook.edges
        self._outlook = look(before, signs, now=self._clock.monotonic(), rules=self._rules)
        regions: dict[str, dict[str, EdgeHealth]] = defaultdict(dict)
        for record in self._fleet.edges():
            regions[record.region][record.edge_id] = self._outlook.edges[record.edge_id]
        self._shares = {
            edge_id: share
            for edges in regions.values()
            for edge_id, share in admitted(edges).items()
        }
        if self._told(before):
            for listener in self._listeners:
                listener()

    def _signs(self, record: EdgeRecord) -> Signs:
        beat = record.heartbeat
        order = self._standings.known.get(record.edge_id)
        whole = beat.used_bytes + beat.fill_bytes_pending
        return Signs(
            heartbeat=beat,
            beat_at=self._fleet.beat_at(record.edge_id),
            purge_head=self._purge_head(),
            held=beat.used_bytes / whole if whole else 1.0,
            probes=self._findings.of(record.edge_id),
            standing=self._standings.of(record.edge_id),
            order=order.sentence if order is not None else "",
            credential=self._credential(record.edge_id),
        )

    def _credential(self, edge_id: str) -> Credential:
        until = self.valid_until(edge_id)
        if until is None:
            return Credential.GONE
        return Credential.VALID if self._clock.now() < until else Credential.EXPIRED

    def _told(self, before: Mapping[str, EdgeHealth]) -> bool:
        """Whether any edge is in another state than before, which is written down."""
        changed = False
        for edge_id, health in self._outlook.edges.items():
            known = before.get(edge_id)
            if known is None or known.state is not health.state:
                changed = True
                _log.info("edge", edge=edge_id, state=health.state.value, why=health.reason)
        return changed

    def health(self, edge_id: str) -> EdgeHealth:
        """How an edge that was ever heard of is."""
        self._judged()
        if edge_id not in self._outlook.edges:
            self.look()
        return self._outlook.edges[edge_id]

    def away(self, edge_id: str) -> bool:
        """Whether an edge has been down for so long that no control plane sends viewers there."""
        health = self.health(edge_id)
        down = health.state is EdgeState.DOWN and self.share(edge_id) == 0
        return down and self._clock.monotonic() - health.since >= NOTICED_WITHIN

    def share(self, edge_id: str) -> float:
        """How much of the viewers that it would get at its best an edge gets; 0 for none."""
        self._judged()
        return self._shares.get(edge_id, 0.0)

    def shares(self) -> Mapping[str, float]:
        """The edges that take viewers, with the share of each; another object after each look."""
        self._judged()
        return self._shares
