"""A worker process of an edge, started by the edge's supervisor and ended with it."""

import asyncio
import gc
import os
import sys

from common.service import run_role
from edge.app import worker_main
from edge.workers import Line, WorkerSpec, decode_spec

GARBAGE_AT = 20_000
"""Objects that may be made until the youngest are looked through for garbage."""


async def _run(spec: WorkerSpec, stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )
    line = Line(asyncio.Queue(), _say)
    listening = asyncio.create_task(_take_orders(reader, line))
    try:
        await worker_main(spec, stop, line)
    finally:
        listening.cancel()
        transport.close()


async def _take_orders(reader: asyncio.StreamReader, line: Line) -> None:
    while order := await reader.readline():
        line.orders.put_nowait(order.strip().decode())
    # The supervisor was killed: whoever starts it anew waits for the claim that this one holds.
    os._exit(1)


def _say(word: str) -> None:
    try:
        os.write(sys.stdout.fileno(), word.encode() + b"\n")
    except BrokenPipeError:
        # As where orders end.
        os._exit(1)


def main() -> int:
    """Runs the worker that standard input describes; the exit status."""
    _say("loaded")
    line = _first_line()
    if not line:
        return 1
    spec = decode_spec(line)
    # What is there now stays: looking through it again and again would keep viewers waiting.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AT)
    return run_role("edge", lambda stop: _run(spec, stop), log_level=spec.settings.log_level)


def _first_line() -> bytes:
    """The first line, and not a byte more: the rest of the pipe is the event loop's."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            return b""
        line += byte
    return bytes(line)


if __name__ == "__main__":
    sys.exit(main())
