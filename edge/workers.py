"""Several processes that answer viewers from one cache.

The first starts the others and starts them again when they end; they end when it does. Each key
belongs to one of them: what another cannot answer from the cache it passes on to that one, over a
Unix socket that only this edge's user may enter, so that a missing object is fetched once for all.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path

import msgspec

from common import logs
from common.errors import NearcastError
from common.settings import convert_setting
from edge.fetch.connection import Endpoint, UpstreamRequest
from edge.fetch.pool import Exchange, Pool
from edge.policy.messages import Request
from edge.settings import Settings

RESTART_PAUSE = 1.0
"""Seconds before a worker that ended is started again."""
INTERNAL = ("nearcast-scheme", "nearcast-client", "nearcast-sha256")

_log = logs.get(__name__)


class WorkerSpec(msgspec.Struct, frozen=True):
    """What a worker process is told when it starts, on its standard input."""

    settings: Settings
    number: int
    runtime: Path
    """The folder of what the workers share while they run, such as their Unix sockets."""


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

    def is_own(self, owner: int) -> bool:
        """Whether ``owner`` is this worker."""
        return owner == self._number

    @contextlib.asynccontextmanager
    async def ask(
        self,
        owner: int,
        request: Request,
        client: str,
        *,
        sha256: bytes = b"",
        body: AsyncIterable[bytes] | None = None,
        length: int | None = None,
    ) -> AsyncIterator[Exchange]:
        """The answer of worker ``owner`` to a viewer's request.

        Args:
            owner: which worker.
            request: what the viewer asks.
            client: the viewer's address.
            sha256: what the object's digest must be, where that is known.
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


async def keep_running(spec: WorkerSpec) -> None:
    """Runs a worker process for ever."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edge.worker", stdin=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None
        try:
            # The pipe stays open: its end tells the worker that this process is gone.
            process.stdin.write(encode_spec(spec) + b"\n")
            await process.stdin.drain()
            status = await process.wait()
            _log.warning("a worker process ended", worker=spec.number, status=status)
        except OSError as error:
            _log.warning("a worker process did not start", worker=spec.number, reason=str(error))
        finally:
            process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
        await asyncio.sleep(RESTART_PAUSE)


def encode_spec(spec: WorkerSpec) -> bytes:
    """``spec`` in one line."""
    return msgspec.json.encode(spec, enc_hook=str)


def decode_spec(line: bytes) -> WorkerSpec:
    """The spec that ``encode_spec`` wrote.

    Raises:
        MsgspecError: it is none.
    """
    return msgspec.json.decode(line, type=WorkerSpec, dec_hook=convert_setting)
