"""What may be stored, and for how long (RFC 9111 §3, §4.2)."""

import pytest

from edge.policy.freshness import judge_response

NOW = 1_000_000.0
"""Mon, 12 Jan 1970 13:46:40 GMT."""


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": "max-age=60, s-maxage=5"}, 5),
        ({"cache-control": "public, max-age=31536000, immutable"}, 31536000),
        ({"cache-control": "max-age=60", "age": "20"}, 40),
        ({"cache-control": "max-age=60", "date": "Mon, 12 Jan 1970 13:46:30 GMT"}, 50),
        (
            {
                "expires": "Mon, 12 Jan 1970 13:47:40 GMT",
                "date": "Mon, 12 Jan 1970 13:46:40 GMT",
            },
            60,
        ),
        ({"expires": "Mon, 12 Jan 1970 13:47:40 GMT"}, 60),
        ({"cache-control": "max-age=9", "expires": "Mon, 12 Jan 1970 13:47:40 GMT"}, 9),
        ({"cache-control": "max-age=60", "age": "garbage"}, 60),
    ],
)
def test_a_response_is_fresh_for(fields: dict[str, str], seconds: int) -> None:
    found = judge_response(200, fields, received_at=NOW)

    assert found.storable
    assert found.fresh_until - NOW == seconds


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"last-modified": "Mon, 12 Jan 1970 13:46:30 GMT"},
        {"cache-control": "max-age=0"},
        {"cache-control": "max-age=-1"},
        {"cache-control": "max-age=1.5"},
        {"cache-control": "max-age=60", "age": "60"},
        {"cache-control": "no-store, max-age=60"},
        {"cache-control": "private, max-age=60"},
        {"cache-control": 'private="x", max-age=60'},
        {"cache-control": "no-cache, max-age=60"},
        {"cache-control": "max-age=60", "vary": "Accept"},
        {"cache-control": "max-age=60", "vary": "*"},
        {"expires": "0"},
        {"expires": "Mon, 12 Jan 1970 13:46:40 GMT"},
    ],
)
def test_a_response_is_not_stored(fields: dict[str, str]) -> None:
    assert not judge_response(200, fields, received_at=NOW).storable


@pytest.mark.parametrize("status", [201, 204, 206, 301, 404, 500])
def test_only_a_whole_representation_is_stored(status: int) -> None:
    fields = {"cache-control": "max-age=60"}

    assert not judge_response(status, fields, received_at=NOW).storable


@pytest.mark.parametrize(
    ("directive", "allowed"),
    [("max-age=1", True), ("max-age=1, must-revalidate", False), ("s-maxage=1", False)],
)
def test_stale_is_served_unless_forbidden(directive: str, allowed: bool) -> None:
    found = judge_response(200, {"cache-control": directive}, received_at=NOW)

    assert found.servable_stale is allowed
