"""The tokens that viewers are given."""

from ipaddress import ip_address
from typing import Any

import msgspec
import pytest

from common.errors import SettingsInvalid
from common.service import TokenKeySettings
from common.signing import AccessToken, PathToken, Token, TokenKeyUnknown, Verifier
from control_plane.minting import Minter, SessionMissing, TokenSettings
from control_plane.routing import Viewer
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement

OLD = TokenKeySettings(key_id="old", secret="o" * 40)
NEW = TokenKeySettings(key_id="new", secret="n" * 40)
VIEWER = Viewer(ip_address("192.0.2.7"), session="6e2fb550")
NOW = 1_800_000_000.0


def at(moment: float) -> Clock:
    """A clock that stands still so many seconds after NOW."""
    clock = Clock()
    clock.time = NOW + moment
    return clock


def minter(clock: Clock | None = None, **changes: Any) -> Minter:
    settings = TokenSettings(**{"keys": (NEW, OLD), **changes})
    return Minter(settings, clock or at(0), lambda: settings.keys[0])


def said(opening: str, *keys: TokenKeySettings) -> Token:
    """What edges that know ``keys`` read in an opening."""
    assert opening.startswith("/t/")
    return Verifier({key.key_id: key.secret for key in keys or (NEW,)}).verify(opening[3:])


def test_a_token_opens_the_version_that_the_viewer_is_sent_to() -> None:
    token = said(minter().opening(announcement("film", "2"), VIEWER))

    assert isinstance(token, PathToken)
    assert (token.key_id, token.prefix) == ("new", "/v/film/2/")
    assert (token.address, token.session) == ("", "")


def test_a_first_version_whose_objects_are_the_next_ones_needs_both() -> None:
    token = said(minter().opening(announcement("film", "2", objects_of="3"), VIEWER))

    token.check("/v/film/2/main.m3u8", NOW, "192.0.2.1")
    token.check("/v/film/3/720p/1.m4s", NOW, "192.0.2.1")


@pytest.mark.parametrize(
    ("duration", "least"),
    [(0.0, 3600), (600.0, 3600), (7200.0, 14_400), (1e6, 86_400), (1e308, 86_400)],
)
def test_a_token_is_good_for_long_enough_to_watch_and_for_little_longer(
    duration: float, least: int
) -> None:
    for moment in range(0, 20_000, 777):
        made = minter(at(moment)).opening(announcement(duration=duration), VIEWER)
        token = said(made)
        assert least < token.expires - (NOW + moment) <= least * 1.125


def test_viewers_who_come_soon_after_one_another_share_a_token() -> None:
    tokens = {minter(at(moment)).opening(announcement(), VIEWER) for moment in range(0, 3600, 10)}

    assert len(tokens) in {8, 9}


def test_a_token_that_is_remembered_is_replaced_in_time() -> None:
    clock = at(0)
    one = minter(clock)
    first = one.opening(announcement(), VIEWER)
    clock.time += 1
    second = one.opening(announcement(), VIEWER)
    clock.time += 3000

    assert second is first
    assert said(one.opening(announcement(), VIEWER)).expires > said(first).expires


@pytest.mark.parametrize("format_", ["path", "cat"])
@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_a_token_that_is_bound_to_an_address_is_each_viewers_own(
    format_: str, address: str
) -> None:
    one = minter(bind="address", format=format_)
    token = said(one.opening(announcement(), Viewer(ip_address(address))))

    token.check("/v/a/1/main.m3u8", NOW, address)
    for other in ("192.0.2.8", "2001:db8::8"):
        with pytest.raises(Exception, match="another path or client"):
            token.check("/v/a/1/main.m3u8", NOW, other)


def test_a_token_that_is_bound_to_a_session_says_which_and_so_does_the_url() -> None:
    one = minter(bind="session")
    token = said(one.opening(announcement(), VIEWER))

    assert isinstance(token, PathToken)
    assert token.session == "6e2fb550"
    assert one.query(VIEWER) == "?CMCD=sid%3D%226e2fb550%22"
    assert minter().query(VIEWER) == ""


def test_who_tells_no_session_gets_none_that_would_be_bound_to_it() -> None:
    with pytest.raises(SessionMissing):
        minter(bind="session").opening(announcement(), Viewer(ip_address("192.0.2.7")))


def test_common_access_tokens_are_minted_too() -> None:
    token = said(minter(format="cat").opening(announcement("film"), VIEWER))

    assert isinstance(token, AccessToken)
    assert (token.path, token.networks) == (((1, "/v/film/1/"),), None)


def test_while_keys_are_rotated_edges_know_all_tokens_and_then_no_old_ones() -> None:
    before = minter(keys=(OLD,)).opening(announcement(), VIEWER)
    after = minter(keys=(NEW, OLD)).opening(announcement(), VIEWER)

    for opening in (before, after):
        said(opening, OLD, NEW).check("/v/a/1/main.m3u8", NOW, "192.0.2.7")
    said(after, NEW)
    with pytest.raises(TokenKeyUnknown):
        said(before, NEW)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"bind": "session", "format": "cat"}, "tokens.bind"),
        ({"lifetime": 7200, "longest": 3600}, "tokens.longest"),
    ],
)
def test_settings_that_cannot_be_are_told(changes: Any, key: str) -> None:
    with pytest.raises(SettingsInvalid, match=key):
        minter(**changes)


@pytest.mark.parametrize("changes", [{"keys": [{}]}, {"bind": "host"}, {"lifetime": 1}])
def test_settings_out_of_bounds_are_refused(changes: Any) -> None:
    given = {"keys": [{"key_id": "k", "secret": "s" * 40}], **changes}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, TokenSettings)
