"""Ingest in a storm: workers killed every few seconds, Redis restarted, and every job ends right.

    python -m tests.faults.ingest_storm [--jobs N] [--workers N] [--every SECONDS] [--away SECONDS]

Real MongoDB and Redis, one ingest and the workers as processes of their own. Every worker in turn
gets kill -9 and is started again; when half of the jobs are done, Redis is killed and comes back
empty; when three quarters are, MongoDB stands still for a minute. Then every job must be done,
published as one version, whole in the store and with nothing beside it; and no encoder may be left.
Tells how much work was done more than once.
"""

import argparse
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo

from tests.integration.ingest_service import FINAL, ControlEar, Service, make_clip, running
from tests.servers.databases import mongodb
from tests.servers.parts import program
from tests.servers.processes import free_ports
from tests.servers.processes import running as running_server

PATIENCE = 600.0
"""Seconds without any job coming to an end after which the storm is given up."""


class Redis:
    """A Redis server that can be killed, and comes back on its port with nothing in it."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self._folder = folder
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--dir", str(self._folder)]
        log = self._folder / "redis.log"
        self._process = self._stack.enter_context(
            running_server(command, log=log, ports=[self.port])
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        self.kill()
        time.sleep(1.0)
        self.start()

    def close(self) -> None:
        self._stack.close()


@dataclass
class Report:
    """What a storm left behind."""

    jobs: int
    seconds: float
    kills: int
    states: Counter[str]
    announced: Counter[str]
    """Assets by the number of times that the control plane was told of them."""
    attempts: dict[str, tuple[int, int]]
    """Kind of task to the number of tasks and of attempts at them."""
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"{self.jobs} jobs in {self.seconds:.0f} s, {self.kills} workers killed"
        yield f"states: {dict(self.states)}"
        told = Counter(self.announced.values())
        yield f"announcements per asset: {dict(sorted(told.items()))}"
        for kind, (tasks, attempts) in sorted(self.attempts.items()):
            yield f"{kind:8} {tasks:5} tasks, {attempts - tasks:4} repeated"
        tasks = sum(count for count, _ in self.attempts.values())
        attempts = sum(count for _, count in self.attempts.values())
        yield f"repeated: {attempts - tasks} of {tasks} tasks, {(attempts - tasks) / tasks:.1%}"
        yield from (f"WRONG: {line}" for line in self.wrong)


def storm(
    folder: Path, *, jobs: int, workers: int, every: float, away: float, seed: int = 1
) -> Report:
    """Runs ``jobs`` through ``workers`` of which one is killed ``every`` so many seconds.

    The database is ``away`` for so many seconds once.
    """
    clip = make_clip(folder / "clip.mp4", seconds=1, size="128x72").read_bytes()
    ear = ControlEar()
    with ExitStack() as stack:
        stack.callback(ear.close)
        database = stack.enter_context(mongodb(folder))
        name = f"storm_{uuid.uuid4().hex}"
        redis = Redis(folder)
        stack.callback(redis.close)
        redis.start()
        shared: dict[str, Any] = {
            "database": {"mongodb": database.url, "name": name},
            "broker": {"redis": redis.url},
        }
        ingest = Service(folder, ear, **shared)
        fleet = [
            Service(folder, ear, role="worker", name=f"worker{n}", concurrency=1, **shared)
            for n in range(workers)
        ]
        for service in (ingest, *fleet):
            stack.enter_context(running(service))
        began = time.monotonic()
        ids = [_upload(ingest, clip, number) for number in range(jobs)]
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(database.url)
        stack.callback(client.close)
        records = client[name]
        still = (lambda: _stand_still(database.pid, away)) if away else lambda: None
        kills = _blow(records, fleet, [redis.restart, still], jobs, every, random.Random(seed))
        seconds = time.monotonic() - began
        report = _report(ingest, ear, records, ids)
        report.seconds, report.kills = seconds, kills
        for service in (*fleet, ingest):
            if service.stop() > 5.0:
                report.wrong.append("a process took more than 5 s to end")
        if encoders := _encoders(folder):
            report.wrong.append(f"encoders are left: {encoders}")
        left = [path for path in ingest.leftovers() if Path(path).is_relative_to(folder / "work")]
        if left:
            report.wrong.append(f"the work folders are not empty: {left[:5]}")
    return report


def _upload(ingest: Service, clip: bytes, number: int) -> str:
    # A free box (ISO/IEC 14496-12 §8.1.2) at the end makes each file one of its own.
    content = str(number).rjust(12).encode()
    answer = ingest.upload(clip + (8 + len(content)).to_bytes(4) + b"free" + content)
    assert answer.status == 201, answer.body
    job_id: str = answer.json["job_id"]
    return job_id


def _stand_still(pid: int, seconds: float) -> None:
    """Stops a process, which keeps its connections and answers nothing, and lets it go on."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def _blow(
    records: Any,
    fleet: list[Service],
    disasters: list[Callable[[], None]],
    jobs: int,
    every: float,
    chance: random.Random,
) -> int:
    """Kills until all jobs have ended; answers how many times. Each disaster comes once."""
    kills, ended, moved_at = 0, -1, time.monotonic()
    coming = list(disasters)
    turn = itertools.cycle(fleet)
    while True:
        time.sleep(every * chance.uniform(0.5, 1.5))
        now_ended = records.jobs.count_documents({"state": {"$in": sorted(FINAL)}})
        if now_ended == jobs:
            return kills
        if now_ended != ended:
            ended, moved_at = now_ended, time.monotonic()
        elif time.monotonic() - moved_at > PATIENCE:
            return kills
        worker = next(turn)
        worker.kill()
        kills += 1
        if coming and ended >= jobs * (0.5 if len(coming) == len(disasters) else 0.75):
            coming.pop(0)()
        worker.start()


@contextmanager
def _noted(wrong: list[str]) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        wrong.append(str(error))


def _report(ingest: Service, ear: ControlEar, records: Any, ids: list[str]) -> Report:
    jobs = {job["_id"]: job for job in records.jobs.find()}
    tasks = list(records.tasks.find())
    announced = Counter(one["asset_id"] for one in ear.heard)
    kinds = sorted({task["kind"] for task in tasks})
    report = Report(
        jobs=len(ids),
        seconds=0.0,
        kills=0,
        states=Counter(job["state"] for job in jobs.values()),
        announced=announced,
        attempts={
            kind: (
                sum(task["kind"] == kind for task in tasks),
                sum(task["attempt"] for task in tasks if task["kind"] == kind),
            )
            for kind in kinds
        },
    )
    with _noted(report.wrong):
        assert sorted(jobs) == sorted(ids), "the jobs are not those that were acknowledged"
    expected = []
    for job_id in ids:
        with _noted(report.wrong):
            expected += _published(ingest, ear, jobs[job_id])
    with _noted(report.wrong):
        extra = set(ingest.objects()) - set(expected)
        assert not extra, f"objects of no version: {sorted(extra)[:5]}"
    return report


def _published(ingest: Service, ear: ControlEar, job: dict[str, Any]) -> list[str]:
    """The keys of the one version that the job became."""
    told = f"{job['_id']} is {job['state']}: {job['error']}"
    assert job["state"] == "done", told
    announced = [one for one in ear.heard if one["asset_id"] == job["asset_id"]]
    assert announced, f"{job['_id']} was never announced"
    assert all(one == announced[0] for one in announced), f"{job['_id']} was announced as two"
    objects = ingest.folder / "objects"
    manifest = json.loads((objects / announced[0]["manifest_key"]).read_bytes())
    for listed in manifest["objects"]:
        path = objects / listed["key"]
        assert path.exists(), f"{listed['key']} is missing"
        assert path.stat().st_size == listed["size"], f"{listed['key']} is cut"
    return [*(one["key"] for one in manifest["objects"]), announced[0]["manifest_key"]]


def _encoders(folder: Path) -> list[int]:
    """Processes that work in the work folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            place = (entry / "cwd").readlink()
        except OSError:
            continue
        if place.is_relative_to(folder / "work"):
            found.append(int(entry.name))
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--every", type=float, default=3.0)
    parser.add_argument("--away", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = storm(
            Path(folder),
            jobs=given.jobs,
            workers=given.workers,
            every=given.every,
            away=given.away,
            seed=given.seed,
        )
    print(*report.lines(), sep="\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
