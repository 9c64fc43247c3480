"""What the control plane remembers: packages, what operators did to them, and edges."""

from control_plane.catalog.history import Asset, History
from control_plane.catalog.opening import open_catalog
from control_plane.catalog.port import Catalog, PackageConflict
from control_plane.catalog.records import Counts, EdgeRecord, Package, Pin, Removal, Tombstone

__all__ = [
    "Asset",
    "Catalog",
    "Counts",
    "EdgeRecord",
    "History",
    "Package",
    "PackageConflict",
    "Pin",
    "Removal",
    "Tombstone",
    "open_catalog",
]
