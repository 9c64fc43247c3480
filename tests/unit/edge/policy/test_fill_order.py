"""What an edge fetches first."""

from random import Random

import pytest

from common.messages import DesiredPackage, ManifestObject, PackageName
from edge.policy.fill_order import FillQueue, object_order, rank


def item(name: str, size: int = 10) -> ManifestObject:
    return ManifestObject(f"v/a/1/{name}", size, "ab" * 32, "video/mp4")


def test_playlists_come_first_then_init_segments_then_small_media() -> None:
    names = ["x/1.m4s", "x/init.mp4", "main.m3u8", "poster.jpg"]
    ordered = object_order([*map(item, names), item("y/0.m4s", 5)])

    assert [each.key.removeprefix("v/a/1/") for each in ordered] == [
        "main.m3u8",
        "poster.jpg",
        "x/init.mp4",
        "y/0.m4s",
        "x/1.m4s",
    ]


def package(version: str, *, urgent: bool = False, priority: float = 0.0) -> DesiredPackage:
    return DesiredPackage("a", version, "v/m", "ab" * 32, 1, urgent=urgent, priority=priority)


def turns(queue: FillQueue, now: float = 0.0, *, urgent_only: bool = False) -> list[str]:
    """The versions in the order of their turns; each is done at its turn."""
    order: list[str] = []
    while (name := queue.first(now, urgent_only=urgent_only)) is not None:
        order.append(name.version)
        queue.remove(name)
    return order


def test_what_is_urgent_comes_first_the_newest_version_before_others() -> None:
    given = [
        package("2"),
        package("12", urgent=True),
        package("3", priority=0.5),
        package("1", urgent=True, priority=0.9),
        package("9"),
        package("125", urgent=True),
    ]
    queue = FillQueue()
    for each in given:
        queue.put(each)

    assert [each.version for each in sorted(given, key=rank)] == ["125", "12", "1", "3", "9", "2"]
    assert turns(queue) == ["125", "12", "1", "3", "9", "2"]


def test_only_what_is_urgent_has_a_turn_when_that_is_asked_for() -> None:
    queue = FillQueue()
    for each in (package("1"), package("2", urgent=True), package("3", priority=1.0)):
        queue.put(each)

    assert turns(queue, urgent_only=True) == ["2"]
    assert turns(queue) == ["3", "1"]


def test_what_has_to_wait_has_its_turn_when_its_time_comes() -> None:
    queue = FillQueue()
    queue.put(package("1", urgent=True), at=10.0)
    queue.put(package("2"))

    assert queue.next_at() == 10.0
    assert queue.first(9.9, urgent_only=False) == PackageName("a", "2")
    assert turns(queue, 10.0) == ["1", "2"]
    assert queue.next_at() is None


def test_what_is_told_anew_counts_as_it_was_told_last() -> None:
    queue = FillQueue()
    queue.put(package("1", urgent=True))
    queue.put(package("2", priority=0.5))
    queue.put(package("1"), at=5.0)

    assert turns(queue, 1.0) == ["2"]
    assert len(queue) == 1
    queue.remove(PackageName("a", "1"))
    assert queue.next_at() is None
    assert turns(queue, 9.0) == []


@pytest.mark.parametrize("seed", range(5))
def test_turns_are_in_order_whatever_was_put_in_taken_out_and_put_off(seed: int) -> None:
    chance = Random(seed)
    queue = FillQueue()
    known: dict[str, tuple[DesiredPackage, float]] = {}
    for step in range(3000):
        version = str(chance.randrange(60))
        if chance.random() < 0.3:
            queue.remove(PackageName("a", version))
            known.pop(version, None)
        else:
            urgent, priority = chance.random() < 0.5, chance.randrange(4) / 4
            at = float(step + chance.randrange(50)) if chance.random() < 0.5 else 0.0
            known[version] = (package(version, urgent=urgent, priority=priority), at)
            queue.put(*known[version])
        urgent_only = chance.random() < 0.5
        ready = [
            each for each, at in known.values() if at <= step and (each.urgent or not urgent_only)
        ]
        best = min(map(rank, ready), default=None)
        assert queue.first(step, urgent_only=urgent_only) == (best[2] if best else None)
        assert len(queue) == len(known)
