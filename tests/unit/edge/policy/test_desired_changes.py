"""Changes of desired state that are joined."""

from hypothesis import given
from hypothesis import strategies as st

from common.messages import DesiredChange, DesiredPackage, PackageName
from edge.policy.desired_changes import joined


def package(asset: str, *, priority: float = 0.0) -> DesiredPackage:
    return DesiredPackage(asset, "1", f"v/{asset}/1/manifest.json", "ab" * 32, 1, False, priority)


def change(since: int, revision: int, *told: DesiredPackage, dropped: str = "") -> DesiredChange:
    names = tuple(PackageName(asset, "1") for asset in dropped)
    return DesiredChange("eu-1", since, revision, told, names)


def test_one_change_after_another_is_one_change() -> None:
    first = change(1, 2, package("a"), package("b"), dropped="c")
    second = change(2, 3, package("b", priority=0.5), package("c"), dropped="a")

    assert joined(first, second) == change(
        1, 3, package("b", priority=0.5), package("c"), dropped="a"
    )


def test_the_whole_takes_the_place_of_what_was_before() -> None:
    whole = change(0, 3, package("c"))

    assert joined(change(1, 2, package("a")), whole) == whole


def test_changes_of_the_whole_are_the_whole() -> None:
    whole = change(0, 2, package("a"), package("b"))

    assert joined(whole, change(2, 3, package("c"), dropped="b")) == change(
        0, 3, package("a"), package("c")
    )


changes = st.lists(
    st.tuples(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd"))), max_size=6
)


@given(st.sets(st.sampled_from("abcd")), changes)
def test_joined_changes_come_to_the_same_as_each_in_its_turn(
    held: set[str], steps: list[tuple[set[str], set[str]]]
) -> None:
    each_in_turn = set(held)
    waiting = change(1, 1)
    for number, (told, gone) in enumerate(steps, start=1):
        dropped = gone - told
        each_in_turn = (each_in_turn - dropped) | told
        waiting = joined(
            waiting,
            change(number, number + 1, *map(package, sorted(told)), dropped="".join(dropped)),
        )

    less = {name.asset_id for name in waiting.dropped}
    assert (held - less) | {each.asset_id for each in waiting.packages} == each_in_turn
    assert waiting.since == 1
    assert waiting.revision == len(steps) + 1
