"""The planner: of all control planes the one that has the lease decides what every edge holds.

It carries out what the pure plan says: what changed in the library or among the edges goes in, the
rows that it changes are committed, and every control plane reads them. Rows and lease are in the
database, so that the next planner goes on where this one ended.
"""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from control_plane.catalog import Asset
from control_plane.fleet import Fleet
from control_plane.library import Library
from control_plane.placement import Placed, PlacementAsset, PlacementEdge, PlacementRules, Plan
from control_plane.placement.popularity import DAY, blended, expected
from control_plane.placement.telling import Told
from control_plane.planning.demand import DemandCounts
from control_plane.planning.placements import Placements, follows
from control_plane.planning.port import LeaseLost, PlanRow, PlanStore
from control_plane.waiting import waited

LEASE: Final = 10.0
"""Seconds that a planner is the only one without saying so again."""
RENEWED_EVERY: Final = 2.0
"""Seconds. It is also how often edges are looked at."""
WRITTEN_WITHIN: Final = 6.0
"""Seconds of its lease that a planner has to have left when it begins to write: a write that is not
done by then has failed."""
DRIFT_EVERY: Final = 60.0
"""Seconds between looks at what is watched."""
DRIFT_SHARE: Final = 20.0
"""How many times as long as a look took it waits for the next: a million assets take a while."""
NEW_FOR: Final = 7 * DAY
"""Seconds for which what is watched of a creator's other assets says something of one."""
MOST_OTHERS: Final = 100
"""Of a creator's assets, how many are looked at."""
AT_ONCE: Final = 1000
"""Rows of one commit: viewers are routed in between, and each takes a few milliseconds."""

_log = logs.get(__name__)


class Planner:
    """Plans while it has the lease."""

    def __init__(
        self,
        store: PlanStore,
        library: Library,
        fleet: Fleet,
        placements: Placements,
        rules: PlacementRules,
        clock: Clock,
        demand: DemandCounts,
    ) -> None:
        """Plans, once it runs."""
        self._store = store
        self._library = library
        self._fleet = fleet
        self._placements = placements
        self._rules = rules
        self._clock = clock
        self._demand = demand
        self.on_new: Callable[[], None] = lambda: None
        """Called when there are new rows."""
        self.on_written: Callable[[], None] = lambda: None
        """Called when this control plane has written some, which others do not know yet."""
        self._holder = secrets.token_hex(8)
        self._token: int | None = None
        self._until = 0.0
        """Until when the lease is this one's, on the monotonic clock."""
        self._plan: Plan | None = None
        self._outdated = False
        """Whether the rows were replaced by others since the plan was begun."""
        self._edges: dict[str, PlacementEdge] = {}
        self._unwritten: dict[str, Placed] = {}
        """What the plan changed and is in no row yet, by asset."""
        self._traffic: dict[str, dict[str, float]] = {}
        """Bits per second that viewers take of each asset, by region."""
        self._drift_at = 0.0
        """When to look at what is watched again, on the monotonic clock."""
        self._creators: dict[str, set[str]] = {}
        """The assets of each creator."""
        self._dirty: set[str] = set()
        """Assets that are others than when they were planned."""
        self._woken = asyncio.Event()
        library.on_change(self._changed)

    @property
    def plans(self) -> bool:
        """Whether this control plane is the one that plans."""
        return self._plan is not None

    def _changed(self, assets: AbstractSet[str]) -> None:
        self._dirty |= assets
        self._woken.set()

    async def save(self) -> None:
        """Does nothing: rows are written when they are planned."""

    async def refresh(self) -> None:
        """Learns what was planned, by whomever.

        Raises:
            Unavailable: the database does not answer.
        """
        while (known := self._placements.head) != (head := await self._store.head()):
            if known == self._placements.head:
                return await self._read(known, head)
        return None

    async def _read(self, known: int, head: int) -> None:
        """Learns what came until ``head`` after ``known``, the last revision that is known here,
        which is read once more: where it says something else, it is another plan."""
        last = self._placements.last
        rows = await self._store.rows(known - 1) if head > known else ()
        if head < known or not follows(rows, known, last):
            await self._read_anew()
            return
        # The packages that they are about were in the catalog before them.
        await self._library.refresh()
        self._placements.take(rows)
        self.on_new()

    async def _read_anew(self) -> None:
        """Goes on from what the database has, which was restored from an older copy."""
        was = self._placements.head
        rows = await self._store.rows(0)
        await self._library.refresh()
        self._placements.replace(rows)
        _log.warning("the plan is another one", was=was, now=self._placements.head)
        self._plan, self._outdated = None, True
        self._woken.set()
        self.on_new()

    async def run(self) -> None:
        """Plans whenever it may, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._for_ever(self._keep_lease, RENEWED_EVERY))
            group.create_task(self._for_ever(self._work, RENEWED_EVERY, self._woken))

    async def _for_ever(
        self, work: Callable[[], Awaitable[None]], pause: float, woken: asyncio.Event | None = None
    ) -> None:
        told = failed = False
        while True:
            try:
                await work()
                told = failed = False
            except NearcastError as error:
                if not told:
                    _log.warning("nothing is planned", reason=str(error))
                told = failed = True
            except Exception:
                # Whatever it was, it must not be the end of planning: it begins anew.
                _log.exception("planning failed")
                self._plan, failed = None, True
            if woken is None or failed:
                await asyncio.sleep(pause)
            else:
                await waited(woken, pause)

    async def resign(self) -> None:
        """Lets another one plan at once.

        Raises:
            Unavailable: the database does not answer; the lease runs out by itself.
        """
        self._plan = None
        if self._token is not None:
            await self._store.release(self._token)

    async def _keep_lease(self) -> None:
        asked_at = self._clock.monotonic()
        token = await self._store.acquire(self._holder, LEASE)
        if token != self._token:
            if self._plan is not None:
                _log.warning("another control plane plans now")
            self._token, self._plan = token, None
            self._woken.set()
        self._until = asked_at + LEASE

    async def _work(self) -> None:
        self._woken.clear()
        token = self._token
        if token is None:
            return
        plan = self._plan
        if plan is None:
            plan = await self._begun()
            if token != self._token or self._outdated:
                return
            self._plan = plan
        await self._follow_edges(plan)
        await self._follow_assets(plan)
        if self._clock.monotonic() >= self._drift_at:
            await self._follow_demand(plan)
        await self._write(token)

    async def _begun(self) -> Plan:
        """The plan, taken up where the rows say that it stands."""
        await self._library.refresh()
        await self.refresh()
        # What is told from here on comes on top.
        self._outdated = False
        self._dirty.clear()
        self._unwritten.clear()
        self._edges = self._placeable()
        self._traffic = await self._demand.traffic()
        self._drift_at = self._clock.monotonic() + DRIFT_EVERY
        plan = Plan(self._rules)
        # A minute for a million assets: viewers are routed meanwhile.
        changed, told = await asyncio.to_thread(self._load, plan)
        _log.info(
            "planning",
            assets=len(self._library.history.assets),
            edges=len(self._edges),
            changes=len(changed),
        )
        await self._take(changed)
        self._dirty |= told
        return plan

    def _load(self, plan: Plan) -> tuple[Told, set[str]]:
        """Has ``plan`` begin with all assets where they are; what it changes, and of which assets
        edges are to be told.

        For a thread: what the loop may change meanwhile is copied, each in one step.
        """
        history = self._library.history
        assets, rows = list(history.assets.values()), list(self._placements.rows().values())
        for asset in assets:
            self._note_creator(asset)
        changed = plan.load(
            list(self._edges.values()),
            [self._asset(asset) for asset in assets],
            [Placed(row.asset_id, row.edges, row.priority, row.urgent) for row in rows],
        )
        # What came while nobody planned changes no edges, but they are to be told of it.
        told = {row.asset_id for row in rows if row.told != history.told_of(row.asset_id)}
        return changed, told

    def _placeable(self) -> dict[str, PlacementEdge]:
        """The edges that assets may be placed on; none in a region that the settings lost."""
        regions = {region.name for region in self._fleet.rules.regions}
        return {
            record.edge_id: PlacementEdge(
                edge_id=record.edge_id,
                region=record.region,
                capacity_bytes=record.heartbeat.capacity_bytes,
                bandwidth=record.heartbeat.bandwidth,
                weight=record.heartbeat.weight,
            )
            for record in self._fleet.placeable()
            if record.region in regions
        }

    def _asset(self, asset: Asset) -> PlacementAsset:
        return PlacementAsset(
            asset_id=asset.asset_id,
            bytes=sum(package.announcement.bytes for package in asset.packages),
            traffic=self._expected(asset),
        )

    def _note_creator(self, asset: Asset) -> None:
        creator = asset.current.announcement.creator
        if creator is not None:
            self._creators.setdefault(creator, set()).add(asset.asset_id)

    def _expected(self, asset: Asset) -> dict[str, float]:
        """The traffic of an asset: of one that is new, that of its creator's others."""
        measured = self._traffic.get(asset.asset_id, {})
        age = max(0.0, self._clock.now() - asset.packages[0].published_at)
        creator = asset.current.announcement.creator
        if creator is None or age > NEW_FOR:
            return measured
        others = itertools.islice(self._creators.get(creator, ()), MOST_OTHERS)
        prior = expected(self._traffic.get(name, {}) for name in others if name != asset.asset_id)
        return blended(prior, measured, age, DAY)

    async def _follow_demand(self, plan: Plan) -> None:
        """Has the plan follow what viewers watch."""
        began = self._clock.monotonic()
        before, self._traffic = self._traffic, await self._demand.traffic()
        # Seconds for millions of assets: viewers are routed meanwhile.
        await self._take(await asyncio.to_thread(self._drift, plan, before))
        took = self._clock.monotonic() - began
        self._drift_at = self._clock.monotonic() + max(DRIFT_EVERY, DRIFT_SHARE * took)

    def _drift(self, plan: Plan, before: dict[str, dict[str, float]]) -> Told:
        """Has the plan follow what is watched now, and was ``before``. For a thread."""
        assets = self._library.history.assets
        named = before.keys() | self._traffic.keys()
        found = ((name, assets.get(name)) for name in named)
        return plan.drift(
            {name: self._expected(asset) for name, asset in found if asset is not None}
        )

    async def _follow_edges(self, plan: Plan) -> None:
        """Has the plan follow the edges that came, went or changed."""
        edges = self._placeable()
        for edge_id in self._edges.keys() - edges.keys():
            _log.info("an edge gives up its packages", edge=edge_id)
            await self._take(plan.drop_edge(edge_id))
        for edge_id, edge in edges.items():
            if self._edges.get(edge_id) != edge:
                await self._take(plan.put_edge(edge))
        self._edges = edges

    async def _follow_assets(self, plan: Plan) -> None:
        """Has the plan follow the assets that came, went or have other versions."""
        while self._dirty:
            asset_id = self._dirty.pop()
            asset = self._library.history.assets.get(asset_id)
            if asset is None:
                await self._take(plan.drop_asset(asset_id))
                self._unwritten[asset_id] = Placed(asset_id, (), 0.0, urgent=False)
            else:
                self._note_creator(asset)
                await self._take(plan.put_asset(self._asset(asset)))
                # Its edges are told also where they stay: other versions are to be held.
                if asset_id not in self._unwritten:
                    self._unwritten[asset_id] = self._again(asset_id)

    def _again(self, asset_id: str) -> Placed:
        row = self._placements.row(asset_id)
        if row is None:
            return Placed(asset_id, (), 0.0, urgent=True)
        return Placed(asset_id, row.edges, row.priority, urgent=True)

    async def _take(self, changed: Iterable[Placed]) -> None:
        """Notes what is to be written, in portions: viewers are routed in between."""
        told = iter(changed)
        while portion := {one.asset_id: one for one in itertools.islice(told, AT_ONCE)}:
            self._unwritten.update(portion)
            if len(portion) == AT_ONCE:
                await asyncio.sleep(0)

    async def _write(self, token: int) -> None:
        """Commits what changed; what could not be is for the next time."""
        while self._unwritten:
            if self._clock.monotonic() > self._until - WRITTEN_WITHIN:
                # Another may plan before it is written; the lease is being renewed.
                return
            batch = list(itertools.islice(self._unwritten.values(), AT_ONCE))
            rows = [self._row(placed) for placed in batch]
            known = self._placements.head
            try:
                revision = await self._store.commit(token, rows)
            except LeaseLost:
                self._plan = None
                raise
            if revision <= known:
                await self._read_anew()
                return
            self._placements.take(msgspec.structs.replace(row, revision=revision) for row in rows)
            for placed in batch:
                if self._unwritten.get(placed.asset_id) is placed:
                    del self._unwritten[placed.asset_id]
            self.on_new()
            self.on_written()

    def _row(self, placed: Placed) -> PlanRow:
        known = self._placements.row(placed.asset_id)
        had = {*known.edges, *known.lost} if known else set()
        lost = sorted(edge for edge in had.difference(placed.edges) if self._fleet.edge(edge))
        return PlanRow(
            asset_id=placed.asset_id,
            edges=placed.edges,
            revision=0,
            urgent=placed.urgent,
            priority=placed.priority,
            lost=tuple(lost),
            told=self._library.history.told_of(placed.asset_id),
        )
