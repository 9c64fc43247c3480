"""How playlists are written."""

from collections.abc import Iterator
from typing import Final

from ingest.check.listed import Listing, MediaListing
from ingest.check.model import Package
from ingest.check.rule import Rule, Severity, rule


@rule("extm3u", "rfc8216bis §4.4.1.1", Severity.MUST)
def extm3u(package: Package) -> Iterator[str]:
    """The first line of every playlist is EXTM3U."""
    for name, listing in package.listings():
        if not listing.starts_right:
            yield f"{name} does not begin with #EXTM3U."


@rule("syntax", "rfc8216bis §4.1, §4.2", Severity.MUST)
def syntax(package: Package) -> Iterator[str]:
    """Every line is a URI, a comment or a tag in its own form, and tags stand where they may."""
    for name, listing in package.listings():
        for fault in listing.faults:
            yield f"{name}: {fault}."


@rule("version", "RFC 8216 §7", Severity.MUST)
def version(package: Package) -> Iterator[str]:
    """EXT-X-VERSION is at least what the features of the playlist need."""
    for name, listing in package.listings():
        tag = listing.named.get("EXT-X-VERSION")
        stated = int(tag.value) if tag and tag.value.isdecimal() and len(tag.value) < 5 else 1
        needed, feature = max(_needs(listing), default=(1, ""))
        if stated < needed:
            yield f"{name} states version {stated}, and {feature} needs {needed}."


def _needs(listing: Listing) -> Iterator[tuple[int, str]]:
    """Versions and what needs them (RFC 8216 §7; Apple, "About the EXT-X-VERSION tag")."""
    if "EXT-X-DEFINE" in listing.named:
        queries = any("QUERYPARAM=" in tag.value for tag in listing.tags)
        yield (11, "QUERYPARAM") if queries else (8, "EXT-X-DEFINE")
    if not isinstance(listing, MediaListing):
        for entry in listing.media:
            if (entry.attributes.get("INSTREAM-ID") or "").startswith("SERVICE"):
                yield 7, "a SERVICE in INSTREAM-ID"
        for entry in listing.variants:
            if any(attribute.startswith("REQ-") for attribute in entry.attributes.raw):
                yield 12, "an attribute REQ-"
        return
    if any("." in tag.value.partition(",")[0] for tag in listing.tags if tag.name == "EXTINF"):
        yield 3, "EXTINF with a fraction"
    for feature in ("EXT-X-BYTERANGE", "EXT-X-I-FRAMES-ONLY"):
        if feature in listing.named:
            yield 4, feature
    if "EXT-X-MAP" in listing.named:
        yield (5, "EXT-X-MAP") if listing.iframes_only else (6, "EXT-X-MAP")
    if "EXT-X-SKIP" in listing.named:
        yield 9, "EXT-X-SKIP"


RULES: Final[tuple[Rule, ...]] = (extm3u, syntax, version)
