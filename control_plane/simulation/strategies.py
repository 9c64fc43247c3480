"""Who decides what edges should hold: the planner, a hash, or nobody."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from control_plane.placement.model import (
    Placed,
    PlacementAsset,
    PlacementEdge,
    PlacementRules,
)
from control_plane.placement.plan import Plan
from control_plane.simulation.holding import Change
from control_plane.simulation.options import Options
from control_plane.simulation.outages import Fleet
from control_plane.simulation.pulling import scores_of
from control_plane.simulation.workload import Workload


class Strategy(Protocol):
    """Decides; each call tells what changed."""

    def load(self, edges: Iterable[int], rates: Mapping[int, tuple[float, ...]]) -> list[Change]:
        """Begins with these edges and assets (bits per second by region)."""
        ...

    def publish(self, asset: int, rates: tuple[float, ...]) -> list[Change]:
        """Takes in an asset, and what it is expected to be watched."""
        ...

    def drift(self, rates: Mapping[int, tuple[float, ...]]) -> list[Change]:
        """Takes in what assets are watched now."""
        ...

    def edge_up(self, edge: int) -> list[Change]:
        """Takes in an edge that joins or came back."""
        ...

    def edge_down(self, edge: int) -> list[Change]:
        """Takes in that an edge is away."""
        ...


class PullOnly:
    """Places nothing: shields pull what viewers ask for."""

    def load(self, edges: Iterable[int], rates: Mapping[int, tuple[float, ...]]) -> list[Change]:
        """As of all strategies."""
        del edges, rates
        return []

    def publish(self, asset: int, rates: tuple[float, ...]) -> list[Change]:
        """As of all strategies."""
        del asset, rates
        return []

    def drift(self, rates: Mapping[int, tuple[float, ...]]) -> list[Change]:
        """As of all strategies."""
        del rates
        return []

    def edge_up(self, edge: int) -> list[Change]:
        """As of all strategies."""
        del edge
        return []

    def edge_down(self, edge: int) -> list[Change]:
        """As of all strategies."""
        del edge
        return []


class Planned:
    """Asks the planner, which knows edges and assets by their names."""

    def __init__(self, workload: Workload, fleet: Fleet, rules: PlacementRules) -> None:
        options = workload.options
        self._regions = [region.name for region in options.regions]
        self._sizes = workload.sizes
        self._plan = Plan(rules)
        self._edges = [
            PlacementEdge(
                edge_id=name,
                region=self._regions[region],
                capacity_bytes=options.disk,
                bandwidth=int(options.bandwidth),
            )
            for name, region in zip(fleet.names, fleet.region.tolist(), strict=True)
        ]
        self._number = {name: edge for edge, name in enumerate(fleet.names)}

    def load(self, edges: Iterable[int], rates: Mapping[int, tuple[float, ...]]) -> list[Change]:
        """As of all strategies."""
        assets = [self._asset(asset, told) for asset, told in rates.items()]
        return self._changes(self._plan.load([self._edges[edge] for edge in edges], assets, ()))

    def publish(self, asset: int, rates: tuple[float, ...]) -> list[Change]:
        """As of all strategies."""
        return self._changes(self._plan.put_asset(self._asset(asset, rates)))

    def drift(self, rates: Mapping[int, tuple[float, ...]]) -> list[Change]:
        """As of all strategies."""
        return self._changes(
            self._plan.drift({str(asset): self._traffic(told) for asset, told in rates.items()})
        )

    def edge_up(self, edge: int) -> list[Change]:
        """As of all strategies."""
        return self._changes(self._plan.put_edge(self._edges[edge]))

    def edge_down(self, edge: int) -> list[Change]:
        """As of all strategies."""
        return self._changes(self._plan.drop_edge(self._edges[edge].edge_id))

    def _asset(self, asset: int, rates: tuple[float, ...]) -> PlacementAsset:
        return PlacementAsset(str(asset), int(self._sizes[asset]), self._traffic(rates))

    def _traffic(self, rates: tuple[float, ...]) -> dict[str, float]:
        return dict(zip(self._regions, rates, strict=True))

    def _changes(self, placed: Iterable[Placed]) -> list[Change]:
        return [
            Change(
                asset=int(each.asset_id),
                edges=tuple(self._number[name] for name in each.edges),
                urgent=each.urgent,
                priority=each.priority,
            )
            for each in placed
        ]


class Fixed:
    """Places the least copies of everything and no more: on the first edges of each region in the
    order of their hashes, whatever those hold already."""

    def __init__(self, workload: Workload, fleet: Fleet) -> None:
        shape = (len(fleet.rows), workload.options.copies, workload.options.all_assets)
        self._fleet = fleet
        self._up: set[int] = set()
        self._known = np.zeros(shape[2], dtype=np.bool_)
        self._edges = np.full(shape, -1, dtype=np.int64)
        """Region × copy × asset: an edge; -1 for none."""
        self._scores = np.zeros(shape, dtype=np.uint64)

    def load(self, edges: Iterable[int], rates: Mapping[int, tuple[float, ...]]) -> list[Change]:
        """As of all strategies."""
        assets = np.fromiter(rates, dtype=np.int64)
        self._known[assets] = True
        for edge in edges:
            self._up.add(edge)
            self._offer(edge, assets)
        return self._changes(assets, urgent=True)

    def publish(self, asset: int, rates: tuple[float, ...]) -> list[Change]:
        """As of all strategies."""
        del rates
        assets = np.array([asset])
        self._known[asset] = True
        for edge in self._up:
            self._offer(edge, assets)
        return self._changes(assets, urgent=True)

    def drift(self, rates: Mapping[int, tuple[float, ...]]) -> list[Change]:
        """As of all strategies."""
        del rates
        return []

    def edge_up(self, edge: int) -> list[Change]:
        """As of all strategies."""
        self._up.add(edge)
        return self._changes(self._offer(edge, np.flatnonzero(self._known)), urgent=False)

    def edge_down(self, edge: int) -> list[Change]:
        """As of all strategies."""
        self._up.remove(edge)
        region = int(self._fleet.region[edge])
        lost = np.flatnonzero((self._edges[region] == edge).any(axis=0))
        self._edges[region][:, lost] = -1
        self._scores[region][:, lost] = 0
        for other in self._up:
            if self._fleet.region[other] == region:
                self._offer(other, lost)
        return self._changes(lost, urgent=True)

    def _offer(self, edge: int, assets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places those ``assets`` on ``edge`` that hash higher on it than on an edge they have;
        these."""
        region = int(self._fleet.region[edge])
        if not self._edges.shape[1]:
            return assets[:0]
        scores = scores_of(edge, assets)
        last = self._scores[region][:, assets].argmin(axis=0)
        wins = scores > self._scores[region, last, assets]
        taken: NDArray[np.int64] = assets[wins]
        last = last[wins]
        self._edges[region, last, taken] = edge
        self._scores[region, last, taken] = scores[wins]
        return taken

    def _changes(self, assets: NDArray[np.int64], *, urgent: bool) -> list[Change]:
        edges = self._edges[:, :, assets].reshape(-1, len(assets)).T
        return [
            Change(asset, tuple(edge for edge in row if edge >= 0), urgent, 0.0)
            for asset, row in zip(assets.tolist(), edges.tolist(), strict=True)
        ]


STRATEGIES = {
    "planned": "the planner as control planes run it.",
    "copies fixed": "as many copies of every asset, on the first edges of each region by hash.",
    "pull only": "nothing is placed; one edge of each region pulls an asset when viewers ask.",
}
"""What is compared, and in one sentence what each does."""


def strategies_of(options: Options) -> dict[str, Callable[[Workload, Fleet], Strategy]]:
    """Makes each of ``STRATEGIES``, for a workload and its fleet."""
    rules = PlacementRules(minimum=options.copies, copy_traffic=options.copy_traffic)
    makers: tuple[Callable[[Workload, Fleet], Strategy], ...] = (
        partial(Planned, rules=rules),
        Fixed,
        lambda *_: PullOnly(),
    )
    return dict(zip(STRATEGIES, makers, strict=True))
