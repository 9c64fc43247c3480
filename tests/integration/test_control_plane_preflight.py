"""Browsers ask first whether a player on a page of another site may tell of itself in fields."""

import pytest

from common.http.cmcd import FIELDS
from tests.integration.control_service import Talk

pytestmark = pytest.mark.usefixtures("geoip")
ASKED = {
    "Origin": "https://app.example",
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "cmcd-object, cmcd-session",
}


async def test_players_may_tell_of_themselves_and_send_no_credentials(talk: Talk) -> None:
    for path in ("/play/a", "/play/a.json", "/steer/a?session=abcdefghijkl"):
        status, _, fields = await talk.call("OPTIONS", path, headers=ASKED)

        assert status == 204, path
        assert fields["Access-Control-Allow-Origin"] == "*"
        assert fields["Access-Control-Allow-Headers"].split(", ") == list(FIELDS)
        assert "GET" in fields["Access-Control-Allow-Methods"]
        assert int(fields["Access-Control-Max-Age"]) == 86400
        assert "Access-Control-Allow-Credentials" not in fields


@pytest.mark.parametrize("path", ["/v1/packages", "/v1/assets", "/play/..%2f"])
async def test_nothing_else_is_allowed(talk: Talk, path: str) -> None:
    status, _, fields = await talk.call("OPTIONS", path, headers=ASKED)

    assert status in {404, 405}
    assert "Access-Control-Allow-Headers" not in fields
