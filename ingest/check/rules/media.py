"""What each media playlist says of itself and its segments."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final

from ingest.check.listed import ListedSegment
from ingest.check.model import Container, Package, Role, Track
from ingest.check.rule import Rule, Severity, rule

NOMINAL: Final = 6
"""Seconds of a segment."""
SHORT_NOMINAL: Final = 2
SHORT: Final = 180
"""Seconds up to which a video is a short, whose segments last 2 s so that it starts at once."""

PICTURE_SLACK: Final = Fraction(1, 10)
"""Seconds by which pictures may be shown later than they are decoded, each for itself."""

ROUNDING: Final = Fraction(1, 1000)
"""Seconds that times in 90 kHz and in EXTINF may be off."""

FULL: Final = (Role.VIDEO, Role.AUDIO)


def _full_length(package: Package) -> Iterator[tuple[str, Track]]:
    return package.with_role(*FULL)


@rule("target-duration", "rfc8216bis §4.4.3.1", Severity.MUST)
def target_duration(package: Package) -> Iterator[str]:
    """EXT-X-TARGETDURATION is there, and no EXTINF, rounded, is longer."""
    for place, track in package.tracks.items():
        name, target = package.name(place), track.listing.target
        if target is None:
            yield f"{name} has no EXT-X-TARGETDURATION."
            continue
        long = [one for one in track.listing.segments if _rounded(one) > target]
        if long:
            yield (
                f"{name} lists {_first(long)} with {float(long[0].duration):.3f} s, "
                f"longer than its target duration of {target} s."
            )


def _rounded(segment: ListedSegment) -> int:
    return math.floor(segment.duration + Fraction(1, 2))


def _first(segments: Sequence[ListedSegment]) -> str:
    """The first of ``segments``, which are wrong in the same way, and how many more there are."""
    more = f" and {len(segments) - 1} more" if len(segments) > 1 else ""
    return f"{segments[0].resource.uri}{more}"


@rule("segment-within-target", "authoring specification 7.7", Severity.MUST)
def segment_within_target(package: Package) -> Iterator[str]:
    """No segment lasts more than 0.5 s longer than the target duration."""
    for name, track in _full_length(package):
        target = track.listing.target
        for segment, one in zip(track.listing.segments, track.segments, strict=True):
            if target is None or one is None or _rounded(segment) > target:
                continue
            seconds = track.seconds(one.facts.duration)
            if seconds > target + Fraction(1, 2):
                yield (
                    f"{name}: {segment.resource.uri} lasts {float(seconds):.3f} s, "
                    f"more than 0.5 s longer than the target duration of {target} s."
                )


@rule("target-of-six", "authoring specification 7.5", Severity.SHOULD)
def target_of_six(package: Package) -> Iterator[str]:
    """The target duration is 6 s, or 2 s in shorts."""
    for name, track in _full_length(package):
        target, listing = track.listing.target, track.listing
        if target is None or len(listing.segments) < 2:
            continue
        if target != NOMINAL and not (target == SHORT_NOMINAL and listing.duration <= SHORT):
            yield f"{name} has a target duration of {target} s."


@rule("segment-length", "authoring specification 7.6", Severity.SHOULD)
def segment_length(package: Package) -> Iterator[str]:
    """Segments last about 6 s, or 2 s in shorts, but for the last."""
    for name, track in _full_length(package):
        short = track.listing.duration <= SHORT and track.listing.target == SHORT_NOMINAL
        nominal = SHORT_NOMINAL if short else NOMINAL
        others = [
            segment
            for segment in track.listing.segments[:-1]
            if abs(segment.duration - nominal) > Fraction(nominal, 10)
        ]
        if others:
            yield (
                f"{name} lists {_first(others)} with {float(others[0].duration):.3f} s, "
                f"not about {nominal} s."
            )


@rule("extinf", "authoring specification 8.1", Severity.MUST)
def extinf(package: Package) -> Iterator[str]:
    """The EXTINF of any segments in a row add up to their duration within a frame."""
    for name, track in _full_length(package):
        if not track.measured:
            continue
        off = list(
            accumulate(
                segment.duration - track.seconds(one.facts.duration)
                for segment, one in zip(track.listing.segments, track.measured, strict=True)
            )
        )
        drift = max(Fraction(), *off) - min(Fraction(), *off)
        if drift > track.frame + ROUNDING:
            worst = max(
                zip(track.listing.segments, track.measured, strict=True),
                key=lambda pair: abs(pair[0].duration - track.seconds(pair[1].facts.duration)),
            )
            yield (
                f"{name} has EXTINF that are {float(drift):.4f} s off in a row, more than a frame "
                f"of {float(track.frame):.4f} s; {worst[0].resource.uri} is off most."
            )


@rule("iframe-extinf", "rfc8216bis §4.4.3.6", Severity.MUST)
def iframe_extinf(package: Package) -> Iterator[str]:
    """The EXTINF of an I-frame lasts until the next I-frame."""
    for name, track in package.with_role(Role.IFRAMES):
        listed = zip(track.listing.segments, track.segments, strict=True)
        for (segment, one), (after, other) in pairwise(listed):
            if one is None or other is None or not one.key_times or not other.key_times:
                continue
            lasting = track.seconds(other.facts.decode_time - one.facts.decode_time)
            if lasting <= 0 or after.discontinuity:
                # A jump in time is told of the segments that the pictures are in.
                continue
            if abs(segment.duration - lasting) > PICTURE_SLACK:
                part = segment.resource.part
                where = f"{segment.resource.uri}{f' at byte {part.offset}' if part else ''}"
                yield (
                    f"{name} lists {where} with {float(segment.duration):.3f} s, and the next "
                    f"I-frame follows after {float(lasting):.3f} s."
                )
                break


@rule("vod", "authoring specification 8.6", Severity.MUST)
def vod(package: Package) -> Iterator[str]:
    """EXT-X-PLAYLIST-TYPE is VOD."""
    for place, track in package.tracks.items():
        if "EXT-X-ENDLIST" not in track.listing.named:
            # It goes on, or its end is lost: that is another rule's.
            continue
        tag = track.listing.named.get("EXT-X-PLAYLIST-TYPE")
        if tag is None or tag.value != "VOD":
            yield f"{package.name(place)} is not of the type VOD."


@rule("endlist", "rfc8216bis §4.4.3.4", Severity.MUST)
def endlist(package: Package) -> Iterator[str]:
    """A playlist on demand ends with EXT-X-ENDLIST."""
    for place, track in package.tracks.items():
        if "EXT-X-ENDLIST" not in track.listing.named:
            tag = track.listing.named.get("EXT-X-PLAYLIST-TYPE")
            live = "" if tag is not None and tag.value == "VOD" else ", as if it were live"
            yield f"{package.name(place)} has no EXT-X-ENDLIST{live}."


@rule("has-segments", "rfc8216bis §4.4.4", Severity.MUST)
def has_segments(package: Package) -> Iterator[str]:
    """Every media playlist lists a segment."""
    for place, track in package.tracks.items():
        if not track.listing.segments:
            yield f"{package.name(place)} lists no segments."


@rule("no-discontinuity", "authoring specification 7.1", Severity.MUST)
def no_discontinuity(package: Package) -> Iterator[str]:
    """Nothing is interrupted, so EXT-X-DISCONTINUITY never appears."""
    for place, track in package.tracks.items():
        behind = [one for one in track.listing.segments if one.discontinuity]
        if behind:
            yield f"{package.name(place)} has an EXT-X-DISCONTINUITY before {_first(behind)}."


@rule("map", "authoring specification 8.20", Severity.MUST)
def init_map(package: Package) -> Iterator[str]:
    """Segments in fMP4 stand behind an EXT-X-MAP."""
    for place, track in package.tracks.items():
        if track.container is Container.FMP4 and any(
            segment.map is None for segment in track.listing.segments
        ):
            yield f"{package.name(place)} has segments in fMP4 without an EXT-X-MAP."


@rule("one-init", "authoring specification 8.13", Severity.MUST)
def one_init(package: Package) -> Iterator[str]:
    """All segments of a playlist share one init segment, byte for byte."""
    for place, track in package.tracks.items():
        different = len({init.sha256 for init in track.inits})
        if different > 1:
            yield f"{package.name(place)} has {different} different init segments."


@rule("independent-segments", "authoring specification 9.11, 9.12", Severity.MUST)
def independent_segments(package: Package) -> Iterator[str]:
    """EXT-X-INDEPENDENT-SEGMENTS is in the multivariant playlist, or in all video playlists."""
    tag = "EXT-X-INDEPENDENT-SEGMENTS"
    if package.multivariants and all(tag in one.named for one in package.multivariants):
        return
    lacking = [
        name for name, track in package.with_role(Role.VIDEO) if tag not in track.listing.named
    ]
    heads = [package.name(one.place) for one in package.multivariants if tag not in one.named]
    if lacking and heads:
        verb = "has" if len(lacking) == 1 else "have"
        yield f"{heads[0]} has no {tag}, nor {verb} {_all_of(lacking)}."
    elif lacking:
        yield f"{_all_of(lacking)} {'has' if len(lacking) == 1 else 'have'} no {tag}."


def _all_of(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


@rule("same-target", "authoring specification 8.2", Severity.MUST)
def same_target(package: Package) -> Iterator[str]:
    """All audio and video playlists have the same target duration."""
    targets: dict[int, list[str]] = {}
    for name, track in _full_length(package):
        if track.listing.target is not None:
            targets.setdefault(track.listing.target, []).append(name)
    if len(targets) > 1:
        told = ", ".join(f"{target} s in {names[0]}" for target, names in sorted(targets.items()))
        yield f"The target durations of audio and video differ: {told}."


RULES: Final[tuple[Rule, ...]] = (
    target_duration,
    segment_within_target,
    target_of_six,
    segment_length,
    extinf,
    iframe_extinf,
    vod,
    endlist,
    has_segments,
    no_discontinuity,
    init_map,
    one_init,
    independent_segments,
    same_target,
)
