"""What leaves a full cache, and what never does."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from edge.policy.eviction import Eviction, note_use

BUDGET = 1000
EIGHTH = BUDGET // 8
SIZE = 10
"""Bytes of an object that nobody would call large in a budget of 1000."""


class Store:
    """Drives an ``Eviction`` as the edge's store does; objects are named by their fingerprint."""

    def __init__(self) -> None:
        self.uses = bytearray(1 << 12)
        self.eviction = Eviction(BUDGET, self.uses)
        self.pinned: set[int] = set()
        self.numbers: dict[int, int] = {}
        self._last = 0

    def holds(self, fingerprint: int) -> bool:
        return self.numbers.get(fingerprint, 0) in self.eviction

    def pin(self, fingerprint: int) -> None:
        self.pinned.add(self.numbers[fingerprint])

    def add(self, fingerprint: int, size: int = SIZE, *, kept: bool = False) -> None:
        self._last += 1
        self.numbers[fingerprint] = self._last
        self.eviction.add(self._last, size, fingerprint, kept=kept)

    def use(self, fingerprint: int) -> None:
        note_use(self.uses, self.numbers[fingerprint])

    def evict(self, surplus: int) -> set[int]:
        gone = set(self.eviction.victims(surplus, self.pinned.__contains__))
        return {name for name, number in self.numbers.items() if number in gone}

    def request(self, fingerprint: int, size: int = SIZE) -> None:
        if self.holds(fingerprint):
            self.use(fingerprint)
        elif self.eviction.admits(size, fingerprint):
            self.evict(self.eviction.total + size - BUDGET)
            self.add(fingerprint, size)

    def scan(self, count: int, first: int = 1_000_000) -> None:
        for fingerprint in range(first, first + count):
            self.request(fingerprint)


def full() -> Store:
    """A store without room, of objects that were asked for once."""
    store = Store()
    store.scan(BUDGET // SIZE)
    return store


# What leaves first.


def test_what_was_asked_for_once_leaves_before_what_was_asked_for_again() -> None:
    store = Store()
    for name in range(BUDGET // SIZE):
        store.request(name)
    store.request(0)

    assert store.evict(2 * SIZE) == {1, 2}


def test_what_was_used_while_it_was_new_outlives_a_scan_that_is_longer_than_the_cache() -> None:
    store = Store()
    store.request(1)
    store.request(1)

    store.scan(10 * BUDGET // SIZE)

    assert store.holds(1)


def test_what_was_not_used_while_it_was_new_does_not_outlive_a_scan() -> None:
    store = Store()
    store.request(1)

    store.scan(10 * BUDGET // SIZE)

    assert not store.holds(1)


def test_new_objects_are_spared_while_they_are_few() -> None:
    store = Store()
    for name in range(60):
        store.add(name, kept=True)
    store.add(100)

    assert store.evict(SIZE) == {0}


def test_what_was_removed_takes_none_of_the_share_of_new_objects() -> None:
    store = Store()
    store.add(0, kept=True)
    for name in range(1, 60):
        store.add(name)
        store.eviction.remove(store.numbers[name])
    store.add(100)

    assert store.evict(SIZE) == {0}


def test_what_moved_up_takes_none_of_the_share_of_new_objects() -> None:
    store = Store()
    for name in range(60):
        store.add(name)
        store.use(name)
    store.evict(1)
    store.add(100)
    store.evict(30 * SIZE)

    assert store.holds(100)


def test_the_use_that_moved_an_object_up_buys_it_no_turn_there() -> None:
    store = Store()
    store.add(1, kept=True)
    store.add(2, BUDGET // 2)
    store.use(2)
    store.evict(SIZE)
    store.add(3, kept=True)

    assert store.evict(SIZE) == {2}


def test_an_object_inherits_no_uses_from_one_that_had_its_counter() -> None:
    uses = bytearray(8)
    eviction = Eviction(3 * SIZE, uses)
    note_use(uses, 1)
    for number in (9, 10, 11):
        eviction.add(number, SIZE, number)

    assert eviction.victims(SIZE, lambda _: False) == [9]


def test_scans_do_not_flush_what_is_used_often() -> None:
    store = Store()
    often = range(60)
    for name in (*often, *often):
        store.request(name)

    for turn in range(20):
        store.scan(BUDGET // SIZE, first=(turn + 1) * 1_000_000)
        for name in often:
            store.use(name)

    assert all(store.holds(name) for name in often)


def test_what_is_fetched_again_soon_after_it_left_outlives_a_scan() -> None:
    store = Store()
    store.request(1)
    store.scan(BUDGET // SIZE)
    assert not store.holds(1)

    store.request(1)
    store.scan(10 * BUDGET // SIZE, first=2_000_000)

    assert store.holds(1)


def test_what_is_kept_outlives_a_scan() -> None:
    store = Store()
    store.add(1, kept=True)

    store.scan(10 * BUDGET // SIZE)

    assert store.holds(1)


def test_what_was_kept_and_is_used_no_more_makes_way_for_what_is() -> None:
    store = Store()
    for name in range(BUDGET // SIZE):
        store.add(name, kept=True)

    for name in (*range(1000, 1100), *range(1000, 1100)) * 3:
        store.request(name)

    assert not any(store.holds(name) for name in range(BUDGET // SIZE))


def test_of_what_a_restart_loaded_the_used_stays_another_turn() -> None:
    store = Store()
    for name in range(4):
        store.add(name, kept=True)
    store.use(0)
    store.use(2)

    assert store.evict(2 * SIZE) == {1, 3}


def test_one_use_does_not_keep_an_object_for_ever() -> None:
    store = Store()
    for name in range(4):
        store.add(name, kept=True)
    store.use(0)

    assert 0 in store.evict(4 * SIZE)


def test_no_more_leaves_than_must() -> None:
    store = Store()
    for name in range(10):
        store.add(name)

    assert len(store.evict(3 * SIZE - 1)) == 3


@pytest.mark.parametrize("surplus", [0, -1])
def test_nothing_leaves_while_there_is_room(surplus: int) -> None:
    assert full().evict(surplus) == set()


# What is pinned.


def test_pinned_objects_stay_when_everything_else_has_left() -> None:
    store = full()
    store.add(1)
    store.add(2, kept=True)
    store.pin(1)
    store.pin(2)

    store.evict(2 * BUDGET)

    assert (store.holds(1), store.holds(2), len(store.eviction)) == (True, True, 2)


@pytest.mark.parametrize("kept", [False, True])
def test_an_object_that_is_no_longer_pinned_may_leave(kept: bool) -> None:
    store = Store()
    store.add(1, kept=kept)
    store.pin(1)
    store.evict(SIZE)
    store.pinned.clear()

    assert store.evict(SIZE) == {1}


def test_new_objects_make_way_for_each_other_beside_pinned_ones_that_take_most_of_the_room() -> (
    None
):
    store = Store()
    for name in range(80):
        store.add(name, kept=True)
        store.pin(name)
    store.scan(20)

    assert store.evict(SIZE) == {1_000_000}


def test_a_cache_full_of_pinned_objects_is_searched_a_few_times_at_most() -> None:
    looks = 0

    def is_pinned(_number: int) -> bool:
        nonlocal looks
        looks += 1
        return True

    eviction = Eviction(BUDGET, bytearray(1 << 12))
    for number in range(1000):
        eviction.add(number, 1, number, kept=True)

    assert eviction.victims(1, is_pinned) == []
    assert looks <= 10 * 1000


def test_each_object_that_leaves_costs_a_few_looks_however_many_there_are() -> None:
    looks = 0

    def is_pinned(_number: int) -> bool:
        nonlocal looks
        looks += 1
        return False

    eviction = Eviction(10_000, bytearray(1 << 16))
    for number in range(30_000):
        eviction.victims(eviction.total + 1 - 10_000, is_pinned)
        eviction.add(number, 1, number, kept=number % 2 == 0)

    assert looks <= 2 * 20_000


# What is let in.


def test_an_eighth_of_the_budget_is_let_in() -> None:
    assert Store().eviction.admits(EIGHTH, 1)


@pytest.mark.parametrize("size", [EIGHTH + 1, BUDGET, 10 * BUDGET])
def test_more_than_an_eighth_of_the_budget_is_never_let_in(size: int) -> None:
    eviction = Store().eviction

    assert [eviction.admits(size, 1) for _ in range(3)] == [False, False, False]


def test_while_there_is_room_large_objects_are_let_in_at_once() -> None:
    store = Store()
    store.add(1, BUDGET - EIGHTH)

    assert store.eviction.admits(EIGHTH, 2)


def test_a_full_cache_lets_a_large_object_in_when_it_is_asked_for_again() -> None:
    eviction = full().eviction

    assert [eviction.admits(EIGHTH, 1) for _ in range(2)] == [False, True]


def test_to_ask_for_one_large_object_lets_no_other_in() -> None:
    eviction = full().eviction
    eviction.admits(EIGHTH, 1)

    assert not eviction.admits(EIGHTH, 2)


def test_a_large_object_that_left_a_short_while_ago_is_let_in_at_once() -> None:
    store = Store()
    store.add(1, EIGHTH)
    store.scan((BUDGET - EIGHTH) // SIZE)
    assert 1 in store.evict(1)
    store.scan(EIGHTH // SIZE, first=2_000_000)

    assert store.eviction.admits(EIGHTH, 1)


def test_a_large_object_that_was_let_in_the_second_time_outlives_a_scan() -> None:
    store = full()
    store.request(1, EIGHTH)
    store.request(1, EIGHTH)

    store.scan(10 * BUDGET // SIZE, first=2_000_000)

    assert store.holds(1)


def test_a_large_object_that_came_back_and_was_removed_counts_as_new() -> None:
    store = full()
    store.eviction.admits(EIGHTH, 1)
    store.add(1, EIGHTH)
    store.eviction.remove(store.numbers[1])

    assert not store.eviction.admits(EIGHTH, 1)


def test_of_those_refused_the_latest_are_remembered() -> None:
    eviction = full().eviction
    for name in range(5000):
        eviction.admits(EIGHTH, name)

    newest_first = reversed(range(5000))
    remembered = [name for name in newest_first if eviction.admits(EIGHTH, name)]

    assert remembered == list(reversed(range(5000 - 1024, 5000)))


def test_as_many_of_those_refused_are_remembered_as_there_are_objects() -> None:
    eviction = Eviction(3000, bytearray(1 << 12))
    for number in range(3000):
        eviction.add(number, 1, number)
    for name in range(10_000, 20_000):
        eviction.admits(3000 // 8, name)

    assert sum(eviction.admits(3000 // 8, name) for name in reversed(range(10_000, 20_000))) == 3000


# Counting.


def test_a_counter_of_uses_stays_within_what_two_bits_hold() -> None:
    uses = bytearray(8)
    for _ in range(300):
        note_use(uses, 5)

    assert 1 <= uses[5] <= 3


def test_a_use_counts_for_one_object_only() -> None:
    uses = bytearray(8)
    note_use(uses, 5)

    assert [index for index, count in enumerate(uses) if count] == [5]


def test_a_use_that_another_holder_of_the_counters_noted_keeps_an_object() -> None:
    memory = bytearray(16)
    eviction = Eviction(3 * SIZE, memoryview(memory))
    for number in (1, 2, 3):
        eviction.add(number, SIZE, number)
    note_use(memoryview(memory), 1)

    assert eviction.victims(SIZE, lambda _: False) == [2]


@pytest.mark.parametrize("kept", [False, True])
def test_an_object_that_grew_frees_what_it_has_now(kept: bool) -> None:
    store = Store()
    store.add(1, kept=kept)
    store.add(2, kept=kept)
    store.eviction.resize(store.numbers[1], 50)

    assert store.evict(50) == {1}


def test_new_objects_that_grew_past_their_share_make_way_before_what_is_kept() -> None:
    store = Store()
    for name in range(50):
        store.add(name, kept=True)
    store.add(100)
    store.eviction.resize(store.numbers[100], BUDGET // 2)

    assert store.evict(SIZE) == {100}


@pytest.mark.parametrize("kept", [False, True])
def test_objects_that_were_removed_leave_nothing_in_the_queues(kept: bool) -> None:
    eviction = Eviction(BUDGET, bytearray(8))
    for number in range(20_000):
        eviction.add(number, SIZE, number, kept=kept)
        eviction.remove(number)

    assert len(eviction._small) + len(eviction._main) <= 1024 + 1


class EvictionMachine(RuleBasedStateMachine):
    """Compares an ``Eviction`` with a dictionary of sizes, whatever is done in whatever order."""

    numbers = Bundle("numbers")

    def __init__(self) -> None:
        super().__init__()
        # Few enough counters that objects share them, as they do in a large cache.
        self.uses = bytearray(16)
        self.eviction = Eviction(BUDGET, self.uses)
        self.sizes: dict[int, int] = {}
        self.gone: set[int] = set()
        self.pinned: set[int] = set()
        self.last = 0

    def evict(self, surplus: int) -> None:
        victims = self.eviction.victims(surplus, self.pinned.__contains__)

        assert len(victims) == len(set(victims))
        assert self.sizes.keys() >= set(victims)
        assert not self.pinned & set(victims)
        freed = sum(self.sizes.pop(number) for number in victims)
        self.gone |= set(victims)
        assert freed >= surplus or self.sizes.keys() <= self.pinned

    @rule(
        target=numbers,
        sizes=st.lists(st.integers(1, 2 * EIGHTH), max_size=8),
        fingerprint=st.integers(0, 40),
        kept=st.booleans(),
        pinned=st.booleans(),
    )
    def add(self, sizes: list[int], fingerprint: int, kept: bool, pinned: bool) -> object:
        first = self.last + 1
        for size in sizes:
            self.last += 1
            self.eviction.add(self.last, size, fingerprint, kept=kept)
            self.sizes[self.last] = size
            if pinned:
                self.pinned.add(self.last)
        return multiple(*range(first, self.last + 1))

    @rule(target=numbers, size=st.integers(1, 2 * EIGHTH), fingerprint=st.integers(0, 40))
    def fetch(self, size: int, fingerprint: int) -> object:
        if not self.eviction.admits(size, fingerprint):
            return multiple()
        assert size <= EIGHTH
        self.evict(self.eviction.total + size - BUDGET)
        return self.add([size], fingerprint, kept=False, pinned=False)

    @rule(number=numbers)
    def use(self, number: int) -> None:
        note_use(self.uses, number)

    @rule(number=numbers, size=st.integers(1, 2 * EIGHTH))
    def resize(self, number: int, size: int) -> None:
        self.eviction.resize(number, size)
        if number in self.sizes:
            self.sizes[number] = size

    @rule(number=consumes(numbers))
    def remove(self, number: int) -> None:
        self.eviction.remove(number)
        self.sizes.pop(number, None)
        self.gone.add(number)

    @rule(number=numbers)
    def pin(self, number: int) -> None:
        self.pinned.add(number)

    @rule(number=numbers)
    def unpin(self, number: int) -> None:
        self.pinned.discard(number)

    @rule(surplus=st.integers(-1, 2 * BUDGET))
    def make_room(self, surplus: int) -> None:
        self.evict(surplus)

    @invariant()
    def total_is_the_sum_of_the_sizes(self) -> None:
        assert self.eviction.total == sum(self.sizes.values())

    @invariant()
    def it_holds_what_was_added_and_has_not_left(self) -> None:
        assert len(self.eviction) == len(self.sizes)
        assert all(number in self.eviction for number in self.sizes)

    @invariant()
    def what_has_left_never_comes_back(self) -> None:
        assert not any(number in self.eviction for number in self.gone)


TestEvictionAlways = EvictionMachine.TestCase
