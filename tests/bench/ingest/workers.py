"""One worker beside two, each of one core: real ``nearcast worker``, Redis and MongoDB."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.ingest.footage import CACHE
from tests.integration.ingest_service import FINAL, ControlEar, Service, running
from tests.servers.databases import mongodb, redis
from tests.servers.parts import program

ASKED = 0.5
"""Seconds from one look at the job to the next: answering takes of the workers' cores."""


def job_seconds(source: Path, cores: Sequence[int], codecs: str, plan: dict[str, Any]) -> float:
    """Seconds of wall time from the upload's acknowledgement to the end of its job.

    Args:
        source: what is uploaded.
        cores: a worker is on each of them, and works on one task at a time with one thread.
        codecs: of the video, with commas.
        plan: settings of plans.
    """
    with tempfile.TemporaryDirectory(dir=CACHE) as name, ExitStack() as stack:
        folder = Path(name)
        ear = ControlEar()
        stack.callback(ear.close)
        shared: dict[str, Any] = {
            "database": {"mongodb": stack.enter_context(mongodb(folder)).url, "name": "bench"},
            "broker": {"redis": stack.enter_context(redis(folder)).url},
            "encoding": {"threads": 1},
            "plan": {"codecs": codecs.split(","), **plan},
            "limits": {"max_bytes": "1GB", "max_seconds": 3600.0},
        }
        ingest = stack.enter_context(running(Service(folder, ear, **shared)))
        for core in cores:
            worker = Service(
                folder,
                ear,
                role="worker",
                name=f"worker{core}",
                concurrency=1,
                command=lambda words, core=core: [program("taskset"), "-c", str(core), *words],  # type: ignore[misc]  # bound now
                **shared,
            )
            stack.enter_context(running(worker))
        answer = ingest.upload(source.read_bytes())
        assert answer.status == 201, answer.body
        began = time.perf_counter()
        while (job := ingest.job(answer.json["job_id"]))["state"] not in FINAL:
            time.sleep(ASKED)
        seconds = time.perf_counter() - began
        assert job["state"] == "done", job
    return seconds
