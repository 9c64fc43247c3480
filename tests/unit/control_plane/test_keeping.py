"""What is read when somebody says that there is something new, and what every second."""

import asyncio

from control_plane.keeping import Keeper
from tests.unit.control_plane.clock import Clock


class Shelf:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def save(self) -> None:
        self.asked.append("save")

    async def refresh(self) -> None:
        self.asked.append("refresh")


async def test_only_what_is_hinted_at_is_read_and_before_anything_is_written() -> None:
    catalog, plan = Shelf(), Shelf()
    keeper = Keeper({"catalog": catalog, "plan": plan}, Clock())
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(10):
        while "refresh" not in plan.asked:  # noqa: ASYNC110 - it is the keeper's doing
            await asyncio.sleep(0.01)
        for each in (catalog, plan):
            each.asked.clear()
        keeper.hint("plan")
        while "save" not in plan.asked:  # noqa: ASYNC110 - it is the keeper's doing
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert plan.asked == ["refresh", "save"]
    assert catalog.asked == ["save"]
    assert keeper.away == {}


async def test_everything_is_read_every_second_whoever_hints() -> None:
    catalog, clock = Shelf(), Clock()
    keeper = Keeper({"catalog": catalog}, clock)
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(10):
        for times in (1, 2):
            while catalog.asked.count("refresh") < times:  # noqa: ASYNC110 - it is the keeper's doing
                await asyncio.sleep(0.01)
            clock.time += 1.0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
