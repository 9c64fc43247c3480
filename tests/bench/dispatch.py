"""How soon an encoder starts after its task was made: four workers, real MongoDB and Redis.

    python -m tests.bench.dispatch [--clips N] [--workers N]

Uploads clips one after another, each when the one before is done, so that workers are free and what
is measured is what word, claim and preparation take. The clips need three encoders each: video,
sound, poster. The workers' own metric tells; the encoder is started by a small program that
confines it first, whose start the metric does not see: that is measured beside.
"""

import argparse
import re
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ingest.transcode.confinement import Confinement, confined
from tests.faults.ingest_storm import Redis
from tests.integration.ingest_service import ControlEar, Service, make_clip, running
from tests.servers.databases import mongodb

BUCKET = re.compile(r'^nearcast_ingest_encoder_start_seconds_bucket{le="(.+)"} (.+)$', re.MULTILINE)


def starts(workers: list[Service]) -> Counter[float]:
    """Encoders that started within so many seconds, over all workers."""
    found: Counter[float] = Counter()
    for worker in workers:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics") as answer:
            for bound, count in BUCKET.findall(answer.read().decode()):
                found[float(bound)] += int(float(count))
    return found


def launcher_seconds() -> float:
    """What the program that confines an encoder takes to start another."""
    command = confined(("/bin/true",), Confinement(reads=(Path("/bin/true"),)))
    times = []
    for _ in range(20):
        began = time.perf_counter()
        subprocess.run(command, check=False)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--workers", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        clip = make_clip(folder / "clip.mp4", seconds=1, size="128x72").read_bytes()
        ear = ControlEar()
        stack.callback(ear.close)
        redis = Redis(folder)
        stack.callback(redis.close)
        redis.start()
        shared: dict[str, Any] = {
            "database": {"mongodb": stack.enter_context(mongodb(folder)).url, "name": "dispatch"},
            "broker": {"redis": redis.url},
        }
        ingest = Service(folder, ear, **shared)
        workers = [
            Service(folder, ear, role="worker", name=f"worker{n}", concurrency=1, **shared)
            for n in range(given.workers)
        ]
        for service in (ingest, *workers):
            stack.enter_context(running(service))
        took = []
        for number in range(given.clips):
            began = time.perf_counter()
            content = (16).to_bytes(4) + b"free" + str(number).rjust(8).encode()
            job = ingest.finished(ingest.upload(clip + content).json["job_id"])
            assert job["state"] == "done", job
            took.append(time.perf_counter() - began)
        found = starts(workers)
    count = found[float("inf")]
    print(f"{count} encoders of {given.clips} clips, {statistics.median(took):.2f} s a clip")
    for bound, within in sorted(found.items()):
        if within:
            print(f"  within {bound:5} s: {100 * within / count:5.1f} %")
        if within == count:
            break
    print(f"  the program that confines takes {1000 * launcher_seconds():.0f} ms more")


if __name__ == "__main__":
    main()
