import asyncio
import contextlib
from dataclasses import dataclass

from common.clock import SystemClock
from common.messages import Heartbeat
from common.messages.edges import Watched
from control_plane.bus import Hint, HintKind, MemoryBus, MemoryHub
from control_plane.bus.redis import RedisBus
from control_plane.presence import Found
from control_plane.sharing import LOOK_EVERY, Sharing
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import heartbeat


@dataclass
class Clock:
    time: float

    def now(self) -> float:
        raise AssertionError("the wall clock does not matter")

    def monotonic(self) -> float:
        return self.time


@dataclass
class Finding:
    at: float
    reached_at: float
    failures: int = 0
    refused: bool = False
    wrong: bool = False


class Control:
    def __init__(self, hub: MemoryHub, name: str, time: float) -> None:
        self.clock = Clock(time)
        self.bus = MemoryBus(hub)
        self.heard: list[tuple[Heartbeat, float]] = []
        self.found: list[tuple[str, Found, float]] = []
        self.sharing = Sharing(
            self.bus,
            self.clock,
            name,
            heard=lambda *heard: self.heard.append(heard),
            found=lambda *found: self.found.append(found),
        )


async def test_the_others_learn_what_one_heard_and_when() -> None:
    hub = MemoryHub()
    one, other = Control(hub, "one", 1000.0), Control(hub, "other", 5.0)
    one.sharing.hear(heartbeat(sequence=1))
    one.clock.time += 0.25
    one.sharing.hear(heartbeat(sequence=2, watched=(Watched("a", 1, 1),)))
    one.clock.time += 0.5
    one.sharing.tell()
    await asyncio.sleep(0)

    assert other.heard == [(heartbeat(sequence=2), 4.5)]
    assert one.heard == []


async def test_the_others_learn_how_one_found_an_edge() -> None:
    hub = MemoryHub()
    one, other = Control(hub, "one", 1000.0), Control(hub, "other", 5.0)
    one.sharing.find("eu-1", Finding(at=999.0, reached_at=998.0, failures=1))
    one.sharing.tell()
    await asyncio.sleep(0)

    assert other.found == [("one", Found("eu-1", 1.0, 2.0, 1), 5.0)]


async def test_while_nobody_is_heard_it_looks_at_what_others_wrote() -> None:
    looked = asyncio.Event()
    (port,) = free_ports(1)
    for bus, looks in (
        (RedisBus(f"redis://127.0.0.1:{port}"), True),
        (MemoryBus(MemoryHub()), False),
    ):
        looked.clear()
        sharing = Sharing(
            bus,
            SystemClock(),
            "one",
            heard=lambda *_: None,
            found=lambda *_: None,
            look=looked.set,
        )
        running = asyncio.create_task(sharing.run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5 if looks else 3 * LOOK_EVERY):
                await looked.wait()
        assert looked.is_set() is looks
        running.cancel()
        await bus.close()


async def test_what_was_told_is_not_told_again() -> None:
    hub = MemoryHub()
    one, other = Control(hub, "one", 1000.0), Control(hub, "other", 5.0)
    one.sharing.hear(heartbeat())
    for _ in range(3):
        one.sharing.tell()
    await asyncio.sleep(0)

    assert len(other.heard) == 1


async def test_rubbish_and_other_hints_are_let_by() -> None:
    hub = MemoryHub()
    one, other = Control(hub, "one", 1000.0), Control(hub, "other", 5.0)
    one.bus.publish(Hint(HintKind.PRESENCE, b"\xff"))
    one.bus.publish(Hint(HintKind.PURGES, b"\xff"))
    one.sharing.hear(heartbeat())
    one.sharing.tell()
    await asyncio.sleep(0)

    assert len(other.heard) == 1


async def test_what_is_heard_is_told_by_itself() -> None:
    hub = MemoryHub()
    one, other = Control(hub, "one", 1000.0), Control(hub, "other", 5.0)
    running = asyncio.create_task(one.sharing.run())
    one.sharing.hear(heartbeat())
    async with asyncio.timeout(30):
        while not other.heard:  # noqa: ASYNC110 - it comes by itself
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
