"""How ``nearcast edges`` prints a fleet."""

import re
import time

import msgspec

from common.messages import EdgeState, EdgeView
from deploy.edges import table

UP = EdgeView(
    "eu-1", "eu", "https://e.example.org", EdgeState.UP, 940.0, 3, 10**10, 10**9, 100, 90, 10**9, 0
)


def test_edges_are_in_the_order_of_the_numbers_in_their_names() -> None:
    names = [("us", "us-1"), ("eu", "eu-10"), ("eu", "eu-9"), ("eu", "eu-1")]
    edges = [msgspec.structs.replace(UP, region=region, edge_id=name) for region, name in names]

    lines = table(edges)

    assert [line.split()[0] for line in lines] == ["EDGE", "eu-1", "eu-9", "eu-10", "us-1"]


def test_an_edge_that_is_silent_is_told_with_when_it_was_heard_of() -> None:
    heard_at = time.time() - 3600
    silent = msgspec.structs.replace(
        UP, state=EdgeState.DOWN, heard_at=heard_at, reason="not heard of for 2.8 s"
    )
    cut_off = msgspec.structs.replace(silent, reason="no control plane reaches it")

    _, first, second = table([silent, cut_off])

    assert re.search(r"  last heard of 1:00:0\d ago$", first)
    assert second.endswith("  no control plane reaches it")
