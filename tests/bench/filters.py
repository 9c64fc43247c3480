"""What each content filter costs on a film of ten minutes, and on block lists of a million lines.

    python -m tests.bench.filters [--seconds N] [--lines N]

The film is the footage of the tests at 1280 × 720, again and again. Wall time and processor time
are told, both with all that the filter starts, and the most memory that one of its processes took.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import imageio_ffmpeg
import msgspec
from aiohttp import web

from common.settings import ByteSize, convert_setting
from ingest.filter import FilterSettings, Subject, Verdict, run_chain
from ingest.inspect.limits import InspectionLimits
from ingest.inspect.probe import inspect
from tests.servers.parts import FOOTAGE, installed
from tests.unit.ingest.filter.test_onnx_model import redness

PLAIN_DECODE: Final = "decoding alone"


class Cost(msgspec.Struct):
    """What one run took."""

    wall: float
    processor: float
    memory: int
    """Bytes."""
    verdict: Verdict | None = None


def film(folder: Path, seconds: int) -> Path:
    """The footage, for `seconds`."""
    target = folder / "film.mp4"
    source = installed(FOOTAGE) / "bigbuckbunny.mp4"
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", "-1"),
            *("-i", str(source), "-c", "copy", "-t", str(seconds), str(target)),
        ],
        check=True,
    )
    return target


def block_list(folder: Path, lines: int) -> Path:
    """Random hashes, each with a label."""
    target = folder / "list.txt"
    with target.open("w") as file:
        for number in range(lines):
            file.write(f"{os.urandom(32).hex()} entry {number}\n")
    return target


async def one(entry: FilterSettings, subject: Subject, folder: Path) -> Cost:
    """Run one filter, and see what it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    outcome = await run_chain((entry,), subject, workspace=folder, on_progress=lambda _: None)
    wall = loop.time() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, outcome.verdicts[0])


def decode_alone(source: Path) -> Cost:
    """What reading the film costs anybody."""
    begun = time.monotonic()
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "4"),
            *("-i", str(source), "-map", "0:v", "-f", "null", "-"),
        ],
        check=True,
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


async def service() -> tuple[web.AppRunner, str]:
    """A hook that takes everything and allows it."""

    async def handle(request: web.Request) -> web.Response:
        async for _ in request.content.iter_chunked(1 << 18):
            pass
        return web.json_response({"decision": "allow"})

    application = web.Application()
    application.router.add_post("/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    return runner, f"http://{host}:{port}/"


def apart(arguments: list[str]) -> Cost:
    """This program again, so that what its children took is one filter's alone."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.filters", *arguments],
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Cost)


async def measured(folder: Path, seconds: int, lines: int) -> None:
    """Every filter in turn, a line for each."""
    source = film(folder, seconds)
    listed, short = block_list(folder, lines), folder / "short.txt"
    short.write_text("ab" * 32 + "\n")
    media = await inspect(source, InspectionLimits())
    subject = Subject(str(source), "cd" * 32, media.byte_size, media, "A film", "film.mp4", "me")
    (folder / "subject").write_bytes(msgspec.json.encode(subject))
    runner, url = await service()
    model = {"model": str(redness(folder / "m.onnx", shape=(1, 3, 224, 224))), "review": 2.0}
    runs: list[tuple[str, str, dict[str, Any]]] = [
        (f"exact-hash, {lines} lines", "exact-hash", {"list": str(listed)}),
        ("perceptual-hash, 1 line", "perceptual-hash", {"list": str(short)}),
        (f"perceptual-hash, {lines} lines", "perceptual-hash", {"list": str(listed)}),
        ("passages", "passages", {}),
        ("http, facts", "http", {"url": url}),
        ("http, frames", "http", {"url": url, "send": "frames"}),
        ("http, file", "http", {"url": url, "send": "file"}),
        ("onnx, 224 x 224, a tiny model", "onnx", model),
    ]
    print(f"{seconds} s at 1280 x 720, {media.byte_size / 1e6:.0f} MB")
    told(PLAIN_DECODE, await asyncio.to_thread(apart, ["--decode", str(source)]))
    for name, kind, options in runs:
        entry = FilterSettings(
            name=name, kind=kind, timeout=3600, memory=ByteSize(4 << 30), options=options
        )
        (folder / "entry").write_bytes(msgspec.json.encode(entry, enc_hook=int))
        told(name, await asyncio.to_thread(apart, ["--one", str(folder)]))
    await runner.cleanup()


def told(name: str, cost: Cost) -> None:
    """One line."""
    failure = cost.verdict.failure if cost.verdict else None
    print(
        f"{name:34} wall {cost.wall:6.2f} s  processor {cost.processor:6.2f} s  "
        f"memory {cost.memory / 2**20:4.0f} MiB  {failure or ''}",
        flush=True,
    )


def main() -> None:
    """Measure, or be one of the runs that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--decode", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.decode is not None:
        sys.stdout.buffer.write(msgspec.json.encode(decode_alone(given.decode)))
    elif given.one is not None:
        entry = msgspec.json.decode(
            (given.one / "entry").read_bytes(), type=FilterSettings, dec_hook=convert_setting
        )
        subject = msgspec.json.decode((given.one / "subject").read_bytes(), type=Subject)
        cost = asyncio.run(one(entry, subject, given.one / "work"))
        sys.stdout.buffer.write(msgspec.json.encode(cost))
    else:
        with tempfile.TemporaryDirectory(prefix="nearcast-bench-") as folder:
            asyncio.run(measured(Path(folder), given.seconds, given.lines))


if __name__ == "__main__":
    main()
