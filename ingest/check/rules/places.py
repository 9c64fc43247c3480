"""Where URIs lead, and what could not be looked at."""

from collections.abc import Iterator
from typing import Final

from ingest.check.listed import Listing, MediaListing
from ingest.check.model import Package, Trouble
from ingest.check.rule import Rule, Severity, rule


@rule("inside-package", "Nearcast: a package lies below one prefix", Severity.MUST)
def inside_package(package: Package) -> Iterator[str]:
    """Every URI of a playlist, segment or init segment leads to a place in the package."""
    for name, listing in package.listings():
        for uri, place in dict.fromkeys(_places(listing)):
            if place is None or not place.startswith(package.homes):
                yield f"{name} names {_short(uri)}, which is not in the package."


def _places(listing: Listing) -> Iterator[tuple[str, str | None]]:
    if isinstance(listing, MediaListing):
        for segment in listing.segments:
            if segment.map is not None:
                yield segment.map.uri, segment.map.place
            yield segment.resource.uri, segment.resource.place
    else:
        for entry in listing.entries():
            if entry.uri is not None:
                yield entry.uri, entry.place


def _short(uri: str) -> str:
    return repr(uri) if len(uri) <= 120 else f"{uri[:117]!r}…"


def _told(package: Package, trouble: Trouble) -> Iterator[str]:
    for problem in package.problems:
        if problem.trouble is trouble:
            yield f"{package.name(problem.place)} {problem.reason}."


@rule("uris-resolve", "RFC 8216 §6.2.1", Severity.MUST)
def uris_resolve(package: Package) -> Iterator[str]:
    """Everything that a playlist lists is there."""
    for place, track in package.tracks.items():
        gaps = sum(one.gap for one in track.listing.segments)
        if gaps:
            yield f"{package.name(place)} marks {gaps} of its segments with EXT-X-GAP as missing."
    yield from _told(package, Trouble.MISSING)


@rule("whole", "rfc8216bis §3", Severity.MUST)
def whole(package: Package) -> Iterator[str]:
    """Every playlist, init segment and segment is whole and of a supported format."""
    return _told(package, Trouble.BROKEN)


@rule("understood", "Nearcast: what is not understood is not checked", Severity.SHOULD)
def understood(package: Package) -> Iterator[str]:
    """Everything is of a kind that can be looked into."""
    alike: dict[str, list[str]] = {}
    for one in package.problems:
        if one.trouble is Trouble.STRANGE:
            alike.setdefault(one.reason, []).append(one.place)
    for reason, places in alike.items():
        more = f" So it is with {len(places) - 1} more." if len(places) > 1 else ""
        yield f"{package.name(places[0])} {reason}.{more}"


@rule("bounds", "Nearcast: what is too large is not checked", Severity.MUST)
def bounds(package: Package) -> Iterator[str]:
    """The package is small enough to be checked whole."""
    return _told(package, Trouble.LIMIT)


RULES: Final[tuple[Rule, ...]] = (inside_package, uris_resolve, whole, understood, bounds)
