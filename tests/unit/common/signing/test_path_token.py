"""Path tokens: what is signed is read back, and nothing else is."""

import base64
import hmac
import itertools
from dataclasses import replace

import pytest

from common.signing import (
    LONGEST,
    LONGEST_PATH_TOKEN,
    PathToken,
    TokenExpired,
    TokenForeign,
    TokenInvalid,
    TokenKeyUnknown,
    Verifier,
    mint,
)

SECRET = "a secret of more than thirty-two characters"
TOKEN = PathToken("2026-11", "/v/film/1/", 2_000_000_000, "192.0.2.7")
TEXT = mint(TOKEN, SECRET)
OF_SESSION = mint(replace(TOKEN, session="6e2fb550-c457"), SECRET)
VERIFIER = Verifier({"2026-11": SECRET, "2026-10": "another secret of enough characters"})
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_token_says_what_was_signed() -> None:
    assert VERIFIER.verify(TEXT) == TOKEN


def test_a_token_has_only_characters_that_paths_take_as_they_are() -> None:
    assert set(TEXT) <= set(ALPHABET)


@pytest.mark.parametrize("text", [TEXT, OF_SESSION])
def test_a_token_with_one_character_changed_is_none(text: str) -> None:
    for place, other in itertools.product(range(len(text)), ALPHABET):
        if other != text[place]:
            with pytest.raises((TokenInvalid, TokenKeyUnknown)):
                VERIFIER.verify(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize("text", [TEXT, OF_SESSION])
def test_a_token_that_is_cut_is_none(text: str) -> None:
    for length in range(len(text)):
        with pytest.raises(TokenInvalid):
            VERIFIER.verify(text[:length])


@pytest.mark.parametrize(
    "text",
    [
        *("", "=", "é" * 40, "\udcff" * 40, TEXT + "=", TEXT + "A", "A" * (LONGEST + 1)),
        *(TEXT.replace("-", "+").replace("_", "/") + "+", " " + TEXT, TEXT[:8] + "\n" + TEXT[8:]),
    ],
)
def test_what_is_no_token_is_told_from_one(text: str) -> None:
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(text)


def test_a_token_of_a_session_says_which_it_is() -> None:
    assert VERIFIER.verify(OF_SESSION) == replace(TOKEN, session="6e2fb550-c457")


def test_a_token_of_no_session_has_the_form_that_older_edges_read() -> None:
    data = base64.urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4))
    told = b"2026-11/v/film/1/192.0.2.7"
    expected = b"\x01" + (2_000_000_000).to_bytes(5, "big") + bytes((7, 10, 9)) + told

    assert data == expected + hmac.new(SECRET.encode(), expected, "sha256").digest()[:16]


def test_two_tokens_whose_parts_run_together_alike_are_two() -> None:
    one = PathToken("k", "/v/", 1, "192.0.2.1", "s")
    other = PathToken("k", "/v/", 1, "192.0.2.1s")

    assert mint(one, SECRET) != mint(other, SECRET)


@pytest.mark.parametrize(
    "token",
    [
        PathToken("k", "/" + "a" * 255, 1),
        PathToken("k", "/" + "a" * 200, 1, session="s" * 200),
        PathToken("k", "/é/", 1),
    ],
)
def test_no_token_is_made_that_nobody_would_read(token: PathToken) -> None:
    with pytest.raises(ValueError, match=r"."):
        mint(token, SECRET)


def test_the_longest_names_fit() -> None:
    token = PathToken(
        "k" * 64,
        f"/v/{'a' * 64}/{'1' * 64}/",
        2**39,
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "s" * 64,
    )

    assert len(mint(token, SECRET)) <= LONGEST_PATH_TOKEN
    assert Verifier({"k" * 64: SECRET}).verify(mint(token, SECRET)) == token


def test_who_has_the_key_may_sign_any_bytes_and_breaks_nothing() -> None:
    signed = b"\x01" + bytes(5) + bytes((1, 2, 1)) + b"k\xff\xfe\xfd"
    tag = hmac.new(SECRET.encode(), signed, "sha256").digest()[:16]
    text = base64.urlsafe_b64encode(signed + tag).rstrip(b"=").decode()

    assert Verifier({"k": SECRET}).verify(text) == PathToken("k", "ÿþ", 0, "ý")


def test_tokens_of_both_keys_are_good_while_one_replaces_the_other() -> None:
    older = PathToken("2026-10", "/", 2_000_000_000)

    assert VERIFIER.verify(mint(older, "another secret of enough characters")) == older


def test_a_token_of_a_retired_key_opens_nothing() -> None:
    with pytest.raises(TokenKeyUnknown):
        Verifier({"2026-12": SECRET}).verify(TEXT)


def test_a_token_signed_with_another_secret_is_none() -> None:
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(mint(TOKEN, SECRET + "!"))


def test_a_token_opens_what_is_below_its_prefix() -> None:
    TOKEN.check("/v/film/1/720p/1.m4s", 1_999_999_999.9, "192.0.2.7")


def test_a_token_opens_nothing_from_its_expiry_on() -> None:
    with pytest.raises(TokenExpired):
        TOKEN.check("/v/film/1/720p/1.m4s", 2_000_000_000, "192.0.2.7")


@pytest.mark.parametrize("path", ["/v/film/2/a", "/v/film/1", "/", "v/film/1/a"])
def test_a_token_opens_no_other_path(path: str) -> None:
    with pytest.raises(TokenForeign):
        TOKEN.check(path, 0, "192.0.2.7")


def test_a_token_that_is_bound_opens_nothing_to_another_client() -> None:
    with pytest.raises(TokenForeign):
        TOKEN.check("/v/film/1/a", 0, "192.0.2.8")
