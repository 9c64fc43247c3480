"""The desk of purges follows a log in which others write, and which is another one at times."""

import asyncio
from pathlib import Path

import pytest

from common.messages import EdgePurgeState, OrderedPurges, PurgeState
from control_plane.purge import KnownEdge, PurgeRecord, desk
from tests.unit.control_plane.purge.desks import ASKED, Log, Told
from tests.unit.control_plane.purge.records import purge


async def test_edges_that_know_more_are_told_what_it_is_once_the_log_answers(
    told: Told, other: Told, log: Log
) -> None:
    log.away = True
    await told.desk.refresh()
    assert await told.desk.orders("eu-1", 1) is None
    told.news.clear()

    log.away = False
    await told.desk.refresh()

    assert told.news == [0]
    lost = await told.desk.orders("eu-1", 1)
    assert lost is not None
    assert lost.lost


async def test_before_the_log_was_read_nothing_is_called_lost(log: Log) -> None:
    await log.append([purge(0)])
    log.away = True
    made = Told(log)
    await made.desk.refresh()

    assert await made.desk.orders("eu-1", 0) is None
    assert await made.desk.orders("eu-1", 5) is None
    assert made.desk.away is not None

    log.away = False
    await made.desk.refresh()
    answer = await made.desk.orders("eu-1", 0)
    assert answer is not None
    assert answer.head == 1


async def test_what_another_control_plane_wrote_is_told_too(told: Told, other: Told) -> None:
    await other.desk.purge(ASKED, by="ops")
    assert await told.desk.orders("eu-1", 0) is None

    await told.desk.refresh()

    assert told.news == [1]
    answer = await told.desk.orders("eu-1", 0)
    assert answer is not None
    assert answer.head == 1


async def test_a_hint_has_it_looked_for_at_once(
    told: Told, other: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "LOOK_EVERY", 3600.0)
    running = asyncio.create_task(told.desk.run())
    await other.desk.purge(ASKED, by="ops")
    told.desk.hint()
    async with asyncio.timeout(30):
        while told.news != [1]:  # noqa: ASYNC110 - it is the desk's doing
            await asyncio.sleep(0.01)
    running.cancel()


async def test_purges_of_two_control_planes_at_once_are_one_order(told: Told, other: Told) -> None:
    await asyncio.gather(
        *(each.desk.purge(ASKED, by=name) for _ in range(50) for name, each in pairs(told, other))
    )
    await told.desk.refresh()
    await other.desk.refresh()

    mine, theirs = told.desk.since(0), other.desk.since(0)
    assert mine == theirs
    assert [each.sequence for each in mine.purges] == list(range(1, 101))


def pairs(told: Told, other: Told) -> list[tuple[str, Told]]:
    return [("one", told), ("two", other)]


async def test_an_edge_that_knows_more_has_the_log_read_once_for_all(
    told: Told, other: Told, log: Log
) -> None:
    await other.desk.purge(ASKED, by="ops")
    before = log.reads

    answers = await asyncio.gather(*(told.desk.orders(f"eu-{n}", 1) for n in range(50)))

    assert answers == [None] * 50
    assert log.reads == before + 1


async def test_a_log_that_was_restored_from_an_older_copy_is_followed_anew(
    told: Told, log: Log
) -> None:
    for _ in range(5):
        await told.desk.purge(ASKED, by="ops")
    assert await told.desk.orders("eu-1", 5) is None
    await log._file.write("DELETE FROM purges WHERE sequence > 2")

    await told.desk.refresh()

    assert told.desk.head == 2
    lost = await told.desk.orders("eu-1", 5)
    assert lost == OrderedPurges(5, 2, (), lost=True)
    told.edges = [KnownEdge("eu-1", away=False, purges=5)]
    record = await told.desk.purge(ASKED, by="ops")
    assert record.sequence == 3
    assert told.desk.view(record).edges[0].state is EdgePurgeState.PENDING


async def test_what_is_written_first_after_the_log_was_restored_is_told_and_waited_for(
    told: Told, log: Log
) -> None:
    told.edges = [KnownEdge("eu-1", away=False, purges=0)]
    for _ in range(5):
        await told.desk.purge(ASKED, by="ops")
    await told.desk.orders("eu-1", 5)
    await log._file.write("DELETE FROM purges WHERE sequence > 2")
    told.news.clear()

    record = await told.desk.purge(ASKED, by="ops")

    assert record.sequence == 3
    assert told.desk.head == 3
    assert told.news
    assert told.desk.view(record).state is PurgeState.PURGING
    assert (await told.desk.done(record, within=0.01)).state is PurgeState.PURGING
    lost = await told.desk.orders("eu-1", 5)
    assert lost == OrderedPurges(5, 3, (), lost=True)


async def test_edges_are_told_when_all_purges_are_lost(told: Told, log: Log) -> None:
    await told.desk.purge(ASKED, by="ops")
    await log._file.write("DELETE FROM purges")
    told.news.clear()

    await told.desk.refresh()

    assert told.news == [0]
    lost = await told.desk.orders("eu-1", 1)
    assert lost == OrderedPurges(1, 0, (), lost=True)


async def test_the_first_purge_is_not_forgotten_when_the_log_is_being_read_meanwhile(
    told: Told, log: Log
) -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()
    since = log.since

    async def slowly(sequence: int, *, limit: int) -> tuple[PurgeRecord, ...]:
        found = await since(sequence, limit=limit)
        reading.set()
        await go_on.wait()
        return found

    log.since = slowly  # type: ignore[method-assign] # what comes meanwhile, at the worst moment
    looking = asyncio.create_task(told.desk.refresh())
    await reading.wait()
    await told.desk.purge(ASKED, by="ops")
    go_on.set()
    await looking

    assert told.desk.head == 1
    answer = await told.desk.orders("eu-1", 0)
    assert answer is not None
    assert len(answer.purges) == 1


async def test_a_log_that_was_trimmed_beyond_what_is_known_is_read_anew(
    told: Told, other: Told, log: Log
) -> None:
    await told.desk.purge(ASKED, by="ops")
    for _ in range(9):
        await other.desk.purge(ASKED, by="ops")
    await log.trim(keep=3, before=0.0)

    await told.desk.refresh()

    assert told.desk.head == 10
    assert told.desk.since(1).lost
    assert [each.sequence for each in told.desk.since(7).purges] == [8, 9, 10]


async def test_a_long_log_is_read_whole(tmp_path: Path, log: Log) -> None:
    for start in range(0, 2300, 100):
        await log.append([purge(0, purge_id=f"p{start + n}") for n in range(100)])
    made = Told(log)

    await made.desk.refresh()

    assert made.desk.head == 2300
    assert not made.desk.since(0).lost
