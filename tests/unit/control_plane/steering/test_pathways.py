"""Which edges can be clones of a pathway."""

import pytest

from control_plane.routing import EdgeFacts
from control_plane.steering.pathways import clonable, host


def edge(name: str, url: str) -> EdgeFacts:
    return EdgeFacts(name, "eu", url, holds=True)


def test_edges_at_another_port_or_scheme_than_the_first_are_none() -> None:
    edges = [
        edge("a", "https://a.example.org"),
        edge("b", "https://b.example.org:443/"),
        edge("c", "https://c.example.org:8443"),
        edge("d", "http://d.example.org:443"),
        edge("here", "https://e.example.org"),
    ]

    assert [one.edge_id for one in clonable(edges)] == ["a", "b"]


@pytest.mark.parametrize("url", ["https://[::1", "https://a:b:c", "https://a:99999", "https:///x"])
def test_what_is_no_url_is_none_and_harms_no_other(url: str) -> None:
    edges = [edge("bad", url), edge("good", "https://a.example.org")]

    assert [one.edge_id for one in clonable(edges)] == ["good"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://A.example.org:8443/x", "a.example.org"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]"),
    ],
)
def test_a_host_has_no_port(url: str, expected: str) -> None:
    assert host(edge("a", url)) == expected
