"""What the control plane remembers: packages and edges, in SQLite or MongoDB."""

from control_plane.catalog.port import Catalog, PackageConflict
from control_plane.catalog.records import Asset, EdgeRecord, Package
from control_plane.catalog.settings import DatabaseSettings, open_catalog

__all__ = [
    "Asset",
    "Catalog",
    "DatabaseSettings",
    "EdgeRecord",
    "Package",
    "PackageConflict",
    "open_catalog",
]
