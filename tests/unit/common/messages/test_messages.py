"""Messages survive the wire, and what is no message is refused."""

import pytest

from common.messages import (
    Heartbeat,
    ManifestObject,
    MessageInvalid,
    PackageAnnouncement,
    PackageManifest,
    decode,
    encode,
)
from common.messages.packages import KEY_PATTERN, manifest_key, version_prefix
from tests.unit.control_plane.records import announcement, heartbeat


@pytest.mark.parametrize("message", [announcement(), heartbeat()], ids=["package", "heartbeat"])
def test_messages_survive_the_wire(message: PackageAnnouncement | Heartbeat) -> None:
    assert decode(encode(message), type(message)) == message


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
