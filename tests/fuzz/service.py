"""Uploads broken videos to a running ingest: python -m tests.fuzz.service [--files N] [--seed S].

The service must take each, end its job as done or failed with one sentence, stay up, and keep
nothing of those that failed. What breaks a rule ends the program with an error.
"""

import argparse
import collections
import itertools
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.fuzz.mutation import Mutant, mutants
from tests.fuzz.uploads import SENTENCE
from tests.integration.ingest_service import FINAL, ControlEar, Service, running

AT_ONCE = 4
"""Uploads."""
WITHIN = 300.0
"""Seconds that a batch of jobs may take."""
BATCH = 50


def upload(service: Service, mutant: Mutant) -> tuple[str, str] | None:
    """The mutant's name and its job's; nothing where it was refused at the door."""
    answer = service.upload(mutant.content, title=mutant.name.replace("+", "-"))
    if answer.status == 422 and not mutant.content:
        return None
    assert answer.status == 201, f"{mutant.name}: {answer.status} {answer.body!r}"
    return mutant.name, answer.json["job_id"]


def meet(service: Service, ear: ControlEar, batch: list[Mutant]) -> list[str]:
    """Uploads ``batch`` and waits for its jobs; answers how each ended."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        sent = [one for one in threads.map(lambda each: upload(service, each), batch) if one]

    def ended() -> bool:
        return all(service.job(job_id)["state"] in FINAL for _, job_id in sent)

    service.until(ended, "all jobs ended", within=WITHIN)
    endings = []
    for name, job_id in sent:
        job = service.job(job_id)
        published = any(one["version"] == job["version"] for one in ear.heard)
        if job["state"] == "failed":
            assert SENTENCE.fullmatch(job["error"]), f"{name}: {job['error']!r}"
            assert not published, f"{name} failed and is published"
        else:
            assert job["state"] == "done", f"{name}: {job['state']}"
            assert published, f"{name} is done and not published"
        endings.append(f"{job['state']}: {_kind(job)}")
    return endings


def _kind(job: dict[str, Any]) -> str:
    words = str(job["error"] or "published")
    return words.partition(":")[0][:60]


def nothing_is_left(service: Service, ear: ControlEar) -> None:
    """Raises AssertionError where a file is there that no published version needs, or one is not
    there that one needs.
    """
    objects = service.folder / "objects"
    needed = set()
    for heard in ear.heard:
        manifest = json.loads((objects / heard["manifest_key"]).read_bytes())
        needed |= {heard["manifest_key"], *(one["key"] for one in manifest["objects"])}
    assert set(service.objects()) == needed
    folders = tuple(str((objects / key).parent) for key in needed)
    astray = [path for path in service.leftovers() if not path.startswith(folders)]
    assert astray == []


def fuzz(count: int, seed: int) -> collections.Counter[str]:
    """Meets ``count`` mutants; answers how often each ending came."""
    endings: collections.Counter[str] = collections.Counter()
    ear = ControlEar()
    try:
        with tempfile.TemporaryDirectory() as folder:
            service = Service(Path(folder), ear)
            with running(service):
                made = mutants(count, seed)
                while batch := list(itertools.islice(made, BATCH)):
                    endings.update(meet(service, ear, batch))
                assert service.process is not None
                assert service.process.poll() is None
                nothing_is_left(service, ear)
                assert "Traceback" not in service.log, service.log[-4000:]
    finally:
        ear.close()
    return endings


def main() -> None:
    """Runs with the numbers on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1000, help="broken files to upload")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    asked = parser.parse_args()
    for ending, times in fuzz(asked.files, asked.seed).most_common():
        sys.stdout.write(f"{times:6} {ending}\n")


if __name__ == "__main__":
    main()
