"""The month, hour by hour: the same views, edges and failures for each strategy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from control_plane.simulation.accounting import EDGE, ORIGIN, SHIELD, Ledger
from control_plane.simulation.demand import Audiences, Demand
from control_plane.simulation.holding import Cause, Change, Holding
from control_plane.simulation.options import Options
from control_plane.simulation.outages import Fleet, fleet_of
from control_plane.simulation.pulling import Shields
from control_plane.simulation.strategies import Strategy
from control_plane.simulation.workload import Floats, Workload, workload_of

PATIENCE_HOURS = 1
"""How long an edge is away before its copies are placed elsewhere; shorter than that, nothing is
moved."""

Progress = Callable[[int], None]
"""Told after each hour how many are done."""


@dataclass(frozen=True)
class Outcome:
    """What a simulation found."""

    workload: Workload
    fleet: Fleet
    ledgers: Mapping[str, Ledger]
    copies: Mapping[str, Floats]
    """By strategy, at the end: copies of each asset, all regions together."""
    popularity: Floats
    """Of each asset at the end: bits per second that the planner knows of."""


class Run:
    """One strategy and its edges."""

    def __init__(self, strategy: Strategy, workload: Workload, fleet: Fleet, rates: Floats) -> None:
        self.strategy = strategy
        self._workload = workload
        self._fleet = fleet
        self._view_bytes = workload.view_bytes
        self._view_requests = workload.view_requests
        self._shields = Shields(fleet, workload.sizes)
        self.holding = Holding(workload.options, fleet, workload.sizes, self._shields)
        self.ledger = Ledger(workload.options, fleet)
        self._placed_on = fleet.up[0].copy()
        up = fleet.up[0]
        self._shields.follow(up)
        self.holding.follow(up)
        assets = np.arange(workload.options.assets)
        self.holding.start(
            strategy.load(np.flatnonzero(up).tolist(), _by_asset(assets, rates[:, assets]))
        )
        for region in range(len(fleet.rows)):
            unplaced = self.holding.counts[region] == 0
            worth = np.where(unplaced, rates[region] / workload.sizes, 0.0)
            self._shields.start(region, self.holding.free(region), worth)

    def step(
        self,
        hour: int,
        views: Floats,
        newcomers: Mapping[int, tuple[float, ...]],
        drifted: Mapping[int, tuple[float, ...]],
    ) -> None:
        """Runs an hour."""
        moved = self._follow(hour)
        for asset, rates in newcomers.items():
            moved += self._change(self.strategy.publish(asset, rates), Cause.NEW)
        if drifted:
            moved += self._change(self.strategy.drift(drifted), Cause.POPULARITY)
        self.ledger.moved[hour] = moved
        filled = self.holding.fill(hour)
        self.ledger.filled[hour] = filled.by_cause
        self.ledger.filled_from_origin[hour] = filled.from_origin
        self.ledger.filled_from_peers[hour] = filled.from_peers
        self.ledger.views[hour] = views.sum()
        for region in range(len(self._fleet.rows)):
            self._serve(hour, region, views[region])
            self._send_to_peers(hour, region, filled.from_peers[region])
        self.ledger.used[hour] = self.holding.used
        self.ledger.waiting[hour] = self.holding.waiting()

    def _follow(self, hour: int) -> int:
        """Takes in edges that went away or came; how many assets that moved."""
        up = self._fleet.up[hour]
        self._shields.follow(up)
        self.holding.follow(up)
        long_gone = ~self._fleet.up[max(0, hour - PATIENCE_HOURS) : hour + 1].any(axis=0)
        moved = 0
        for edge in np.flatnonzero(self._placed_on & long_gone).tolist():
            self._placed_on[edge] = False
            moved += self._change(self.strategy.edge_down(edge), Cause.LOST)
        for edge in np.flatnonzero(~self._placed_on & up).tolist():
            self._placed_on[edge] = True
            moved += self._change(self.strategy.edge_up(edge), Cause.JOINED)
            self.holding.clean(edge)
        return moved

    def _change(self, changes: list[Change], cause: Cause) -> int:
        self.holding.change(changes, cause)
        return len(changes)

    def _serve(self, hour: int, region: int, views: Floats) -> None:
        rows = self._fleet.rows[region]
        counts = self.holding.counts[region]
        placed = np.where(counts > 0, views, 0.0)
        rest = views - placed
        each = (placed * self._view_bytes / np.maximum(counts, 1)).astype(np.float32)
        sent = (self.holding.held[rows] @ each) * self.holding.up[rows]
        pulled = self._shields.serve(region, hour, rest) * self._workload.sizes
        by_shields = rest * self._view_bytes
        shields = self._shields.shield[region]
        asked = np.flatnonzero((by_shields > 0) & (shields >= 0))
        sent += np.bincount(
            shields[asked] - rows.start, weights=by_shields[asked], minlength=len(sent)
        ).astype(np.float32)
        self.ledger.load[hour, rows] += sent * 8.0 / 3600.0
        self._shields.evict(region, hour, self.holding.free(region))
        missed = np.divide(pulled, by_shields, out=np.zeros_like(pulled), where=by_shields > 0)
        for book, worth in (
            (self.ledger.delivered, self._view_bytes),
            (self.ledger.requests, self._view_requests),
        ):
            missing = float((rest * missed * worth).sum())
            book[hour, region, EDGE] = (placed * worth).sum()
            book[hour, region, SHIELD] = max(0.0, float((rest * worth).sum()) - missing)
            book[hour, region, ORIGIN] = missing

    def _send_to_peers(self, hour: int, region: int, filled: float) -> None:
        """Spreads over a region's edges what others of it filled from them."""
        up = self.holding.up[self._fleet.rows[region]]
        if filled:
            share = filled / up.sum() * 8.0 / 3600.0
            self.ledger.load[hour, self._fleet.rows[region]] += (up * share).astype(np.float32)


def _by_asset(assets: NDArray[np.int64], rates: Floats) -> dict[int, tuple[float, ...]]:
    """``rates``, region × asset, by asset."""
    return dict(zip(assets.tolist(), map(tuple, rates.T.tolist()), strict=True))


def replay(
    options: Options,
    strategies: Mapping[str, Callable[[Workload, Fleet], Strategy]],
    progress: Progress,
) -> Outcome:
    """Simulates ``options`` with each of the strategies, by their names.

    Args:
        options: checked options.
        strategies: make a strategy for a workload and its fleet.
        progress: told of each hour.
    """
    workload, fleet = workload_of(options), fleet_of(options)
    expected = workload.usual_rates() * workload.view_bytes * 8.0 / 3600.0
    demand = Demand(expected)
    runs = {
        name: Run(make(workload, fleet), workload, fleet, expected)
        for name, make in strategies.items()
    }
    audiences = Audiences(workload)
    for hour in range(options.hours):
        new = np.array(workload.newcomers(hour), dtype=np.int64)
        first = audiences.of(new, demand.rates)
        demand.expect(new, first)
        newcomers = _by_asset(new, first)
        changed = demand.changed()
        drifted = _by_asset(changed, demand.rates[:, changed])
        views = workload.views(hour)
        for run in runs.values():
            run.step(hour, views, newcomers, drifted)
        demand.take_in(views * workload.view_bytes * 8.0 / 3600.0)
        progress(hour + 1)
    return Outcome(
        workload=workload,
        fleet=fleet,
        ledgers={name: run.ledger for name, run in runs.items()},
        copies={
            name: np.array([len(edges) for edges in run.holding.planned], dtype=np.float64)
            for name, run in runs.items()
        },
        popularity=demand.rates.sum(axis=0),
    )
