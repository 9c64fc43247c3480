"""The process that keeps an edge's workers running, and answers no viewer itself.

It holds the claim on the cache folder and a listening socket for each worker. Workers inherit both,
so connections that wait while one is replaced are the next one's, and the claim lasts until the
last process is gone. It imports little: it stays while workers come and go.

A worker hears orders on its standard input, a line each, and says how far it is on its standard
output. The end of its input tells it that the supervisor is gone.
"""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Coroutine, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common import logs
from edge.own_memory import mount_own, unmount

FIRST_PAUSE = 0.1
"""Seconds before a worker that failed soon after its start is started again."""
LONGEST_PAUSE = 10.0
"""Seconds that the pause, doubled at each such failure, grows to."""
STEADY_AFTER = 5.0
"""Seconds after which a worker that ends is started again at once."""
READY_WITHIN = 300.0
"""Seconds that a worker gets to be ready: millions of objects take a while."""
YIELD_WITHIN = 10.0
"""Seconds that a worker gets to finish what it is storing."""
LEAVE_WITHIN = 10.0
"""Seconds that a worker gets to leave, once the time to drain is over."""

_log = logs.get(__name__)


@dataclass(frozen=True)
class Plan:
    """What a supervisor is given."""

    settings: dict[str, Any]
    """The edge's, checked."""
    runtime: str
    """The folder of what the workers share while they run; removed at the end."""
    claim: int
    """The file descriptor that holds the claim on the cache folder."""
    viewers: list[list[int]]
    """The file descriptors of each worker's sockets for viewers."""
    admin: list[int]
    """Those of the first worker's for operators."""

    def sockets(self) -> Iterator[int]:
        """The file descriptors of all sockets."""
        return itertools.chain(self.admin, *self.viewers)


class Worker:
    """A worker process, and the line to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.started = asyncio.get_running_loop().time()

    @classmethod
    async def spawn(cls, inherited: tuple[int, ...]) -> "Worker":
        """Starts one with the code that is installed now.

        Raises:
            OSError: the system starts no more processes.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=inherited,
            # A group of its own: Ctrl-C reaches the supervisor alone, which ends all in order.
            process_group=0,
        )
        return cls(process)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.returncode is None

    def tell(self, order: str) -> None:
        """Gives it an order; one that has ended takes none."""
        assert self.process.stdin is not None
        if self.alive:
            self.process.stdin.write(order.encode() + b"\n")

    async def says(self, word: str, within: float) -> bool:
        """Waits until it says ``word``; False when it ends, or takes too long."""
        assert self.process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while line := await self.process.stdout.readline():
                    if line.strip().decode() == word:
                        return True
        return False

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal; to one that has ended, none."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def left(self, within: float) -> int:
        """Its exit status, once it has ended; kills it when it takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                return await self.process.wait()
        self.send(signal.SIGKILL)
        return await self.process.wait()


class Seat:
    """One worker's number and sockets, and the process that has them now."""

    def __init__(self, supervisor: "Supervisor", number: int) -> None:
        self._supervisor = supervisor
        self._number = number
        self._changing = asyncio.Lock()
        self._failures = 0
        self.worker: Worker | None = None

    async def fill(self) -> int:
        """Starts the first worker; its exit status if it cannot start, otherwise 0."""
        worker = await self._spawn()
        if await self._ready(worker):
            self._take(worker)
            return 0
        status = await worker.left(LEAVE_WITHIN)
        if status != 1:
            # Otherwise it has said why.
            _log.error("a worker does not start", worker=self._number, status=status)
        return 1

    async def replace(self) -> bool:
        """Puts a new process in the place of the one that is there; whether it could start."""
        async with self._changing:
            old = self.worker
            assert old is not None
            fresh = await self._start(old)
            if fresh is None:
                _log.error("the new worker does not start, the old one stays", worker=self._number)
                return False
            self._take(fresh)
        old.send(signal.SIGTERM)
        _log.info("a worker was replaced", worker=self._number)
        await old.left(self._supervisor.patience)
        return True

    def _take(self, worker: Worker) -> None:
        self.worker = worker
        self._supervisor.watch(self._keep(worker))

    async def _keep(self, worker: Worker) -> None:
        """Starts another when ``worker`` ends, unless that was replaced."""
        status = await worker.process.wait()
        async with self._changing:
            if self.worker is not worker:
                return
            _log.warning("a worker ended", worker=self._number, status=status)
            age = asyncio.get_running_loop().time() - worker.started
            self._failures = self._failures + 1 if age < STEADY_AFTER else 0
            while True:
                if self._failures:
                    pause = FIRST_PAUSE * 2 ** min(self._failures - 1, 10)
                    await asyncio.sleep(min(pause, LONGEST_PAUSE))
                fresh = await self._start(None)
                if fresh is not None:
                    break
                self._failures += 1
            self._take(fresh)

    async def _start(self, old: Worker | None) -> Worker | None:
        """A new worker that is ready; None, and all is as before, when it cannot start."""
        try:
            fresh = await self._spawn()
        except OSError as error:
            _log.warning("no worker can be started", worker=self._number, reason=str(error))
            return None
        if await self._ready(fresh, old):
            return fresh
        await fresh.left(LEAVE_WITHIN)
        if old is not None:
            old.tell("resume")
        return None

    async def _spawn(self) -> Worker:
        plan = self._supervisor.plan
        return await self._supervisor.spawn((*plan.viewers[self._number], *self._admin()))

    def _admin(self) -> list[int]:
        return self._supervisor.plan.admin if self._number == 0 else []

    async def _ready(self, fresh: Worker, old: Worker | None = None) -> bool:
        if not await fresh.says("loaded", READY_WITHIN):
            return False
        if old is not None:
            # What both stored, neither would know to evict.
            old.tell("yield")
            if not await old.says("yielded", YIELD_WITHIN) and old.alive:
                _log.warning("the old worker does not yield", worker=self._number)
        plan = self._supervisor.plan
        spec = {
            "settings": plan.settings,
            "number": self._number,
            "runtime": plan.runtime,
            "viewers": plan.viewers[self._number],
            "admin": self._admin(),
        }
        fresh.tell(json.dumps(spec))
        return await fresh.says("ready", READY_WITHIN)


class Supervisor:
    """Runs an edge's workers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.patience = plan.settings["drain_seconds"] + LEAVE_WITHIN
        """Seconds that a worker gets to drain and leave."""
        self._seats = [Seat(self, number) for number in range(len(plan.viewers))]
        self._workers: list[Worker] = []
        self._watches: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._restart = asyncio.Event()

    async def spawn(self, inherited: tuple[int, ...]) -> Worker:
        """A new worker process; raises as ``Worker.spawn``."""
        self._workers = [worker for worker in self._workers if worker.alive]
        worker = await Worker.spawn((self.plan.claim, *inherited))
        self._workers.append(worker)
        return worker

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs ``work`` until the end."""
        task = asyncio.create_task(work)
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def run(self) -> int:
        """Keeps the workers running until SIGTERM or SIGINT; the exit status.

        SIGUSR2 replaces them one after another, SIGHUP is passed on to them.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGUSR2, self._restart.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        running = asyncio.create_task(self._keep_running())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        status = running.result() if running.done() else 0
        for task in (running, stopping, *self._watches):
            task.cancel()
        await self._end()
        return status

    async def _keep_running(self) -> int:
        """Answers with 1 when a worker does not start the first time, otherwise never."""
        first, *others = self._seats
        # It puts the folder in order, which the others find so.
        statuses = [await first.fill()]
        if not any(statuses):
            statuses += await asyncio.gather(*(seat.fill() for seat in others))
        if any(statuses):
            return 1
        _log.info("ready", workers=len(self._seats))
        while True:
            await self._restart.wait()
            self._restart.clear()
            for seat in self._seats:
                if not await seat.replace():
                    break

    def _reload(self) -> None:
        for seat in self._seats:
            if seat.worker is not None:
                seat.worker.send(signal.SIGHUP)

    async def _end(self) -> None:
        """Lets all workers drain; nobody accepts connections any more."""
        for file in self.plan.sockets():
            os.close(file)
        workers = [worker for worker in self._workers if worker.alive]
        for worker in workers:
            worker.send(signal.SIGTERM)
        await asyncio.gather(*(worker.left(self.patience) for worker in workers))
        # All are gone, and the claim is still held.
        unmount(memory_of(self.plan))
        shutil.rmtree(self.plan.runtime, ignore_errors=True)


def memory_of(plan: Plan) -> Path:
    """Where the workers keep objects in memory."""
    return Path(plan.runtime) / "memory"


def command_of(plan: Plan) -> list[str]:
    """The command of a supervisor that carries out ``plan``, to be executed by this very process.

    The file descriptors of the plan stay open across that.
    """
    # Not in the environment or the arguments, which others on this machine may read.
    file = os.memfd_create("plan")
    os.write(file, json.dumps(asdict(plan)).encode())
    for inherited in (file, plan.claim, *plan.sockets()):
        os.set_inheritable(inherited, True)
    # What it was started with stays to be seen in lists of processes.
    return [sys.executable, "-m", "edge.supervisor", str(file), *sys.argv[1:]]


def _plan_of(file: int) -> Plan:
    with open(file, "rb") as told:
        told.seek(0)
        plan = Plan(**json.load(told))
    for inherited in (plan.claim, *plan.sockets()):
        # Workers get those that are theirs.
        os.set_inheritable(inherited, False)
    return plan


def main() -> int:
    """Carries out the plan in the file descriptor that the command line names; the exit status."""
    plan = _plan_of(int(sys.argv[1]))
    logs.configure("edge", level=plan.settings["log_level"])
    mount_own(memory_of(plan))
    return asyncio.run(_run(plan))


async def _run(plan: Plan) -> int:
    return await Supervisor(plan).run()


if __name__ == "__main__":
    sys.exit(main())
