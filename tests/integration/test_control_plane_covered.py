"""Where viewers in coverage zones are sent, over real sockets."""

import asyncio

from tests.integration.control_service import CLIENTS, Talk

OFFICE = f"{CLIENTS['us']}/32"


async def way(talk: Talk, client: str = CLIENTS["us"]) -> tuple[str, str]:
    """The edge that a viewer is sent to, and what an operator is told of its zone."""
    headers = {"X-Forwarded-For": client}
    status, _, fields = await talk.call("GET", "/play/a", headers=headers)
    assert status == 302
    query = {"asset": "a", "ip": client}
    _, body, _ = await talk.call("GET", "/v1/explain", "operator", params=query)
    told = {step["step"]: step["told"] for step in body["steps"]}
    edge = fields["Location"].removeprefix("https://").partition(".")[0]
    assert body["edges"][0]["edge_id"] == edge
    return edge, told["zone"]


async def told(talk: Talk, **zones: tuple[str, list[str]]) -> None:
    listed = [
        {"name": name, "networks": [network], "regions": regions}
        for name, (network, regions) in zones.items()
    ]
    status, body, _ = await talk.call("PUT", "/v1/zones", "operator", json={"zones": listed})
    assert status == 200, body


async def test_a_zone_moves_its_viewers_and_they_are_back_without_it(filled: Talk) -> None:
    at_home = ("us-1", "It is in no coverage zone.")
    assert await way(filled) == at_home

    await told(filled, provider=("198.51.100.0/24", ["ap", "eu"]))
    away = ("ap-1", "It is in the coverage zone provider, which ap then eu serves.")
    assert await way(filled) == away
    assert await way(filled, f"::ffff:{CLIENTS['us']}") == away
    assert await way(filled, CLIENTS["eu"]) == ("eu-1", "It is in no coverage zone.")

    # The longest prefix counts, whatever the order.
    provider = ("198.51.100.0/24", ["ap"])
    office = ("eu-1", "It is in the coverage zone office, which eu serves.")
    await told(filled, office=(OFFICE, ["eu"]), provider=provider)
    assert await way(filled) == office
    await told(filled, provider=provider, office=(OFFICE, ["eu"]))
    assert await way(filled) == office
    assert (await way(filled, "198.51.100.77"))[0] == "ap-1"

    await filled.call("DELETE", "/v1/zones", "operator")
    assert await way(filled) == at_home


async def test_where_the_regions_of_a_zone_have_no_edge_left_the_nearest_serves(
    filled: Talk,
) -> None:
    # There is no edge in South America.
    await told(filled, office=(OFFICE, ["sa"]))
    zone = "It is in the coverage zone office, which sa serves."
    assert await way(filled) == ("us-1", zone)

    await told(filled, office=(OFFICE, ["ap"]))
    assert (await way(filled))[0] == "ap-1"
    await filled.beat("ap-1", ready=False)
    async with asyncio.timeout(20):
        while (await way(filled))[0] == "ap-1":  # noqa: ASYNC110 - edges are looked at each second
            await asyncio.sleep(0.05)
    assert (await way(filled))[0] == "us-1"
