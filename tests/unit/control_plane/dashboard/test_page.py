"""What the page makes of addresses and of edges."""

import re

import pytest

from common.messages import EdgeState, EdgeView
from control_plane.dashboard.jobs import ShownJobs
from control_plane.dashboard.page import environment, origin_of
from control_plane.routing import Region


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


def edges_shown(*edges: EdgeView) -> str:
    """What the page's part about ``edges`` says, without its marks."""
    page = environment().get_template("parts.html")
    text = page.render(
        regions=[(Region("eu", "Europe", 50.0, 8.0), edges)],
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
    assert ("&lt;why&gt;" in edges_shown(edge(state, reason="<why>"))) is (state != "down")


def test_an_edge_that_gets_less_than_its_share_is_shown_with_that() -> None:
    assert "25% of its share of viewers its disk fails" in edges_shown(
        edge(EdgeState.DEGRADED, 0.25, "its disk fails")
    )
    assert "share" not in edges_shown(edge(EdgeState.UP, 1.0))


def test_an_edge_that_is_down_is_shown_with_when_it_was_heard_of() -> None:
    assert "last heard of 1:00 ago" in edges_shown(edge(EdgeState.DOWN))
