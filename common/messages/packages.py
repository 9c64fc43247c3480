"""Packages: all objects of one version of an asset, and the word that one is complete."""

import re
from typing import Annotated

import msgspec

Identifier = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
"""An asset, version, job or edge name: safe in a URL path and in a file name."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""A SHA-256 digest in lower-case hexadecimal."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""How many; no more than a database's 64-bit column holds."""

KEY_PATTERN = re.compile(r"^(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*\Z")
"""An object's key: path segments of unreserved characters, none of them ``.`` or ``..``."""

ObjectKey = Annotated[str, msgspec.Meta(pattern=KEY_PATTERN.pattern, max_length=512)]


class ManifestObject(msgspec.Struct, frozen=True):
    """One object of a package."""

    key: ObjectKey
    size: Count
    sha256: Sha256
    content_type: Annotated[str, msgspec.Meta(pattern=r"^[!-~ ]{1,128}\Z")]


class PackageManifest(msgspec.Struct, frozen=True):
    """All objects of a version. It is written last, so its presence says the package is whole."""

    asset_id: Identifier
    version: Identifier
    entry: ObjectKey
    """Key of the multivariant playlist."""
    poster: ObjectKey | None
    objects: tuple[ManifestObject, ...]


class PackageAnnouncement(msgspec.Struct, frozen=True):
    """Ingest to control plane: this version is whole in the origin and may be published.

    Sent until it is answered, so it may arrive more than once.
    """

    asset_id: Identifier
    version: Identifier
    title: Annotated[str, msgspec.Meta(max_length=512)]
    entry: ObjectKey
    poster: ObjectKey | None
    manifest_key: ObjectKey
    manifest_sha256: Sha256
    bytes: Count
    """Sum of the sizes of all objects."""
    object_count: Count
    duration: Annotated[float, msgspec.Meta(ge=0)]
    """Seconds of the longest track."""
    renditions: tuple[Annotated[str, msgspec.Meta(max_length=128)], ...]
    """Names of the renditions, best first, for people to read."""
    objects_of: Identifier | None = None
    """The version under whose prefix its objects lie, where that is another one: it cannot outlive
    that, which may not be announced yet."""


def version_prefix(asset_id: str, version: str) -> str:
    """The key prefix under which every object of a version lives, with its trailing slash."""
    return f"v/{asset_id}/{version}/"


def manifest_key(asset_id: str, version: str) -> str:
    """The key of a version's manifest."""
    return version_prefix(asset_id, version) + "manifest.json"
