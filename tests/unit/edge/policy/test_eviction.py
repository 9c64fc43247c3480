"""Who leaves a full cache, and who never does."""

from hypothesis import given
from hypothesis import strategies as st

from edge.policy.eviction import Recency


def filled(**sizes: int) -> Recency:
    recency = Recency()
    for key, size in sizes.items():
        recency.add(key, size)
    return recency


def test_the_least_recently_used_leaves_first() -> None:
    recency = filled(a=10, b=10, c=10)
    recency.touch("a")

    assert recency.victims(15) == ["b", "c"]


def test_pinned_keys_never_leave() -> None:
    recency = filled(a=10, b=10, c=10)
    recency.pin(["a", "b"])

    assert recency.victims(100) == ["c"]


def test_unpinned_keys_may_leave_again() -> None:
    recency = filled(a=10, b=10)
    recency.pin(["a"])
    recency.pin([])

    assert recency.victims(5) == ["a"]


def test_a_key_that_grows_is_counted_once() -> None:
    recency = filled(a=10)
    recency.add("a", 25)

    assert (recency.total, len(recency)) == (25, 1)


def test_unknown_keys_are_no_harm() -> None:
    recency = filled(a=10)
    recency.touch("x")
    recency.remove("x")

    assert recency.total == 10


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 50))),
    st.sets(st.sampled_from("abcdef")),
    st.integers(0, 300),
)
def test_enough_leaves_whenever_enough_can(
    added: list[tuple[str, int]], pinned: set[str], surplus: int
) -> None:
    recency = Recency()
    for key, size in added:
        recency.add(key, size)
    recency.pin(pinned)
    sizes = dict(added)
    assert recency.total == sum(sizes.values())

    victims = recency.victims(surplus)

    assert not pinned & set(victims)
    freed = sum(sizes[key] for key in victims)
    movable = sum(size for key, size in sizes.items() if key not in pinned)
    assert freed >= min(surplus, movable)
