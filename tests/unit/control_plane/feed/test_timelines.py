"""Timelines against lists that are sorted anew each time."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.feed.timelines import Entry, Timelines

names = st.text("abc", min_size=1, max_size=2)
entries = st.builds(Entry, st.sampled_from([1.0, 2.0, 3.0]), names, st.sampled_from(["", "x", "y"]))
changes = st.lists(
    st.dictionaries(names, st.none() | st.sampled_from([1.0, 2.0, 3.0]), max_size=6), max_size=6
)


def newest(known: Iterable[Entry], before: Entry | None = None) -> list[Entry]:
    older = [each for each in known if before is None or each[:2] < before[:2]]
    return sorted(older, reverse=True)


@pytest.mark.parametrize("at_once", [0, 2, 1000])
@given(changes=changes, creators=st.data(), before=entries)
def test_they_are_what_was_taken_in_newest_first(
    at_once: int, changes: list[dict[str, float | None]], creators: st.DataObject, before: Entry
) -> None:
    timelines, known = Timelines(), dict[str, Entry]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("control_plane.feed.timelines.AT_ONCE", at_once)
        for change in changes:
            told = {
                name: Entry(at, name, creators.draw(st.sampled_from(["", "x", "y"])))
                if at is not None
                else None
                for name, at in change.items()
            }
            timelines.take(told)
            known |= {name: entry for name, entry in told.items() if entry is not None}
            for name in [name for name, entry in told.items() if entry is None]:
                known.pop(name, None)

    assert len(timelines) == len(known)
    assert list(timelines.newest()) == newest(known.values())
    assert list(timelines.newest(before)) == newest(known.values(), before)
    for followed in (frozenset("x"), frozenset("xy"), frozenset({"x", "nobody"})):
        theirs = [each for each in known.values() if each.creator in followed]
        assert timelines.publishing(followed) == {each.creator for each in theirs}
        assert list(timelines.of(followed)) == newest(theirs)
        assert list(timelines.of(followed, before)) == newest(theirs, before)
    assert all(timelines.entry(name) == entry for name, entry in known.items())


def test_an_asset_of_nobody_is_in_nobodys_timeline() -> None:
    timelines = Timelines()
    timelines.take({"a": Entry(1.0, "a")})

    assert list(timelines.of(frozenset({""}))) == []
