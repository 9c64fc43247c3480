"""What the samples of each rendition say."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Final

from ingest.check.model import Package, Role
from ingest.check.rule import Rule, Severity, rule

KEY_FRAME_SECONDS: Final = 2
MOST_FRAME_RATE: Final = 60
LEAST_SHOWN: Final = 0.001
"""Seconds below which more digits are shown."""


@rule("starts-with-idr", "authoring specification 7.4", Severity.MUST)
def starts_with_idr(package: Package) -> Iterator[str]:
    """Every video segment starts with an IDR frame."""
    for name, track in package.with_role(Role.VIDEO):
        wrong = [
            segment.resource.uri
            for segment, one in zip(track.listing.segments, track.segments, strict=True)
            if one is not None and (not one.facts.starts_with_sync or one.idr is False)
        ]
        if wrong:
            more = f", nor do {len(wrong) - 1} more" if len(wrong) > 1 else ""
            yield f"{name}: {wrong[0]} does not start with an IDR frame{more}."


@rule("decode-times", "authoring specification 7.2, 7.3", Severity.MUST)
def decode_times(package: Package) -> Iterator[str]:
    """Every segment begins where the one before ends: no gap, no overlap."""
    for name, track in package.with_role(Role.VIDEO, Role.AUDIO):
        for number, jump in track.jumps.items():
            kind = "a gap" if jump.off > 0 else "an overlap"
            off = float(abs(jump.off))
            length = f"{kind} of {off:.4f} s" if off >= LEAST_SHOWN else f"{kind} of {off:.6f} s"
            uri = track.listing.segments[number].resource.uri
            if jump.within:
                yield f"{name}: {uri} has {length} between two of its fragments."
            else:
                yield f"{name}: {uri} begins with {length} behind the segment before it."


@rule("key-frames", "authoring specification 1.13", Severity.SHOULD)
def key_frames(package: Package) -> Iterator[str]:
    """Key frames are no more than 2 s apart."""
    for name, track in package.with_role(Role.VIDEO):
        for segment, one in zip(track.listing.segments, track.segments, strict=True):
            if one is None or not one.key_times or one.hole:
                continue
            ends = (*one.key_times, one.facts.decode_time + one.facts.duration)
            longest = track.seconds(max(after - before for before, after in pairwise(ends)))
            # A frame more: 2 s are no whole number of frames at 23.976 and 29.97 per second.
            if longest > KEY_FRAME_SECONDS + track.frame:
                yield (
                    f"{name}: {segment.resource.uri} has {float(longest):.3f} s "
                    "from one key frame to the next."
                )


@rule("frame-rate-limit", "authoring specification 1.19", Severity.MUST)
def frame_rate_limit(package: Package) -> Iterator[str]:
    """No more than 60 frames per second are shown."""
    for name, track in package.with_role(Role.VIDEO):
        # Rounding of 90 kHz must not make 60 of it 60.02.
        if track.frame and 1 / track.frame > MOST_FRAME_RATE + Fraction(1, 10):
            yield f"{name} has {float(1 / track.frame):.3f} frames per second."


RULES: Final[tuple[Rule, ...]] = (starts_with_idr, decode_times, key_frames, frame_rate_limit)
