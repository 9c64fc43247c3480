"""The desk that takes purges, on a real log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.errors import Unavailable
from common.messages import EdgePurgeState, OrderedPurges, PurgeRequest, PurgeState
from common.service import DatabaseSettings
from control_plane.purge import (
    KnownEdge,
    PurgeDesk,
    PurgeLog,
    PurgeRecord,
    PurgeStorm,
    PurgeUnknown,
    desk,
    open_purge_log,
)
from control_plane.purge.sqlite import SqlitePurgeLog
from tests.unit.control_plane.purge.records import purge

ASKED = PurgeRequest(asset_id="a")


class Log(SqlitePurgeLog):
    """A log that can be held up, or be away; notes how much was written at a time."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # handed on as they come
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.written: list[int] = []
        self.reads = 0

    async def append(self, purges: Sequence[PurgeRecord]) -> tuple[PurgeRecord, ...]:
        await self.gate.wait()
        self._check()
        self.written.append(len(purges))
        return await super().append(purges)

    async def since(self, sequence: int, *, limit: int) -> tuple[PurgeRecord, ...]:
        self._check()
        self.reads += 1
        return await super().since(sequence, limit=limit)

    def _check(self) -> None:
        if self.away:
            raise Unavailable(what="the log", reason="the test says so")


class Told:
    """A desk, and what it calls."""

    def __init__(self, log: PurgeLog) -> None:
        self.edges: list[KnownEdge] = []
        self.desk = PurgeDesk(log, lambda: self.edges, SystemClock())
        self.news: list[int] = []
        self.hints = 0
        self.desk.on_new = lambda: self.news.append(self.desk.head)
        self.desk.on_written = self._written

    def _written(self) -> None:
        self.hints += 1


@pytest.fixture(autouse=True)
def looking_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "EDGES_KNOWN_FOR", 0.0)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    opened = await Log.open(tmp_path / "control.sqlite")
    assert isinstance(opened, Log)
    yield opened
    await opened.close()


@pytest.fixture
async def told(log: Log) -> Told:
    made = Told(log)
    await made.desk.refresh()
    return made


@pytest.fixture
async def other(tmp_path: Path, log: Log) -> AsyncIterator[Told]:
    """Another control plane on the same log."""
    second = await open_purge_log(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    made = Told(second)
    await made.desk.refresh()
    yield made
    await second.close()


async def test_a_purge_is_in_the_log_when_it_is_answered_and_edges_are_woken(
    told: Told, log: Log
) -> None:
    record = await told.desk.purge(ASKED, by="ops")

    assert (record.sequence, record.value, record.by) == (1, "v/a/", "ops")
    assert await log.purge(record.purge_id) == record
    assert await told.desk.find(record.purge_id) == record
    assert (told.news, told.hints) == ([1], 1)
    assert await told.desk.orders("eu-1", 0) == OrderedPurges(0, 1, (record.ordered,))
    assert await told.desk.orders("eu-1", 1) is None


async def test_what_comes_while_others_are_written_is_written_together(
    told: Told, log: Log
) -> None:
    log.gate.clear()
    asking = [asyncio.create_task(told.desk.purge(ASKED, by="ops")) for _ in range(2500)]
    await asyncio.sleep(0)
    log.gate.set()
    records = await asyncio.gather(*asking)

    assert [record.sequence for record in records] == list(range(1, 2501))
    assert len(log.written) <= 4
    assert max(log.written) == desk.AT_ONCE
    assert told.news[-1] == told.desk.head == 2500


async def test_more_than_can_wait_are_told_to_come_again(
    told: Told, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MOST_WAITING", 10)
    log.gate.clear()
    asking = [asyncio.create_task(told.desk.purge(ASKED, by="ops")) for _ in range(30)]
    await asyncio.sleep(0.01)
    log.gate.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, PurgeStorm)]
    assert len(refused) == 20
    assert (refused[0].status, refused[0].headers) == (503, {"Retry-After": "1"})
    assert await log.head() == 10
    assert (await told.desk.purge(ASKED, by="ops")).sequence == 11


async def test_who_goes_away_meanwhile_holds_up_nobody(told: Told, log: Log) -> None:
    log.gate.clear()
    asking = [asyncio.create_task(told.desk.purge(ASKED, by="ops")) for _ in range(3)]
    await asyncio.sleep(0.01)
    asking[1].cancel()
    log.gate.set()

    assert (await asking[0]).sequence == 1
    assert (await asking[2]).sequence == 3
    assert told.desk.head == 3


async def test_a_log_that_is_away_is_told_to_who_asks_and_to_health(told: Told, log: Log) -> None:
    await told.desk.purge(ASKED, by="ops")
    log.away = True

    with pytest.raises(Unavailable, match="the test says so"):
        await told.desk.purge(ASKED, by="ops")
    await told.desk.refresh()
    assert "the test says so" in str(told.desk.away)
    # What is known is told on.
    answer = await told.desk.orders("eu-1", 0)
    assert answer is not None
    assert [each.sequence for each in answer.purges] == [1]
    # Whether that number was given by another control plane, nobody can tell now.
    assert await told.desk.orders("eu-1", 2) is None

    log.away = False
    await told.desk.refresh()
    assert told.desk.away is None
    lost = await told.desk.orders("eu-1", 2)
    assert lost is not None
    assert lost.lost


async def test_who_waits_behind_a_write_that_failed_is_told_at_once(
    told: Told, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "AT_ONCE", 1)
    log.gate.clear()
    asking = [asyncio.create_task(told.desk.purge(ASKED, by="ops")) for _ in range(10)]
    await asyncio.sleep(0.01)
    log.away = True
    log.gate.set()
    asking[0].add_done_callback(lambda _: log.gate.clear())

    outcomes = await asyncio.gather(*asking, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 10
    log.away = False
    log.gate.set()
    assert (await told.desk.purge(ASKED, by="ops")).sequence == 1


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
    async with asyncio.timeout(10):
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


async def test_waiting_ends_when_the_last_edge_has_done_it(told: Told) -> None:
    told.edges = [
        KnownEdge("eu-1", away=False, purges=0),
        KnownEdge("eu-2", away=False, purges=0),
        KnownEdge("us-1", away=True, purges=0),
    ]
    record = await told.desk.purge(ASKED, by="ops")
    waiting = asyncio.create_task(told.desk.done(record, within=60.0))
    await told.desk.orders("eu-1", 1)
    await asyncio.sleep(0.01)
    assert not waiting.done()

    await told.desk.orders("eu-2", 1)
    view = await asyncio.wait_for(waiting, 10)

    assert view.state is PurgeState.DONE
    assert [edge.state.value for edge in view.edges] == ["confirmed", "confirmed", "away"]


async def test_an_edge_that_came_just_before_is_waited_for(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "EDGES_KNOWN_FOR", 60.0)
    assert await told.desk.latest(limit=1) == []
    told.edges = [KnownEdge("eu-1", away=False, purges=0)]
    record = await told.desk.purge(ASKED, by="ops")

    view = await told.desk.done(record, within=0.01)

    assert view.state is PurgeState.PURGING


async def test_waiting_ends_when_its_time_is_over(told: Told) -> None:
    told.edges = [KnownEdge("eu-1", away=False, purges=0)]
    record = await told.desk.purge(ASKED, by="ops")

    view = await told.desk.done(record, within=0.01)

    assert view.state is PurgeState.PURGING


async def test_waiting_ends_when_another_control_plane_hears_of_it(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "LOOK_EVERY", 0.01)
    told.edges = [KnownEdge("eu-1", away=False, purges=0)]
    record = await told.desk.purge(ASKED, by="ops")
    running = asyncio.create_task(told.desk.run())
    waiting = asyncio.create_task(told.desk.done(record, within=60.0))
    await asyncio.sleep(0.03)
    assert not waiting.done()

    told.edges = [KnownEdge("eu-1", away=False, purges=1)]

    assert (await asyncio.wait_for(waiting, 10)).state is PurgeState.DONE
    running.cancel()


async def test_the_newest_purges_are_listed_first(told: Told) -> None:
    for name in ("one", "two", "three"):
        await told.desk.purge(ASKED, by=name)

    assert [view.by for view in await told.desk.latest(limit=2)] == ["three", "two"]


async def test_a_purge_that_never_was_is_unknown(told: Told) -> None:
    with pytest.raises(PurgeUnknown, match="There is no purge 'none'"):
        await told.desk.find("none")


async def test_in_a_storm_edges_are_told_of_many_at_once_and_of_all_in_the_end(
    told: Told,
) -> None:
    told.edges = [KnownEdge(f"eu-{n}", away=False, purges=0) for n in range(500)]
    for _ in range(50):
        await told.desk.purge(ASKED, by="ops")

    assert len(told.news) <= 10
    assert told.desk.head == 50
    shown = told.desk.since(0)
    assert [each.sequence for each in shown.purges] == list(range(1, shown.head + 1))
    async with asyncio.timeout(10):
        while told.desk.since(0).head < 50:  # noqa: ASYNC110 - it is the desk's doing
            await asyncio.sleep(0.01)
    assert told.news[-1] == 50
    answer = await told.desk.orders("eu-1", 0)
    assert answer is not None
    assert len(answer.purges) == 50
