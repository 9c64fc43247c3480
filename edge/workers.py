"""Several processes that answer viewers from one cache, and what each knows of the others.

Each key belongs to one of them: what another cannot answer from the cache it passes on to that one,
over a Unix socket that only this edge's user may enter, so that a missing object is fetched once
for all. A process that is being replaced first yields: it stores and evicts no more.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from common import logs
from common.errors import NearcastError
from common.service.listen import bound
from common.settings import convert_setting
from edge.fetch.pool import Exchange, Pool
from edge.fetch.wire import Endpoint, UpstreamRequest
from edge.policy.coverage import Span
from edge.policy.messages import Request
from edge.policy.stored import Stored
from edge.settings import Settings
from edge.store import Body, Cache
from edge.store.claim import Claim
from edge.supervisor import Plan, command_of

INTERNAL = ("nearcast-scheme", "nearcast-client", "nearcast-sha256", "nearcast-paced")

_log = logs.get(__name__)


class WorkerSpec(msgspec.Struct, frozen=True):
    """What a worker process is told when it starts, on its standard input."""

    settings: Settings
    number: int
    runtime: Path
    """The folder of what the workers share while they run, such as their Unix sockets."""
    viewers: tuple[int, ...] = ()
    """File descriptors of the sockets where it answers viewers; without, it binds its own."""
    admin: tuple[int, ...] = ()
    """Those where it answers operators."""


@dataclass(frozen=True)
class Line:
    """A worker's line to its supervisor."""

    orders: asyncio.Queue[str]
    """``yield``: store no more, another process of this number starts. ``resume``: it did not."""
    say: Callable[[str], None]
    """Tells how far it is: ``yielded``, and ``ready`` to serve."""


class YieldingCache(Cache):
    """A cache that can leave storing and evicting to another process of the same number."""

    _yielded = False
    _budget = 0
    _storing = 0

    async def give_way(self) -> None:
        """Stores no more; returns when what is being stored is."""
        if not self._yielded:
            self._yielded = True
            self._budget, self.memory.budget = self.memory.budget, 0
        while self._storing:  # noqa: ASYNC110 - it takes a few commits, once in a worker's life
            await asyncio.sleep(0.01)

    def take_back(self) -> None:
        """Stores again."""
        self._yielded = False
        self.memory.budget = self._budget

    async def commit(self, key: str, stored: Stored, body: Body, arrived: Span) -> Stored | None:
        """As ``Cache.commit``; None once it has given way."""
        if self._yielded:
            return None
        self._storing += 1
        try:
            return await super().commit(key, stored, body, arrived)
        finally:
            self._storing -= 1

    def commit_soon(
        self, key: str, stored: Stored, body: Body, done: Callable[[Stored | None], None]
    ) -> None:
        """As ``Cache.commit_soon``; nothing is kept once it has given way."""
        if self._yielded:
            done(None)
            return
        self._storing += 1

        def counted(kept: Stored | None) -> None:
            self._storing -= 1
            done(kept)

        super().commit_soon(key, stored, body, counted)


class Duties:
    """What one process of a number does besides answering, until it yields to another or stops."""

    def __init__(self, cache: YieldingCache, *duties: Callable[[], Awaitable[None]]) -> None:
        self._cache = cache
        self._duties = [*duties]
        self._tasks: list[asyncio.Task[None]] = []
        self.yielded = False
        """Whether another process does them."""

    def add(self, duty: Callable[[], Awaitable[None]]) -> None:
        """Takes on one more, before they begin."""
        self._duties.append(duty)

    def begin(self, stop: asyncio.Event) -> None:
        """Begins all; one that fails sets ``stop``."""
        self._tasks = [asyncio.create_task(told(duty, stop)) for duty in self._duties]

    async def end(self) -> None:
        """Ends all."""
        await ended(self._tasks)

    async def obey(self, line: Line, stop: asyncio.Event) -> None:
        """Leaves them, and all storing, to another process, and takes them back, as ordered."""
        while True:
            self.yielded = await line.orders.get() == "yield"
            if self.yielded:
                await self.end()
                await self._cache.give_way()
                line.say("yielded")
            else:
                self._cache.take_back()
                self.begin(stop)


async def told(work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Runs what must not end; if it does, says so and stops the worker, to be started anew."""
    try:
        await work()
    except Exception:
        _log.exception("a part of the edge failed")
        stop.set()


async def ended(tasks: Collection[asyncio.Task[None]]) -> None:
    """Ends ``tasks``."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def viewers_socket(runtime: Path, number: int) -> Path:
    """Where worker ``number`` answers its siblings."""
    return runtime / f"{number}.sock"


def admin_socket(runtime: Path, number: int) -> Path:
    """Where worker ``number`` tells of itself."""
    return runtime / f"{number}.admin"


class Siblings:
    """The other workers, as one of them asks them."""

    def __init__(self, runtime: Path, number: int, count: int) -> None:
        self._runtime = runtime
        self._number = number
        self._count = count
        self._pool = Pool(context=None)
        self.succeeded = False
        """Whether another process has this worker's number now."""

    def is_own(self, owner: int) -> bool:
        """Whether ``owner`` is this worker."""
        return owner == self._number and not self.succeeded

    @contextlib.asynccontextmanager
    async def ask(
        self,
        owner: int,
        request: Request,
        client: str,
        *,
        sha256: bytes = b"",
        paced: bool = False,
        body: AsyncIterable[bytes] | None = None,
        length: int | None = None,
    ) -> AsyncIterator[Exchange]:
        """The answer of worker ``owner`` to a viewer's request.

        Args:
            owner: which worker.
            request: what the viewer asks.
            client: the viewer's address.
            sha256: what the object's digest must be, where that is known.
            paced: whether it is filled at the rate that is set for that.
            body: the request's content.
            length: its bytes; None when unknown.

        Raises:
            NearcastError: it does not answer.
        """
        fields = [
            ("Host", request.host),
            *request.fields.without((*INTERNAL, "host", "content-length")).pairs,
            ("Nearcast-Scheme", request.scheme),
            ("Nearcast-Client", client),
        ]
        if sha256:
            fields.append(("Nearcast-Sha256", sha256.hex()))
        if paced:
            fields.append(("Nearcast-Paced", "1"))
        asked = UpstreamRequest(request.method, request.target, tuple(fields), body, length)
        async with self._pool.request(self._endpoint(viewers_socket, owner), asked) as exchange:
            yield exchange

    async def tell(self, path: str) -> list[bytes]:
        """What each of the others answers to GET ``path`` on its own account; none if it cannot."""
        answers = []
        for number in range(self._count):
            if number == self._number:
                continue
            request = UpstreamRequest("GET", path, (("Host", "worker"),))
            with contextlib.suppress(NearcastError):
                endpoint = self._endpoint(admin_socket, number)
                async with self._pool.request(endpoint, request) as exchange:
                    answers.append(b"".join([piece async for piece in exchange.pieces()]))
        return answers

    def _endpoint(self, socket_of: Callable[[Path, int], Path], number: int) -> Endpoint:
        return Endpoint("http", "worker", 80, unix_socket=socket_of(self._runtime, number))

    async def close(self) -> None:
        """Closes its connections."""
        await self._pool.close()


def supervisor_command(settings: Settings, claim: Claim, runtime: Path) -> list[str]:
    """The command of the supervisor that takes over from this process, in its place.

    Looks names up and binds addresses: it belongs in a thread.

    Args:
        settings: the edge's.
        claim: the claim on its cache folder.
        runtime: the folder that is the claim's.

    Raises:
        PortTaken: a port is another program's.
        SettingsInvalid: an address is not this machine's.
    """
    several = settings.workers > 1
    for one in bound(settings.listen) if several else ():
        # Ports that are shared are lent to every program of this user: this tells them apart.
        one.close()
    viewers = [bound(settings.listen, shared=several) for _ in range(settings.workers)]
    admin = () if settings.admin is None else bound(settings.admin)
    return command_of(
        Plan(
            settings=msgspec.json.decode(msgspec.json.encode(settings, enc_hook=str)),
            runtime=str(runtime),
            claim=claim.file,
            # Detached: they are open for as long as a process has them, in whatever program.
            viewers=[[one.detach() for one in sockets] for sockets in viewers],
            admin=[one.detach() for one in admin],
        )
    )


def inherited(files: tuple[int, ...]) -> tuple[socket.socket, ...]:
    """The sockets of file descriptors that a process was started with."""
    return tuple(socket.socket(fileno=file) for file in files)


def decode_spec(line: bytes) -> WorkerSpec:
    """The spec that the supervisor wrote.

    Raises:
        MsgspecError: it is none.
    """
    return msgspec.json.decode(line, type=WorkerSpec, dec_hook=convert_setting)
