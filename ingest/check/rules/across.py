"""What renditions must have in common, and profiles with the entry."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from typing import Final

from ingest.check.model import Container, MultivariantListing, Package, Role, Track
from ingest.check.rule import Rule, Severity, rule
from ingest.package.layout import TRANSPORT_PREFIX

START_SLACK: Final = Fraction(1, 10)
"""Seconds by which first decode times may differ: codecs delay pictures and sound differently."""

LENGTH_SLACK: Final = Fraction(1, 10)
"""Seconds by which sound may be longer or shorter than pictures: some frames of its codec."""

RANGE_SLACK: Final = Fraction(1, 2)
"""Seconds by which playlists of text and of single pictures may differ from the video."""

ROUNDING: Final = Fraction(1, 1000)
"""Seconds that times in 90 kHz, and in EXTINF, may be off."""


def _reference(package: Package) -> tuple[str, Track] | None:
    """The video rendition that others are compared to: of the highest frame rate."""
    known = [(name, track) for name, track in package.with_role(Role.VIDEO) if track.measured]
    return min(known, key=lambda one: one[1].frame, default=None)


def _others(package: Package, role: Role) -> Iterator[tuple[str, Track, str, Track]]:
    reference = _reference(package)
    if reference is None:
        return
    for name, track in package.with_role(role):
        if track.measured and name != reference[0]:
            yield name, track, *reference


@rule("same-start", "rfc8216bis §6.2.4", Severity.MUST)
def same_start(package: Package) -> Iterator[str]:
    """The first segments of all audio and video playlists start at the same media time."""
    for role in (Role.VIDEO, Role.AUDIO):
        for name, track, other, reference in _others(package, role):
            # Transport streams begin at an arbitrary time (§3.1.1) that only they share.
            if track.container is not reference.container:
                continue
            slack = START_SLACK if role is Role.AUDIO else max(track.frame, reference.frame)
            start = track.seconds(track.measured[0].facts.decode_time)
            off = start - reference.seconds(reference.measured[0].facts.decode_time)
            if abs(off) > slack:
                yield f"{name} starts {float(off):+.4f} s from where {other} does."


@rule("frame-counts", "authoring specification 8.7", Severity.MUST)
def frame_counts(package: Package) -> Iterator[str]:
    """Every video rendition has the frames of the others, or every second one of them."""
    for name, track, other, reference in _others(package, Role.VIDEO):
        slack = max(track.frame, reference.frame)
        lasting = _frames(track) * track.frame
        off = lasting - _frames(reference) * reference.frame
        if abs(off) > slack + ROUNDING:
            yield (
                f"{name} has {_frames(track)} frames of {float(track.frame):.4f} s, and {other} "
                f"{_frames(reference)} of {float(reference.frame):.4f} s: {float(off):+.4f} s."
            )


def _frames(track: Track) -> int:
    return sum(one.facts.sample_count for one in track.measured)


def _ends(track: Track) -> list[Fraction]:
    """Where the segments end, in seconds from the start."""
    return list(accumulate(track.seconds(one.facts.duration) for one in track.measured))


def _misaligned(track: Track, reference: Track, slack: Fraction) -> str | None:
    ends, wanted = _ends(track), _ends(reference)
    if len(ends) != len(wanted):
        return f"has {len(ends)} segments, and {{}} {len(wanted)}"
    # The last ends differ where frames or sound do; that is another rule's.
    for segment, end, right in zip(
        track.listing.segments[:-1], ends[:-1], wanted[:-1], strict=True
    ):
        if abs(end - right) > slack:
            return (
                f"ends {segment.resource.uri} at {float(end):.4f} s, and {{}} at "
                f"{float(right):.4f} s"
            )
    return None


@rule("aligned-video", "authoring specification 8.22 for AirPlay 2-enabled TVs", Severity.MUST)
def aligned_video(package: Package) -> Iterator[str]:
    """All video renditions have segment boundaries at the same times, within a frame."""
    for name, track, other, reference in _others(package, Role.VIDEO):
        slack = max(track.frame, reference.frame)
        told = _misaligned(track, reference, slack)
        if told:
            yield f"{name} {told.format(other)}."


@rule("aligned-audio", "authoring specification 8.22", Severity.SHOULD)
def aligned_audio(package: Package) -> Iterator[str]:
    """Audio renditions have segment boundaries where video has them, within a frame."""
    for name, track, other, reference in _others(package, Role.AUDIO):
        slack = max(track.frame, reference.frame) + ROUNDING
        told = _misaligned(track, reference, slack)
        if told:
            yield f"{name} {told.format(other)}."


@rule("same-duration", "authoring specification 8.3", Severity.MUST)
def same_duration(package: Package) -> Iterator[str]:
    """Audio and video last equally long."""
    for name, track, other, reference in _others(package, Role.AUDIO):
        off = track.duration - reference.duration
        if abs(off) > LENGTH_SLACK:
            yield f"{name} lasts {float(off):+.3f} s against {other}."


@rule("same-range", "authoring specification 5.5, 8.7", Severity.MUST)
def same_range(package: Package) -> Iterator[str]:
    """Subtitle and I-frame playlists cover all of the video."""
    reference = _reference(package)
    if reference is None:
        return
    for name, track in package.with_role(Role.SUBTITLES, Role.IFRAMES):
        off = track.listing.duration - reference[1].duration
        if abs(off) > RANGE_SLACK:
            yield f"{name} lists {float(off):+.3f} s against {reference[0]}."


@rule("profiles", "Nearcast: profiles are choices of the entry", Severity.MUST)
def profiles(package: Package) -> Iterator[str]:
    """Multivariant playlists beside the entry offer no pictures and subtitles that it does not.

    Transport streams are the exception: they are for players that cannot use the entry. Which sound
    goes with a picture is each playlist's own choice.
    """
    if not package.multivariants:
        return
    entry, *others = package.multivariants
    offered = {one.place for one in entry.entries()}
    stated = _stated(entry)
    for profile in others:
        name = package.name(profile.place)
        for one in profile.entries():
            track = package.of(one)
            if one.place is None or (
                track is not None and (track.container is Container.TS or track.role is Role.AUDIO)
            ):
                continue
            if package.name(one.place).startswith(TRANSPORT_PREFIX):
                # Subtitles that are timed by the clock of transport streams.
                continue
            if one.place not in offered:
                yield f"{name} offers {one.label}, which {package.name(entry.place)} does not."
        for place, attributes in _stated(profile).items():
            if place in stated and stated[place] != attributes:
                yield f"{name} states another RESOLUTION or VIDEO-RANGE of {package.name(place)}."


def _stated(listing: MultivariantListing) -> dict[str, tuple[str | None, str | None]]:
    return {
        one.place: (one.attributes.get("RESOLUTION"), one.attributes.get("VIDEO-RANGE"))
        for one in listing.variants
        if one.place is not None
    }


RULES: Final[tuple[Rule, ...]] = (
    same_start,
    frame_counts,
    aligned_video,
    aligned_audio,
    same_duration,
    same_range,
    profiles,
)
