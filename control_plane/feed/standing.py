"""Has timelines follow the library."""

import asyncio
from collections.abc import Set as AbstractSet

from control_plane.catalog import Asset
from control_plane.feed.timelines import Entry, Timelines
from control_plane.library import Library


async def follow_library(timelines: Timelines, library: Library) -> None:
    """Puts all assets of ``library`` into ``timelines``, and from now on what changes."""
    meanwhile: set[str] = set()
    begun = False

    def changed(names: AbstractSet[str]) -> None:
        if not begun:
            meanwhile.update(names)
            return
        known = library.history.assets
        timelines.take({name: _entry(known.get(name)) for name in names})

    library.on_change(changed)
    assets = list(library.history.assets.values())
    # Seconds for a million: whoever asks meanwhile whether it lives is answered. What changes waits
    # for it, as timelines are changed by one thread at a time.
    await asyncio.to_thread(lambda: timelines.take({a.asset_id: _entry(a) for a in assets}))
    begun = True
    changed(meanwhile)


def _entry(asset: Asset | None) -> Entry | None:
    if asset is None:
        return None
    creator = asset.current.announcement.creator or ""
    return Entry(asset.packages[0].published_at, asset.asset_id, creator)
