"""Groups of sound and subtitles (rfc8216bis §4.4.6.1)."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from ingest.check.listed import Entry, MultivariantListing
from ingest.check.model import CLOCK, Package, Role
from ingest.check.rule import Rule, Severity, rule
from ingest.check.rules.variants import GROUPS, variants_of

MAY_DIFFER: Final = frozenset({
    "URI", "CHANNELS", "GROUP-ID", "STABLE-RENDITION-ID", "BIT-DEPTH", "SAMPLE-RATE",
})  # fmt: skip
"""Attributes in which the same member of two groups may differ."""

FOR_DEAF: Final = frozenset({
    "public.accessibility.transcribes-spoken-dialog",
    "public.accessibility.describes-music-and-sound",
})  # fmt: skip

LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z|[xXiI](-[A-Za-z0-9]{1,8})+\Z")
"""The form of a tag (RFC 5646 §2.1); which there are is not looked up."""

TYPES: Final = frozenset({"AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"})

Groups = Mapping[tuple[str, str], list[Entry]]


def _groups(listing: MultivariantListing) -> Groups:
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in listing.media:
        key = entry.attributes.get("TYPE") or "", entry.attributes.get("GROUP-ID") or ""
        groups.setdefault(key, []).append(entry)
    return groups


def _media(package: Package) -> Iterator[tuple[str, Entry]]:
    """Renditions with what findings call them; the same in several profiles is told once."""
    seen = set()
    for one in package.multivariants:
        for entry in one.media:
            if entry.identity in seen:
                continue
            seen.add(entry.identity)
            label = entry.attributes.get("NAME") or entry.label
            kind = entry.attributes.get("TYPE") or "rendition"
            yield f"{package.name(one.place)}: {kind} {label!r}", entry


@rule("media-attributes", "rfc8216bis §4.4.6.1", Severity.MUST)
def media_attributes(package: Package) -> Iterator[str]:
    """Every EXT-X-MEDIA has TYPE, GROUP-ID and NAME, and the URI that its TYPE asks for."""
    for name, entry in _media(package):
        attributes = entry.attributes
        for needed in ("TYPE", "GROUP-ID", "NAME"):
            if not attributes.get(needed):
                yield f"{name} has no {needed}."
        kind = attributes.get("TYPE")
        if kind is not None and kind not in TYPES:
            yield f"{name} has an unknown TYPE."
        if kind == "SUBTITLES" and entry.uri is None:
            yield f"{name} has no URI."
        if kind == "CLOSED-CAPTIONS" and (entry.uri or not attributes.get("INSTREAM-ID")):
            yield f"{name} needs INSTREAM-ID and no URI."
        if attributes.yes("DEFAULT") and attributes.get("AUTOSELECT") == "NO":
            yield f"{name} is the default and not to be selected."


@rule("groups-exist", "rfc8216bis §4.4.6.2", Severity.MUST)
def groups_exist(package: Package) -> Iterator[str]:
    """Every group that a variant names has members of its type."""
    groups = {one.place: _groups(one) for one in package.multivariants}
    lacking: dict[tuple[str, str, str], list[str]] = {}
    for _, listing, entry in variants_of(package):
        for kind in GROUPS:
            group = entry.attributes.get(kind)
            none = kind == "CLOSED-CAPTIONS" and group == "NONE"
            if group is not None and not none and (kind, group) not in groups[listing.place]:
                key = package.name(listing.place), kind, group
                lacking.setdefault(key, []).append(entry.label)
    for (name, kind, group), labels in lacking.items():
        more = f" and {len(labels) - 1} more name" if len(labels) > 1 else " names"
        yield f"{name}: {labels[0]}{more} the {kind} group {group!r}, which has no members."


@rule("group-names", "rfc8216bis §4.4.6.1.1", Severity.MUST)
def group_names(package: Package) -> Iterator[str]:
    """Members of a group have names of their own, and at most one is the default."""
    for one in package.multivariants:
        for (kind, group), members in _groups(one).items():
            where = f"{package.name(one.place)}: the {kind} group {group!r}"
            names = Counter(entry.attributes.get("NAME") for entry in members)
            for name, count in names.items():
                if count > 1:
                    yield f"{where} has {count} members named {name!r}."
            defaults = sum(entry.attributes.yes("DEFAULT") for entry in members)
            if defaults > 1:
                yield f"{where} has {defaults} defaults."


@rule("group-members", "rfc8216bis §4.4.6.1.1", Severity.MUST)
def group_members(package: Package) -> Iterator[str]:
    """All groups of a type have the same members, with the same attributes."""
    for one in package.multivariants:
        by_type: dict[str, list[tuple[str, list[Entry]]]] = {}
        for (kind, group), members in _groups(one).items():
            by_type.setdefault(kind, []).append((group, members))
        for kind, groups in by_type.items():
            first, wanted = groups[0][0], _members(groups[0][1])
            for group, members in groups[1:]:
                if _members(members) != wanted:
                    yield (
                        f"{package.name(one.place)}: the {kind} group {group!r} has other members "
                        f"than {first!r}."
                    )


def _members(entries: list[Entry]) -> list[list[tuple[str, str]]]:
    return sorted(
        sorted((k, v) for k, v in entry.attributes.raw.items() if k not in MAY_DIFFER)
        for entry in entries
    )


@rule("language", "authoring specification 4.7, 8.10", Severity.MUST)
def language(package: Package) -> Iterator[str]:
    """Every rendition but video has LANGUAGE, a language tag."""
    for name, entry in _media(package):
        if entry.attributes.get("TYPE") != "VIDEO" and not entry.attributes.get("LANGUAGE"):
            yield f"{name} has no LANGUAGE."
        stated = entry.attributes.get("LANGUAGE")
        if stated and not LANGUAGE.match(stated):
            yield f"{name} has the LANGUAGE {stated!r}, which is no language tag."


@rule("channels-present", "rfc8216bis §4.4.6.1", Severity.SHOULD)
def channels_present(package: Package) -> Iterator[str]:
    """Every audio rendition has CHANNELS."""
    for name, entry in _media(package):
        if entry.attributes.get("TYPE") == "AUDIO" and not entry.attributes.get("CHANNELS"):
            yield f"{name} has no CHANNELS."


@rule("channels", "rfc8216bis §4.4.6.1", Severity.MUST)
def channels(package: Package) -> Iterator[str]:
    """CHANNELS is the number of channels in the init segment."""
    for name, entry in _media(package):
        stated, track = entry.attributes.get("CHANNELS"), package.of(entry)
        if stated is None or track is None or track.init is None or not track.init.channels:
            continue
        count = stated.partition("/")[0]
        if count != str(track.init.channels):
            yield f"{name} states {count} channels, and has {track.init.channels}."


@rule("webvtt", "authoring specification 5.2, 5.3", Severity.MUST)
def webvtt(package: Package) -> Iterator[str]:
    """Every WebVTT segment has an X-TIMESTAMP-MAP, and all map to the same clock."""
    for name, track in package.with_role(Role.SUBTITLES):
        known = [
            (segment.resource.uri, one)
            for segment, one in zip(track.listing.segments, track.segments, strict=True)
            if one is not None and one.timestamp_map is not None
        ]
        without = [uri for uri, one in known if not one.timestamp_map]
        if without:
            more = f", nor have {len(without) - 1} more" if len(without) > 1 else ""
            yield f"{name}: {without[0]} has no X-TIMESTAMP-MAP{more}."
        if track.listing.interrupted:
            continue
        usual = Counter(one.text_offset for _, one in known).most_common(1)
        for uri, one in known:
            if one.timestamp_map and one.text_offset is None:
                yield f"{name}: {uri} has an X-TIMESTAMP-MAP that is none."
            elif one.timestamp_map and usual[0][0] is not None:
                off = (one.text_offset or 0) - usual[0][0]
                if off:
                    yield (
                        f"{name}: {uri} has an X-TIMESTAMP-MAP that moves its text by "
                        f"{off / CLOCK:+.3f} s against the other segments."
                    )


@rule("subtitles-for-deaf", "authoring specification 4.5, 4.6", Severity.MUST)
def subtitles_for_deaf(package: Package) -> Iterator[str]:
    """Subtitles for people who are deaf have both CHARACTERISTICS, and AUTOSELECT=YES."""
    for name, entry in _media(package):
        given = FOR_DEAF.intersection(entry.attributes.tokens("CHARACTERISTICS"))
        if entry.attributes.get("TYPE") != "SUBTITLES" or not given:
            continue
        if given != FOR_DEAF:
            yield f"{name} has only {', '.join(sorted(given))} of the two."
        if not entry.attributes.yes("AUTOSELECT"):
            yield f"{name} has no AUTOSELECT=YES."


@rule("forced-autoselect", "authoring specification 5.11", Severity.SHOULD)
def forced_autoselect(package: Package) -> Iterator[str]:
    """Forced subtitles have AUTOSELECT=YES."""
    for name, entry in _media(package):
        if entry.attributes.yes("FORCED") and not entry.attributes.yes("AUTOSELECT"):
            yield f"{name} is forced, and has no AUTOSELECT=YES."


RULES: Final[tuple[Rule, ...]] = (
    media_attributes,
    groups_exist,
    group_names,
    group_members,
    language,
    channels_present,
    channels,
    webvtt,
    subtitles_for_deaf,
    forced_autoselect,
)
