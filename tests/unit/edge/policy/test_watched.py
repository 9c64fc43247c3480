"""What viewers take of each asset."""

from common.messages import Watched
from edge.policy.watched import (
    FORGOTTEN_AFTER,
    MOST_ASSETS,
    MOST_TOLD,
    NOBODY_ASKS,
    Gathered,
    Watches,
)


def test_answers_are_counted_by_asset_and_told_once() -> None:
    watches = Watches()
    watches.of("v/a/1/main.m3u8").note(10)
    watches.of("v/a/2/00001.m4s").note(200)
    watches.of("v/b/1/00001.m4s").note(50)

    assert watches.take(1.0) == (Watched("a", 2, 210), Watched("b", 1, 50))
    assert watches.take(2.0) == ()


def test_what_counts_an_asset_goes_on_counting_after_it_was_told() -> None:
    watches = Watches()
    watch = watches.of("v/a/1/1.m4s")
    watch.note(1)
    watches.take(1.0)
    watch.note(2)

    assert watches.take(2.0) == (Watched("a", 1, 2),)


def test_an_answer_that_takes_a_while_to_send_is_counted() -> None:
    watches = Watches()
    watches.take(100.0)
    watch = watches.of("v/a/1/1.m4s")
    watches.take(100.0 + FORGOTTEN_AFTER - 1)
    watches.of("v/b/1/1.m4s")
    watches.take(100.0 + FORGOTTEN_AFTER)
    watch.note(5)

    assert watches.take(100.0 + FORGOTTEN_AFTER + 1) == (Watched("a", 1, 5),)


def test_an_asset_that_is_asked_for_again_has_one_count() -> None:
    watches = Watches()
    watches.take(100.0)
    first = watches.of("v/a/1/1.m4s")
    watches.take(100.0 + FORGOTTEN_AFTER)

    assert watches.of("v/a/1/2.m4s") is first


def test_keys_that_are_no_asset_are_not_counted() -> None:
    watches = Watches()
    for key in ("", "v/", "v/a", "v//1/x", "https://host/v/a/1/x", "w/a/1/x", "v/\u00e9/1/x"):
        watches.of(key).note(1)
        assert watches.of(key) is NOBODY_ASKS
    watches.of("v/" + "a" * 65 + "/1/x").note(1)

    assert watches.take(1.0) == ()


def test_no_more_assets_are_counted_than_there_is_room_for() -> None:
    watches = Watches()
    for number in range(MOST_ASSETS):
        watches.of(f"v/{number}/1/x").note(1)

    assert watches.of("v/late/1/x") is NOBODY_ASKS

    watches.take(FORGOTTEN_AFTER)

    assert watches.of("v/late/1/x") is not NOBODY_ASKS


def test_the_assets_with_the_most_bytes_are_told() -> None:
    watches = Watches()
    for number in range(MOST_TOLD + 5):
        watches.of(f"v/{number}/1/x").note(number)
    told = watches.take(1.0)

    assert [each.bytes for each in told] == list(range(MOST_TOLD + 4, 4, -1))


def test_what_several_processes_counted_is_added_up() -> None:
    gathered = Gathered()
    gathered.add((Watched("a", 1, 10), Watched("b", 1, 100)))
    gathered.add((Watched("a", 2, 200),))

    assert gathered.take() == (Watched("a", 3, 210), Watched("b", 1, 100))
    assert gathered.take() == ()


def test_what_is_gathered_while_nobody_takes_it_stays_within_bounds() -> None:
    gathered = Gathered()
    for number in range(3 * MOST_ASSETS):
        gathered.add((Watched(str(number), 1, number),))
    gathered.add((Watched("0", 1, 10**9),))
    told = gathered.take()

    assert len(told) == MOST_TOLD
    assert told[0] == Watched("0", 2, 10**9)
    assert told[1].bytes == 2 * MOST_ASSETS - 1
