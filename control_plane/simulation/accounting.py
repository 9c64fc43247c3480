"""What is counted of every hour, and what a month comes to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from control_plane.simulation.holding import Cause
from control_plane.simulation.options import MONTH_DAYS, Options
from control_plane.simulation.outages import Fleet
from control_plane.simulation.workload import Floats

EDGE, SHIELD, ORIGIN = range(3)
"""Where what a viewer got was found: placed on an edge, pulled before by the shield, or nowhere."""

TERABYTE = 1e12


class Ledger:
    """What one strategy did, by hour."""

    def __init__(self, options: Options, fleet: Fleet) -> None:
        hours, regions, edges = options.hours, len(options.regions), len(fleet.names)
        self.options = options
        self.fleet = fleet
        self.delivered = np.zeros((hours, regions, 3))
        """Bytes to viewers, by where they were found."""
        self.requests = np.zeros((hours, regions, 3))
        self.views = np.zeros(hours)
        self.filled = np.zeros((hours, regions, len(Cause)))
        self.filled_from_origin = np.zeros(hours)
        self.filled_from_peers = np.zeros((hours, regions))
        self.load: NDArray[np.float32] = np.zeros((hours, edges), dtype=np.float32)
        """Bits per second that each edge sent, to viewers and to edges that fill."""
        self.used: NDArray[np.float32] = np.zeros((hours, edges), dtype=np.float32)
        """Bytes of copies on each edge."""
        self.waiting = np.zeros(hours)
        """Copies that are still to be filled at the end of the hour."""
        self.moved = np.zeros(hours)
        """Assets whose edges the planner changed."""

    def from_origin(self) -> Floats:
        """By hour: bytes that left the origin, for viewers and for fill."""
        origin: Floats = self.delivered[:, :, ORIGIN].sum(axis=1) + self.filled_from_origin
        return origin

    def by_day(self, hourly: Floats) -> Floats:
        """The sum of each day."""
        daily: Floats = hourly.reshape(self.options.days, 24, *hourly.shape[1:]).sum(axis=1)
        return daily

    def offload(self, *, daily: bool = False) -> Floats:
        """The part of what viewers got that the origin did not send, for them or by fill."""
        origin, all_of_it = self.from_origin(), self.delivered.sum(axis=(1, 2))
        if daily:
            return 1.0 - _ratio(self.by_day(origin), self.by_day(all_of_it))
        return 1.0 - _ratio(origin.sum(), all_of_it.sum())

    def hit_ratio(self, counted: Floats, *, daily: bool = False) -> Floats:
        """The part of ``counted``, bytes or requests, that did not wait for the origin."""
        missed, all_of_it = counted[:, :, ORIGIN].sum(axis=1), counted.sum(axis=(1, 2))
        if daily:
            return 1.0 - _ratio(self.by_day(missed), self.by_day(all_of_it))
        return 1.0 - _ratio(missed.sum(), all_of_it.sum())

    def regional_excess(self) -> Floats:
        """By hour: the highest of all loads, each relative to the mean of its region's edges."""
        worst = np.zeros(len(self.load))
        for rows in self.fleet.rows:
            up = self.fleet.up[:, rows]
            load = np.where(up, self.load[:, rows], 0.0)
            mean = _ratio(load.sum(axis=1), up.sum(axis=1))
            worst = np.maximum(worst, _ratio(load.max(axis=1), mean))
        return worst


def _ratio(part: Floats | float, whole: Floats | float) -> Floats:
    """``part`` by ``whole``; 0 of nothing."""
    parts, wholes = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    ratio: Floats = np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
    return ratio


@dataclass(frozen=True)
class Cost:
    """What the time simulated costs."""

    origin: float
    """What the origin sends."""
    edges_send: float
    edges: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.origin + self.edges_send + self.edges


def cost_of(ledger: Ledger) -> Cost:
    """The cost by the prices of the options. Edges are paid for while they are away too."""
    options, prices = ledger.options, ledger.options.prices
    sent = ledger.delivered.sum() + ledger.filled_from_peers.sum()
    after = options.hours - ledger.fleet.joined_hour
    edge_hours = options.edges * options.hours + after
    return Cost(
        origin=float(ledger.from_origin().sum() / TERABYTE * prices.origin_terabyte),
        edges_send=float(sent / TERABYTE * prices.edge_terabyte),
        edges=edge_hours / 24.0 / MONTH_DAYS * prices.edge_month,
    )


def summary(ledger: Ledger) -> dict[str, float]:
    """The figures of a strategy over the whole time, named with their units."""
    delivered = ledger.delivered.sum(axis=(0, 1))
    load = ledger.load.astype(np.float64)
    sent_bytes = load.sum() * 3600.0 / 8.0
    over = np.maximum(load - ledger.options.bandwidth, 0.0).sum() * 3600.0 / 8.0
    excess = ledger.regional_excess()
    used = np.where(ledger.fleet.up, ledger.used, 0.0)
    cost = cost_of(ledger)
    figures: Mapping[str, float | np.floating | Floats] = {
        "views": ledger.views.sum(),
        "delivered_bytes": delivered.sum(),
        "from_edges_bytes": delivered[EDGE],
        "from_shields_bytes": delivered[SHIELD],
        "from_origin_bytes": delivered[ORIGIN],
        "offload": ledger.offload(),
        "hit_ratio_bytes": ledger.hit_ratio(ledger.delivered),
        "hit_ratio_requests": ledger.hit_ratio(ledger.requests),
        "placed_share": _ratio(delivered[EDGE], delivered.sum()),
        "fill_bytes": ledger.filled.sum(),
        "fill_share": _ratio(ledger.filled.sum(), delivered.sum()),
        "fill_from_origin_bytes": ledger.filled_from_origin.sum(),
        **{f"fill_{cause.name.lower()}_bytes": ledger.filled[:, :, cause].sum() for cause in Cause},
        "origin_peak_bits_per_second": ledger.from_origin().max() * 8.0 / 3600.0,
        "worst_load_to_mean": excess.max(),
        "usual_load_to_mean": np.median(excess),
        "worst_load_to_bandwidth": load.max() / ledger.options.bandwidth,
        "hours_over_bandwidth": (load > ledger.options.bandwidth).any(axis=1).sum(),
        "over_bandwidth_share": _ratio(over, sent_bytes),
        "disk_used_mean": used.sum() / max(1, ledger.fleet.up.sum()) / ledger.options.disk,
        "disk_used_most": used.max() / ledger.options.disk,
        "placements_changed": ledger.moved.sum(),
        "cost_origin": cost.origin,
        "cost_edges_send": cost.edges_send,
        "cost_edges": cost.edges,
        "cost_total": cost.total,
        "cost_per_terabyte": _ratio(cost.total, delivered.sum() / TERABYTE),
    }
    return {name: float(value) for name, value in figures.items()}
