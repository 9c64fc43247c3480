"""Common Access Tokens, as CTA-5007 and RFC 9052 have them: a reader of its own checks."""

import base64
import hmac
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import NearcastError
from common.signing import (
    LONGEST,
    AccessToken,
    AccessTokens,
    TokenEarly,
    TokenExpired,
    TokenForeign,
    TokenInvalid,
    TokenKeyUnknown,
    TokenUnsupported,
    Verifier,
)

SECRET = "a secret of more than thirty-two characters"
VERIFIER = Verifier({"k": SECRET, "other": "another secret of enough characters"})
PATH = "/v/film/1/720p/1.m4s"
PREFIX = {3: {1: "/v/film/1/"}}
GOOD: dict[Any, Any] = {4: 2000, 310: 1, 312: PREFIX}


def mac(protected: bytes, payload: bytes, secret: str = SECRET, digest: str = "sha256") -> bytes:
    """RFC 9052 §6.3, by hand."""
    signed = cbor2.dumps(["MAC0", protected, b"", payload])
    return hmac.new(secret.encode(), signed, digest).digest()


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(
    claims: object,
    *,
    protected: object = None,
    unprotected: object = None,
    secret: str = SECRET,
    tags: tuple[int, ...] = (17,),
) -> str:
    """A token that another issuer makes."""
    head = cbor2.dumps({1: 5} if protected is None else protected)
    payload = claims if isinstance(claims, bytes) else cbor2.dumps(claims)
    unprotected = {4: b"k"} if unprotected is None else unprotected
    made: object = [head, unprotected, payload, mac(head, payload, secret)]
    for tag in tags:
        made = cbor2.CBORTag(tag, made)
    return text_of(cbor2.dumps(made))


def read(text: str) -> AccessToken:
    token = VERIFIER.verify(text)
    assert isinstance(token, AccessToken)
    return token


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", ""])
def test_what_is_minted_is_what_the_standards_say(address: str) -> None:
    text = AccessTokens({"k": SECRET}).mint("k", "/v/film/1/", 2000, address)
    outer = cbor2.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    protected, unprotected, payload, tag = outer.value
    claims = cbor2.loads(payload)
    nip = claims.pop(311, [])

    assert (outer.tag, cbor2.loads(protected), unprotected) == (17, {1: 5}, {4: b"k"})
    assert tag == mac(protected, payload)
    assert claims == GOOD
    assert [(each.tag, len(each.value)) for each in nip] == (
        [] if not address else [(54, 16)] if ":" in address else [(52, 4)]
    )
    read(text).check(PATH, 1999, address or "198.51.100.1")


def test_the_longest_names_fit() -> None:
    key, prefix = "k" * 64, f"/v/{'a' * 64}/{'1' * 64}/"
    text = AccessTokens({key: SECRET}).mint(key, prefix, 2**39, "2001:db8:f:f:f:f:f:f")

    assert len(text) < LONGEST
    with pytest.raises(ValueError, match="longer"):
        AccessTokens({key: SECRET}).mint(key, prefix * 8, 2**39)


def test_a_token_of_another_issuer_is_read() -> None:
    claims = {1: "issuer", 2: "someone", 6: 900.5, 7: b"name", 5: 1000, 308: 0, **GOOD, 4: 2000.5}
    token = read(signed(claims, protected={1: 5, 16: "application/cwt"}, tags=(17, 61)))

    assert token == AccessToken("k", 2000.5, ((1, "/v/film/1/"),), None, 1000)
    token.check(PATH, 2000.4, "192.0.2.1")
    with pytest.raises(TokenExpired):
        token.check(PATH, 2000.5, "192.0.2.1")
    with pytest.raises(TokenEarly):
        token.check(PATH, 999.9, "192.0.2.1")


@pytest.mark.parametrize(
    ("match", "path", "opened"),
    [
        ({0: "/v/a"}, "/v/a", True),
        ({0: "/v/a"}, "/v/ab", False),
        ({1: "/v/"}, "/v/a", True),
        ({1: "/v/"}, "/w/a", False),
        ({2: ".m4s"}, "/v/a.m4s", True),
        ({2: ".m4s"}, "/v/a.m3u8", False),
        ({3: "film"}, "/v/film/1", True),
        ({3: "film"}, "/v/show/1", False),
        ({1: "/v/", 2: ".m4s"}, "/v/a.m3u8", False),
        ({}, "/v/a", True),
    ],
)
def test_a_path_is_matched_as_the_token_asks(match: Any, path: str, opened: bool) -> None:
    token = read(signed({4: 2000, 312: {3: match}}))
    if opened:
        token.check(path, 0, "192.0.2.1")
    else:
        with pytest.raises(TokenForeign):
            token.check(path, 0, "192.0.2.1")


@pytest.mark.parametrize(
    ("nip", "address", "opened"),
    [
        ([cbor2.CBORTag(52, bytes((192, 0, 2, 1)))], "192.0.2.1", True),
        ([cbor2.CBORTag(52, bytes((192, 0, 2, 1)))], "192.0.2.2", False),
        ([cbor2.CBORTag(52, [24, bytes((192, 0, 2))])], "192.0.2.77", True),
        ([cbor2.CBORTag(52, [24, bytes((192, 0, 2))])], "192.0.3.77", False),
        ([cbor2.CBORTag(54, [32, bytes((32, 1, 13, 184))])], "2001:db8::1", True),
        ([cbor2.CBORTag(54, [32, bytes((32, 1, 13, 184))])], "192.0.2.1", False),
        ([64500, cbor2.CBORTag(52, bytes((192, 0, 2, 1)))], "192.0.2.1", True),
        ([64500], "192.0.2.1", False),
        ([], "192.0.2.1", False),
        ([cbor2.CBORTag(52, bytes(5))], "0.0.0.0", False),
        ([cbor2.CBORTag(52, [33, bytes(4)])], "0.0.0.0", False),
        ([cbor2.CBORTag(52, [0, b""])], "no address", False),
    ],
)
def test_a_network_is_matched_as_the_token_asks(nip: Any, address: str, opened: bool) -> None:
    token = read(signed({**GOOD, 311: nip}))
    if opened:
        token.check(PATH, 0, address)
    else:
        with pytest.raises(TokenForeign):
            token.check(PATH, 0, address)


@pytest.mark.parametrize(
    "changed",
    [
        {4: None},
        {4: "2000"},
        {4: True},
        {4: float("nan")},
        {4: float("inf")},
        {4: 2**60},
        {4: -1},
        {5: "1000"},
        {3: "somebody"},
        {308: 1},
        {308: 2},
        {309: 0.5},
        {310: 2},
        {311: 64500},
        {312: "/v/"},
        {312: {0: {0: "https"}, **PREFIX}},
        {312: {1: {0: "cdn.test"}}},
        {312: {3: "/v/"}},
        {312: {3: {4: ["^/v/"]}}},
        {312: {3: {-1: b"digest"}}},
        {312: {3: {1: 5}}},
        {312: {3: {1.0: "/v/"}, "3": {}}},
        {313: ["GET"]},
        {314: ["h2"]},
        {315: {"user-agent": {0: "x"}}},
        {316: ["DE"]},
        {322: {}},
        {-70_000: 1},
        {"4": 5},
    ],
)
def test_a_token_that_asks_for_what_is_not_supported_opens_nothing(changed: Any) -> None:
    with pytest.raises(TokenUnsupported):
        VERIFIER.verify(signed({**GOOD, **changed}))


def test_the_key_may_be_named_where_it_vouches_for_that() -> None:
    assert read(signed(GOOD, protected={1: 5, 4: b"k"}, unprotected={})).key_id == "k"


def test_a_token_without_an_expiry_opens_nothing() -> None:
    with pytest.raises(TokenUnsupported, match="expiry"):
        VERIFIER.verify(signed({312: PREFIX}))


@pytest.mark.parametrize(
    "text",
    [
        signed(GOOD, secret="another secret of enough characters"),
        signed(GOOD, protected={1: 4}),
        signed(GOOD, protected={1: 6}),
        signed(GOOD, protected={1: 5, 2: [4711]}),
        signed(GOOD, protected={}),
        signed(GOOD, protected=[1, 5]),
        signed(GOOD, protected={}, unprotected={1: 5, 4: b"k"}),
        signed(GOOD, unprotected={}),
        signed(GOOD, unprotected={4: "k"}),
        signed(GOOD, protected={1: 5, 4: b"k"}, unprotected={4: b"another spelling"}),
        signed(GOOD, protected={1: 5, 4: b"k"}, unprotected={4: b"k"}),
        signed(GOOD, unprotected={4: b"k", 99: "another spelling"}),
        signed(GOOD, tags=(18,)),
        signed(GOOD, tags=(17, 61, 61)),
        signed([GOOD]),
        signed(b"no CBOR \xff"),
        signed(cbor2.dumps(cbor2.CBORTag(35, "(a+)+"))),
        text_of(cbor2.dumps(cbor2.CBORTag(61, GOOD))),
        text_of(cbor2.dumps(cbor2.CBORTag(17, [b"", {}, b""]))),
        text_of(cbor2.dumps(cbor2.CBORTag(17, GOOD))),
        text_of(b"\xd1" + b"\x84" * 500),
        text_of(b"\xd1\x9f" + b"\x00" * 100),
    ],
)
def test_what_is_no_token_of_these_keys_is_none(text: str) -> None:
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(text)


def test_claims_that_nobody_signed_are_none() -> None:
    # Libraries that decode tokens let untagged claims pass: there is nothing to verify.
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(text_of(cbor2.dumps(GOOD)))


def test_a_token_within_a_token_is_none() -> None:
    inner = cbor2.loads(base64.urlsafe_b64decode(signed(GOOD) + "=="))
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(signed(cbor2.dumps(inner)))


def test_a_token_of_a_retired_key_opens_nothing() -> None:
    with pytest.raises(TokenKeyUnknown):
        VERIFIER.verify(signed(GOOD, unprotected={4: b"retired"}))


def test_a_token_has_one_spelling() -> None:
    text = signed(GOOD)
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # A longer form of the same length (RFC 8949 §4.2.1).
    longer = data.replace(b"\xa1\x04\x41k", b"\xa1\x04\x58\x01k")

    assert longer != data
    assert cbor2.loads(longer) == cbor2.loads(data)
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(text_of(longer))


@given(st.data())
def test_a_token_that_is_cut_or_changed_is_none(chosen: st.DataObject) -> None:
    data = bytearray(base64.urlsafe_b64decode(signed(GOOD) + "=" * (-len(signed(GOOD)) % 4)))
    place = chosen.draw(st.integers(0, len(data) - 1))
    if chosen.draw(st.booleans()):
        data = data[:place]
    else:
        data[place] ^= chosen.draw(st.integers(1, 255))
    with pytest.raises(NearcastError):
        VERIFIER.verify(text_of(bytes(data)))


@given(st.binary(max_size=300))
def test_any_bytes_behind_the_tag_are_no_token_and_no_failure(rest: bytes) -> None:
    for begin in (b"\xd1", b"\xd1\x84", b"\xd8\x3d\xd1\x84\x43\xa1\x01\x05"):
        with pytest.raises(NearcastError):
            VERIFIER.verify(text_of(begin + rest))
