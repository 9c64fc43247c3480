"""Cache-Status: what an edge says of each answer (RFC 9211)."""

import asyncio
from typing import Any

import http_sf
import pytest

from tests.integration.proxy_service import (
    Asked,
    Got,
    RawOrigin,
    Viewer,
    response,
)

FRESH = ("Cache-Control", "max-age=3600")


def told(got: Got) -> dict[str, object]:
    """The parameters of this edge's member, read as the structured field that it is."""
    field = (got.get("cache-status") or "").encode()
    members: Any = http_sf.parse(field, tltype="list")
    name, parameters = members[-1]
    assert str(name) == "nearcast-e"
    return {key: str(value) if key == "fwd" else value for key, value in parameters.items()}


async def test_rfc9211_2_1_a_hit_and_how_long_it_stays_fresh(viewer: Viewer) -> None:
    await viewer.get()
    found = told(await viewer.get())

    assert found["hit"] is True
    assert 3590 <= int(str(found["ttl"])) <= 3600
    assert "fwd" not in found


async def test_rfc9211_2_2_a_miss_that_is_stored(viewer: Viewer) -> None:
    assert told(await viewer.get()) == {"fwd": "uri-miss", "stored": True}


async def test_rfc9211_2_2_a_response_that_no_stored_one_suits(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"x", FRESH, ("Vary", "Foo")))
    await viewer.get("/", ("Foo", "1"))

    assert told(await viewer.get("/", ("Foo", "2")))["fwd"] == "vary-miss"


async def test_rfc9211_2_2_a_stale_one_that_was_validated(
    viewer: Viewer, origin: RawOrigin
) -> None:
    tag = ("ETag", '"1"')
    origin.answers(
        response(b"x", ("Cache-Control", "max-age=1"), ("Age", "9"), tag),
        response(b"", FRESH, tag, status="304 Not Modified"),
    )
    await viewer.get()
    found = told(await viewer.get())

    assert (found["fwd"], found["fwd-status"]) == ("stale", 304)


async def test_rfc9211_2_2_a_viewer_who_wants_it_new(viewer: Viewer) -> None:
    await viewer.get()

    assert told(await viewer.get("/", ("Cache-Control", "no-cache")))["fwd"] == "request"


async def test_rfc9211_2_2_a_method_that_is_not_cached(viewer: Viewer) -> None:
    assert told(await viewer.request("POST", "/", body=b"x"))["fwd"] == "method"


async def test_rfc9211_2_2_a_part_of_which_some_is_missing(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def part(asked: Asked, writer: asyncio.StreamWriter) -> None:
        first, last = (int(end) for end in (asked.get("range") or "")[6:].split("-"))
        fields = (("ETag", '"1"'), FRESH, ("Content-Range", f"bytes {first}-{last}/9000000"))
        writer.write(response(b"x" * (last + 1 - first), *fields, status="206 Partial Content"))

    origin.answers(part)
    await viewer.get("/", ("Range", "bytes=0-1048575"))

    assert told(await viewer.get("/", ("Range", "bytes=4000000-4000009")))["fwd"] == "partial"


async def test_rfc9211_2_4_the_ttl_of_what_is_stale_is_negative(
    viewer: Viewer, origin: RawOrigin
) -> None:
    control = ("Cache-Control", "max-age=1, stale-while-revalidate=60")
    origin.answers(response(b"x", control, ("Age", "9")))
    await viewer.get()
    found = told(await viewer.get())

    assert found["hit"] is True
    assert int(str(found["ttl"])) < 0


async def test_rfc9211_2_6_those_who_wait_are_collapsed(viewer: Viewer, origin: RawOrigin) -> None:
    async def slowly(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(response(b"x", FRESH))

    origin.answers(slowly)
    got = await asyncio.gather(*(viewer.get() for _ in range(5)))

    assert sum(told(one).get("collapsed") is True for one in got) == 4


async def test_rfc9211_2_8_the_detail_tells_why_nothing_was_stored(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"x", ("Cache-Control", "no-store")))
    found = told(await viewer.get())

    assert str(found["detail"]) == "no-store"
    assert "stored" not in found


async def test_rfc9211_2_what_upstream_said_comes_first(viewer: Viewer, origin: RawOrigin) -> None:
    origin.answers(response(b"x", FRESH, ("Cache-Status", "shield; hit; ttl=5")))
    await viewer.get()
    got = await viewer.get()

    assert (got.get("cache-status") or "").startswith("shield; hit; ttl=5, nearcast-e; hit; ttl=")


@pytest.mark.parametrize("target", ["/", "/a b"])
async def test_rfc9211_2_errors_of_the_edge_have_it_too(
    viewer: Viewer, origin: RawOrigin, target: str
) -> None:
    async def hang_up(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.close()

    origin.answers(hang_up)
    got = await viewer.get("/", ("Host", "a b")) if target != "/" else await viewer.get()

    assert got.status in {400, 502}
    assert str(told(got)["detail"]) in {"HostInvalid", "UpstreamBroke"}
