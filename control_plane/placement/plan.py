"""The plan: which edges hold which assets. The simplest one: so many copies by rendezvous."""

from collections.abc import Iterable, Mapping, Sequence

from control_plane.placement.model import Placed, PlacementAsset, PlacementEdge, PlacementRules
from control_plane.placement.rendezvous import ranked


class Plan:
    """Keeps assets on edges."""

    def __init__(self, regions: Sequence[str], rules: PlacementRules) -> None:
        self._regions = regions
        self._rules = rules
        self._edges: dict[str, PlacementEdge] = {}
        self._assets: dict[str, PlacementAsset] = {}
        self._placed: dict[str, Placed] = {}

    def load(
        self,
        edges: Iterable[PlacementEdge],
        assets: Iterable[PlacementAsset],
        placed: Mapping[str, Sequence[str]],
    ) -> list[Placed]:
        """Takes all of them, and what was placed before; what is to be elsewhere."""
        self._edges = {edge.edge_id: edge for edge in edges}
        self._placed = {a: Placed(a, tuple(e), 0.0, urgent=False) for a, e in placed.items()}
        self._assets = {asset.asset_id: asset for asset in assets}
        return self._again(self._assets, urgent=False)

    def _again(self, names: Iterable[str], *, urgent: bool) -> list[Placed]:
        changed = []
        for name in names:
            edges: list[str] = []
            for region in self._regions:
                near = [e.edge_id for e in self._edges.values() if e.region == region]
                edges += ranked(name, near)[: self._rules.minimum_of(region)]
            placed = Placed(name, tuple(sorted(edges)), 0.0, urgent=urgent)
            if name not in self._placed or self._placed[name].edges != placed.edges:
                self._placed[name] = placed
                changed.append(placed)
        return changed

    def put_asset(self, asset: PlacementAsset) -> list[Placed]:
        """Takes an asset that is new or changed."""
        self._assets[asset.asset_id] = asset
        return self._again([asset.asset_id], urgent=True)

    def drop_asset(self, asset_id: str) -> list[Placed]:
        """Forgets an asset."""
        self._assets.pop(asset_id, None)
        known = self._placed.pop(asset_id, None)
        return [Placed(asset_id, (), 0.0, urgent=False)] if known else []

    def put_edge(self, edge: PlacementEdge) -> list[Placed]:
        """Takes an edge that is new or changed."""
        self._edges[edge.edge_id] = edge
        return self._again(self._assets, urgent=False)

    def drop_edge(self, edge_id: str) -> list[Placed]:
        """Forgets an edge."""
        self._edges.pop(edge_id, None)
        return self._again(self._assets, urgent=True)

    def placed(self, asset_id: str) -> Placed:
        """Where an asset is."""
        return self._placed[asset_id]
