"""A worker process of an edge, started by the edge's first process and ended with it."""

import asyncio
import os
import sys

from common.service import run_role
from edge.app import worker_main
from edge.workers import WorkerSpec, decode_spec


async def _run(spec: WorkerSpec, stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )
    watching = asyncio.create_task(_stop_at_end(reader, stop))
    try:
        await worker_main(spec, stop)
    finally:
        watching.cancel()
        transport.close()


async def _stop_at_end(reader: asyncio.StreamReader, stop: asyncio.Event) -> None:
    while await reader.read(1024):
        pass
    stop.set()


def main() -> int:
    """Runs the worker that standard input describes; the exit status."""
    spec = decode_spec(_first_line())
    return run_role("edge", lambda stop: _run(spec, stop), log_level=spec.settings.log_level)


def _first_line() -> bytes:
    """The first line, and not a byte more: the rest of the pipe is the event loop's."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            break
        line += byte
    return bytes(line)


if __name__ == "__main__":
    sys.exit(main())
