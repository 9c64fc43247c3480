"""I-frame playlists, for pictures while a viewer searches (rfc8216bis §4.4.6.3)."""

from collections.abc import Iterator
from typing import Final

from ingest.check.model import Package, Role, Track
from ingest.check.rule import Rule, Severity, rule
from ingest.check.rules.variants import has_video, iframes_of


@rule("iframes-present", "authoring specification 6.1", Severity.MUST)
def iframes_present(package: Package) -> Iterator[str]:
    """Where there is video, there are I-frame playlists."""
    for one in package.multivariants:
        if not one.iframes and any(has_video(entry, package) for entry in one.variants):
            yield f"{package.name(one.place)} has no EXT-X-I-FRAME-STREAM-INF."


@rule("iframes-sdr", "authoring specification 6.16", Severity.MUST)
def iframes_sdr(package: Package) -> Iterator[str]:
    """Some I-frame playlists are in SDR."""
    for one in package.multivariants:
        ranges = {entry.attributes.get("VIDEO-RANGE") or "SDR" for entry in one.iframes}
        if ranges and "SDR" not in ranges:
            yield f"{package.name(one.place)} has no I-frame playlist in SDR."


@rule("iframes-only", "authoring specification 6.8", Severity.MUST)
def iframes_only(package: Package) -> Iterator[str]:
    """I-frame playlists have EXT-X-I-FRAMES-ONLY, and no others do."""
    for name, track in package.with_role(Role.IFRAMES):
        if not track.listing.iframes_only:
            yield f"{name} has no EXT-X-I-FRAMES-ONLY."
    for one in package.multivariants:
        for entry in one.variants:
            found = package.of(entry)
            if found is not None and found.listing.iframes_only:
                yield f"{package.name(one.place)}: {entry.label} is an I-frame playlist."


@rule("iframe-attributes", "authoring specification 9.4; rfc8216bis §4.4.6.3", Severity.MUST)
def iframe_attributes(package: Package) -> Iterator[str]:
    """I-frame playlists have a URI and the right RESOLUTION and codec."""
    for name, entry in iframes_of(package):
        if entry.uri is None:
            yield f"{name} has no URI."
        stated, track = entry.attributes.resolution(), package.of(entry)
        if stated is None:
            yield f"{name} has no RESOLUTION."
        if track is None or track.init is None:
            continue
        if not track.init.width:
            yield f"{name} has an init segment of {track.init.codec}, which is no video."
            continue
        size = (track.init.width, track.init.height)
        if stated is not None and stated != size:
            yield f"{name} states {stated[0]}x{stated[1]}, and has {size[0]}x{size[1]}."
        codecs = [codec.lower() for codec in entry.attributes.tokens("CODECS")]
        if codecs and track.init.codec.lower() not in codecs:
            yield f"{name} states {', '.join(codecs)}, and has {track.init.codec}."


@rule("iframe-ranges", "authoring specification 6.10", Severity.MUST)
def iframe_ranges(package: Package) -> Iterator[str]:
    """Every picture is a byte range that begins with its moof box, and is an I-frame."""
    for name, track in package.with_role(Role.IFRAMES):
        wrong = list(_wrong_pictures(track))
        for sentence in wrong[:1]:
            more = f" So it is with {len(wrong) - 1} more." if len(wrong) > 1 else ""
            yield f"{name}: {sentence}.{more}"


def _wrong_pictures(track: Track) -> Iterator[str]:
    for segment, one in zip(track.listing.segments, track.segments, strict=True):
        part = segment.resource.part
        where = segment.resource.uri + (f" at byte {part.offset}" if part else "")
        if one is None:
            continue
        if not one.facts.starts_with_sync or one.idr is False:
            yield f"{where} is no I-frame"
        elif one.facts.sample_count > 1:
            yield f"{where} has {one.facts.sample_count} pictures, not one"
        elif one.spare:
            yield f"{where} ends {one.spare} bytes behind its I-frame, within another picture"


RULES: Final[tuple[Rule, ...]] = (
    iframes_present,
    iframes_sdr,
    iframes_only,
    iframe_attributes,
    iframe_ranges,
)
