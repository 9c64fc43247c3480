"""The desk that takes purges, on a real log."""

import asyncio

import pytest

from common.errors import Unavailable
from common.messages import OrderedPurges, PurgeState
from control_plane.purge import KnownEdge, PurgeStorm, PurgeUnknown, desk
from tests.unit.control_plane.purge.desks import ASKED, Log, Told


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
    view = await asyncio.wait_for(waiting, 30)

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


async def test_a_heartbeat_that_an_acknowledgement_has_overtaken_takes_nothing_back(
    told: Told,
) -> None:
    told.edges = [KnownEdge(name, away=False, purges=0) for name in ("eu-1", "eu-2")]
    record = await told.desk.purge(ASKED, by="ops")
    waiting = asyncio.create_task(told.desk.done(record, within=60.0))
    await told.desk.orders("eu-1", 1)
    told.desk.heard("eu-1", 0)
    await told.desk.orders("eu-2", 1)

    view = await asyncio.wait_for(waiting, 30)

    assert view.state is PurgeState.DONE


async def test_an_edge_that_asks_for_what_it_had_done_is_believed(told: Told) -> None:
    told.edges = [KnownEdge("eu-1", away=False, purges=0)]
    record = await told.desk.purge(ASKED, by="ops")
    told.desk.heard("eu-1", 1)
    assert told.desk.view(record).state is PurgeState.DONE

    await told.desk.orders("eu-1", 0)

    assert told.desk.view(record).state is PurgeState.PURGING


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

    assert (await asyncio.wait_for(waiting, 30)).state is PurgeState.DONE
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
    async with asyncio.timeout(30):
        while told.desk.since(0).head < 50:  # noqa: ASYNC110 - it is the desk's doing
            await asyncio.sleep(0.01)
    assert told.news[-1] == 50
    answer = await told.desk.orders("eu-1", 0)
    assert answer is not None
    assert len(answer.purges) == 50
