"""Objects in memory: the budget holds, whatever is being written and whatever fails."""

import errno
from pathlib import Path

import pytest

from edge.store.memory import MemoryTier

SIZE = 4096
TAKEN = SIZE + 1024
BUDGET = 16 * TAKEN


@pytest.fixture
def tier(tmp_path: Path) -> MemoryTier:
    return MemoryTier(tmp_path, BUDGET, memoryview(bytearray(1024)))


def put(tier: MemoryTier, number: int) -> bool:
    if not tier.reserve(number, SIZE):
        return False
    tier.put(number, bytes(SIZE))
    tier.placed(number)
    return True


def test_the_budget_is_kept_and_the_newest_stays(tier: MemoryTier) -> None:
    for number in range(100):
        assert put(tier, number)
        assert tier.used <= BUDGET
        assert tier.get(number, SIZE) is not None

    assert len(tier) == 16


def test_what_is_visited_outlives_what_is_not(tier: MemoryTier) -> None:
    for number in range(16):
        put(tier, number)
    for number in range(100, 120):
        tier.note_visit(3)
        put(tier, number)

    assert 3 in tier
    assert 4 not in tier


def test_what_is_being_written_is_not_evicted_and_counts(tier: MemoryTier) -> None:
    writing = [number for number in range(20) if tier.reserve(number, SIZE)]

    assert writing == list(range(16))
    assert tier.used == BUDGET
    for number in writing:
        tier.put(number, bytes(SIZE))
        tier.placed(number)
    assert put(tier, 20)
    assert tier.used == BUDGET


def test_where_no_space_is_left_the_budget_becomes_what_there_is(tier: MemoryTier) -> None:
    for number in range(10):
        put(tier, number)
    assert tier.reserve(10, SIZE)
    tier.failed(10, OSError(errno.ENOSPC, "No space left on device"))
    tier.placed(10)

    assert tier.budget == 10 * TAKEN
    assert put(tier, 11)
    assert tier.used == 10 * TAKEN


def test_where_there_is_no_space_at_all_nothing_is_kept_and_nothing_breaks(
    tier: MemoryTier,
) -> None:
    assert tier.reserve(1, SIZE)
    tier.failed(1, OSError(errno.ENOSPC, "No space left on device"))
    tier.placed(1)

    assert not put(tier, 2)
    assert (tier.used, len(tier)) == (0, 0)


def test_a_folder_that_a_new_process_took_away_says_nothing_of_the_space(
    tier: MemoryTier, tmp_path: Path
) -> None:
    put(tier, 1)
    MemoryTier(tmp_path, BUDGET, memoryview(bytearray(1024)))
    (tmp_path / "0").rmdir()
    assert tier.reserve(2, SIZE)
    with pytest.raises(FileNotFoundError) as raised:
        tier.put(2, bytes(SIZE))
    tier.failed(2, raised.value)
    tier.placed(2)

    assert tier.budget == BUDGET
