"""What people say of assets, and what is found by it: titles, descriptions, tags and plays."""

from control_plane.metadata.opening import open_metadata
from control_plane.metadata.port import MetadataStore
from control_plane.metadata.records import After, Found, Metadata, Query, Told

__all__ = ["After", "Found", "Metadata", "MetadataStore", "Query", "Told", "open_metadata"]
