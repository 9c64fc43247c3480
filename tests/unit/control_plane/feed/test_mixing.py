"""The mix of timeline and popular: page after page it is the whole, whatever comes in between."""

import itertools
import math
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.feed.cursors import (
    LONGEST,
    CursorInvalid,
    Place,
    SearchPlace,
    at_cursor,
    cursor,
    position_at,
    position_cursor,
)
from control_plane.feed.mixing import MOST_POPULAR, POPULAR_EVERY, Position, mixed
from control_plane.feed.timelines import NEWEST, Entry, Timelines
from control_plane.metadata import After

CREATORS = ("", "x", "y", "z")
asset_names = st.text(string.ascii_lowercase, min_size=1, max_size=3)
known_assets = st.dictionaries(
    asset_names,
    st.tuples(st.integers(0, 8).map(float), st.sampled_from(CREATORS)),
    max_size=25,
)


def made(known: dict[str, tuple[float, str]]) -> Timelines:
    timelines = Timelines()
    timelines.take({name: Entry(at, name, creator) for name, (at, creator) in known.items()})
    return timelines


def page(
    timelines: Timelines,
    popular: list[str],
    follows: frozenset[str] | None,
    start: Position,
    limit: int,
    from_line: list[Entry] | None = None,
) -> tuple[list[Entry], Position | None]:
    line = (
        timelines.newest(start.before) if follows is None else timelines.of(follows, start.before)
    )
    ranked = [entry for name in popular if (entry := timelines.entry(name)) is not None]
    shown = list(itertools.islice(mixed(line, ranked, follows, start), limit + 1))
    entries = [entry for entry, _ in shown[:limit]]
    if from_line is not None:
        from_line += [entry for entry, position in shown[:limit] if position.before == entry]
    return entries, shown[limit - 1][1] if len(shown) > limit else None


@given(
    known=known_assets,
    later=st.lists(known_assets, max_size=4),
    popular=st.lists(st.lists(asset_names, max_size=10, unique=True), min_size=1, max_size=4),
    follows=st.none() | st.frozensets(st.sampled_from(CREATORS[1:]), min_size=1),
    limits=st.lists(st.integers(1, 6), min_size=1, max_size=5),
)
def test_pages_are_the_whole_without_doubles_or_holes(
    known: dict[str, tuple[float, str]],
    later: list[dict[str, tuple[float, str]]],
    popular: list[list[str]],
    follows: frozenset[str] | None,
    limits: list[int],
) -> None:
    """What is published comes at the top; what is popular changes from page to page."""
    timelines = made(known)
    popular = [[*names, *list(known)[: len(names)]] for names in popular]
    position: Position | None = Position()
    seen: list[Entry] = []
    from_line: list[Entry] = []
    for number in itertools.count():
        assert position is not None
        told = position_at(position_cursor(position))
        assert told.before[:2] == position.before[:2]
        assert (told.place, told.shown) == (position.place, position.shown)
        ranked = list(dict.fromkeys(popular[number % len(popular)]))
        start, limit = told, limits[number % len(limits)]
        entries, position = page(timelines, ranked, follows, start, limit, from_line)
        seen += entries
        if position is None:
            break
        for fresh in later[number : number + 1]:
            new = {name: entry for name, entry in fresh.items() if timelines.entry(name) is None}
            timelines.take({n: Entry(100.0 + at, n, c) for n, (at, c) in new.items()})

    ids = [entry.asset_id for entry in seen]
    assert len(ids) == len(set(ids)), "no doubles"
    line = [n for n, (_, creator) in known.items() if follows is None or creator in follows]
    assert set(line) <= set(ids), "no holes"
    assert from_line == sorted(from_line, reverse=True), "the timeline is in order"


def test_every_fourth_place_is_for_what_is_popular() -> None:
    known = {f"f{number:02}": (float(number), "x") for number in range(12)}
    known |= {f"p{number}": (50.0, "y") for number in range(2)}
    entries, position = page(made(known), ["p0", "f05", "p1"], frozenset("x"), Position(), 100)

    ids = [entry.asset_id for entry in entries]
    assert position is None
    assert ids[:8] == ["f11", "f10", "f09", "p0", "f08", "f07", "f06", "f05"]
    assert ids[8:] == ["f04", "f03", "f02", "p1", "f01", "f00"]


def test_what_is_popular_comes_alone_once_the_timeline_has_ended() -> None:
    known = {"a": (1.0, "x"), "b": (9.0, "y"), "c": (0.5, "y")}
    entries, _ = page(made(known), ["b", "c"], frozenset("x"), Position(), 10)

    assert [entry.asset_id for entry in entries] == ["a", "b", "c"]


def test_only_so_many_popular_ones_are_shown() -> None:
    popular = [f"p{number}" for number in range(MOST_POPULAR * 2)]
    timelines = made(dict.fromkeys(popular, (1.0, "y")))
    entries, position = page(timelines, popular, frozenset("x"), Position(), 1000)

    assert len(entries) == MOST_POPULAR
    assert position is None
    longest = Position(NEWEST._replace(asset_id="x" * 64), 3, tuple([2**32 - 1] * MOST_POPULAR))
    assert len(position_cursor(longest)) <= LONGEST
    assert position_at(position_cursor(longest)) == longest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAAA",
        "=",
        "*" * 10,
        "é",
        "A" * 2000,
        cursor(Place(1.0, "../x")),
        cursor(Place(1.0, "x" * 65)),
        position_cursor(Position(Entry(math.nan, "a"))),
        position_cursor(Position(place=POPULAR_EVERY)),
        position_cursor(Position(shown=tuple(range(MOST_POPULAR + 1)))),
    ],
)
def test_a_cursor_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalid, match="none that this list has given"):
        position_at(text)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_whatever_is_handed_back_is_a_position_or_is_refused(told: bytes | str) -> None:
    text = told if isinstance(told, str) else told.decode("latin-1")
    for read in (position_at, lambda text: at_cursor(text, SearchPlace)):
        try:
            read(text)
        except CursorInvalid:
            continue


@pytest.mark.parametrize(
    "after", [After(2, 0.0, "a"), After(0, math.nan, "a"), After(0, 1e300, "a")]
)
def test_a_place_where_nothing_stands_is_refused(after: After) -> None:
    with pytest.raises(CursorInvalid):
        at_cursor(cursor(Wrapped(after)), SearchPlace)


class Wrapped(msgspec.Struct, array_like=True):
    """As a place of a search is, and unchecked."""

    after: After
