"""Which asset a label means. DNS knows no capitals (RFC 4343), and names of assets do."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from control_plane.catalog import Asset
from control_plane.library import Library

LONGEST_LABEL: Final = 63


class AssetNames:
    """The assets whose names have capitals, by their names in lower case; others are found as they
    are."""

    def __init__(self, library: Library) -> None:
        self._assets: Mapping[str, Asset] = {}
        self._library = library
        self._lowered: dict[str, tuple[str, ...]] = {}
        self._learn(frozenset(library.history.assets))
        library.on_change(self._learn)

    def _learn(self, changed: AbstractSet[str]) -> None:
        assets = self._library.history.assets
        for asset_id in changed:
            lowered = asset_id.lower()
            if lowered == asset_id:
                continue
            others = tuple(each for each in self._lowered.get(lowered, ()) if each != asset_id)
            left = (*others, asset_id) if asset_id in assets else others
            if left:
                self._lowered[lowered] = left
            else:
                self._lowered.pop(lowered, None)

    def meant(self, label: str) -> str | None:
        """The one asset with this name in lower case; None where there are none or several."""
        found = self._lowered.get(label, ())
        if label in self._library.history.assets:
            found = (*found, label)
        return found[0] if len(found) == 1 else None
