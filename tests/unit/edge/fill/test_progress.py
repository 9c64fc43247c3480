"""How much of a package is held, and what of it comes next."""

import pytest

from common.messages import DesiredPackage, ManifestObject, PackageManifest
from edge.fill.progress import FIRST_PAUSE, LONGEST_PAUSE, Progress
from edge.store import DesiredRow

PACKAGE = DesiredPackage("a", "1", "v/a/1/manifest.json", "ab" * 32, 100)
ITEMS = {
    name: ManifestObject(f"v/a/1/{name}", size, "cd" * 32, "video/mp4")
    for name, size in (("main.m3u8", 10), ("0.m4s", 100), ("1.m4s", 200))
}
MANIFEST = PackageManifest("a", "1", "v/a/1/main.m3u8", None, tuple(ITEMS.values()))


def learnt(*missing: str) -> Progress:
    part = Progress(DesiredRow(PACKAGE))
    part.learn(MANIFEST, {ITEMS[name].key: ITEMS[name] for name in missing})
    return part


def test_before_the_manifest_is_there_that_alone_is_fetched_and_nothing_is_known() -> None:
    part = Progress(DesiredRow(PACKAGE))

    assert (part.held, part.pending, part.whole) == (None, (1, 0), False)
    assert part.take(0.0) == part.manifest
    assert (part.take(0.0), part.ready_at) == (None, None)
    part.give_back(part.manifest)
    assert part.take(0.0) == part.manifest


def test_what_is_missing_comes_in_its_order_and_each_once() -> None:
    part = learnt(*ITEMS)

    assert [part.take(0.0) for _ in range(4)] == [*ITEMS.values(), None]
    assert part.ready_at is None


def test_what_came_counts_as_held() -> None:
    part = learnt(*ITEMS)
    for name, held, size in (("0.m4s", 1, 100), ("main.m3u8", 2, 110), ("1.m4s", 3, 310)):
        part.got(ITEMS[name])
        told = part.held
        assert told is not None
        assert (told.objects_held, told.bytes_held) == (held, size)
        assert (told.objects_total, told.bytes_total) == (3, 310)

    assert part.whole
    assert part.pending == (0, 0)


def test_what_failed_waits_while_the_rest_goes_on() -> None:
    part = learnt(*ITEMS)
    first = part.take(0.0)
    assert first is not None

    assert part.failed(first, 0.0) == FIRST_PAUSE
    assert part.ready_at == 0.0
    assert [part.take(0.0), part.take(0.0)] == [ITEMS["0.m4s"], ITEMS["1.m4s"]]
    assert (part.take(0.0), part.ready_at) == (None, FIRST_PAUSE)
    assert part.take(FIRST_PAUSE) == first


def test_pauses_grow_with_each_trial_and_not_with_what_failed_meanwhile() -> None:
    part, now, pauses = learnt("0.m4s", "1.m4s"), 0.0, []
    for _ in range(12):
        items = [part.take(now), part.take(now)]
        pauses.append([part.failed(item, now) for item in items if item is not None])
        assert pauses[-1][0] == pauses[-1][1]
        now += pauses[-1][0]

    assert [pause for pause, _ in pauses[:3]] == pytest.approx(
        [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    )
    assert pauses[-1][0] == pytest.approx(LONGEST_PAUSE)


def test_what_the_last_run_knew_to_be_whole_is_so_until_somebody_looks() -> None:
    part = Progress(DesiredRow(PACKAGE, 3, 310))
    assert part.whole
    part.forget()

    assert (part.whole, part.held) == (False, None)
    assert part.take(0.0) == part.manifest


def test_what_came_of_a_package_that_was_looked_at_meanwhile_is_not_fetched_twice() -> None:
    part = learnt("0.m4s")
    item = part.take(0.0)
    assert item is not None
    part.learn(MANIFEST, {})
    part.got(item)

    assert part.whole
    assert part.pending == (0, 0)
