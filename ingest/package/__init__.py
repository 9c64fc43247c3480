"""Turns encoded parts into an HLS package: measures them, checks them, lists them."""

from ingest.package.errors import PackageInvalid, PartInvalid
from ingest.package.facts import InitFacts, KeyFrame, Part, PartFacts, SegmentFacts
from ingest.package.layout import (
    PICTURES_FOLDER,
    POSTER_NAME,
    PREVIEW_NAME,
    STORYBOARD_NAME,
    content_type,
    part_name,
    transport_name,
)
from ingest.package.measure import measure
from ingest.package.packager import Package, package
from ingest.package.rendition import ListedObject, Playlist

__all__ = [
    "PICTURES_FOLDER",
    "POSTER_NAME",
    "PREVIEW_NAME",
    "STORYBOARD_NAME",
    "InitFacts",
    "KeyFrame",
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
    "transport_name",
]
