"""What the control plane shows of catalog and fleet."""

from common.messages import AssetState, AssetView, EdgeView, RegionCopies
from control_plane.catalog import Asset, EdgeRecord
from control_plane.fleet import Fleet
from control_plane.standing import Standing


def asset_view(fleet: Fleet, asset: Asset) -> AssetView:
    """An asset with its current version and the copies of it."""
    package = asset.current.announcement
    copies = tuple(
        _copies(fleet, asset, region, edges)
        for region, edges in fleet.wanted(package.asset_id, package.version).items()
    )
    wanted = sum(region.wanted for region in copies)
    held = sum(region.held for region in copies)
    if held == 0:
        state = AssetState.PUBLISHED
    else:
        state = AssetState.PLACED if held == wanted else AssetState.FILLING
    return AssetView(
        asset_id=asset.asset_id,
        version=package.version,
        title=package.title,
        state=state,
        duration=package.duration,
        bytes=package.bytes,
        renditions=package.renditions,
        copies=copies,
        created_at=asset.packages[0].published_at,
        published_at=asset.current.published_at,
    )


def _copies(fleet: Fleet, asset: Asset, region: str, edges: tuple[str, ...]) -> RegionCopies:
    package = asset.current.announcement
    records = [record for name in edges if (record := fleet.edge(name)) is not None]
    held = [found for r in records if (found := r.held(package.asset_id, package.version))]
    return RegionCopies(
        region=region,
        wanted=len(edges),
        held=sum(1 for part in held if part.complete),
        bytes_wanted=package.bytes * len(edges),
        bytes_held=sum(
            package.bytes if part.complete else min(part.bytes_held, package.bytes) for part in held
        ),
    )


def edge_view(fleet: Fleet, record: EdgeRecord, standing: Standing | None = None) -> EdgeView:
    """An edge with its health and what was last ordered of it."""
    beat = record.heartbeat
    return EdgeView(
        edge_id=record.edge_id,
        region=record.region,
        url=beat.url,
        state=fleet.state_of(record),
        heard_at=record.heard_at,
        packages_held=(
            sum(1 for package in record.holdings.packages if package.complete)
            if record.holdings
            else 0
        ),
        capacity_bytes=beat.capacity_bytes,
        used_bytes=beat.used_bytes,
        requests=beat.requests,
        hits=beat.hits,
        bytes_sent=beat.bytes_sent,
        fill_pending=beat.fill_pending,
        load=beat.load,
        sending=beat.sending,
        bandwidth=beat.bandwidth,
        fill_bytes_pending=beat.fill_bytes_pending,
        standing=standing.view if standing is not None else None,
    )
