"""A fleet and its assets beside a plan, and what must always hold of the two."""

import math
from collections.abc import Collection, Iterable, Mapping

from control_plane.placement import Placed, PlacementAsset, PlacementEdge, PlacementRules, Plan

CLOSE = 1 + 1e-6


class World:
    """What was told to a plan, and what it answered, added up."""

    def __init__(self, rules: PlacementRules | None = None) -> None:
        self.rules = rules or PlacementRules()
        self.plan = Plan(self.rules)
        self.edges: dict[str, PlacementEdge] = {}
        self.assets: dict[str, PlacementAsset] = {}
        self.placed: dict[str, tuple[str, ...]] = {}

    def load(self, edges: Iterable[PlacementEdge], assets: Iterable[PlacementAsset]) -> "World":
        self.edges = {edge.edge_id: edge for edge in edges}
        self.assets = {asset.asset_id: asset for asset in assets}
        self.apply(self.plan.load(self.edges.values(), self.assets.values(), self.stored()))
        return self

    def restarted(self) -> list[Placed]:
        self.plan = Plan(self.rules)
        changed = self.plan.load(self.edges.values(), self.assets.values(), self.stored())
        return self.apply(changed)

    def stored(self) -> list[Placed]:
        return [Placed(name, edges, 0.5, False) for name, edges in self.placed.items()]

    def put_asset(self, asset: PlacementAsset) -> list[Placed]:
        self.assets[asset.asset_id] = asset
        return self.apply(self.plan.put_asset(asset))

    def drop_asset(self, asset_id: str) -> list[Placed]:
        self.assets.pop(asset_id, None)
        changed = self.apply(self.plan.drop_asset(asset_id))
        self.placed.pop(asset_id, None)
        return changed

    def put_edge(self, edge: PlacementEdge) -> list[Placed]:
        self.edges[edge.edge_id] = edge
        return self.apply(self.plan.put_edge(edge))

    def drop_edge(self, edge_id: str) -> list[Placed]:
        self.edges.pop(edge_id, None)
        return self.apply(self.plan.drop_edge(edge_id))

    def drift(self, traffic: Mapping[str, Mapping[str, float]]) -> list[Placed]:
        for name, rates in traffic.items():
            if name in self.assets:
                self.assets[name] = PlacementAsset(name, self.assets[name].bytes, rates)
        return self.apply(self.plan.drift(traffic))

    def apply(self, told: Collection[Placed]) -> list[Placed]:
        changed = list(told)
        assert len(told) == len(changed)
        assert len({one.asset_id for one in changed}) == len(changed)
        for one in changed:
            assert one.edges != self.placed.get(one.asset_id), "told without a change"
            assert list(one.edges) == sorted(set(one.edges))
            assert 0 <= one.priority <= 1
            self.placed[one.asset_id] = one.edges
            if one.asset_id not in self.assets:
                assert not one.edges
                del self.placed[one.asset_id]
        return changed

    def check(self) -> None:
        """All that must hold after every event."""
        for edges in self.placed.values():
            assert set(edges) <= set(self.edges)
        for region in {edge.region for edge in self.edges.values()}:
            RegionCheck(self, region).all()

    def bytes_on(self, edge_id: str) -> int:
        return sum(
            self.assets[name].bytes for name, edges in self.placed.items() if edge_id in edges
        )

    def moved(self, before: Mapping[str, tuple[str, ...]]) -> int:
        """Bytes of copies that are elsewhere than ``before``; not of those that are more."""
        moved = 0
        for name, edges in self.placed.items():
            was = before.get(name, ())
            moved += self.assets[name].bytes * min(
                len(set(edges) - set(was)), len(set(was) - set(edges))
            )
        return moved


class RegionCheck:
    """One region by the definitions, without regard to how the plan does it."""

    def __init__(self, world: World, region: str) -> None:
        rules, self.region, self.rules = world.rules, region, world.rules
        here = [edge for edge in world.edges.values() if edge.region == region]
        self.room = {edge.edge_id: int(edge.capacity_bytes * rules.fullness) for edge in here}
        self.usable = {name for name, room in self.room.items() if room}
        self.capacity = {edge.edge_id: edge.weight * edge.capacity_bytes for edge in here}
        self.bandwidth = {
            edge.edge_id: edge.weight * (edge.bandwidth or rules.bandwidth) for edge in here
        }
        self.size = {name: max(asset.bytes, 1) for name, asset in world.assets.items()}
        self.traffic = {name: asset.traffic.get(region, 0) for name, asset in world.assets.items()}
        self.held = {
            name: {edge for edge in world.placed.get(name, ()) if edge in self.room}
            for name in world.assets
        }
        self.on: dict[str, list[str]] = {edge: [] for edge in self.room}
        for name, edges in self.held.items():
            for edge in edges:
                self.on[edge].append(name)
        self.used = {edge: sum(self.size[name] for name in on) for edge, on in self.on.items()}
        self.portion = {
            name: self.traffic[name] / sum(self.bandwidth[edge] for edge in edges)
            for name, edges in self.held.items()
            if edges
        }
        self.load = {
            edge: math.fsum(self.portion[name] for name in on) for edge, on in self.on.items()
        }

    def all(self) -> None:
        self.capacity_is_never_exceeded()
        self.copies_are_what_traffic_asks_for()
        self.the_minimum_is_kept_where_there_is_room()
        self.the_bound_is_held()

    def needed(self, traffic: float) -> int:
        minimum = self.rules.minimum_of(self.region)
        if traffic < self.rules.tail_traffic:
            return min(self.rules.tail_copies, minimum)
        return max(math.ceil(traffic / self.rules.copy_traffic), minimum)

    def floor(self, name: str) -> int:
        minimum = self.rules.minimum_of(self.region)
        tail = self.traffic[name] < self.rules.tail_traffic
        floor = min(self.rules.tail_copies, minimum) if tail else minimum
        return min(floor, len(self.usable))

    def capacity_is_never_exceeded(self) -> None:
        for edge, room in self.room.items():
            assert self.used[edge] <= room

    def copies_are_what_traffic_asks_for(self) -> None:
        for name, edges in self.held.items():
            assert len(edges) <= self.needed(self.traffic[name] * self.rules.margin * CLOSE)

    def the_minimum_is_kept_where_there_is_room(self) -> None:
        for name, edges in self.held.items():
            if len(edges) < self.floor(name):
                for edge in self.usable - edges:
                    # Less than a thousandth of an edge need not be used.
                    little = self.room[edge] >> 10
                    assert self.used[edge] + self.size[name] > self.room[edge] - little

    def the_bound_is_held(self) -> None:
        if not self.usable:
            return
        bound = self.rules.bound
        mean_bytes = sum(self.used.values()) / sum(self.capacity[edge] for edge in self.usable)
        mean_traffic = math.fsum(self.traffic[name] for name in self.portion) / sum(
            self.bandwidth[edge] for edge in self.usable
        )
        sizes = {
            edge: [self.size[name] / self.capacity[edge] for name in self.on[edge]]
            for edge in self.usable
        }
        portions = {edge: [self.portion[name] for name in self.on[edge]] for edge in self.usable}
        for edge in self.usable:
            large = within(sizes[edge], mean_bytes, bound)
            busy = within(portions[edge], mean_traffic, bound)
            if large and busy:
                continue
            # Above the bound: nothing there could go to another edge and stay within it.
            for name in self.on[edge]:
                if not busy and large and self.portion[name] == 0:
                    continue
                for other in self.usable - self.held[name]:
                    bandwidth = sum(self.bandwidth[one] for one in self.held[name] - {edge})
                    portion = self.traffic[name] / (bandwidth + self.bandwidth[other])
                    size = self.used[other] + self.size[name]
                    assert (
                        size > self.room[other]
                        or size / self.capacity[other] > bound * mean_bytes / CLOSE
                        or self.load[other] + portion > bound * mean_traffic / CLOSE
                    ), (edge, name, other)


def within(items: list[float], mean: float, bound: float) -> bool:
    """Whether items are within the bound, or above it by one that alone is more than the slack."""
    load, largest = math.fsum(items), max(items, default=0.0)
    if load <= bound * mean * CLOSE:
        return True
    return largest * CLOSE > (bound - 1) * mean and load - largest <= bound * mean * CLOSE
