"""What announcements, rollbacks and removals come to."""

import random

from hypothesis import given
from hypothesis import strategies as st

from control_plane.catalog import Asset, History, Package, Pin, Tombstone
from tests.unit.control_plane.records import announcement


def package(version: str, objects_of: str | None = None, asset: str = "a") -> Package:
    return Package(announcement(asset, version, objects_of=objects_of), 1.0)


def pin(version: str, newest: str, number: int = 1) -> Pin:
    return Pin("a", version, newest, "operator", 1.0, number)


def removed(*versions: str, name: str = "r") -> Tombstone:
    return Tombstone(name, "a", versions)


def asset_of(*packages: Package, **told: list[Pin] | list[Tombstone]) -> Asset | None:
    return History.of(packages, **told).assets.get("a")  # type: ignore[arg-type]  # each by its name


def current(*packages: Package, **told: list[Pin] | list[Tombstone]) -> str | None:
    asset = asset_of(*packages, **told)
    return asset.current.announcement.version if asset else None


def test_the_newest_version_is_current() -> None:
    assert current(package("2"), package("3"), package("1")) == "3"


def test_a_pin_holds_until_a_newer_version_is_announced() -> None:
    known = [package("1"), package("3")]

    assert current(*known, pins=[pin("1", "3")]) == "1"
    assert current(*known, package("2"), pins=[pin("1", "3")]) == "1"
    assert current(*known, package("4"), pins=[pin("1", "3")]) == "4"


def test_a_pin_outlives_the_version_that_was_on_its_way_when_it_was_set() -> None:
    first = package("2", objects_of="3")
    asset = asset_of(package("1"), first)

    assert asset is not None
    assert asset.newest == "3"
    assert current(package("1"), first, package("3"), pins=[pin("1", asset.newest)]) == "1"


def test_a_pin_goes_forward_too() -> None:
    assert current(package("1"), package("2"), pins=[pin("2", "2")]) == "2"


def test_a_pinned_version_that_is_removed_leaves_the_newest() -> None:
    known = [package("1"), package("2"), package("3")]

    assert current(*known, pins=[pin("1", "3")], tombstones=[removed("1")]) == "3"


def test_what_is_removed_never_comes_back() -> None:
    assert current(package("1"), package("2"), tombstones=[removed("2")]) == "1"
    assert current(package("1"), tombstones=[removed("1")]) is None
    assert current(package("2"), package("3"), tombstones=[removed("2", "1")]) == "3"


def test_what_has_its_objects_in_a_removed_version_is_gone_with_it() -> None:
    first, last = package("1", objects_of="2"), package("2")

    assert current(first, last, tombstones=[removed("2")]) is None
    assert current(first, last, tombstones=[removed("1")]) == "2"


def test_a_removal_takes_a_version_and_what_has_its_objects() -> None:
    asset = asset_of(package("0"), package("1", objects_of="2"), package("2"))

    assert asset is not None
    assert asset.going_with("2") == ("1", "2")
    assert asset.going_with("1") == ("1",)
    assert asset.going_with("9") == ()
    assert asset.going_with(None) == ("0", "1", "2")


def test_the_removal_of_an_asset_takes_the_version_that_is_on_its_way() -> None:
    asset = asset_of(package("1", objects_of="2"))

    assert asset is not None
    assert asset.going_with(None) == ("1", "2")


def test_versions_are_listed_with_the_removals_that_took_them() -> None:
    history = History.of(
        [package("1", objects_of="2"), package("2"), package("3"), package("9", asset="b")],
        tombstones=[removed("2", name="r7")],
    )

    listed = [(told.announcement.version, taken) for told, taken in history.versions("a")]
    assert listed == [("3", None), ("2", "r7"), ("1", "r7")]


versions = st.integers(0, 9).map(str)
Told = Package | Pin | Tombstone
events = st.lists(
    st.one_of(
        st.builds(package, versions),
        st.builds(
            lambda name, version: removed(version, name=f"r{name}{version}"), versions, versions
        ),
        st.builds(lambda version, number: pin(version, "9", number), versions, st.integers(1, 9)),
    ),
    max_size=12,
    unique_by=lambda told: told.number if isinstance(told, Pin) else id(told),
)


def take(history: History, told: Told) -> set[str]:
    match told:
        case Package():
            return history.take([told])
        case Pin():
            return history.take(pins=[told])
        case Tombstone():
            return history.take(tombstones=[told])


@given(events, st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repetition_of_what_is_told_do_not_matter(
    told: list[Told], chance: random.Random, times: int
) -> None:
    shuffled = told * times
    chance.shuffle(shuffled)
    one, other = History(), History()
    for each in told:
        take(one, each)
    for each in shuffled:
        take(other, each)

    assert one.assets == other.assets
    assert one.counts == other.counts


@given(events)
def test_what_is_told_to_be_changed_is_what_changed(told: list[Told]) -> None:
    history = History()
    for each in told:
        before = dict(history.assets)
        changed = take(history, each)
        assert changed == {"a"} if history.assets != before else changed == set()


def test_of_two_pins_the_one_with_the_higher_number_counts() -> None:
    older, newer = pin("1", "3", 1), pin("2", "3", 2)

    for told in ([older, newer], [newer, older]):
        history = History.of(pins=told)
        assert history.pin("a") == newer
        assert history.counts.pins == 2


def test_the_newest_assets_are_those_whose_current_version_came_last() -> None:
    def at(asset: str, version: str, time: float) -> Package:
        return Package(announcement(asset, version), time)

    history = History.of([at("a", "1", 1.0), at("c", "1", 3.0)])
    history.take([at("b", "1", 2.0)])
    assert [asset.asset_id for asset in history.newest(9)] == ["c", "b", "a"]
    history.take([at("a", "2", 4.0)])
    assert [asset.asset_id for asset in history.newest(2)] == ["a", "c"]


def test_a_version_is_to_come_while_only_the_one_with_its_objects_is_there() -> None:
    asset = asset_of(package("1"), package("2", objects_of="3"))
    assert asset is not None
    assert (asset.coming("2"), asset.coming("1"), asset.coming("9")) == ("3", None, None)
    asset = asset_of(package("2", objects_of="3"), package("3"))
    assert asset is not None
    assert asset.coming("2") is None
