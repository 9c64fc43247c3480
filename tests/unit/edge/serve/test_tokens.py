"""Targets behind tokens: what was opened once is opened again only to whom the token lets in."""

import pytest

from common.errors import NearcastError
from common.signing import PathToken, mint
from edge.serve.tokens import LONGEST_REMEMBERED, REMEMBERED, Tokens

SECRET = "a secret of more than thirty-two characters"
NOW = 1000.0


def target(rest: str = "/v/a", *, expires: int = 2000, address: str = "") -> str:
    return f"/t/{mint(PathToken('k', '/v/', expires, address), SECRET)}{rest}"


def test_nothing_is_opened_before_it_was_opened_once() -> None:
    tokens = Tokens({"k": SECRET})

    assert tokens.opened_before(target().encode(), "192.0.2.1", NOW) is None
    assert tokens.opened(target(), "192.0.2.1", NOW) == "/v/a"
    assert tokens.opened_before(target().encode(), "192.0.2.1", NOW) == b"/v/a"


@pytest.mark.parametrize(("now", "opened"), [(1999.9, b"/v/a"), (2000.0, None), (3000.0, None)])
def test_what_was_opened_closes_when_its_token_expires(now: float, opened: bytes | None) -> None:
    tokens = Tokens({"k": SECRET})
    tokens.opened(target(), "192.0.2.1", NOW)

    assert tokens.opened_before(target().encode(), "192.0.2.1", now) == opened


def test_what_was_opened_to_one_client_is_not_opened_to_another() -> None:
    tokens = Tokens({"k": SECRET})
    own = target(address="192.0.2.1")
    tokens.opened(own, "192.0.2.1", NOW)

    assert tokens.opened_before(own.encode(), "192.0.2.1", NOW) == b"/v/a"
    assert tokens.opened_before(own.encode(), "192.0.2.2", NOW) is None


@pytest.mark.parametrize("rest", ["/w/a", "/v/../w/a", "/v/%2e%2e/a", "/v//a"])
def test_what_was_refused_stays_shut(rest: str) -> None:
    tokens = Tokens({"k": SECRET})
    with pytest.raises(NearcastError):
        tokens.opened(target(rest), "192.0.2.1", NOW)

    assert tokens.opened_before(target(rest).encode(), "192.0.2.1", NOW) is None


def test_only_so_many_targets_are_remembered_and_none_that_is_long() -> None:
    tokens = Tokens({"k": SECRET})
    first = target("/v/0")
    for number in range(REMEMBERED + 1):
        tokens.opened(target(f"/v/{number}"), "192.0.2.1", NOW)
    long = target("/v/" + "a" * LONGEST_REMEMBERED)
    tokens.opened(long, "192.0.2.1", NOW)

    assert tokens.opened_before(first.encode(), "192.0.2.1", NOW) is None
    assert tokens.opened_before(long.encode(), "192.0.2.1", NOW) is None
    assert tokens.opened_before(target(f"/v/{REMEMBERED}").encode(), "192.0.2.1", NOW)
