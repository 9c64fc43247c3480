"""Fleets and content of tests that show one rule each."""

from control_plane.placement import PlacementAsset, PlacementEdge
from tests.unit.control_plane.placement.world import World

GB = 10**9


MBIT = 1e6


def fleet(number: int, region: str = "eu", **changes: float) -> list[PlacementEdge]:
    given = {"capacity_bytes": 10**15, "bandwidth": 10**10, "weight": 1.0, **changes}
    return [
        PlacementEdge(
            f"{region}-{one:03d}",
            region,
            int(given["capacity_bytes"]),
            int(given["bandwidth"]),
            given["weight"],
        )
        for one in range(number)
    ]


def asset(name: object, size: int = GB, **traffic: float) -> PlacementAsset:
    return PlacementAsset(f"asset-{name}", size, traffic)


def catalogue(number: int, total: float = 0.0) -> list[PlacementAsset]:
    """Sizes from 0.2 to 5 GB, and traffic by Zipf's law that adds up to ``total``."""
    zipf = total / sum(1 / rank for rank in range(1, number + 1))
    return [
        asset(rank, GB // 5 * (1 + rank * 7919 % 25), eu=zipf / (1 + rank))
        for rank in range(number)
    ]


def copies(world: World, name: object) -> int:
    return len(world.placed.get(f"asset-{name}", ()))


def shares(world: World) -> tuple[list[float], list[float]]:
    """Bytes and traffic of every edge beside the mean, viewers spread evenly over the copies."""
    size, traffic = dict.fromkeys(world.edges, 0.0), dict.fromkeys(world.edges, 0.0)
    for name, edges in world.placed.items():
        for edge in edges:
            size[edge] += world.assets[name].bytes
            traffic[edge] += world.assets[name].traffic["eu"] / len(edges)
    means = sum(size.values()) / len(size), sum(traffic.values()) / len(traffic)
    return [one / means[0] for one in size.values()], [one / means[1] for one in traffic.values()]
