"""Packages: all objects of one version of an asset, and the word that one is complete."""

import re
from enum import StrEnum
from typing import Annotated

import msgspec

IDENTIFIER_PATTERN = "[A-Za-z0-9_-]{1,64}"

Identifier = Annotated[str, msgspec.Meta(pattern=rf"^{IDENTIFIER_PATTERN}\Z")]
"""An asset, version, job or edge name: safe in a URL path and in a file name."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""A SHA-256 digest in lower-case hexadecimal."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""How many; no more than a database's 64-bit column holds."""

KEY_PATTERN = re.compile(r"^(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*\Z")
"""An object's key: path segments of unreserved characters, none of them ``.`` or ``..``."""

ObjectKey = Annotated[str, msgspec.Meta(pattern=KEY_PATTERN.pattern, max_length=512)]


class Profile(StrEnum):
    """The multivariant playlists of a version, side by side: what each offers, and to whom.

    A router sends a player to one of them; which rendition of it plays, the player chooses.
    """

    MAIN = "main"
    """Everything: for players that go by the codecs and sizes that a playlist tells, as most do."""
    NO_HEVC_AV1 = "no-hevc-av1"
    """H.264 alone: for devices that take HEVC or AV1 and cannot show it smoothly, or that do not
    look at codecs before they play."""
    UP_TO_720P = "up-to-720p"
    """Nothing whose short side is longer than 720 pixels: for small screens, weak decoders, and
    networks whose operator pays for what a phone cannot show."""
    DATA_SAVER = "data-saver"
    """Short sides of up to 480 pixels, with sound at the lowest rate: for clients that ask to save
    data, and networks that carry no more."""
    AUDIO_ONLY = "audio-only"
    """Sound alone, of videos that have some: for speakers, players in the background, and networks
    that carry no picture."""
    TRANSPORT_STREAM = "ts"
    """H.264 and AAC in MPEG-2 transport streams, where the operator has them made: for old players
    that know no fragmented MP4."""

    @property
    def file_name(self) -> str:
        """The name of its playlist below the version's prefix."""
        return f"{self.value}.m3u8"


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
    profiles: Annotated[tuple[Profile, ...], msgspec.Meta(max_length=len(Profile))] = (
        Profile.MAIN,
    )
    """The multivariant playlists there are; each lies beside ``entry``, which is the main one."""
    preview: ObjectKey | None = None
    """An animated picture of the video."""
    storyboard: ObjectKey | None = None
    """WebVTT that names a small picture for each stretch of the video."""
    objects_of: Identifier | None = None
    """The version under whose prefix its objects lie, where that is another one: it cannot outlive
    that, which may not be announced yet."""
    creator: Identifier | None = None
    """Whose it is: what is new of them is watched where the rest of theirs is."""


def version_prefix(asset_id: str, version: str) -> str:
    """The key prefix under which every object of a version lives, with its trailing slash."""
    return f"v/{asset_id}/{version}/"


def manifest_key(asset_id: str, version: str) -> str:
    """The key of a version's manifest."""
    return version_prefix(asset_id, version) + "manifest.json"
