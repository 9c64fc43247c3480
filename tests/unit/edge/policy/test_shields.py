"""Which edge of a region asks the origin for a key."""

from collections import Counter

from edge.policy.shields import shield_of

EDGES = ("eu-1", "eu-2", "eu-3", "eu-4")
KEYS = [f"https://cdn.test/v/{number}" for number in range(4000)]


def test_every_edge_comes_to_the_same_shield_whatever_the_order() -> None:
    assert all(shield_of(key, EDGES) == shield_of(key, reversed(EDGES)) for key in KEYS)


def test_the_keys_are_shared_out_evenly() -> None:
    shares = Counter(shield_of(key, EDGES) for key in KEYS)

    assert all(850 < shares[edge] < 1150 for edge in EDGES)


def test_an_edge_that_leaves_hands_over_its_own_keys_alone() -> None:
    left = [edge for edge in EDGES if edge != "eu-2"]

    for key in KEYS:
        before = shield_of(key, EDGES)
        assert before == "eu-2" or shield_of(key, left) == before


def test_a_lone_edge_is_its_own_shield() -> None:
    assert shield_of("any", ["eu-1"]) == "eu-1"
