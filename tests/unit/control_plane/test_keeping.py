"""What is read when somebody says that there is something new, and what every second."""

import asyncio

from control_plane.keeping import Keeper
from control_plane.waiting import LATE
from tests.unit.control_plane.clock import Clock


class Shelf:
    """Notes what is asked of it; answers while its gate is open."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def save(self) -> None:
        self.asked.append("save")
        await self.gate.wait()

    async def refresh(self) -> None:
        self.asked.append("refresh")
        await self.gate.wait()


async def test_only_what_is_hinted_at_is_read_and_before_anything_is_written() -> None:
    catalog, plan = Shelf(), Shelf()
    keeper = Keeper({"catalog": catalog, "plan": plan}, Clock())
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(30):
        while "refresh" not in plan.asked:  # noqa: ASYNC110 - it is the keeper's doing
            await asyncio.sleep(0.01)
        for each in (catalog, plan):
            each.asked.clear()
        keeper.hint("plan")
        while "save" not in plan.asked or not catalog.asked:  # noqa: ASYNC110 - it is the keeper's doing
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert plan.asked[:2] == ["refresh", "save"]
    assert set(catalog.asked) == {"save"}
    assert keeper.away == {}


async def test_everything_is_read_every_second_whoever_hints() -> None:
    catalog, clock = Shelf(), Clock()
    keeper = Keeper({"catalog": catalog}, clock)
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(30):
        for times in (1, 2):
            while catalog.asked.count("refresh") < times:  # noqa: ASYNC110 - it is the keeper's doing
                await asyncio.sleep(0.01)
            clock.time += 1.0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_part_that_waits_holds_up_no_other_and_is_named_once_it_is_late() -> None:
    hung, catalog, clock = Shelf(), Shelf(), Clock()
    keeper = Keeper({"hung": hung, "catalog": catalog}, clock)
    await keeper.refresh()
    hung.gate.clear()
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(30):
        for _ in range(3):
            catalog.asked.clear()
            while "refresh" not in catalog.asked:  # noqa: ASYNC110 - it is the keeper's doing
                await asyncio.sleep(0.01)
            assert ("hung" in keeper.away) == (clock.time >= 1000.0 + LATE)
            clock.time += 1.0
    assert keeper.away == {"hung": "The database has not answered for 3 s."}

    hung.gate.set()
    async with asyncio.timeout(30):
        while keeper.away:  # noqa: ASYNC110 - it is the keeper's doing
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_can_be_written_is_while_another_part_waits() -> None:
    hung, catalog = Shelf(), Shelf()
    hung.gate.clear()
    keeper = Keeper({"hung": hung, "catalog": catalog}, Clock())
    saving = asyncio.create_task(keeper.save())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert catalog.asked == ["save"]
    hung.gate.set()
    await saving
