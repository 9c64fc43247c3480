"""What multivariant playlists say of bit rates, against what is measured (rfc8216bis §4.4.6.2)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from ingest.check.listed import Entry, MultivariantListing
from ingest.check.model import Package, Track
from ingest.check.rule import Rule, Severity, rule
from ingest.check.rules.variants import iframes_of, variants_of

ALLOWED: Final = 1.1
"""Times the measured rate that may be stated."""
ROUNDING: Final = 0.999
"""Times the measured rate below which too little is stated: EXTINF are rounded."""
PEAKY: Final = 2


class Rate(NamedTuple):
    """bit/s of all that plays together."""

    without_text: int
    """Of pictures and sound."""
    with_text: int
    """The same, and of subtitles."""


def peak_of(track: Track | None) -> int | None:
    """The peak segment bit rate, None where it is not known."""
    return track.peak if track is not None else None


def average_of(track: Track | None) -> int | None:
    """The average segment bit rate, None where it is not known."""
    return track.average if track is not None else None


RateOf = Callable[[Track | None], int | None]


def _together(
    package: Package, listing: MultivariantListing, entry: Entry, rate_of: RateOf
) -> Rate | None:
    """The largest sum that the variant ``entry`` and its groups can come to."""
    own = rate_of(package.of(entry))
    group = listing.group("AUDIO", entry.attributes.get("AUDIO"))
    if entry.attributes.get("AUDIO") and not group:
        return None
    sound = _largest(package, group, rate_of)
    if own is not None and any(one.place == entry.place for one in group):
        # Sound alone is one of its own group: no other plays beside it.
        own = 0
    text = _largest(package, listing.group("SUBTITLES", entry.attributes.get("SUBTITLES")), rate_of)
    if own is None or sound is None:
        return None
    return Rate(own + sound, own + sound + (text or 0))


def _largest(package: Package, members: Sequence[Entry], rate_of: RateOf) -> int | None:
    rates = [rate_of(package.of(one)) for one in members if one.uri is not None]
    known = [rate for rate in rates if rate is not None]
    return max(known, default=0) if len(known) == len(rates) else None


def _off(name: str, attribute: str, stated: int | None, measured: Rate | None) -> Iterator[str]:
    if stated is None or measured is None or not measured.without_text:
        return
    if measured.without_text * ROUNDING <= stated <= measured.with_text * ALLOWED:
        return
    off = stated / measured.without_text - 1
    yield (
        f"{name} states {attribute} {stated}, {off:+.1%} from the measured {measured.without_text}."
    )


def _rates(
    package: Package, attribute: str, rate_of: RateOf
) -> Iterator[tuple[str, int | None, Rate | None]]:
    for name, listing, entry in variants_of(package):
        stated = entry.attributes.integer(attribute)
        yield name, stated, _together(package, listing, entry, rate_of)


@rule("bandwidth", "authoring specification 1.27, 9.13", Severity.MUST)
def bandwidth(package: Package) -> Iterator[str]:
    """BANDWIDTH is the measured peak or up to 10% more, of the largest that plays together."""
    for name, stated, measured in _rates(package, "BANDWIDTH", peak_of):
        if stated is None:
            yield f"{name} has no BANDWIDTH."
        yield from _off(name, "BANDWIDTH", stated, measured)


@rule("average-bandwidth", "authoring specification 1.26, 9.14", Severity.MUST)
def average_bandwidth(package: Package) -> Iterator[str]:
    """AVERAGE-BANDWIDTH is there, and within 10% of the measured average."""
    for name, stated, measured in _rates(package, "AVERAGE-BANDWIDTH", average_of):
        if stated is None:
            yield f"{name} has no AVERAGE-BANDWIDTH."
        elif measured is not None and stated < measured.without_text * ROUNDING:
            # Here, unlike of peaks, less may be stated too.
            if stated * ALLOWED < measured.without_text:
                yield from _off(name, "AVERAGE-BANDWIDTH", stated, measured)
        else:
            yield from _off(name, "AVERAGE-BANDWIDTH", stated, measured)


@rule("peak-to-average", "authoring specification 1.30", Severity.SHOULD)
def peak_to_average(package: Package) -> Iterator[str]:
    """The peak is no more than twice the average."""
    peaks = _rates(package, "BANDWIDTH", peak_of)
    averages = _rates(package, "AVERAGE-BANDWIDTH", average_of)
    for (name, _, high), (_, _, low) in zip(peaks, averages, strict=True):
        if high and low and low.without_text and high.without_text > PEAKY * low.without_text:
            times = high.without_text / low.without_text
            yield f"{name} has a peak of {times:.1f} times its average."


@rule("iframe-bandwidth", "authoring specification 6.9", Severity.MUST)
def iframe_bandwidth(package: Package) -> Iterator[str]:
    """BANDWIDTH of I-frame playlists is their measured peak or up to 10% more.

    Their AVERAGE-BANDWIDTH, where there is one, is within 10% of the measured average.
    """
    for name, entry in iframes_of(package):
        track = package.of(entry)
        stated, measured = entry.attributes.integer("BANDWIDTH"), peak_of(track)
        if stated is None:
            yield f"{name} has no BANDWIDTH."
        elif measured is not None:
            yield from _off(name, "BANDWIDTH", stated, Rate(measured, measured))
        stated, measured = entry.attributes.integer("AVERAGE-BANDWIDTH"), average_of(track)
        if stated and measured and not measured <= stated * ALLOWED <= measured * ALLOWED**2:
            yield from _off(name, "AVERAGE-BANDWIDTH", stated, Rate(measured, measured))


RULES: Final[tuple[Rule, ...]] = (bandwidth, average_bandwidth, peak_to_average, iframe_bandwidth)
