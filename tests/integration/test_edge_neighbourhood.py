"""Which edges a key is asked of, as the control plane tells of them and processes share it."""

from collections import Counter
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.http.fields import Fields
from common.messages import Neighbour, Neighbours
from edge.fetch.neighbourhood import PEERS, Neighbourhood, Tickets
from edge.fetch.wire import Endpoint
from edge.serve.tokens import Tokens

NAMES = ("eu-1", "eu-2", "eu-3", "eu-4", "eu-5")
NOTHING = Fields()


def told(*names: str, revision: int = 1) -> Neighbours:
    return Neighbours(revision, tuple(Neighbour(name, f"https://{name}.test") for name in names))


async def around(folder: Path, name: str) -> Neighbourhood:
    made = Neighbourhood(name, folder, {})
    await made.apply(told(*NAMES))
    return made


async def test_all_edges_take_the_same_one_for_an_assets_shield(tmp_path: Path) -> None:
    edges = {name: await around(tmp_path, name) for name in NAMES}
    shields: Counter[str] = Counter()
    for number in range(200):
        key = f"v/{number}/1/x.m4s"
        asked = {name: edge.route(key, NOTHING).before for name, edge in edges.items()}
        (own,) = [name for name, before in asked.items() if not before]
        shields[own] += 1
        for name, before in asked.items():
            if name != own:
                assert [each.kind for each in before] == ["shield", *["peer"] * PEERS]
                assert before[0].name == own
                assert name not in {each.name for each in before}
        after = edges[own].route(key, NOTHING).after
        assert [each.kind for each in after] == ["peer"] * PEERS

    assert all(20 < shields[name] < 60 for name in NAMES)


async def test_all_objects_of_an_asset_have_one_shield(tmp_path: Path) -> None:
    edge = await around(tmp_path, "eu-1")
    routes = {edge.route(f"v/a/{n}/{n}.m4s", NOTHING) for n in range(50)}

    assert len(routes) == 1


async def test_what_another_edge_asks_for_goes_to_the_origin(tmp_path: Path) -> None:
    edge = await around(tmp_path, "eu-1")
    for via in ("1.1 nearcast-eu-9", "1.1 proxy, 1.1 nearcast-eu-2"):
        route = edge.route("v/a/1/x", Fields([("Via", via)]))
        assert (route.before, route.after) == ((), ())
    viewer = edge.route("v/a/1/x", Fields([("Via", "1.1 proxy")]))
    assert viewer.before or viewer.after


async def test_other_processes_learn_of_neighbours_and_of_changes(tmp_path: Path) -> None:
    first = Neighbourhood("eu-1", tmp_path, {})
    second = Neighbourhood("eu-1", tmp_path, {})
    await second.look()
    assert (len(second), second.revision) == (0, 0)

    for revision, names in ((3, ("eu-1", "eu-2")), (4, ("eu-3", "eu-4")), (5, ())):
        await first.apply(told(*names, revision=revision))
        await second.look()
        assert second.revision == first.revision == revision
        assert len(second) == len(first) == len({*names} - {"eu-1"})
        for number in range(20):
            key = f"v/{number}/1/x"
            assert second.route(key, NOTHING) == first.route(key, NOTHING)


async def test_a_file_that_was_cut_changes_nothing(tmp_path: Path) -> None:
    edge = await around(tmp_path, "eu-1")
    (tmp_path / "neighbours.json").write_bytes(b'{"revision": 7, "ed')
    await edge.look()

    assert (len(edge), edge.revision) == (4, 1)


async def test_an_edge_whose_url_names_no_server_is_left_out(tmp_path: Path) -> None:
    edge = Neighbourhood("eu-1", tmp_path, {})
    edges = (Neighbour("eu-2", "https://user@eu-2.test"), Neighbour("eu-3", "https://eu-3.test"))
    await edge.apply(Neighbours(1, edges))

    assert len(edge) == 1


async def test_what_the_control_plane_tells_replaces_what_settings_name(tmp_path: Path) -> None:
    edge = Neighbourhood("eu-1", tmp_path, {"old": Endpoint.of("https://old.test")})
    kinds = {each for n in range(20) for each in edge.route(f"v/{n}/1/x", NOTHING).before}
    assert {(each.name, each.keeps_host) for each in kinds} == {("old", True)}

    await edge.apply(told("eu-2"))
    kinds = {each for n in range(20) for each in edge.route(f"v/{n}/1/x", NOTHING).before}
    assert {(each.name, each.keeps_host) for each in kinds} == {("eu-2", False)}


@pytest.mark.parametrize("target", ["/v/film/1/main.m3u8", "/v/film/1/720p/00001.m4s"])
def test_a_ticket_lets_an_edge_in_that_has_the_same_keys(target: str) -> None:
    clock = SystemClock()
    tickets = Tickets([("new", "n" * 32), ("old", "o" * 32)], clock)
    tokens = Tokens({"old": "o" * 32, "new": "n" * 32})

    ticket = tickets.for_target(target)

    assert tokens.opened(ticket + target, "any", clock.now(), "") == target


def test_without_keys_there_is_no_ticket() -> None:
    assert Tickets([], SystemClock()).for_target("/v/film/1/x") == ""
