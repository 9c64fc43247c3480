"""What is outside the key cannot shape what is stored, nor pass for what an edge says itself."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Script,
    Viewer,
    proxy,
    raw_origin,
    response,
)

UNKEYED = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Port",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Prefix",
    "X-Forwarded-Ssl",
    "X-Forwarded-Path",
    "X-Forwarded-Uri",
    "X-Host",
    "X-Original-Host",
    "X-Original-Url",
    "X-Rewrite-Url",
    "X-Http-Host-Override",
    "X-Http-Method-Override",
    "X-Http-Method",
    "X-Method-Override",
    "X-Real-Ip",
    "X-Client-Ip",
    "X-Cluster-Client-Ip",
    "X-Proxyuser-Ip",
    "X-Url-Scheme",
    "True-Client-Ip",
    "Cf-Connecting-Ip",
    "Front-End-Https",
)


@pytest.mark.parametrize("name", UNKEYED)
@pytest.mark.parametrize("spelling", [str.lower, str.upper])
async def test_rfc9111_2_what_proxies_tell_never_reaches_the_origin_from_a_viewer(
    viewer: Viewer, origin: RawOrigin, name: str, spelling: Callable[[str], str]
) -> None:
    await viewer.get("/", (spelling(name), "evil.test"))

    assert origin.asked[0].get(name) is None


@pytest.mark.parametrize(
    ("name", "own"), [("X-Forwarded-Host", "cdn.test"), ("X-Forwarded-Proto", "http")]
)
async def test_rfc9111_2_what_the_edge_tells_of_the_key_stands_in_place_of_a_viewers_word(
    viewer: Viewer, origin: RawOrigin, name: str, own: str
) -> None:
    await viewer.get("/", (name, "evil.test"), (name.lower(), "evil.test"))

    assert origin.asked[0].get(name) == own


async def test_rfc9111_2_a_response_that_may_be_stored_is_asked_for_without_the_viewers_address(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get("/")

    assert "127.0.0.1" not in [value for _, value in origin.asked[0].fields]


async def test_the_origin_is_told_the_address_of_a_viewer_whose_answer_nobody_shares(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.request("POST", "/", ("X-Forwarded-For", "6.6.6.6"), body=b"x")

    assert origin.asked[0].get("x-forwarded-for") == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Basic eDp5"),
        ("Cache-Control", "max-age=60"),
        ("Cookie", "a=b"),
        ("Via", "1.1 other"),
    ],
)
@pytest.mark.parametrize("spelling", [str.lower, str.upper])
async def test_rfc9110_7_6_1_connection_cannot_take_what_an_answer_rests_on_from_a_request(
    viewer: Viewer, origin: RawOrigin, name: str, value: str, spelling: Callable[[str], str]
) -> None:
    origin.answers(response(b"hello", ("Cache-Control", "no-store")))

    await viewer.get("/", (name, value), ("Connection", f"keep-alive, {spelling(name)}"))

    assert value in (origin.asked[0].get(name) or "")


async def test_rfc9110_7_6_1_connection_cannot_take_host(viewer: Viewer, origin: RawOrigin) -> None:
    got = await viewer.get("/", ("Connection", "Host"))

    assert got.status == 200
    assert origin.asked[0].get("x-forwarded-host") == "cdn.test"


async def test_rfc9111_3_5_an_authorized_answer_is_not_stored_though_connection_names_the_field(
    viewer: Viewer, origin: RawOrigin
) -> None:
    fields = (("Authorization", "Basic eDp5"), ("Connection", "Authorization"))
    await viewer.get("/", *fields)

    assert "uri-miss" in (await viewer.get("/")).cache
    assert len(origin.asked) == 2


async def test_rfc9111_5_2_1_5_no_store_counts_though_connection_names_the_field(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get("/", ("Cache-Control", "no-store"), ("Connection", "Cache-Control"))

    assert "uri-miss" in (await viewer.get("/")).cache


@pytest.mark.parametrize("name", ["Cache-Control", "Vary", "Set-Cookie", "Content-Type", "ETag"])
async def test_rfc9110_7_6_1_connection_cannot_take_what_rules_from_a_response(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    fields = (
        ("Cache-Control", "max-age=60"),
        ("Vary", "Accept"),
        ("Set-Cookie", "a=b"),
        ("Content-Type", "text/plain"),
        ("ETag", '"x"'),
    )
    origin.answers(response(b"hello", *fields, ("Connection", name)))

    assert (await viewer.get("/")).get(name) == dict(fields)[name]


@pytest.mark.parametrize("name", ["X-Hop", "x-hop"])
async def test_rfc9110_7_6_1_what_connection_names_ends_at_the_edge(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    origin.answers(response(b"hello", ("X-Hop", "1"), ("Connection", name)))

    got = await viewer.get("/", ("X-Hop", "1"), ("Connection", name))

    assert (origin.asked[0].get("x-hop"), got.get("x-hop")) == (None, None)


@pytest.mark.parametrize(
    "name", ["Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade", "HTTP2-Settings"]
)
async def test_rfc9110_7_6_1_fields_of_a_hop_end_at_the_edge(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    await viewer.get("/", (name, "x"))

    assert origin.asked[0].get(name) is None


@pytest.mark.parametrize(
    "name", ["Nearcast-Sha256", "nearcast-client", "NEARCAST-SCHEME", "Nearcast-Anything"]
)
async def test_fields_that_processes_of_nearcast_send_each_other_are_dropped_from_viewers(
    viewer: Viewer, origin: RawOrigin, name: str
) -> None:
    got = await viewer.get("/", (name, "ab" * 32))

    assert (got.status, origin.asked[0].get(name)) == (200, None)


async def test_a_viewer_cannot_say_which_scheme_it_came_by(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get("/", ("Nearcast-Scheme", "https"))

    assert origin.asked[0].get("x-forwarded-proto") == "http"
    assert (await viewer.get("/")).cache.startswith("hit")


@pytest.mark.parametrize(
    "via", ["1.1 nearcast-e", "1.0 other, 1.1 nearcast-e", "HTTP/1.1 nearcast-e (x)"]
)
async def test_rfc9110_7_6_3_a_request_that_goes_in_circles_is_refused_with_508(
    viewer: Viewer, origin: RawOrigin, via: str
) -> None:
    got = await viewer.get("/", ("Via", via))

    assert (got.status, origin.asked) == (508, [])


async def test_rfc9110_7_6_3_an_edge_whose_origin_is_itself_notices(tmp_path: Path) -> None:
    async with raw_origin() as origin, proxy(tmp_path, origin) as viewer:
        origin.script = _back_to(viewer)
        got = await viewer.get("/")

    assert got.status == 508
    assert len(origin.asked) == 1


def _back_to(viewer: Viewer) -> Script:
    """An origin that asks the edge, as a loop in the names of hosts would have it."""

    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        fields = [(name, value) for name, value in asked.fields if name.lower() != "connection"]
        got = await viewer.get(asked.target, *fields)
        writer.write(response(got.body, status=f"{got.status} {got.reason}"))

    return script


@pytest.mark.parametrize("via", ["1.1 nearcast-e2", "1.1 nearcast", "1.1 other (nearcast-e)"])
async def test_rfc9110_7_6_3_other_names_in_via_are_no_circle(viewer: Viewer, via: str) -> None:
    assert (await viewer.get("/", ("Via", via))).status == 200


async def test_rfc9110_7_6_3_the_edge_adds_itself_to_via(viewer: Viewer, origin: RawOrigin) -> None:
    await viewer.get("/", ("Via", "1.0 other"))

    assert origin.asked[0].get("via") == "1.0 other, 1.1 nearcast-e"
