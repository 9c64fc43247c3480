"""Which stored responses a purge takes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.policy.purging import Purge, Purges, Scope, after_purges
from edge.policy.stored import Stored

KEY = "http://cdn.test/a/b"


def stored(sequence: int = 0, tags: tuple[str, ...] = ("red", "blue")) -> Stored:
    return Stored(
        number=1,
        status=200,
        reason="OK",
        fields=(),
        selecting=(),
        size=5,
        held=((0, 5),),
        received_at=1000.0,
        age=0.0,
        lifetime=60.0,
        stale_while_revalidate=0.0,
        stale_if_error=None,
        validate_always=False,
        never_stale=False,
        tags=tags,
        sequence=sequence,
    )


def purge(sequence: int, scope: Scope, value: str = "", *, soft: bool = False) -> Purge:
    return Purge(sequence, scope, value, soft, 1000.0)


TAKES = [
    (Scope.URL, KEY, True),
    (Scope.URL, KEY + "c", False),
    (Scope.URL, KEY[:-1], False),
    (Scope.URL, "", False),
    (Scope.PREFIX, KEY, True),
    (Scope.PREFIX, "http://cdn.test/a/", True),
    (Scope.PREFIX, "http://cdn.test/a/c", False),
    (Scope.PREFIX, "https://cdn.test/", False),
    (Scope.PREFIX, "cdn.test", False),
    (Scope.TAG, "red", True),
    (Scope.TAG, "blue", True),
    (Scope.TAG, "Red", False),
    (Scope.TAG, "re", False),
    (Scope.TAG, "red blue", False),
    (Scope.EVERYTHING, "", True),
]


@pytest.mark.parametrize(("scope", "value", "takes"), TAKES)
def test_a_purge_takes_what_it_names(scope: Scope, value: str, takes: bool) -> None:
    left = after_purges(KEY, stored(), Purges([purge(1, scope, value)]))

    assert (left is None) is takes


@pytest.mark.parametrize(("scope", "value", "takes"), TAKES)
def test_a_soft_purge_makes_stale_what_it_names(scope: Scope, value: str, takes: bool) -> None:
    left = after_purges(KEY, stored(), Purges([purge(1, scope, value, soft=True)]))

    assert left is not None
    assert (left.freshness_at(1000.0) <= 0) is takes


@pytest.mark.parametrize(("sequence", "takes"), [(0, True), (4, True), (5, False), (6, False)])
def test_a_purge_takes_only_what_was_asked_for_before_it(sequence: int, takes: bool) -> None:
    purges = Purges([purge(5, Scope.EVERYTHING)])

    assert (purges.taking(KEY, stored(sequence)) is not None) is takes


def test_what_came_between_two_purges_is_taken_by_the_second_alone() -> None:
    purges = Purges([purge(1, Scope.URL, KEY), purge(3, Scope.TAG, "red", soft=True)])

    assert purges.taking(KEY, stored(2)) == purge(3, Scope.TAG, "red", soft=True)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_hard_purge_outranks_a_soft_one_whichever_came_first(order: tuple[int, int]) -> None:
    hard, soft = order
    purges = Purges(
        [purge(hard, Scope.TAG, "red"), purge(soft, Scope.EVERYTHING, soft=True)],
    )

    assert after_purges(KEY, stored(), purges) is None


def test_of_purges_under_one_name_each_counts() -> None:
    purges = Purges([purge(1, Scope.URL, KEY), purge(2, Scope.URL, KEY, soft=True)])

    assert after_purges(KEY, stored(), purges) is None


def test_what_no_purge_takes_stays_as_it_is() -> None:
    before = stored()

    assert after_purges(KEY, before, Purges([purge(1, Scope.TAG, "green")])) is before


def test_without_purges_nothing_is_asked() -> None:
    assert not Purges()
    assert Purges().taking(KEY, stored()) is None


def test_the_last_number_is_the_highest_whatever_the_order() -> None:
    assert Purges([purge(7, Scope.TAG, "a"), purge(3, Scope.TAG, "b")]).last == 7


@pytest.mark.parametrize(("scope", "value", "takes"), TAKES)
def test_what_a_purge_may_name_is_told_without_knowing_its_tags(
    scope: Scope, value: str, takes: bool
) -> None:
    assert Purges([purge(1, scope, value)]).may_name(KEY) is (takes or scope is Scope.TAG)
    assert not Purges().may_name(KEY)


def test_what_has_no_tags_is_not_taken_by_any() -> None:
    purges = Purges([purge(1, Scope.TAG, "")])

    assert purges.taking(KEY, stored(tags=())) is None


def bar(sequence: int, prefix: str) -> Purge:
    return Purge(sequence, Scope.PREFIX, prefix, soft=False, at=1000.0, bars=True)


BARRED = [
    ("v/a/1/main.m3u8", True),
    ("v/a/1/x/00001.m4s?y=/", True),
    ("v/a/1", False),
    ("v/a/10/main.m3u8", False),
    ("v/a/2/main.m3u8", False),
    ("x/v/a/1/main.m3u8", False),
    ("", False),
]


@pytest.mark.parametrize(("key", "barred"), BARRED)
@pytest.mark.parametrize("sequence", [0, 5, 99])
def test_a_bar_takes_what_is_under_it_whenever_it_was_asked_for(
    key: str, barred: bool, sequence: int
) -> None:
    purges = Purges([bar(5, "v/a/1"), bar(6, "v/b/7"), purge(7, Scope.TAG, "other")])

    left = after_purges(key, stored(sequence), purges)

    assert (purges.bar(key) is not None) is (left is None) is barred


def test_a_note_of_an_older_release_does_not_bar() -> None:
    older = msgspec.msgpack.encode([3, "prefix", "v/a/1/", False, 1000.0])

    assert not msgspec.msgpack.decode(older, type=Purge).bars


KEYS = st.text(alphabet="ab/", max_size=6)
MADE = st.lists(st.tuples(st.sampled_from(list(Scope)), KEYS, st.booleans()), max_size=12).flatmap(
    st.permutations
)


def plainly(key: str, one: Stored, purges: list[Purge]) -> Purge | None:
    """What takes ``one``, found by looking at all purges."""

    def names(each: Purge) -> bool:
        match each.scope:
            case Scope.URL:
                return key == each.value
            case Scope.TAG:
                return each.value in one.tags
            case Scope.PREFIX:
                return key.startswith(each.value)
            case Scope.EVERYTHING:
                return True

    found = [each for each in purges if names(each) and each.sequence > one.sequence]
    return max(found, key=lambda each: (not each.soft, each.sequence), default=None)


@given(made=MADE, key=KEYS, sequence=st.integers(0, 12), tags=st.lists(KEYS, max_size=3))
def test_looking_names_up_finds_what_looking_at_all_purges_does(
    made: list[tuple[Scope, str, bool]], key: str, sequence: int, tags: list[str]
) -> None:
    purges = [
        purge(number, scope, "" if scope is Scope.EVERYTHING else value, soft=soft)
        for number, (scope, value, soft) in enumerate(made, 1)
    ]
    one = stored(sequence, tuple(tags))
    together, one_by_one = Purges(purges), Purges()
    for each in reversed(purges):
        one_by_one.add(each)

    assert together.taking(key, one) == plainly(key, one, purges)
    assert one_by_one.taking(key, one) == plainly(key, one, purges)
