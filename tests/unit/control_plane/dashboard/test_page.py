"""What the page makes of addresses and of edges."""

import re

import msgspec
import pytest

from common.messages import EdgeState, EdgeView
from control_plane.dashboard.fleet import WITH_FACTS, shown_regions
from control_plane.dashboard.jobs import ShownJobs
from control_plane.dashboard.page import MOST_ORIGINS, environment, origin_of, sources_of
from control_plane.routing import Region

EUROPE = Region("eu", "Europe", 50.0, 8.0)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://eu-1.example.org", "https://eu-1.example.org"),
        ("https://eu-1.example.org:8443/base", "https://eu-1.example.org:8443"),
        ("http://[2001:db8::1]:80/", "http://[2001:db8::1]:80"),
        ("https://host;script-src", None),
        ("https://host,other", None),
        ("https://'self'", None),
        ("https://*", None),
        ("https://user@host", None),
    ],
)
def test_origins(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


def test_a_policy_names_each_edge_and_of_very_many_only_how_they_are_reached() -> None:
    few = [f"https://eu-{number}.example.org/x" for number in range(MOST_ORIGINS)]

    assert sources_of(few).split() == sorted(url.removesuffix("/x") for url in few)
    assert sources_of([*few, "http://us-1.example.org", "https://*"]) == "http: https:"


def edges_shown(*edges: EdgeView) -> str:
    """What the page's part about ``edges`` says, without its marks."""
    page = environment().get_template("parts.html")
    text = page.render(
        regions=shown_regions([EUROPE], edges),
        assets=[],
        asset_count=0,
        purges=[],
        removals=[],
        jobs=ShownJobs(),
        jobs_error=None,
        away={},
        now=1000.0,
        has_player=True,
        uploads_url=None,
    )
    return " ".join(re.sub("<[^>]*>", " ", text).split())


def edge(state: EdgeState, share: float = 0.0, reason: str = "") -> EdgeView:
    url = "https://eu-1.example.org"
    return EdgeView(
        "eu-1", "eu", url, state, 940.0, 3, 10**10, 10**9, 100, 90, 10**9, 0, share, reason
    )


@pytest.mark.parametrize("state", EdgeState)
def test_edges_are_shown_in_every_state_with_the_reason(state: EdgeState) -> None:
    assert f"{state} eu-1 3 packages" in edges_shown(edge(state, reason="<why>"))
    assert "&lt;why&gt;" in edges_shown(edge(state, reason="<why>"))


def test_a_few_edges_are_shown_in_the_order_of_their_numbers() -> None:
    names = ["eu-10", "eu-2", "b", "10", "9"]
    edges = [msgspec.structs.replace(edge(EdgeState.UP), edge_id=name) for name in names]
    (shown,) = shown_regions([EUROPE], edges)

    assert [each.edge_id for each in shown.edges] == ["9", "10", "b", "eu-2", "eu-10"]
    assert (shown.count, shown.others) == ("", ())


def test_of_many_edges_those_that_are_not_well_are_shown_first_and_the_rest_in_short() -> None:
    states = [EdgeState.UP] * 30 + [EdgeState.DEGRADED, EdgeState.DOWN, EdgeState.DRAINING]
    edges = [
        msgspec.structs.replace(edge(state), edge_id=f"eu-{number}")
        for number, state in enumerate(states, 1)
    ]
    (shown,) = shown_regions([EUROPE], edges)
    text = edges_shown(*edges)

    assert [each.edge_id for each in shown.edges[:4]] == ["eu-32", "eu-31", "eu-33", "eu-1"]
    assert len(shown.edges) == WITH_FACTS
    ((state, others),) = shown.others
    assert state is EdgeState.UP
    assert len({each.edge_id for each in (*shown.edges, *others)}) == len(edges)
    assert "33 edges: 1 down, 1 degraded, 1 draining, 30 up" in text
    assert "eu-29 eu-30" in text


def test_an_edge_that_gets_less_than_its_share_is_shown_with_that() -> None:
    assert "25% of its share of viewers its disk fails" in edges_shown(
        edge(EdgeState.DEGRADED, 0.25, "its disk fails")
    )
    assert "share" not in edges_shown(edge(EdgeState.UP, 1.0))


def test_an_edge_that_is_down_is_shown_with_when_it_was_heard_of() -> None:
    silent = edges_shown(edge(EdgeState.DOWN, reason="not heard of for 2.8 s"))

    assert "1.0 GB sent 0% busy, 0 B/s last heard of 1:00 ago" in silent
    assert "no monitor reaches it last heard of 1:00 ago" in edges_shown(
        edge(EdgeState.DOWN, reason="no monitor reaches it")
    )
