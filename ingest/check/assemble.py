"""Puts listings and measurements together to a package."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from ingest.check.listed import ByteRange, MediaListing, MultivariantListing, Resource
from ingest.check.model import CLOCK, Container, Measured, Package, Problem, Role, Track
from ingest.package.facts import InitFacts

Key = tuple[str, ByteRange | None]
"""A place, and the part of it."""

WEBVTT_ENDINGS = frozenset({".vtt", ".webvtt"})


class Found:
    """What was measured, by where it lies."""

    def __init__(self) -> None:
        self.inits: dict[Key, InitFacts] = {}
        self.segments: dict[Key, Measured] = {}
        self.codecs: dict[Key, frozenset[str]] = {}
        """Sample entry names of what is in transport streams, and in init segments beside the
        first track."""
        self.clocks: dict[Key, int] = {}
        """Units per second of segments whose times are not those of their own kind."""
        self.problems: list[Problem] = []


def key_of(resource: Resource) -> Key | None:
    """Where ``resource`` lies; None where it leads nowhere."""
    return None if resource.place is None else (resource.place, resource.part)


def container_of(listing: MediaListing) -> Container:
    """What the segments of ``listing`` are, by its tags and their names."""
    if not listing.segments:
        return Container.UNKNOWN
    first = listing.segments[0]
    ending = ending_of(first.resource)
    if ending in WEBVTT_ENDINGS:
        return Container.WEBVTT
    if ending == ".ts":
        return Container.TS
    if first.map is not None or ending in {".m4s", ".mp4", ".cmfv", ".cmfa", ".m4v", ".m4a"}:
        return Container.FMP4
    return Container.UNKNOWN


def ending_of(resource: Resource) -> str:
    """The suffix of its name, in lower case."""
    return PurePosixPath(urlsplit(resource.place or "").path).suffix.lower()


def assemble(
    root: str,
    homes: Sequence[str],
    multivariants: Sequence[MultivariantListing],
    media: Mapping[str, MediaListing],
    found: Found,
) -> Package:
    """The package at ``root`` of these playlists, its entry's first, and what was ``found``."""
    hints = _hints(multivariants)
    return Package(
        root=root,
        homes=tuple(homes),
        multivariants=tuple(multivariants),
        tracks={
            place: _track(listing, found, hints.get(place)) for place, listing in media.items()
        },
        # In whichever order they were met: what is told of a package is always the same.
        problems=tuple(sorted(set(found.problems), key=lambda one: (one.place, one.reason))),
    )


def _hints(multivariants: Sequence[MultivariantListing]) -> dict[str, Role]:
    """What the multivariant playlists say that media playlists are."""
    hints: dict[str, Role] = {}
    kinds = {"AUDIO": Role.AUDIO, "SUBTITLES": Role.SUBTITLES, "VIDEO": Role.VIDEO}
    for one in multivariants:
        for entry in one.variants:
            if entry.place is not None and entry.attributes.get("RESOLUTION") is not None:
                hints[entry.place] = Role.VIDEO
        for entry in one.media:
            if entry.place is not None:
                hints[entry.place] = kinds.get(entry.attributes.get("TYPE") or "", Role.UNKNOWN)
        for entry in one.iframes:
            if entry.place is not None:
                hints[entry.place] = Role.IFRAMES
    return hints


def _track(listing: MediaListing, found: Found, hint: Role | None) -> Track:
    keys = [key_of(segment.resource) for segment in listing.segments]
    maps = dict.fromkeys(
        key for segment in listing.segments if segment.map and (key := key_of(segment.map))
    )
    inits = tuple(found.inits[key] for key in maps if key in found.inits)
    streams = frozenset(
        codec for key in keys if key is not None for codec in found.codecs.get(key, ())
    )
    beside = frozenset(codec for key in maps for codec in found.codecs.get(key, ()))
    return Track(
        listing=listing,
        role=_role(listing, inits, streams, hint),
        container=Container.TS if streams else container_of(listing),
        inits=inits,
        segments=tuple(found.segments.get(key) if key else None for key in keys),
        codecs=streams | beside,
        clock=next((found.clocks[key] for key in keys if key in found.clocks), CLOCK),
    )


def _role(
    listing: MediaListing,
    inits: Sequence[InitFacts],
    codecs: frozenset[str],
    hint: Role | None,
) -> Role:
    if listing.iframes_only or hint is Role.IFRAMES:
        return Role.IFRAMES
    if inits and (inits[0].width or hint is not Role.VIDEO):
        return Role.VIDEO if inits[0].width else Role.AUDIO
    if inits:
        # Sound where pictures are promised is compared to neither.
        return Role.UNKNOWN
    if codecs:
        return Role.VIDEO if codecs & {"avc1", "hvc1"} else Role.AUDIO
    if hint is not None:
        return hint
    return Role.SUBTITLES if container_of(listing) is Container.WEBVTT else Role.UNKNOWN
