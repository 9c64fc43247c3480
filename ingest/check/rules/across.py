"""What renditions must have in common, and profiles with the entry."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from common.messages import Profile
from ingest.check.listed import Entry, MultivariantListing
from ingest.check.model import Container, Package, Role, Track
from ingest.check.rule import Rule, Severity, rule
from ingest.package.layout import TRANSPORT_PREFIX

START_SLACK: Final = Fraction(1, 10)
"""Seconds by which first decode times may differ: codecs delay pictures and sound differently."""

LENGTH_SLACK: Final = Fraction(1, 10)
"""Seconds by which sound may be longer or shorter than pictures: some frames of its codec."""

RANGE_SLACK: Final = Fraction(1, 2)
"""Seconds by which playlists of text and of single pictures may differ from the video."""

MAIN: Final = Profile.MAIN.file_name
"""The entry of a package that has profiles."""

ROUNDING: Final = Fraction(1, 1000)
"""Seconds that times in 90 kHz, and in EXTINF, may be off."""


def _reference(package: Package) -> tuple[str, Track] | None:
    """The video rendition that others are compared to.

    One that ends its segments where most renditions do and has the most common number of frames,
    so that the one that is wrong is told from those that are right. Of these the first with the
    highest frame rate.
    """
    known = [
        (name, track)
        for name, track in package.with_role(Role.VIDEO)
        if track.measured and not track.jumps
    ]
    votes = Counter(
        _shape(track)
        for _, track in package.with_role(Role.VIDEO, Role.AUDIO)
        if track.measured and not track.jumps
    )
    most = max((votes[_shape(track)] for _, track in known), default=0)
    usual = [one for one in known if votes[_shape(one[1])] == most]
    fastest = min((track.frame for _, track in usual), default=Fraction())
    usual = [one for one in usual if _same_rate(one[1].frame, fastest)]
    counts = Counter(_frames(track) for _, track in usual)
    return max(usual, key=lambda one: counts[_frames(one[1])], default=None)


def _shape(track: Track) -> tuple[int, ...]:
    """Where its segments end, coarse enough that sound of the same length has the same shape."""
    return tuple(round(end * 4) for end in track.ends)


def _same_rate(first: Fraction, second: Fraction) -> bool:
    return abs(first - second) * 100 <= second


def _others(package: Package, role: Role) -> Iterator[tuple[str, Track, str, Track]]:
    """Renditions to compare, and what with: of those that jump in time that alone is told."""
    reference = _reference(package)
    if reference is None:
        return
    for name, track in package.with_role(role):
        if track.measured and name != reference[0] and not track.jumps:
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
        if len(track.measured) != len(reference.measured):
            # That segments are missing is told of their alignment.
            continue
        counts = _frames(track), _frames(reference)
        if _same_rate(track.frame, reference.frame):
            if counts[0] != counts[1]:
                yield f"{name} has {counts[0]} frames, and {other} {counts[1]}."
            continue
        off = counts[0] * track.frame - counts[1] * reference.frame
        if abs(off) > max(track.frame, reference.frame) + ROUNDING:
            yield (
                f"{name} has {counts[0]} frames of {float(track.frame):.4f} s, and {other} "
                f"{counts[1]} of {float(reference.frame):.4f} s: {float(off):+.4f} s."
            )


def _frames(track: Track) -> int:
    return sum(one.facts.sample_count for one in track.measured)


def _misaligned(track: Track, reference: Track, slack: Fraction) -> str | None:
    ends, wanted = track.ends, reference.ends
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
    if not package.multivariants or package.name(package.multivariants[0].place) != MAIN:
        return
    entry, *others = package.multivariants
    offered = {one.place for one in entry.entries()}
    named = _languages(entry)
    lacking: dict[str, str] = {}
    for profile in others:
        name = package.name(profile.place)
        for one in profile.variants + profile.media + (profile.iframes if entry.iframes else ()):
            if one.place is not None and one.place not in offered and _of_entry(package, one):
                lacking.setdefault(one.place, f"{one.label} in {name}")
        for place, tongue in _languages(profile).items():
            if named.get(place, tongue) != tongue:
                yield (
                    f"{package.name(place)} has the LANGUAGE {named.pop(place)!r} in "
                    f"{package.name(entry.place)}, and {tongue!r} in {name}."
                )
    # Where the entry leads astray, what it lacks was told.
    astray = any(
        one.uri is not None and (one.place is None or not one.place.startswith(package.homes))
        for one in entry.entries()
    )
    if lacking and not astray:
        first, *rest = lacking.values()
        more = f" and {len(rest)} more" if rest else ""
        yield f"{package.name(entry.place)} lacks what is offered beside it: {first}{more}."


def _of_entry(package: Package, one: Entry) -> bool:
    track = package.of(one)
    if track is not None and (track.container is Container.TS or track.role is Role.AUDIO):
        return False
    # Subtitles that are timed by the clock of transport streams.
    return one.place is not None and not package.name(one.place).startswith(TRANSPORT_PREFIX)


def _languages(listing: MultivariantListing) -> dict[str, str]:
    return {
        one.place: tongue
        for one in listing.media
        if one.place is not None and (tongue := one.attributes.get("LANGUAGE"))
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
