"""Path tokens: what is signed is read back, and nothing else is."""

import pytest

from common.signing import (
    LONGEST,
    PathToken,
    TokenExpired,
    TokenForeign,
    TokenInvalid,
    Verifier,
    mint,
)

SECRET = "a secret of more than thirty-two characters"
TOKEN = PathToken("2026-11", "/v/film/1/", 2_000_000_000, "192.0.2.7")
TEXT = mint(TOKEN, SECRET)
VERIFIER = Verifier({"2026-11": SECRET, "2026-10": "another secret of enough characters"})
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_token_says_what_was_signed() -> None:
    assert VERIFIER.verify(TEXT) == TOKEN


def test_a_token_has_only_characters_that_paths_take_as_they_are() -> None:
    assert set(TEXT) <= set(ALPHABET)


@pytest.mark.parametrize("place", range(len(TEXT)))
def test_a_token_with_one_character_changed_is_none(place: int) -> None:
    for other in ALPHABET:
        if other != TEXT[place]:
            with pytest.raises(TokenInvalid):
                VERIFIER.verify(TEXT[:place] + other + TEXT[place + 1 :])


@pytest.mark.parametrize("length", range(len(TEXT)))
def test_a_token_that_is_cut_is_none(length: int) -> None:
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(TEXT[:length])


@pytest.mark.parametrize("text", ["", "=", "é" * 40, TEXT + "=", TEXT + "A", "A" * (LONGEST + 1)])
def test_what_is_no_token_is_told_from_one(text: str) -> None:
    with pytest.raises(TokenInvalid):
        VERIFIER.verify(text)


def test_tokens_of_both_keys_are_good_while_one_replaces_the_other() -> None:
    older = PathToken("2026-10", "/", 2_000_000_000)

    assert VERIFIER.verify(mint(older, "another secret of enough characters")) == older


def test_a_token_of_a_retired_key_is_none() -> None:
    with pytest.raises(TokenInvalid):
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
