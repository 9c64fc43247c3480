"""Turns encoded parts into an HLS package: measures them, checks them, lists them."""

from ingest.package.errors import PackageInvalid, PartInvalid
from ingest.package.facts import InitFacts, Part, PartFacts, SegmentFacts
from ingest.package.layout import (
    MULTIVARIANT_NAME,
    POSTER_NAME,
    content_type,
    part_name,
)
from ingest.package.measure import measure
from ingest.package.packager import ListedObject, Package, Playlist, package

__all__ = [
    "MULTIVARIANT_NAME",
    "POSTER_NAME",
    "InitFacts",
    "ListedObject",
    "Package",
    "PackageInvalid",
    "Part",
    "PartFacts",
    "PartInvalid",
    "Playlist",
    "SegmentFacts",
    "content_type",
    "measure",
    "package",
    "part_name",
]
