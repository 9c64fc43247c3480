"""Which packages changed since a revision."""

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from common.messages import PackageName
from edge.policy.held_changes import MOST_DROPPED, Changed, HeldChanges

A, B, C = (PackageName(asset, "1") for asset in "abc")


def test_what_changed_is_told_once_and_in_the_order_of_the_last_change() -> None:
    changes = HeldChanges("run")
    changes.hold(A)
    before = changes.revision
    changes.hold(B)
    changes.hold(C)
    changes.hold(B)

    assert changes.since(before) == Changed((C, B), ())
    assert changes.since(changes.revision) == Changed((), ())


def test_what_was_dropped_is_told_until_it_is_held_again() -> None:
    changes = HeldChanges("run")
    changes.hold(A)
    before = changes.revision
    changes.drop(A)

    assert changes.since(before) == Changed((), (A,))

    changes.hold(A)

    assert changes.since(before) == Changed((A,), ())


def test_revisions_of_other_runs_and_what_is_none_are_not_known() -> None:
    changes = HeldChanges("run")
    changes.hold(A)
    strange = ["", "run", "run-", "other-0", "run-2", "run--1", "run-\N{SUPERSCRIPT TWO}", "run-x"]

    assert [changes.since(revision) for revision in strange] == [None] * len(strange)


def test_who_knows_what_was_long_ago_is_told_all() -> None:
    changes = HeldChanges("run")
    first = changes.revision
    for number in range(MOST_DROPPED):
        changes.drop(PackageName("many", str(number)))

    assert changes.since(first) is not None

    second = changes.revision
    changes.drop(A)

    assert changes.since(first) is None
    assert changes.since(second) == Changed((), (A,))


@given(
    st.lists(st.tuples(st.sampled_from(["hold", "drop"]), st.sampled_from("abcd"))),
    st.integers(0, 20),
)
def test_a_copy_that_takes_the_changes_is_the_same(
    steps: list[tuple[Literal["hold", "drop"], str]], copied_after: int
) -> None:
    changes = HeldChanges("run")
    held: set[PackageName] = set()
    copy, known = set(held), changes.revision
    for number, (step, asset) in enumerate(steps):
        name = PackageName(asset, "1")
        if step == "hold":
            held.add(name)
            changes.hold(name)
        else:
            held.discard(name)
            changes.drop(name)
        if number == copied_after:
            copy, known = set(held), changes.revision
    changed = changes.since(known)

    assert changed is not None
    assert copy.difference(changed.dropped).union(changed.held) == held
