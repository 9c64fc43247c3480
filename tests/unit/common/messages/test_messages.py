"""Messages survive the wire, and what is no message is refused."""

import types
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import messages
from common.messages import (
    Heartbeat,
    ManifestObject,
    MessageInvalid,
    PackageAnnouncement,
    PackageManifest,
    Profile,
    decode,
    encode,
)
from common.messages.packages import KEY_PATTERN, Sha256, manifest_key, version_prefix
from tests.unit.control_plane.records import announcement, heartbeat

KINDS = [
    kind
    for name in messages.__all__
    if isinstance(kind := getattr(messages, name), type) and issubclass(kind, msgspec.Struct)
]

SEGMENTS = st.from_regex(r"[A-Za-z0-9._-]{1,12}", fullmatch=True).filter(
    lambda segment: segment not in {".", ".."}
)
QUICK = {
    KEY_PATTERN.pattern: st.lists(SEGMENTS, min_size=1, max_size=8).map("/".join),
    get_args(Sha256)[1].pattern: st.binary(min_size=32, max_size=32).map(bytes.hex),
}
"""Values of patterns of which Hypothesis takes a millisecond to make one; a manifest has many."""


def anything(hint: Any, bounds: tuple[msgspec.Meta, ...] = ()) -> st.SearchStrategy[Any]:
    """Values of the type ``hint`` within ``bounds``, as far into the corners as they go."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return anything(parts[0], parts[1:])
    if origin in {types.UnionType, Union}:
        return st.one_of([anything(part) for part in parts])
    if origin is tuple:
        least = max((each.min_length or 0 for each in bounds), default=0)
        return st.lists(anything(parts[0]), min_size=least, max_size=3).map(tuple)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = get_type_hints(hint, include_extras=True)
        return st.builds(hint, **{name: anything(part) for name, part in hints.items()})
    return any_scalar(hint, bounds)


def any_scalar(hint: Any, bounds: tuple[msgspec.Meta, ...]) -> st.SearchStrategy[Any]:
    """Numbers and texts within ``bounds``; of an enumeration, its members."""

    def bound(name: str) -> Any:
        return next((value for each in bounds if (value := getattr(each, name)) is not None), None)

    if hint is int:
        return st.integers(bound("ge"), bound("le"))
    if hint is float:
        return st.floats(bound("ge"), bound("le"), allow_nan=False, allow_infinity=False)
    if hint is not str:
        return st.from_type(hint)
    if (pattern := bound("pattern")) in QUICK:
        return QUICK[pattern]
    if pattern:
        return st.from_regex(pattern, alphabet=st.characters(codec="ascii"))
    return st.text(min_size=bound("min_length") or 0, max_size=bound("max_length"))


def test_every_message_is_among_those_tried() -> None:
    assert {Heartbeat, PackageAnnouncement, PackageManifest, messages.RouteView} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=40)
@given(data=st.data())
def test_messages_survive_the_wire(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    message = data.draw(anything(kind))

    assert decode(encode(message), kind) == message


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("bytes", -1),
        ("bytes", 2**63),
        ("object_count", -1),
        ("duration", -0.5),
        ("title", "x" * 513),
        ("renditions", ["x" * 129]),
        ("manifest_sha256", "ab"),
        ("entry", "../main.m3u8"),
        ("profiles", ["main", "everything"]),
        ("profiles", ["main"] * 7),
        ("preview", "v/a/../preview.webp"),
        ("storyboard", "/storyboard.vtt"),
    ],
)
def test_an_announcement_out_of_bounds_is_refused(member: str, value: object) -> None:
    body = msgspec.to_builtins(announcement()) | {member: value}

    with pytest.raises(MessageInvalid, match=rf"at `\$\.{member}"):
        decode(encode(body), PackageAnnouncement)


def test_an_announcement_from_before_there_were_profiles_names_the_main_one() -> None:
    body = msgspec.to_builtins(announcement())
    for member in ("profiles", "preview", "storyboard"):
        del body[member]

    read = decode(encode(body), PackageAnnouncement)

    assert (read.profiles, read.preview, read.storyboard) == ((Profile.MAIN,), None, None)


def test_the_playlists_of_profiles_lie_side_by_side() -> None:
    assert [profile.file_name for profile in Profile] == [
        "main.m3u8",
        "no-hevc-av1.m3u8",
        "up-to-720p.m3u8",
        "data-saver.m3u8",
        "audio-only.m3u8",
        "ts.m3u8",
    ]


@pytest.mark.parametrize("count", [-1, 2**63, 10**30, 1.5])
def test_a_count_no_database_can_hold_is_refused(count: float) -> None:
    body = msgspec.to_builtins(heartbeat()) | {"used_bytes": count}

    with pytest.raises(MessageInvalid, match="used_bytes"):
        decode(encode(body), Heartbeat)


@pytest.mark.parametrize(
    "url", ["", "edge", "ftp://e", "javascript:x", "https://a b", "https://\n"]
)
def test_odd_addresses_are_refused(url: str) -> None:
    body = msgspec.to_builtins(heartbeat()) | {"url": url}

    with pytest.raises(MessageInvalid, match="url"):
        decode(encode(body), Heartbeat)


def test_members_that_are_not_known_are_ignored() -> None:
    body = encode(heartbeat()).replace(b'{"edge_id"', b'{"mood":"good","edge_id"')

    assert decode(body, Heartbeat) == heartbeat()


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"\xff", b'{"edge_id":1}', b"[" * 100_000, b'"' + b"x" * 100],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(MessageInvalid, match="The body is not a valid Heartbeat: "):
        decode(body, Heartbeat)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "a\n", "ü", "x" * 65, "a\x00"])
def test_odd_names_are_refused(name: str) -> None:
    body = encode(heartbeat()).replace(b'"eu-1"', encode(name))

    with pytest.raises(MessageInvalid):
        decode(body, Heartbeat)


@pytest.mark.parametrize(
    "key", ["", "/v", "v//a", "v/../a", "v/./a", "..", "v/a\n", "v/%2e", "v/ "]
)
def test_odd_keys_are_refused(key: str) -> None:
    assert KEY_PATTERN.match(key) is None
    manifest = PackageManifest("a", "1", "v/a/1/main.m3u8", None, ())
    body = encode(manifest).replace(b'"v/a/1/main.m3u8"', encode(key))
    with pytest.raises(MessageInvalid):
        decode(body, PackageManifest)


@pytest.mark.parametrize("key", ["v", "v/a/1/main.m3u8", "v/a/1/.hidden", "v/a...b/c"])
def test_keys(key: str) -> None:
    assert KEY_PATTERN.match(key)


def test_a_digest_has_64_hexadecimal_digits() -> None:
    good = ManifestObject("v/a", 1, "ab" * 32, "video/mp4")

    assert decode(encode(good), ManifestObject) == good
    with pytest.raises(MessageInvalid):
        decode(encode(good).replace(b"abab", b"ABAB"), ManifestObject)


def test_a_versions_keys() -> None:
    assert version_prefix("a", "1") == "v/a/1/"
    assert manifest_key("a", "1") == "v/a/1/manifest.json"
