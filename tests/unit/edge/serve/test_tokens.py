"""Targets behind tokens: what was opened once is opened again only to whom the token lets in."""

import pytest

from common.errors import NearcastError
from common.signing import (
    AccessTokens,
    PathToken,
    TokenForeign,
    TokenInvalid,
    TokenSessionOther,
    mint,
)
from edge.serve.tokens import Tokens, session_field

SECRET = "a secret of more than thirty-two characters"
NOW = 1000.0
CLIENT = "192.0.2.1"
REMEMBERED = 64
"""In place of thousands, which would take the tests a while."""
NONE = b"\r\nHost: cdn.test\r\n\r\n"
MINE = b'\r\nHost: cdn.test\r\nCMCD-Session: cid="film",sid="mine"\r\n\r\n'


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.serve.tokens.REMEMBERED", REMEMBERED)


def target(
    rest: str = "/v/a",
    *,
    prefix: str = "/v/",
    expires: int = 2000,
    address: str = "",
    session: str = "",
) -> str:
    return f"/t/{mint(PathToken('k', prefix, expires, address, session), SECRET)}{rest}"


def of_access_token(rest: str = "/v/a", expires: int = 2000, address: str = "") -> str:
    return f"/t/{AccessTokens({'k': SECRET}).mint('k', '/v/', expires, address)}{rest}"


def test_nothing_is_opened_before_its_token_was_met() -> None:
    tokens = Tokens({"k": SECRET})

    assert tokens.opened_before(target().encode(), CLIENT, NOW, NONE) is None
    assert tokens.opened(target(), CLIENT, NOW, "") == "/v/a"
    assert tokens.opened_before(target().encode(), CLIENT, NOW, NONE) == b"/v/a"
    assert tokens.opened_before(target("/v/b?x=//").encode(), CLIENT, NOW, NONE) == b"/v/b?x=//"


@pytest.mark.parametrize("made", [target, of_access_token])
@pytest.mark.parametrize(("now", "opened"), [(1999.9, b"/v/a"), (2000.0, None), (3000.0, None)])
def test_what_was_opened_closes_when_its_token_expires(
    made: type[str], now: float, opened: bytes | None
) -> None:
    tokens = Tokens({"k": SECRET})
    tokens.opened(made(), CLIENT, NOW, "")

    assert tokens.opened_before(made().encode(), CLIENT, now, NONE) == opened


@pytest.mark.parametrize("own", [target(address=CLIENT), of_access_token(address=CLIENT)])
def test_what_was_opened_to_one_client_is_not_opened_to_another(own: str) -> None:
    tokens = Tokens({"k": SECRET})
    tokens.opened(own, CLIENT, NOW, "")

    assert tokens.opened_before(own.encode(), CLIENT, NOW, NONE) == b"/v/a"
    assert tokens.opened_before(own.encode(), "192.0.2.2", NOW, NONE) is None
    with pytest.raises(TokenForeign):
        tokens.opened(own, "192.0.2.2", NOW, "")


def test_what_was_opened_to_one_session_is_not_opened_to_another() -> None:
    tokens = Tokens({"k": SECRET})
    own = target(session="mine")
    asked = "?CMCD=sid%3D%22{}%22"
    other = MINE.replace(b"mine", b"other")

    assert tokens.opened(own, CLIENT, NOW, 'sid="mine"') == "/v/a"
    assert tokens.opened(own + asked.format("mine"), CLIENT, NOW, "").startswith("/v/a?")
    assert tokens.opened_before(own.encode(), CLIENT, NOW, MINE) == b"/v/a"
    assert tokens.opened_before((own + asked.format("mine")).encode(), CLIENT, NOW, NONE)
    for query, block in (("", NONE), ("", other), (asked.format("other"), MINE)):
        told = own + query
        assert tokens.opened_before(told.encode(), CLIENT, NOW, block) is None
        with pytest.raises(TokenSessionOther):
            tokens.opened(told, CLIENT, NOW, session_field(block))


@pytest.mark.parametrize(
    ("block", "value"),
    [
        (NONE, ""),
        (b'\r\ncmcd-session:sid="a"\r\n\r\n', 'sid="a"'),
        (b"\r\nCMCD-Session: a\r\nX: y\r\nCMCD-SESSION: \t b\r\n\r\n", "a, b"),
        (b"\r\nX-CMCD-Session: a\r\n\r\n", ""),
    ],
)
def test_the_field_that_tells_the_session_is_found(block: bytes, value: str) -> None:
    assert session_field(block) == value


@pytest.mark.parametrize(
    "rest",
    [
        *("/w/a", "/v/../w/a", "/v/%2e%2e/a", "/v/%2E%2e/a", "/v//a", "/v/./a", "/v/a%2Fb"),
        *("/v/..", "/v/a\\b", "/v/%5ca", "/V/a", "/%76/a", "//v/a", "/"),
        target(),
    ],
)
def test_what_was_refused_stays_shut(rest: str) -> None:
    tokens = Tokens({"k": SECRET})
    tokens.opened(target(), CLIENT, NOW, "")
    with pytest.raises(TokenForeign):
        tokens.opened(target(rest), CLIENT, NOW, "")

    assert tokens.opened_before(target(rest).encode(), CLIENT, NOW, NONE) is None


@pytest.mark.parametrize("told", ["/v/a", "/t/", "/t//v/a", "/t/AAAA", "/v/a?token=AQ", "/T/x/v/a"])
def test_what_has_no_token_is_not_opened(told: str) -> None:
    tokens = Tokens({"k": SECRET})
    with pytest.raises(TokenInvalid):
        tokens.opened(told, CLIENT, NOW, "")

    assert tokens.opened_before(told.encode(), CLIENT, NOW, NONE) is None


def test_a_target_that_ends_with_its_token_is_not_opened() -> None:
    tokens = Tokens({"k": SECRET})
    tokens.opened(target(), CLIENT, NOW, "")

    assert tokens.opened_before(target("").encode(), CLIENT, NOW, NONE) is None
    assert tokens.opened_before(target("x").encode(), CLIENT, NOW, NONE) is None


def test_only_so_many_tokens_are_remembered_and_those_that_are_used_stay() -> None:
    tokens = Tokens({"k": SECRET})
    once, used = target(expires=3000), target(expires=3001)
    tokens.opened(once, CLIENT, NOW, "")
    for number in range(3 * REMEMBERED):
        tokens.opened(target(expires=4000 + number), CLIENT, NOW, "")
        if number % 10 == 0:
            tokens.opened(used, CLIENT, NOW, "")

    assert tokens.opened_before(once.encode(), CLIENT, NOW, NONE) is None
    assert tokens.opened_before(used.encode(), CLIENT, NOW, NONE) == b"/v/a"


def test_only_so_many_targets_are_remembered_and_none_is_lost_by_that() -> None:
    tokens = Tokens({"k": SECRET})
    tokens.opened(target(), CLIENT, NOW, "")
    for number in range(REMEMBERED + 1):
        rest = b"/v/%d" % number
        assert tokens.opened_before(target().encode()[:-4] + rest, CLIENT, NOW, NONE) == rest

    assert tokens.opened_before(target().encode(), CLIENT, NOW, NONE) == b"/v/a"
    assert tokens.opened_before(target("/v/" + "a" * 9000).encode(), CLIENT, NOW, NONE)


def test_a_flood_of_forged_tokens_takes_the_place_of_none_that_is_good() -> None:
    tokens = Tokens({"k": SECRET})
    forger = Tokens({"k": SECRET + "!"})
    tokens.opened(target(), CLIENT, NOW, "")
    for number in range(3 * REMEMBERED):
        forged = f"/t/{mint(PathToken('k', '/v/', 5000 + number), SECRET + '!')}/v/a"
        with pytest.raises(NearcastError):
            tokens.opened(forged, CLIENT, NOW, "")

    assert forger.opened(forged, CLIENT, NOW, "") == "/v/a"
    assert tokens.opened_before(target().encode(), CLIENT, NOW, NONE) == b"/v/a"
    assert tokens.opened_before(forged.encode(), CLIENT, NOW, NONE) is None
