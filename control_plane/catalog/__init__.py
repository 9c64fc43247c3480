"""What the control plane remembers: packages and edges, in SQLite or MongoDB."""

from control_plane.catalog.opening import open_catalog
from control_plane.catalog.port import Catalog, PackageConflict
from control_plane.catalog.records import Asset, EdgeRecord, Package

__all__ = [
    "Asset",
    "Catalog",
    "EdgeRecord",
    "Package",
    "PackageConflict",
    "open_catalog",
]
