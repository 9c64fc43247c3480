"""What multivariant playlists say of their variants."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from ingest.check.listed import Entry, MultivariantListing
from ingest.check.model import Package, Role
from ingest.check.rule import Rule, Severity, rule

CELLULAR: Final = 192_000
"""bit/s."""
DEFAULT_AVERAGE: Final = 2_000_000
"""bit/s."""
GROUPS: Final = ("AUDIO", "SUBTITLES", "VIDEO", "CLOSED-CAPTIONS")
"""Attributes of variants that name a group, whose members have a TYPE of the same name."""
HD_HEIGHT: Final = 720
OWN_PATHWAY: Final = "."
"""The pathway of variants that name none (rfc8216bis §4.4.6.2)."""
ASPECT_SLACK: Final = 0.02
"""By which width over height may differ: sides are even numbers."""
RATE_SLACK: Final = Fraction(1, 100)
"""Frames per second; FRAME-RATE has three digits, and EXTINF are rounded too."""


def has_video(entry: Entry, package: Package) -> bool:
    """Whether a variant has pictures, by what it leads to or else by what is said of it."""
    track = package.of(entry)
    if track is not None and track.role is not Role.UNKNOWN:
        return track.role is Role.VIDEO
    return entry.attributes.get("RESOLUTION") is not None


def variants_of(
    package: Package, *, video: bool = False
) -> Iterator[tuple[str, MultivariantListing, Entry]]:
    """The variants of all multivariant playlists, with what findings call them.

    One that stands in several, as in profiles, with the same attributes and groups, is told once.
    """
    seen = set()
    for one in package.multivariants:
        for entry in one.variants:
            if video and not has_video(entry, package):
                continue
            groups = [one.grouped(kind, entry.attributes.get(kind)) for kind in GROUPS]
            key = (entry.identity, *groups)
            if key not in seen:
                seen.add(key)
                yield f"{package.name(one.place)}: {entry.label}", one, entry


def iframes_of(package: Package) -> Iterator[tuple[str, Entry]]:
    """The same of I-frame playlists."""
    seen = set()
    for one in package.multivariants:
        for entry in one.iframes:
            if entry.identity not in seen:
                seen.add(entry.identity)
                yield f"{package.name(one.place)}: {entry.label}", entry


def _needs(package: Package, attribute: str, *, video: bool) -> Iterator[str]:
    for name, _, entry in variants_of(package, video=video):
        if entry.attributes.get(attribute) is None:
            yield f"{name} has no {attribute}."


@rule("has-variants", "rfc8216bis §4.4.6.2", Severity.MUST)
def has_variants(package: Package) -> Iterator[str]:
    """A multivariant playlist has a variant."""
    for one in package.multivariants:
        if not one.variants:
            yield f"{package.name(one.place)} has no variants."


@rule("resolution-present", "authoring specification 9.2", Severity.MUST)
def resolution_present(package: Package) -> Iterator[str]:
    """Every variant with video has RESOLUTION."""
    return _needs(package, "RESOLUTION", video=True)


@rule("frame-rate-present", "authoring specification 9.15", Severity.MUST)
def frame_rate_present(package: Package) -> Iterator[str]:
    """Every variant with video has FRAME-RATE."""
    return _needs(package, "FRAME-RATE", video=True)


@rule("video-range-present", "authoring specification 9.16", Severity.MUST)
def video_range_present(package: Package) -> Iterator[str]:
    """Every variant with video has VIDEO-RANGE, unless all are SDR."""
    ranges = {
        track.init.video_range.value
        for _, track in package.with_role(Role.VIDEO)
        if track.init is not None
    }
    stated = {entry.attributes.get("VIDEO-RANGE") for _, _, entry in variants_of(package)}
    if (ranges | stated) - {"SDR", None}:
        yield from _needs(package, "VIDEO-RANGE", video=True)


@rule("resolution", "rfc8216bis §4.4.6.2", Severity.MUST)
def resolution(package: Package) -> Iterator[str]:
    """RESOLUTION is that of the pictures."""
    for name, _, entry in variants_of(package, video=True):
        track, stated = package.of(entry), entry.attributes.resolution()
        if track is None or track.init is None or not track.init.width:
            continue
        size = (track.init.width, track.init.height)
        if stated is not None and stated != size:
            yield f"{name} states {stated[0]}x{stated[1]}, and has {size[0]}x{size[1]}."


@rule("frame-rate", "rfc8216bis §4.4.6.2", Severity.MUST)
def frame_rate(package: Package) -> Iterator[str]:
    """FRAME-RATE is the rate of the pictures."""
    for name, _, entry in variants_of(package, video=True):
        track, stated = package.of(entry), entry.attributes.decimal("FRAME-RATE")
        if track is None or track.role is not Role.VIDEO or stated is None or not track.frame:
            continue
        slack = RATE_SLACK if track.init is not None else RATE_SLACK * 10
        if abs(stated - 1 / track.frame) > slack:
            yield f"{name} states {float(stated):.3f}, and has {float(1 / track.frame):.3f}."


@rule("video-range", "rfc8216bis §4.4.6.2", Severity.MUST)
def video_range(package: Package) -> Iterator[str]:
    """VIDEO-RANGE is that of the pictures."""
    for name, _, entry in variants_of(package, video=True):
        track = package.of(entry)
        stated = entry.attributes.get("VIDEO-RANGE") or "SDR"
        if track is not None and track.init is not None and stated != track.init.video_range:
            yield f"{name} states {stated}, and has {track.init.video_range}."


@rule("sdr-beside-hdr", "authoring specification 1.24", Severity.MUST)
def sdr_beside_hdr(package: Package) -> Iterator[str]:
    """Variants in SDR are there where there are some in HDR."""
    for one in package.multivariants:
        ranges = {
            entry.attributes.get("VIDEO-RANGE") or "SDR"
            for entry in one.variants
            if has_video(entry, package)
        }
        if ranges and "SDR" not in ranges:
            yield f"{package.name(one.place)} has only variants in {', '.join(sorted(ranges))}."


@rule("several-rates", "authoring specification 9.9", Severity.MUST)
def several_rates(package: Package) -> Iterator[str]:
    """The entry offers several variants of video, for different bit rates."""
    for one in package.multivariants[:1]:
        video = [entry for entry in one.variants if has_video(entry, package)]
        # Of a picture that stands still all may come to the same rate.
        if video and len({entry.place for entry in video}) < 2:
            yield f"{package.name(one.place)} offers one variant of video only."


@rule("two-at-the-top", "authoring specification 9.10", Severity.SHOULD)
def two_at_the_top(package: Package) -> Iterator[str]:
    """Of HD video two variants have the highest resolution."""
    for one in package.multivariants[:1]:
        sizes = Counter(entry.attributes.resolution() for entry in one.variants)
        known = [size for size in sizes if size is not None]
        best = max(known, key=lambda size: size[0] * size[1], default=None)
        if best is not None and min(best) >= HD_HEIGHT and sizes[best] < 2:
            yield f"{package.name(one.place)} has one variant with {best[0]}x{best[1]} only."


@rule("cellular", "authoring specification 9.21 for iOS", Severity.SHOULD)
def cellular(package: Package) -> Iterator[str]:
    """For cellular networks one variant has a BANDWIDTH of at most 192 kbit/s."""
    for one in package.multivariants[:1]:
        rates = [rate for e in one.variants if (rate := e.attributes.integer("BANDWIDTH"))]
        if rates and min(rates) > CELLULAR:
            yield f"{package.name(one.place)} begins at {min(rates) / 1000:.0f} kbit/s."


@rule("default-variant", "authoring specification 1.32", Severity.SHOULD)
def default_variant(package: Package) -> Iterator[str]:
    """The first variant is the one of its codec nearest to an average of 2000 kbit/s."""
    for one in package.multivariants[:1]:
        if not one.variants:
            continue
        first = one.variants[0]
        rates = [
            rate
            for entry in one.variants
            if has_video(entry, package)
            and _kind(entry) == _kind(first)
            and (rate := entry.attributes.integer("AVERAGE-BANDWIDTH"))
        ]
        nearest = min(rates, key=lambda rate: abs(rate - DEFAULT_AVERAGE), default=None)
        stated = first.attributes.integer("AVERAGE-BANDWIDTH")
        if nearest is not None and stated is not None and stated != nearest:
            yield (
                f"{package.name(one.place)} lists one of {stated / 1000:.0f} kbit/s first, and "
                f"one of {nearest / 1000:.0f} kbit/s is nearer."
            )


def _kind(entry: Entry) -> tuple[frozenset[str], str]:
    """The codecs of a variant without what is behind their first dot, and its VIDEO-RANGE."""
    codecs = frozenset(one.partition(".")[0] for one in entry.attributes.tokens("CODECS"))
    return codecs, entry.attributes.get("VIDEO-RANGE") or "SDR"


@rule("aspect-ratios", "authoring specification 1.33", Severity.SHOULD)
def aspect_ratios(package: Package) -> Iterator[str]:
    """All variants have the same aspect ratio."""
    for one in package.multivariants:
        sizes = [
            size for entry in one.variants if (size := entry.attributes.resolution()) and size[1]
        ]
        ratios = sorted(sizes, key=lambda size: size[0] / size[1])
        if not ratios:
            continue
        low, high = ratios[0], ratios[-1]
        if high[0] / high[1] > low[0] / low[1] * (1 + ASPECT_SLACK):
            yield f"{package.name(one.place)} has {low[0]}x{low[1]} beside {high[0]}x{high[1]}."


@rule("no-duplicates", "rfc8216bis §4.4.6.2", Severity.SHOULD)
def no_duplicates(package: Package) -> Iterator[str]:
    """No variant is listed twice with the same renditions on the same pathway."""
    for one in package.multivariants:
        seen = Counter(
            (entry.place, *(entry.attributes.get(key) for key in ("AUDIO", "SUBTITLES", "VIDEO")),
             entry.attributes.get("PATHWAY-ID"))
            for entry in one.variants
        )  # fmt: skip
        for (place, *_), count in seen.items():
            if count > 1 and place is not None:
                yield f"{package.name(one.place)} lists {package.name(place)} {count} times."


@rule("score", "authoring specification 9.19", Severity.MUST)
def score(package: Package) -> Iterator[str]:
    """SCORE is on every variant, or on none."""
    for one in package.multivariants:
        with_score = sum(entry.attributes.decimal("SCORE") is not None for entry in one.variants)
        if 0 < with_score < len(one.variants):
            yield (
                f"{package.name(one.place)} has a SCORE on {with_score} of "
                f"{len(one.variants)} variants."
            )


@rule("steering", "rfc8216bis §4.4.6.6", Severity.MUST)
def steering(package: Package) -> Iterator[str]:
    """Content steering names its server, and begins on a pathway that a variant is on."""
    for one in package.multivariants:
        name = package.name(one.place)
        if one.steering is None:
            continue
        if not one.steering.get("SERVER-URI"):
            yield f"{name} has an EXT-X-CONTENT-STEERING without SERVER-URI."
        pathways = {entry.attributes.get("PATHWAY-ID") or OWN_PATHWAY for entry in one.variants}
        start = one.steering.get("PATHWAY-ID")
        if start is not None and start not in pathways:
            yield f"{name} starts on the pathway {start!r}, which no variant is on."


@rule("steering-start", "authoring specification 9.18", Severity.SHOULD)
def steering_start(package: Package) -> Iterator[str]:
    """Content steering names the pathway to start on."""
    for one in package.multivariants:
        if one.steering is not None and one.steering.get("PATHWAY-ID") is None:
            yield f"{package.name(one.place)} has an EXT-X-CONTENT-STEERING without PATHWAY-ID."


@rule("session-data", "rfc8216bis §4.4.6.4", Severity.MUST)
def session_data(package: Package) -> Iterator[str]:
    """Session data has a DATA-ID of its own in each language, and either VALUE or URI."""
    for one in package.multivariants:
        name = package.name(one.place)
        seen = Counter((data.get("DATA-ID"), data.get("LANGUAGE")) for data in one.session_data)
        for (identifier, _), count in seen.items():
            if identifier is None:
                yield f"{name} has session data without DATA-ID."
            elif count > 1:
                yield f"{name} has the session data {identifier!r} {count} times."
        for data in one.session_data:
            if (data.get("VALUE") is None) == (data.get("URI") is None):
                yield f"{name}: session data {data.get('DATA-ID')!r} needs one of VALUE and URI."


RULES: Final[tuple[Rule, ...]] = (
    has_variants,
    resolution_present,
    frame_rate_present,
    video_range_present,
    resolution,
    frame_rate,
    video_range,
    sdr_beside_hdr,
    several_rates,
    two_at_the_top,
    cellular,
    default_variant,
    aspect_ratios,
    no_duplicates,
    score,
    steering,
    steering_start,
    session_data,
)
