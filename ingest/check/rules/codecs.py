"""Codecs: what is stated of them, and how far they may go."""

import re
from collections.abc import Iterator
from typing import Final

from ingest.check.listed import Entry, MultivariantListing
from ingest.check.model import MPEG_AUDIO, OTHER, Container, Package, Role, Track
from ingest.check.rule import Rule, Severity, rule
from ingest.check.rules.variants import has_video, variants_of

AVC: Final = re.compile(r"avc[13]\.([0-9a-f]{2})[0-9a-f]{2}([0-9a-f]{2})\Z")
HEVC: Final = re.compile(r"(?:hvc1|hev1)\.[a-c]?([0-9]+)\.[0-9a-f]+\.([lh])([0-9]+)")
AV1: Final = re.compile(r"av01\.[0-9]\.([0-9]{2})[mh]")

BASELINE, MAIN, HIGH = 66, 77, 100
"""profile_idc (ITU-T H.264 Annex A)."""
HEVC_PROFILES: Final = frozenset({1, 2})
"""general_profile_idc of Main and Main 10 (ITU-T H.265 Annex A)."""

AVC_MOST, AVC_COMPATIBLE = 52, 41
"""level_idc: ten times the level."""
HEVC_MOST, HEVC_COMPATIBLE = 153, 120
"""general_level_idc: thirty times the level."""
AVC_LIMITS: Final = (
    (10, 99, 1485), (11, 396, 3000), (12, 396, 6000), (13, 396, 11880), (20, 396, 11880),
    (21, 792, 19800), (22, 1620, 20250), (30, 1620, 40500), (31, 3600, 108000),
    (32, 5120, 216000), (40, 8192, 245760), (42, 8704, 522240), (50, 22080, 589824),
    (51, 36864, 983040), (52, 36864, 2073600),
)  # fmt: skip
"""Levels with the most macroblocks of a picture and of a second (ITU-T H.264 table A-1). 4.1 has
those of 4."""

AV1_MOST: Final = 18
"""seq_level_idx of level 6.2 (AV1 §A.3)."""

TEXT: Final = ("wvtt", "stpp")
AAC: Final = ("mp4a.40.2", "mp4a.40.5", "mp4a.40.29", "mp4a")
MPEG_AUDIO_NAMES: Final = ("mp4a.40.32", "mp4a.40.33", "mp4a.40.34", "mp4a.69", "mp4a.6b")
"""What MPEG-1 and MPEG-2 audio is called (RFC 6381; MP4RA's list of object types)."""
SOUND: Final = ("mp4a", "ac-3", "ec-3", "opus", "flac", "alac", "apac")


def _video(package: Package) -> Iterator[tuple[str, Track, str]]:
    """Video renditions with their codec, in lower case as RFC 6381 allows."""
    for name, track in package.with_role(Role.VIDEO):
        if track.init is not None:
            yield name, track, track.init.codec.lower()


@rule("codecs-present", "authoring specification 9.1, 9.3", Severity.MUST)
def codecs_present(package: Package) -> Iterator[str]:
    """Every variant, of I-frames too, has CODECS."""
    for one in package.multivariants:
        for entry in (*one.variants, *one.iframes):
            if not entry.attributes.tokens("CODECS"):
                yield f"{package.name(one.place)}: {entry.label} has no CODECS."


@rule("codecs", "rfc8216bis §4.4.6.2", Severity.MUST)
def codecs(package: Package) -> Iterator[str]:
    """CODECS names every format in the variant and its groups, and no other."""
    for name, listing, entry in variants_of(package):
        stated = {codec.lower() for codec in entry.attributes.tokens("CODECS")}
        tracks = [package.of(entry), *_sound(package, listing, entry)]
        if not stated or any(track is None or not _formats(track) for track in tracks):
            continue
        if entry.attributes.get("AUDIO") and len(tracks) < 2 and not _has_group(listing, entry):
            # That the group is missing is another rule's.
            continue
        needed = {codec for track in tracks if track is not None for codec in _formats(track)}
        needed.discard(OTHER)
        lacking = [
            codec for codec in sorted(needed) if not any(_same(codec, one) for one in stated)
        ]
        strange = any(track is not None and OTHER in track.codecs for track in tracks)
        # What is in a stream of an unknown kind may be what is stated.
        surplus = [
            one
            for one in sorted(stated)
            if not strange
            and not one.startswith(TEXT)
            and not any(_same(codec, one) for codec in needed)
        ]
        yield from (f"{name} {told}." for told in _differences(lacking, surplus))


def _differences(lacking: list[str], surplus: list[str]) -> Iterator[str]:
    if len(lacking) == len(surplus) == 1:
        yield f"states {surplus[0]}, and has {lacking[0]}"
        return
    yield from (f"does not state {codec}, which it has" for codec in lacking)
    yield from (f"states {one}, which it does not have" for one in surplus)


def _has_group(listing: MultivariantListing, entry: Entry) -> bool:
    return bool(listing.group("AUDIO", entry.attributes.get("AUDIO")))


def _sound(package: Package, listing: MultivariantListing, entry: Entry) -> Iterator[Track | None]:
    for one in listing.group("AUDIO", entry.attributes.get("AUDIO")):
        if one.uri is not None:
            yield package.of(one)


def _formats(track: Track) -> frozenset[str]:
    return track.codecs | frozenset(init.codec.lower() for init in track.inits)


def _same(found: str, stated: str) -> bool:
    """A transport stream tells of a codec's name only what stands before the first dot."""
    if found == MPEG_AUDIO:
        return stated in MPEG_AUDIO_NAMES
    return found == stated if "." in found else found == stated.partition(".")[0]


@rule("video-codec", "authoring specification 1.1", Severity.MUST)
def video_codec(package: Package) -> Iterator[str]:
    """Video is H.264, HEVC, Dolby Vision or AV1."""
    for name, _, codec in _video(package):
        if not codec.startswith(("avc", "hvc", "hev", "dvh", "av01", "dav1")):
            yield f"{name} is {codec}."


@rule("parameter-sets", "authoring specification 1.10", Severity.SHOULD)
def parameter_sets(package: Package) -> Iterator[str]:
    """Parameter sets are in the init segment: avc1 and hvc1, not avc3 and hev1."""
    for name, _, codec in _video(package):
        if codec.startswith(("avc3", "hev1", "dvhe")):
            yield f"{name} is {codec.partition('.')[0]}."


@rule("hevc-in-fmp4", "authoring specification 1.5", Severity.MUST)
def hevc_in_fmp4(package: Package) -> Iterator[str]:
    """HEVC is in fMP4."""
    for name, track in package.with_role(Role.VIDEO):
        if track.container is Container.TS and "hvc1" in track.codecs:
            yield f"{name} has HEVC in a transport stream."


@rule("h264-limit", "authoring specification 1.3b", Severity.MUST)
def h264_limit(package: Package) -> Iterator[str]:
    """H.264 is at most High profile, level 5.2."""
    for name, _, codec in _video(package):
        if match := AVC.match(codec):
            profile, level = int(match[1], 16), int(match[2], 16)
            if profile > HIGH or level > AVC_MOST:
                yield f"{name} is {codec}: profile {profile}, level {level / 10:g}."


@rule("h264-compatible", "authoring specification 1.3a", Severity.SHOULD)
def h264_compatible(package: Package) -> Iterator[str]:
    """Some H.264 is at most High profile, level 4.1."""
    found = [match for _, _, codec in _video(package) if (match := AVC.match(codec))]
    if found and all(int(one[1], 16) > HIGH or int(one[2], 16) > AVC_COMPATIBLE for one in found):
        yield "All H.264 is above High profile, level 4.1."


@rule("h264-level-needed", "authoring specification 1.11", Severity.SHOULD)
def h264_level_needed(package: Package) -> Iterator[str]:
    """H.264 has a level no more than one above what its resolution and frame rate need."""
    for name, track, codec in _video(package):
        match = AVC.match(codec)
        if not match or track.init is None or not track.frame:
            continue
        blocks = -(-track.init.width // 16) * -(-track.init.height // 16)
        needed = next(
            (
                level
                for level, most, in_second in AVC_LIMITS
                if blocks <= most and blocks / track.frame <= in_second
            ),
            AVC_MOST,
        )
        # Bit rates and reference pictures have limits too, which may ask for a level more.
        level, allowed = int(match[2], 16), _above(needed)
        if level > allowed:
            yield f"{name} has level {level / 10:g}, and needs {needed / 10:g}."


def _above(level: int) -> int:
    levels = [one for one, _, _ in AVC_LIMITS]
    return levels[min(levels.index(level) + 1, len(levels) - 1)]


@rule("high-profile", "authoring specification 1.4", Severity.SHOULD)
def high_profile(package: Package) -> Iterator[str]:
    """H.264 is High profile rather than Main or Baseline."""
    for name, _, codec in _video(package):
        if (match := AVC.match(codec)) and int(match[1], 16) in {BASELINE, MAIN}:
            yield f"{name} is {codec}, not High profile."


@rule("hevc-limit", "authoring specification 1.6b", Severity.MUST)
def hevc_limit(package: Package) -> Iterator[str]:
    """HEVC is at most Main 10 profile, level 5.1, High tier."""
    for name, _, codec in _video(package):
        match = HEVC.match(codec)
        if match and (int(match[1]) not in HEVC_PROFILES or int(match[3]) > HEVC_MOST):
            yield f"{name} is {codec}: profile {match[1]}, level {int(match[3]) / 30:g}."


@rule("hevc-compatible", "authoring specification 1.6a", Severity.SHOULD)
def hevc_compatible(package: Package) -> Iterator[str]:
    """Some HEVC is at most Main 10 profile, level 4.0, Main tier."""
    found = [match for _, _, codec in _video(package) if (match := HEVC.match(codec))]
    if found and all(one[2] == "h" or int(one[3]) > HEVC_COMPATIBLE for one in found):
        yield "All HEVC is above level 4.0, Main tier."


@rule("av1-limit", "authoring specification 1.37", Severity.MUST)
def av1_limit(package: Package) -> Iterator[str]:
    """AV1 is at most level 6.2."""
    for name, _, codec in _video(package):
        if (match := AV1.match(codec)) and int(match[1]) > AV1_MOST:
            yield f"{name} is {codec}."


@rule("some-h264", "authoring specification 1.12", Severity.SHOULD)
def some_h264(package: Package) -> Iterator[str]:
    """Some video is H.264, for older devices."""
    for one in package.multivariants:
        video = [entry for entry in one.variants if has_video(entry, package)]
        stated = [codec for entry in video for codec in entry.attributes.tokens("CODECS")]
        if video and stated and not any(codec.lower().startswith("avc") for codec in stated):
            yield f"{package.name(one.place)} has no H.264."


@rule("stereo-aac", "authoring specification 2.3", Severity.MUST)
def stereo_aac(package: Package) -> Iterator[str]:
    """Where there is sound, there is stereo AAC."""
    for one in package.multivariants[:1]:
        sound = [
            track
            for place in dict.fromkeys(entry.place for entry in one.entries())
            if place is not None and (track := package.tracks.get(place)) is not None
            if track.role is Role.AUDIO or "mp4a" in track.codecs
        ]
        # What is not understood is not called absent.
        if not sound or any(not _formats(track) for track in sound):
            continue
        if not any(_is_stereo_aac(track) for track in sound):
            yield f"{package.name(one.place)} has sound, and none of it is AAC in stereo."


def _is_stereo_aac(track: Track) -> bool:
    if "mp4a" in track.codecs:
        # How many channels it has is not looked into there.
        return True
    if track.init is None:
        return False
    return track.init.codec.lower().startswith(AAC) and track.init.channels == 2


@rule("separate-audio", "authoring specification 9.5", Severity.SHOULD)
def separate_audio(package: Package) -> Iterator[str]:
    """Sound is in playlists of its own, not in the video's segments."""
    for name, listing, entry in variants_of(package, video=True):
        stated = entry.attributes.tokens("CODECS")
        if not any(codec.lower().startswith(SOUND) for codec in stated):
            continue
        members = listing.group("AUDIO", entry.attributes.get("AUDIO"))
        missing = entry.attributes.get("AUDIO") is not None and not members
        if not missing and not any(one.uri is not None for one in members):
            yield f"{name} has sound in its own segments."


RULES: Final[tuple[Rule, ...]] = (
    codecs_present,
    codecs,
    video_codec,
    parameter_sets,
    hevc_in_fmp4,
    h264_limit,
    h264_compatible,
    h264_level_needed,
    high_profile,
    hevc_limit,
    hevc_compatible,
    av1_limit,
    some_h264,
    stereo_aac,
    separate_audio,
)
