"""Has timelines follow the library."""

import asyncio
from collections.abc import Set as AbstractSet

from control_plane.catalog import Asset
from control_plane.feed.timelines import Entry, Timelines
from control_plane.library import Library


async def follow_library(timelines: Timelines, library: Library) -> None:
    """Puts all assets of ``library`` into ``timelines``, and from now on what changes."""
    assets = list(library.history.assets.values())

    def changed(names: AbstractSet[str]) -> None:
        known = library.history.assets
        timelines.take({name: _entry(known.get(name)) for name in names})

    library.on_change(changed)
    # Seconds for a million: whoever asks meanwhile whether it lives is answered.
    await asyncio.to_thread(lambda: timelines.take({a.asset_id: _entry(a) for a in assets}))


def _entry(asset: Asset | None) -> Entry | None:
    if asset is None:
        return None
    creator = asset.current.announcement.creator or ""
    return Entry(asset.packages[0].published_at, asset.asset_id, creator)
