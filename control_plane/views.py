"""What the control plane shows of catalog and fleet."""

from collections import defaultdict
from dataclasses import dataclass

import msgspec

from common.messages import AssetState, AssetView, EdgeView, PackageName, RegionCopies
from control_plane.catalog import Asset, EdgeRecord
from control_plane.fleet import Fleet
from control_plane.metadata import Metadata
from control_plane.planning import Placements
from control_plane.standing import Standings
from control_plane.watch import Watch


@dataclass(frozen=True)
class Views:
    """Shows what is known."""

    fleet: Fleet
    watch: Watch
    placements: Placements
    standings: Standings

    def asset(self, asset: Asset, said: Metadata | None = None) -> AssetView:
        """An asset with its current version, the copies of it, and what people say of it."""
        package = asset.current.announcement
        said = said or Metadata(asset_id=asset.asset_id)
        regions: dict[str, list[str]] = defaultdict(list)
        for edge_id in self.placements.edges(asset.asset_id):
            record = self.fleet.edge(edge_id)
            if record is not None:
                regions[record.region].append(edge_id)
        copies = tuple(self._copies(asset, region, regions[region]) for region in sorted(regions))
        wanted = sum(region.wanted for region in copies)
        held = sum(region.held for region in copies)
        if held == 0:
            state = AssetState.PUBLISHED
        else:
            state = AssetState.PLACED if held == wanted else AssetState.FILLING
        return AssetView(
            asset_id=asset.asset_id,
            version=package.version,
            title=said.title if said.title is not None else package.title,
            state=state,
            duration=package.duration,
            bytes=package.bytes,
            renditions=package.renditions,
            copies=copies,
            created_at=asset.packages[0].published_at,
            published_at=asset.current.published_at,
            description=said.description,
            tags=said.tags,
            creator=package.creator,
            poster=package.poster,
            plays=said.plays,
            edited_at=said.edited_at,
        )

    def published(self, asset: Asset, said: Metadata | None = None) -> AssetView:
        """An asset as viewers see it: where its copies are is not for them."""
        whole = self.asset(asset, said)
        return msgspec.structs.replace(whole, state=AssetState.PUBLISHED, copies=())

    def _copies(self, asset: Asset, region: str, edges: list[str]) -> RegionCopies:
        package = asset.current.announcement
        name = PackageName(package.asset_id, package.version)
        held = [found for edge_id in edges if (found := self.fleet.held(edge_id, name))]
        return RegionCopies(
            region=region,
            wanted=len(edges),
            held=sum(1 for part in held if part.complete),
            bytes_wanted=package.bytes * len(edges),
            bytes_held=sum(
                package.bytes if part.complete else min(part.bytes_held, package.bytes)
                for part in held
            ),
        )

    def edge(self, record: EdgeRecord) -> EdgeView:
        """An edge with its health."""
        beat, health = record.heartbeat, self.watch.health(record.edge_id)
        standing = self.standings.known.get(record.edge_id)
        return EdgeView(
            edge_id=record.edge_id,
            region=record.region,
            url=beat.url,
            state=health.state,
            share=self.watch.share(record.edge_id),
            reason=health.reason,
            heard_at=record.heard_at,
            packages_held=self.fleet.packages_held(record.edge_id),
            capacity_bytes=beat.capacity_bytes,
            used_bytes=beat.used_bytes,
            requests=beat.requests,
            hits=beat.hits,
            bytes_sent=beat.bytes_sent,
            fill_pending=beat.fill_pending,
            fill_bytes_pending=beat.fill_bytes_pending,
            load=beat.load,
            sending=beat.sending,
            bandwidth=beat.bandwidth,
            purges=beat.purges,
            standing=standing.view if standing is not None else None,
        )
