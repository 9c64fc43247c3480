"""Works that are done together: one thread takes all that have gathered while it was away."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from common import logs

_log = logs.get(__name__)

W = TypeVar("W")
Before = Callable[[], None] | None
Done = Callable[[Any, Exception | None], None]


class Batches(Generic[W]):
    """Gathers works and has them done, in their order, batch by batch."""

    def __init__(self, do_all: Callable[[Iterable[W]], list[Any]]) -> None:
        """Has ``do_all`` do them in a thread; it answers with a result for each, or raises."""
        self._do_all = do_all
        self._waiting: list[tuple[W, Before, Done]] = []
        self._working: asyncio.Task[None] | None = None

    async def do(self, work: W, before: Before = None) -> Any:
        """Has ``work`` done with all that waits; answers with its result.

        Args:
            work: what to do.
            before: what to do first, in the same thread. If it fails, ``work`` is not done, what it
                raises is raised here, and the others of its batch are none the worse.

        Raises:
            Exception: what ``before`` raises, or the doing of the batch.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(result: Any, error: Exception | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.add(work, before, done)
        return await future

    def add(self, work: W, before: Before, done: Done) -> None:
        """Has ``work`` done, as ``do``; ``done`` is told its result, or how it failed."""
        self._waiting.append((work, before, done))
        if self._working is None:
            self._working = asyncio.create_task(self._do_waiting())

    async def finished(self) -> None:
        """Waits until nothing waits."""
        while self._working is not None:
            await asyncio.wait([self._working])

    async def _do_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                works = [(work, before) for work, before, _ in batch]
                loop = asyncio.get_running_loop()
                outcomes = await loop.run_in_executor(None, self._do_batch, works)
                for (_, _, done), (result, error) in zip(batch, outcomes, strict=True):
                    try:
                        done(result, error)
                    except Exception:
                        # The others are told all the same.
                        _log.exception("what follows a write failed unexpectedly")
        finally:
            self._working = None

    def _do_batch(self, works: list[tuple[W, Before]]) -> list[tuple[Any, Exception | None]]:
        """Result or error of each of ``works``."""
        outcomes: list[tuple[Any, Exception | None]] = [(None, None)] * len(works)
        ready: list[int] = []
        for number, (_, before) in enumerate(works):
            try:
                if before is not None:
                    before()
                ready.append(number)
            except Exception as error:  # whoever waits is told, whatever it was
                outcomes[number] = (None, error)
        try:
            results = self._do_all([works[number][0] for number in ready]) if ready else []
        except Exception as error:  # likewise
            for number in ready:
                outcomes[number] = (None, error)
        else:
            for number, result in zip(ready, results, strict=True):
                outcomes[number] = (result, None)
        return outcomes
