"""The edges there are, what they tell of themselves and what they hold: in memory, so that routing
waits for nobody.

What edges tell other control planes is read from the catalog every second; what they tell this one
counts at once, and is written down a moment later, so that a database that is away or slow keeps no
edge waiting.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import (
    Heartbeat,
    HeldPackage,
    Holdings,
    HoldingsChange,
    PackageName,
)
from control_plane import health
from control_plane.catalog import Catalog, EdgeRecord
from control_plane.held import Held, completed, in_portions, made_anew, name_of
from control_plane.holders import Holders
from control_plane.routing import Region

MANY_HELD: Final = 1000
"""Packages; what an edge with more holds is long, and written down only every so often."""
MANY_SAVED_EVERY: Final = 5.0
"""Seconds."""
NEWS_WITHIN: Final = 1.0
"""Seconds after which what another control plane heard is read here, as a rule."""
DISBELIEVED_FOR: Final = 10.0
"""Seconds; an edge that goes on telling what is not so is caught again before they are over."""

_log = logs.get(__name__)


class EdgeUnknown(NearcastError):
    """The edge {edge_id!r} has not been heard of: it must send a heartbeat first."""

    status = 404


class RegionUnknown(NearcastError):
    """The edge {edge_id!r} says it is in region {region!r}, which the settings do not have."""

    status = 422


class HoldingsNotKnown(NearcastError):
    """What the edge {edge_id!r} held before this change is not known here: tell it whole."""

    status = 409


@dataclass(frozen=True)
class Rules:
    """What the settings say of edges."""

    regions: tuple[Region, ...]
    silence: float
    """Seconds without a heartbeat after which an edge is down."""
    patience: float
    """Seconds that a silent edge keeps its packages before they are placed elsewhere."""


class Fleet:
    """Knows every edge that was ever heard of."""

    def __init__(self, catalog: Catalog, clock: Clock, rules: Rules) -> None:
        self._catalog = catalog
        self._clock = clock
        self.rules = rules
        self._edges: dict[str, EdgeRecord] = {}
        self._held: dict[str, Held] = {}
        self._holders = Holders()
        self._unsaved_heartbeats: dict[str, EdgeRecord] = {}
        self._unsaved_holdings: dict[str, Held] = {}
        self.kept: Callable[[str], bool] = lambda _: False
        """Whether an edge keeps what is placed on it, however long it is silent."""
        self.fresh = False
        """Whether the last look into the catalog succeeded."""
        self._disbelieved: dict[str, float] = {}
        """Until when, by this process's monotonic clock, edges are taken to hold nothing."""
        self._beat_at: dict[str, float] = {}
        self._came_at: dict[str, float] = {}
        """When the last heartbeat of each edge came here, not to another control plane."""
        self._heard: list[Callable[[EdgeRecord], None]] = []
        self._overheard: list[Callable[[EdgeRecord], None]] = []
        self._completed: list[Callable[[EdgeRecord, PackageName], None]] = []

    def on_heard(self, listener: Callable[[EdgeRecord], None]) -> None:
        """Has ``listener`` called with each edge that is heard here, unless it says nothing new."""
        self._heard.append(listener)

    def on_overheard(self, listener: Callable[[EdgeRecord], None]) -> None:
        """The same, also with those that another control plane tells, or wrote, that it heard."""
        self._overheard.append(listener)

    def on_complete(self, listener: Callable[[EdgeRecord, PackageName], None]) -> None:
        """Has ``listener`` called when an edge tells this control plane that it holds the whole of
        a package."""
        self._completed.append(listener)

    async def save(self) -> None:
        """Writes down what edges told since the last time. What cannot be written is kept for the
        next time, the latest of each edge.

        Raises:
            Unavailable: the database does not answer.
        """
        for record in list(self._unsaved_heartbeats.values()):
            # What was watched and what networks carry is counted where it is heard, once: it is not
            # kept, and no other control plane reads it.
            heartbeat = msgspec.structs.replace(record.heartbeat, watched=(), networks=())
            await self._catalog.record_heartbeat(heartbeat, record.heard_at)
            if self._unsaved_heartbeats.get(record.edge_id) is record:
                del self._unsaved_heartbeats[record.edge_id]
        now = self._clock.monotonic()
        for edge_id, held in list(self._unsaved_holdings.items()):
            often = len(held.packages) < MANY_HELD or held.saved_at is None
            if not often and now - (held.saved_at or 0.0) < MANY_SAVED_EVERY:
                continue
            del self._unsaved_holdings[edge_id]
            try:
                await self._catalog.record_holdings(held.told(edge_id))
            except BaseException:
                self._unsaved_holdings.setdefault(edge_id, held)
                raise
            held.saved_at = now

    async def refresh(self) -> None:
        """Learns what edges told other control planes. Not to be called while ``save`` runs.

        Raises:
            Unavailable: the database does not answer.
            MessageInvalid: a record in it is none that this release can read.
        """
        self.fresh = False
        read = await self._catalog.edges()
        told = await self._catalog.holdings(
            {
                record.edge_id: known
                for record in read
                if (known := self._revision(record.edge_id)) != record.heartbeat.holdings_revision
            }
        )
        self.restore(read)
        for holdings in told:
            await self._learn(holdings)
        self.fresh = True

    async def _learn(self, holdings: Holdings) -> None:
        """Takes what an edge told another control plane that it holds. It may be hundreds of
        thousands of packages, and viewers are routed meanwhile."""
        edge_id = holdings.edge_id
        known = self._held.get(edge_id)
        held, touched = await asyncio.to_thread(made_anew, holdings, known)
        if edge_id in self._unsaved_holdings or self._held.get(edge_id) is not known:
            # It tells this one by now.
            return
        held.saved_at = known.saved_at if known else None
        self._held[edge_id] = held
        for names in in_portions(touched):
            # Whatever it told meanwhile counts.
            now = self._held.get(edge_id)
            self._holders.change(edge_id, names, now.packages if now is not None else {})
            await asyncio.sleep(0)

    def restore(self, records: Iterable[EdgeRecord]) -> None:
        """Learns of edges what was told elsewhere or before a restart, where it is newer."""
        now = self._clock.monotonic()
        for record in records:
            mine = self._edges.get(record.edge_id)
            if mine is None or _newer(record, mine):
                self._edges[record.edge_id] = record
                self._beat_at[record.edge_id] = health.heard_elsewhere(
                    record.heard_at,
                    wall=self._clock.now(),
                    now=now,
                    delay=math.inf if mine is None else NEWS_WITHIN,
                )
                for listener in self._overheard:
                    listener(record)

    def _revision(self, edge_id: str) -> str | None:
        held = self._held.get(edge_id)
        return held.revision if held else None

    def hear(self, heartbeat: Heartbeat) -> EdgeRecord:
        """Takes a heartbeat; what is known of its edge then.

        Raises:
            RegionUnknown: the edge names a region that is none.
            EdgeNameTaken: another edge reports under its name.
        """
        if all(region.name != heartbeat.region for region in self.rules.regions):
            raise RegionUnknown(edge_id=heartbeat.edge_id, region=heartbeat.region)
        now = self._clock.monotonic()
        record = self._accepted(heartbeat, now)
        if record is not None:
            self._came_at[record.edge_id] = now
            self._unsaved_heartbeats[record.edge_id] = record
            for listener in (*self._heard, *self._overheard):
                listener(record)
        return self._edges[heartbeat.edge_id]

    def overhear(self, heartbeat: Heartbeat, at: float) -> None:
        """Takes a heartbeat that another control plane heard, and keeps, ``at`` on this process's
        monotonic clock."""
        if all(region.name != heartbeat.region for region in self.rules.regions):
            return
        with suppress(health.EdgeNameTaken):
            record = self._accepted(heartbeat, at)
            if record is not None:
                for listener in self._overheard:
                    listener(record)

    def _accepted(self, heartbeat: Heartbeat, at: float) -> EdgeRecord | None:
        """What is known of its edge with a heartbeat that came ``at``; None when it is no news."""
        known = self._edges.get(heartbeat.edge_id)
        if known is not None and not health.accepts(
            known.heartbeat,
            self._beat_at[known.edge_id],
            heartbeat,
            now=at,
            silence=self.rules.silence,
        ):
            return None
        record = EdgeRecord(heartbeat, self._clock.now())
        self._edges[record.edge_id] = record
        self._beat_at[record.edge_id] = at
        return record

    def beat_at(self, edge_id: str) -> float:
        """When the last heartbeat of an edge came, on this process's monotonic clock."""
        return self._beat_at[edge_id]

    def hears(self, edge_id: str) -> bool:
        """Whether the heartbeats of an edge come to this control plane."""
        came_at = self._came_at.get(edge_id, -math.inf)
        return self._clock.monotonic() - came_at < self.rules.silence

    def knows_holdings(self, edge_id: str, revision: str) -> bool:
        """Whether the edge's holdings are known at that revision."""
        return self._revision(edge_id) == revision

    def take_holdings(self, holdings: Holdings) -> None:
        """Takes what an edge holds.

        Raises:
            EdgeUnknown: it never sent a heartbeat.
        """
        record = self._known(holdings.edge_id)
        now_whole = completed(self._held.get(holdings.edge_id), holdings.packages)
        self._hold(holdings)
        self._unsaved_holdings[holdings.edge_id] = self._held[holdings.edge_id]
        self._tell(record, now_whole)

    def change_holdings(self, change: HoldingsChange) -> None:
        """Takes what changed of what an edge holds.

        Raises:
            EdgeUnknown: it never sent a heartbeat.
            HoldingsNotKnown: what it changes is not known here.
        """
        record = self._known(change.edge_id)
        held = self._held.get(change.edge_id)
        if held is None or held.revision not in {change.since, change.revision}:
            raise HoldingsNotKnown(edge_id=change.edge_id)
        now_whole = completed(held, change.packages)
        held.change(change)
        touched = {*change.dropped, *map(name_of, change.packages)}
        self._holders.change(change.edge_id, touched, held.packages)
        self._unsaved_holdings[change.edge_id] = held
        self._tell(record, now_whole)

    def _hold(self, holdings: Holdings) -> None:
        known = self._held.get(holdings.edge_id)
        held = self._held[holdings.edge_id] = Held(holdings)
        touched = {*held.packages, *(known.packages if known else ())}
        self._holders.change(holdings.edge_id, touched, held.packages)
        held.saved_at = known.saved_at if known else None

    def _tell(self, record: EdgeRecord, completed: Iterable[PackageName]) -> None:
        for name in completed:
            for listener in self._completed:
                listener(record, name)

    def _known(self, edge_id: str) -> EdgeRecord:
        record = self._edges.get(edge_id)
        if record is None:
            raise EdgeUnknown(edge_id=edge_id)
        return record

    def edges(self) -> list[EdgeRecord]:
        """Every edge, by region and name."""
        return sorted(self._edges.values(), key=lambda edge: (edge.region, edge.edge_id))

    def edge(self, edge_id: str) -> EdgeRecord | None:
        """The edge ``edge_id``, if it was ever heard of."""
        return self._edges.get(edge_id)

    def held(self, edge_id: str, name: PackageName) -> HeldPackage | None:
        """How much of a version an edge holds; None for nothing."""
        held = self._believed(edge_id)
        return held.packages.get(name) if held else None

    def _believed(self, edge_id: str) -> Held | None:
        until = self._disbelieved.get(edge_id)
        if until is not None:
            if self._clock.monotonic() < until:
                return None
            del self._disbelieved[edge_id]
        return self._held.get(edge_id)

    def holds(self, edge_id: str, name: PackageName) -> bool:
        """Whether an edge holds the whole version."""
        package = self.held(edge_id, name)
        return package is not None and package.complete

    def holders(self, name: PackageName) -> tuple[str, ...]:
        """The edges that hold the whole version."""
        held = self._holders.of(name)
        return tuple(filter(self._believed, held)) if self._disbelieved else held

    def others_hold(self, record: EdgeRecord, name: PackageName) -> bool:
        """Whether another edge of an edge's region holds the whole version."""
        return any(
            other.region == record.region
            for edge_id in self.holders(name)
            if edge_id != record.edge_id and (other := self._edges.get(edge_id)) is not None
        )

    def listed(self, edge_id: str) -> tuple[HeldPackage, ...]:
        """All that an edge says it holds."""
        held = self._held.get(edge_id)
        return held.listed if held else ()

    def disbelieve(self, edge_id: str) -> None:
        """Goes on for a while as if an edge held nothing, and has it tell anew what it holds."""
        self._disbelieved[edge_id] = self._clock.monotonic() + DISBELIEVED_FOR
        if known := self._held.pop(edge_id, None):
            self._holders.change(edge_id, known.packages, {})
        self._unsaved_holdings.pop(edge_id, None)

    def packages_held(self, edge_id: str) -> int:
        """How many packages an edge holds whole."""
        held = self._believed(edge_id)
        return sum(package.complete for package in held.packages.values()) if held else 0

    def placeable(self) -> list[EdgeRecord]:
        """The edges that keep what is placed on them: those that are not silent for long, and
        those that an operator works on."""
        now, patience = self._clock.monotonic(), self.rules.patience
        return [
            edge
            for edge in self.edges()
            if now - self._beat_at[edge.edge_id] < patience or self.kept(edge.edge_id)
        ]


def _newer(record: EdgeRecord, mine: EdgeRecord) -> bool:
    """Whether another control plane heard something later. Wall clocks, which differ between
    machines and jump, decide only between runs of an edge."""
    if record.heartbeat.started_at == mine.heartbeat.started_at:
        return record.heartbeat.sequence > mine.heartbeat.sequence
    return record.heard_at > mine.heard_at
