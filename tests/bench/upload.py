"""How soon uploads are acknowledged after their last byte, and what memory they take.

    python -m tests.bench.upload [--clients 50] [--size 8MiB] [--uploads 10] [--rate 4MiB]
    python -m tests.bench.upload --big 5GB

The service runs without workers, so that nothing but uploads is measured: on SQLite and a folder,
or with ``--many-machines`` on MongoDB and S3. ``--rate`` is the pace of each client in bytes a
second; without it each sends as fast as the service reads, and what the kernel has buffered is
still to be read when a client has sent its last byte. The clients share the machine's processors.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

from common.settings import ByteSize
from tests.integration.ingest_service import TOKEN, ControlEar, Service, running
from tests.integration.tus_client import BYTES, UPLOADS
from tests.servers.databases import mongodb, redis
from tests.servers.s3 import new_bucket, s3

BLOCK = os.urandom(256 * 1024)
UNLIMITED = {"requests_per_second": 1e6, "burst": 1_000_000, "at_once": 10_000}
QUOTA = UNLIMITED | {"uploads_per_day": 10**9, "bytes_per_day": "1000TB"}


class Client:
    """Sends uploads over one connection, one after another."""

    def __init__(self, port: int, size: int, rate: float | None) -> None:
        self._port = port
        self._size = size
        self._rate = rate

    async def put(self) -> float:
        """Sends a file in one request; the seconds from its last byte to the answer."""
        head = f"PUT /v1/videos?title=bench HTTP/1.1\r\nContent-Length: {self._size}\r\n"
        seconds, answer = await self._send(head)
        assert answer.startswith(b"HTTP/1.1 201 "), answer
        return seconds

    async def tus(self) -> float:
        """Sends a file as tus does; the seconds from its last byte to the answer."""
        spoken = "Tus-Resumable: 1.0.0\r\n"
        head = f"POST {UPLOADS} HTTP/1.1\r\n{spoken}Upload-Length: {self._size}\r\n"
        named = "Upload-Metadata: title YmVuY2g=\r\nContent-Length: 0\r\n"
        _, created = await self._send(head + named, content=False)
        assert created.startswith(b"HTTP/1.1 201 "), created
        place = created.partition(b"Location: ")[2].partition(b"\r\n")[0].decode()
        head = f"PATCH {place} HTTP/1.1\r\n{spoken}Upload-Offset: 0\r\nContent-Type: {BYTES}\r\n"
        seconds, answer = await self._send(f"{head}Content-Length: {self._size}\r\n")
        assert b"Nearcast-Job: " in answer, answer
        return seconds

    async def _send(self, head: str, *, content: bool = True) -> tuple[float, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.transport.set_write_buffer_limits(0)
        writer.write(f"{head}Host: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        if content:
            await self._content(writer)
        sent = time.perf_counter()
        answer = await reader.readuntil(b"\r\n\r\n")
        seconds = time.perf_counter() - sent
        writer.close()
        return seconds, answer

    async def _content(self, writer: asyncio.StreamWriter) -> None:
        began, sent = time.perf_counter(), 0
        while sent < self._size:
            block = BLOCK[: min(len(BLOCK), self._size - sent)]
            sent += len(block)
            if self._rate:
                await asyncio.sleep(began + sent / self._rate - time.perf_counter())
            writer.write(block)
            await writer.drain()


def memory(service: Service, what: str) -> int:
    """Bytes of the service's process: ``VmRSS`` is now, ``VmHWM`` its peak."""
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) * 1024


def processor_time(service: Service) -> float:
    """Seconds that the service's process has worked."""
    assert service.process is not None
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_peak(service: Service) -> None:
    """Has ``VmHWM`` begin anew."""
    assert service.process is not None
    Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")


async def side_by_side(service: Service, kind: str, arguments: argparse.Namespace) -> None:
    """Many clients at once, and what each upload's last byte waited for."""
    size, rate = int(ByteSize.parse(arguments.size)), arguments.rate
    pace = float(ByteSize.parse(rate)) if rate else None

    async def client(number: int) -> list[float]:
        # Not all in step: their last bytes would come at the same moment.
        await asyncio.sleep(number / arguments.clients * (size / pace if pace else 0.1))
        sender = Client(service.port, size, pace)
        return [await getattr(sender, kind)() for _ in range(arguments.uploads)]

    idle = memory(service, "VmRSS")
    forget_peak(service)
    began, worked = time.perf_counter(), processor_time(service)
    waits = await asyncio.gather(*map(client, range(arguments.clients)))
    seconds = time.perf_counter() - began
    told = sorted(1000 * one for each in waits for one in each)
    cuts = statistics.quantiles(told, n=100)
    each = (memory(service, "VmHWM") - idle) / arguments.clients
    print(
        f"{kind}: {len(told)} uploads of {arguments.size} by {arguments.clients} clients, "
        f"{rate or 'as fast as may be'} each: p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, "
        f"p99 {cuts[98]:.1f} ms, worst {told[-1]:.1f} ms; "
        f"{len(told) * size / seconds / 1e6:.0f} MB/s in all; "
        f"{1000 * (processor_time(service) - worked) / len(told):.1f} ms of CPU each; "
        f"memory {idle / 1e6:.0f} MB idle, at most {each / 1e6:.2f} MB more for each client"
    )


async def big(service: Service, kind: str, size: int) -> None:
    """One large file."""
    idle = memory(service, "VmRSS")
    forget_peak(service)
    began = time.perf_counter()
    wait = await getattr(Client(service.port, size, None), kind)()
    seconds = time.perf_counter() - began
    print(
        f"{kind}: {size / 1e9:.1f} GB in {seconds:.1f} s, {size / seconds / 1e6:.0f} MB/s; "
        f"answered {1000 * wait:.1f} ms after the last byte; memory {idle / 1e6:.0f} MB idle, "
        f"{memory(service, 'VmHWM') / 1e6:.0f} MB at most"
    )


@contextlib.contextmanager
def started(folder: Path, *, many_machines: bool) -> Iterator[Service]:
    """Ingest without workers."""
    with contextlib.ExitStack() as stack:
        settings: dict[str, Any] = {
            "broker": {"redis": stack.enter_context(redis(folder)).url},
            "limits": {"max_bytes": "100GB"},
            "upload": {"quota": QUOTA, "at_once": 10_000},
        }
        if many_machines:
            database = stack.enter_context(mongodb(folder))
            settings["database"] = {"mongodb": database.url, "name": f"b{uuid.uuid4().hex}"}
            settings["store"] = {"s3": new_bucket(stack.enter_context(s3(folder)), "bench")}
        ear = ControlEar()
        stack.callback(ear.close)
        yield stack.enter_context(running(Service(folder / "service", ear, **settings)))


def main() -> None:
    """Measures, and prints a line for each way of uploading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--size", default="8MiB")
    parser.add_argument("--uploads", type=int, default=10, help="of each client")
    parser.add_argument("--rate", help="bytes a second of each client")
    parser.add_argument("--big", help="size of one large file, in place of many small ones")
    parser.add_argument("--ways", nargs="*", default=["put", "tus"], choices=["put", "tus"])
    parser.add_argument("--many-machines", action="store_true", help="MongoDB and S3")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".cache") as folder:
        for kind in arguments.ways:
            place = Path(folder).absolute() / kind
            place.mkdir()
            with started(place, many_machines=arguments.many_machines) as service:
                if arguments.big:
                    work = big(service, kind, int(ByteSize.parse(arguments.big)))
                else:
                    work = side_by_side(service, kind, arguments)
                uvloop.run(work)
    print(f"load average {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


if __name__ == "__main__":
    main()
