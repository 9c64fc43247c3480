"""Measures the pipeline beside one plain ffmpeg, and writes JSON, tables and a picture.

    python -m tests.bench.ingest [--rounds N] [--quick] [--codecs h264,hevc,av1] [--upload]

A minute of real footage in Full HD, on two cores. Rounds go from side to side, each time beginning
with another, so that what else the machine does strikes all alike. Held beside the rival are the
encodes alone, which is what it does, and the whole of ``nearcast transcode``, which also inspects,
makes pictures, measures and checks. CPU time is that of all processes. What is judged is printed as
met or missed; the exit status does not tell.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from ingest.plan import EncodingPlan
from ingest.standalone import Recipe
from tests.bench.edge.servers import machine
from tests.bench.ingest import report
from tests.bench.ingest.cost import Cost, cost_of
from tests.bench.ingest.footage import CACHE, LONG, QUICK, footage
from tests.bench.ingest.quality import Quality, quality_of
from tests.bench.ingest.rival import rival
from tests.bench.ingest.steps import ENCODE, plan_of, recipe_of
from tests.bench.ingest.workers import job_seconds

RESULTS = Path(__file__).parents[1] / "results"
CORES = 2
SHORT_CHUNKS: dict[str, Any] = {"chunk_seconds": 2.0, "segment_seconds": 2.0}
"""With ``--quick``, so that two workers have something to share."""

ENCODES, WHOLE, PLAIN = "encodes alone", "nearcast transcode", "plain ffmpeg"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="10 s of footage, one round")
    parser.add_argument("--codecs", default="h264")
    parser.add_argument("--upload", action="store_true", help="memory while 5 GB come, too")
    parser.add_argument("--output", type=Path, help="folder of results; with --quick, none else")
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)
    source = footage(QUICK if asked.quick else LONG)
    rounds = 1 if asked.quick else asked.rounds
    results: dict[str, Any] = {"machine": machine(), "codecs": asked.codecs, "source": source.name}
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        rows = beside(source, asked.codecs, rounds, Path(folder), results)
    plan = SHORT_CHUNKS if asked.quick else {}
    rows.append(scaling(source, cores, asked.codecs, plan, rounds, results))
    if asked.upload:
        rows.append(uploading(results))
    output = asked.output or (None if asked.quick else RESULTS)
    tell(rows, results, output)


def say(text: str) -> None:
    """Tells how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def beside(
    source: Path, codecs: str, rounds: int, folder: Path, results: dict[str, Any]
) -> list[report.Row]:
    """Speed, quality and size beside the plain ffmpeg's."""
    recipe = recipe_of(codecs)
    plan = asyncio.run(plan_of(source, recipe))
    results["plan"] = f"{len(plan.video)} renditions; chunks: {len(plan.chunks)}"
    costs: dict[str, list[Cost]] = {name: [] for name in (ENCODES, WHOLE, PLAIN)}
    steps: list[dict[str, Cost]] = []
    for turn in range(rounds):
        names = list(costs)[turn % 3 :] + list(costs)[: turn % 3]
        for name in names:
            place = folder / name.replace(" ", "-")
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            command = _command(name, source, place, codecs, plan, recipe)
            log = folder / "log"
            cost = cost_of(command, log)
            if name == ENCODES:
                steps.append(msgspec.json.decode(log.read_bytes(), type=dict[str, Cost]))
                cost = steps[-1][ENCODE]
            costs[name].append(cost)
            say(f"round {turn + 1}, {name}: {cost.wall:.1f} s, {cost.cpu:.1f} s of CPU")
    results["costs"] = msgspec.to_builtins(costs)
    results["steps"] = msgspec.to_builtins(steps)
    found: list[dict[str, Quality]] = []
    for name in (WHOLE, PLAIN):
        place = folder / name.replace(" ", "-")
        found.append({one.name: quality_of(place / one.name, source) for one in plan.video})
        say(f"quality of {name}")
    results["quality"] = msgspec.to_builtins(found)
    return [
        *report.as_fast(ENCODES, costs[ENCODES], costs[PLAIN]),
        *report.as_fast(WHOLE, costs[WHOLE], costs[PLAIN]),
        *report.as_good(*found),
    ]


def _command(
    name: str, source: Path, place: Path, codecs: str, plan: EncodingPlan, recipe: Recipe
) -> list[str]:
    if name == PLAIN:
        return rival(plan, source, place, recipe.encoding)
    told = ["--codecs", codecs]
    if name == ENCODES:
        module = ["-m", "tests.bench.ingest.steps"]
        return [sys.executable, *module, str(source), str(place), *told]
    return [sys.executable, "-m", "deploy", "transcode", str(source), "--out", str(place), *told]


def scaling(
    source: Path,
    cores: list[int],
    codecs: str,
    plan: dict[str, Any],
    rounds: int,
    results: dict[str, Any],
) -> report.Row:
    """Two workers beside one."""
    took: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(rounds):
        for count in sorted(took, reverse=turn % 2 == 1):
            took[count].append(job_seconds(source, cores[:count], codecs, plan))
            say(f"round {turn + 1}, workers: {count}, {took[count][-1]:.1f} s")
    results["workers"] = took
    return report.as_many(took[2], took[1])


def uploading(results: dict[str, Any]) -> report.Row:
    """Memory while a large file comes, which another program measures."""
    command = [sys.executable, "-m", "tests.bench.upload", "--big", "5GB"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    results["upload"] = done.stdout.splitlines()
    say(done.stdout.strip())
    return report.as_small([float(one) for one in re.findall(r"(\d+) MB at most", done.stdout)])


def tell(rows: list[report.Row], results: dict[str, Any], folder: Path | None) -> None:
    """Prints what was found, and writes it into ``folder``."""
    steps = [msgspec.convert(one, dict[str, Cost]) for one in results["steps"]]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    told = f"{results['source']}, {results['plan']}. On {results['machine']}; load average {load}."
    text = report.page(rows, steps, told)
    print(text)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "encode.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "encode.md").write_text(text)
    heading = "How much of what is allowed is used, beside one plain ffmpeg"
    foot = f"Orange: a requirement is missed. {told}"
    (folder / "encode.svg").write_text(report.picture(rows, heading, foot))


if __name__ == "__main__":
    main()
