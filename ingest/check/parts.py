"""Checks what was just encoded and packaged, from what was measured then: no byte is read again."""

from collections.abc import Mapping, Sequence
from urllib.parse import urljoin

from common.messages import Profile
from ingest.check.assemble import Found, assemble
from ingest.check.listed import ByteRange, MediaListing, MultivariantListing
from ingest.check.listing import read_playlist
from ingest.check.model import Measured, Package, Problem, Trouble
from ingest.check.places import NOWHERE
from ingest.check.rule import Report
from ingest.check.rules import check
from ingest.package.facts import InitFacts, Part, SegmentFacts
from ingest.package.layout import TRANSPORT_PREFIX


def check_parts(
    playlists: Mapping[str, str], parts: Mapping[str, Sequence[Part]], *, base: str = ""
) -> Report:
    """What the rules say of a package that is about to be published.

    Args:
        playlists: texts by key below the version's prefix, all profiles among them.
        parts: the committed parts of each rendition, by its name.
        base: where the parts' objects lie relative to the version's prefix, such as
            ``../{version}/``; empty where they are in the version itself.
    """
    return check(package_of(playlists, parts, base=base))


def package_of(
    playlists: Mapping[str, str], parts: Mapping[str, Sequence[Part]], *, base: str = ""
) -> Package:
    """The model of such a package; see `check_parts`."""
    root = urljoin(NOWHERE, "version/")
    home = urljoin(root, base)
    found = Found()
    multivariants: list[MultivariantListing] = []
    media: dict[str, MediaListing] = {}
    for key, text in sorted(playlists.items(), key=lambda item: item[0] != Profile.MAIN.file_name):
        place = urljoin(root, key)
        listing = read_playlist(place, text)
        if isinstance(listing, MultivariantListing):
            multivariants.append(listing)
        elif listing is not None:
            media[place] = listing
        else:
            found.problems.append(Problem(place, Trouble.BROKEN, "is no playlist"))
    _measurements(found, home, parts)
    _pictures(found, media)
    _missing(found, multivariants, media)
    return assemble(root, (root, home), multivariants, media, found)


def _measurements(found: Found, home: str, parts: Mapping[str, Sequence[Part]]) -> None:
    for name, several in parts.items():
        twin = _twin(name, parts)
        for part in several:
            folder = urljoin(home, f"{name}/{part.name}/")
            if part.facts.init is not None:
                found.inits[urljoin(folder, part.facts.init.name), None] = part.facts.init
            for segment in part.facts.segments:
                place = urljoin(folder, segment.name)
                times = tuple(one.decode_time for one in segment.key_frames)
                found.segments[place, None] = Measured(facts=segment, key_times=times or None)
                if twin is not None:
                    found.codecs[place, None] = frozenset({twin.codec.partition(".")[0]})
                    found.clocks[place, None] = twin.timescale


def _twin(name: str, parts: Mapping[str, Sequence[Part]]) -> InitFacts | None:
    """What a transport stream's twin is; their facts have the same times."""
    if not name.startswith(TRANSPORT_PREFIX):
        return None
    of = parts.get(name.removeprefix(TRANSPORT_PREFIX), ())
    return of[0].facts.init if of else None


def _pictures(found: Found, media: Mapping[str, MediaListing]) -> None:
    """What byte ranges of I-frame playlists are, by the key frames of the segments they are in."""
    for listing in media.values():
        for segment in listing.segments if listing.iframes_only else ():
            place, part = segment.resource.place, segment.resource.part
            one = found.segments.get((place, None)) if place is not None else None
            if place is None or part is None or one is None:
                continue
            picture = picture_of(one.facts, part)
            if picture is None:
                reason = f"has no key frame in {part.length} bytes from byte {part.offset}"
                found.problems.append(Problem(place, Trouble.BROKEN, reason))
            else:
                found.segments[place, part] = picture
                if (place, None) in found.clocks:
                    found.clocks[place, part] = found.clocks[place, None]


def picture_of(facts: SegmentFacts, part: ByteRange) -> Measured | None:
    """The key frame of a segment that ``part`` is; None where there is none."""
    for frame in facts.key_frames:
        if frame.offset == part.offset and part.length >= frame.size:
            return Measured(
                facts=SegmentFacts(
                    name=facts.name,
                    size=part.length,
                    sha256="",
                    decode_time=frame.decode_time,
                    duration=0,
                    sample_count=1,
                    starts_with_sync=True,
                ),
                key_times=(frame.decode_time,),
            )
    return None


def _missing(
    found: Found,
    multivariants: Sequence[MultivariantListing],
    media: Mapping[str, MediaListing],
) -> None:
    wanted = {
        entry.place for one in multivariants for entry in one.entries() if entry.place is not None
    }
    lost = sorted(wanted - media.keys())
    for listing in media.values():
        for segment in listing.segments:
            for resource, known in (
                (segment.resource, found.segments.keys()),
                *([(segment.map, found.inits.keys())] if segment.map else []),
            ):
                if resource.place is not None and (resource.place, None) not in known:
                    lost.append(resource.place)
    found.problems += [
        Problem(place, Trouble.MISSING, "is listed but was not made")
        for place in dict.fromkeys(lost)
    ]
