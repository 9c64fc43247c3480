"""Placement: every version on some edges of every region, and what that asks of one edge.

Nothing is remembered between two calls: the same versions and edges give the same placement in
every control plane, after every restart.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from common.messages import DesiredPackage, DesiredState, PackageAnnouncement
from control_plane.placement.rendezvous import ranked


@dataclass(frozen=True)
class Candidate:
    """An edge that packages may be placed on.

    An edge that fell silent stays one for a while, so that a restart does not move its packages;
    how long is for the caller to decide.
    """

    edge_id: str
    region: str


@dataclass(frozen=True)
class Wanted:
    """A package and the edges that should hold it, by region, best first."""

    package: PackageAnnouncement
    edges: Mapping[str, tuple[str, ...]]


def wanted_edges(
    package: PackageAnnouncement, candidates: Iterable[Candidate], *, copies_per_region: int
) -> Wanted:
    """The edges that should hold ``package``.

    Args:
        package: the package.
        candidates: the edges there are.
        copies_per_region: how many edges of each region hold it; all of them where a region has
            fewer.
    """
    regions: dict[str, list[str]] = defaultdict(list)
    for candidate in candidates:
        regions[candidate.region].append(candidate.edge_id)
    # By asset, not by version: an edge that holds one version of a video shares its viewers.
    return Wanted(
        package,
        {
            region: tuple(ranked(package.asset_id, edges)[:copies_per_region])
            for region, edges in sorted(regions.items())
        },
    )


def desired_state(edge_id: str, placement: Iterable[Wanted]) -> DesiredState:
    """What ``edge_id`` should hold.

    Its revision is made from its content, so it changes exactly when that does.
    """
    packages = tuple(
        DesiredPackage(
            asset_id=wanted.package.asset_id,
            version=wanted.package.version,
            manifest_key=wanted.package.manifest_key,
            manifest_sha256=wanted.package.manifest_sha256,
            bytes=wanted.package.bytes,
        )
        for wanted in placement
        if any(edge_id in edges for edges in wanted.edges.values())
    )
    ordered = tuple(sorted(packages, key=lambda package: (package.asset_id, package.version)))
    return DesiredState(edge_id=edge_id, revision=_revision(ordered), packages=ordered)


def _revision(packages: Iterable[DesiredPackage]) -> int:
    """A number of 52 bits, which every JSON reader keeps exact; never 0, which says "none yet"."""
    digest = sha256()
    for package in packages:
        digest.update(f"{package.manifest_key} {package.manifest_sha256}\n".encode())
    return int.from_bytes(digest.digest()[:7]) >> 4 | 1
