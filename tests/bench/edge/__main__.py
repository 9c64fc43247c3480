"""Measures the edge beside nginx and Varnish, and writes JSON, a table and a picture.

    python -m tests.bench.edge [--rounds N] [--seconds N] [--quick] [--cases TEXT] [--output FOLDER]

Every server is on one core, the load on the other; rounds go from server to server, each time
beginning with another, so that what else the machine does strikes all alike. Figures are medians,
and a ratio is the median of those of each round. CPU is the time of all processes of a server, from
/proc, which neither the load generator nor a noisy neighbour disturbs much; s/GB are seconds of it
for 10^9 bytes. Memory is theirs too (PSS): files that the system caches for a server are not in it,
what a server keeps in memory itself is. The edge is two here, one for each scheme.
"""

import argparse
import contextlib
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.edge.cases import DISTINCT, QUICK, SIZES, Case, cases
from tests.bench.edge.load import (
    RESULTS,
    Figures,
    Load,
    fetch,
    fetch_all,
    memory_under,
    own_client,
    run_wrk,
)
from tests.bench.edge.report import Row, memory_table, middle, picture, ratio_of, table
from tests.bench.edge.servers import (
    LOAD_CORE,
    Server,
    machine,
    running,
    versions,
)
from tests.bench.edge.surroundings import surroundings

RIVALS = ["nginx", "varnish"]
MEASURED = ["edge", *RIVALS]
IDLE = 10_000
"""Idle connections."""
RECORDS = 1_000_000
WAITERS = 1000
WAITED = 3.25
"""Seconds until the origin answers, by which all wait. No multiple of half a second: that often
nginx looks for what its waiters wait for, and right then it would seem to be told at once."""


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.edge")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a few cases, one round")
    parser.add_argument("--cases", help="only cases whose names have this in them")
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rounds = 1 if asked.quick else asked.rounds
    chosen = [
        case
        for case in cases()
        if (not asked.quick or case.name in QUICK) and (not asked.cases or asked.cases in case.name)
    ]
    whole = not asked.quick and not asked.cases
    names = [*MEASURED, *(["edge-no-log", "edge-tokens"] if whole else [])]
    results: dict[str, Any] = {"machine": machine(), "versions": versions()}
    results |= {"cases": {}, "memory": {}}
    with tempfile.TemporaryDirectory() as folder, running(names, Path(folder)) as servers:
        rows = [under_load(case, servers, rounds, asked.seconds, results) for case in chosen]
        if whole:
            rows += waiting(servers, rounds, results)
            rows += surroundings(servers, rounds, asked.seconds, results)
    if whole:
        # What earlier load has left behind would take in the first thousands for nothing.
        with tempfile.TemporaryDirectory() as folder, running(MEASURED, Path(folder)) as servers:
            rows += idling(servers, results)
        rows.append(index_memory(results))
    report(rows, results, asked.output)
    return 0


def say(text: str) -> None:
    """Tells how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def under_load(
    case: Case, servers: dict[str, Server], rounds: int, seconds: int, results: dict[str, Any]
) -> Row:
    """Measures one case."""
    taking_part = {
        name: server
        for name, server in servers.items()
        if name in MEASURED and server.url(case.scheme) is not None
    }
    runs: dict[str, list[Figures]] = {name: [] for name in taking_part}
    for name, server in taking_part.items():
        base = server.url(case.scheme) or ""
        if case.warm == "object":
            fetch(base + case.path)
        elif case.warm == "objects" and not runs[name]:
            fetch_all(base, 65536, DISTINCT)
    loads = {
        name: Load(
            f"{server.url(case.scheme)}{case.path}", case.connections, case.fields, case.script
        )
        for name, server in taking_part.items()
    }
    memory = {name: memory_under(taking_part[name], load) for name, load in loads.items()}
    names = list(loads)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            lasts = max(seconds, case.least_seconds)
            runs[name].append(run_wrk(taking_part[name], loads[name], lasts))
    results["cases"][case.name] = {
        name: [figures.as_dict() for figures in found] for name, found in runs.items()
    }
    results["memory"][case.name] = memory
    row = row_of(case, runs, memory)
    say(f"{row.name}: edge {row.edge}, ratio {row.ratio:.2f}" if row.ratio else row.name)
    return row


def row_of(case: Case, runs: dict[str, list[Figures]], memory: dict[str, int]) -> Row:
    """The medians of a case, and those of what each round tells of the edge beside nginx.

    Args:
        case: what was measured.
        runs: the rounds of each server.
        memory: bytes that each server has under this load.
    """

    def cost(one: Figures) -> float:
        if case.of == "throughput":
            return 1 / max(one.per_second, 1e-9)
        return one.cpu_per_byte if case.of == "bytes" else one.cpu

    def told(name: str) -> str:
        found = runs[name]
        cpu = middle(one.cpu for one in found) * 1e6
        rate = middle(one.per_second for one in found)
        speed = middle(one.bytes_per_second for one in found) / 1e9
        late = middle(one.p99 for one in found) * 1e3
        failed = sum(one.failed for one in found)
        each = middle(one.cpu_per_byte for one in found) * 1e9
        large = f", {each:.3f} s/GB" if case.of == "bytes" else ""
        more = f", {failed} failed" if failed else ""
        return f"{cpu:,.1f} µs{large}, {rate:,.0f}/s, {speed:.2f} GB/s, p99 {late:.1f} ms{more}"

    pairs = list(zip(runs["edge"], runs["nginx"], strict=True))
    in_time = not case.p99 or middle(edge.p99 - nginx.p99 for edge, nginx in pairs) <= 0
    failed = sum(one.failed for one in runs["edge"])
    return Row(
        case.name,
        told("edge"),
        {name: told(name) for name in runs if name != "edge"},
        middle(ratio_of(cost(edge), cost(nginx)) for edge, nginx in pairs),
        case.required or None,
        "" if in_time else "p99 is worse",
        "p99 no worse" if case.p99 else "",
        in_time and not failed,
        memory,
    )


def waiting(servers: dict[str, Server], rounds: int, results: dict[str, Any]) -> list[Row]:
    """First bytes for a thousand who wait for one missing object."""
    found: dict[str, list[list[float]]] = {name: [] for name in MEASURED}
    for turn in range(rounds):
        for name, times in found.items():
            url = f"{servers[name].http}/late/{WAITED}/65536/w{turn}"
            with contextlib.suppress(subprocess.SubprocessError):
                times.append(sorted(json.loads(own_client("wait", url, str(WAITERS)))))
    results["waiters"] = {
        name: [{"median": one[len(one) // 2], "last": one[-1]} for one in times]
        for name, times in found.items()
    }

    def told(name: str) -> str:
        if not found[name]:
            return "failed"
        half = middle(one[len(one) // 2] for one in found[name]) * 1e3
        last = middle(one[-1] for one in found[name]) * 1e3
        return f"median {half:.1f} ms, last {last:.1f} ms"

    last = middle(one[-1] for one in found["edge"])
    reached = 0 < last <= 0.020
    say(f"waiters: edge {told('edge')}")
    return [
        Row(
            f"first byte to {WAITERS} waiters",
            told("edge"),
            {name: told(name) for name in RIVALS},
            None,
            None,
            demand="last within 20 ms",
            kept=reached,
        )
    ]


def idling(servers: dict[str, Server], results: dict[str, Any]) -> list[Row]:
    """What idle connections cost in memory."""
    rows = []
    for scheme in ("http", "https"):
        cost: dict[str, float] = {}
        for name in MEASURED:
            base = servers[name].url(scheme)
            if base is None:
                continue
            url = f"{base}/bytes/{SIZES['2 KiB']}/hit"
            fetch(url)
            command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "tests.bench.edge.clients"]
            before = servers[name].memory()
            with subprocess.Popen(
                [*command, "idle", url, str(IDLE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as client:
                assert client.stdout is not None
                opened = client.stdout.readline() == b"open\n"
                time.sleep(3)
                if opened:
                    cost[name] = max(0, servers[name].memory() - before) / IDLE
                client.communicate(timeout=60)
        results[f"idle {scheme}"] = cost

        def told(name: str, cost: dict[str, float] = cost) -> str:
            return f"{cost[name] / 1e3:.1f} kB each" if name in cost else "failed"

        kept = "edge" in cost and cost["edge"] < 12_000
        say(f"idle {scheme}: edge {told('edge')}")
        rows.append(
            Row(
                f"{IDLE:,} idle connections, {scheme.upper()}",
                told("edge"),
                {name: told(name) for name in RIVALS if servers[name].url(scheme)},
                None,
                None,
                demand="under 12 kB",
                kept=kept,
            )
        )
    return rows


def index_memory(results: dict[str, Any]) -> Row:
    """Memory in the process for each cached object."""
    command = [sys.executable, "-m", "tests.bench.index_start", "--records", str(RECORDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
    results["index"] = done.stdout.splitlines()
    told = done.stdout.strip().splitlines()[-1]
    found = re.search(r"([\d.]+) MiB of memory", told)
    each = float(found[1]) * 1024**2 / RECORDS if found else 0.0
    say(done.stdout.strip())
    return Row(
        f"process with an index of {RECORDS:,} objects",
        f"{each:.0f} bytes an object",
        {},
        None,
        None,
        demand="under 300 bytes",
        kept=0 < each < 300,
    )


def report(rows: list[Row], results: dict[str, Any], folder: Path) -> None:
    """Writes all of it."""
    folder.mkdir(parents=True, exist_ok=True)
    told = ", ".join(f"{name} {text}" for name, text in results["versions"].items())
    text = f"{table(rows, RIVALS)}\n{memory_table(rows, MEASURED)}"
    (folder / "edge.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "edge.md").write_text(f"{text}\nOn {results['machine']}; {told}.\n")
    foot = f"Orange: a requirement is missed, which may be that of latency. {results['machine']}"
    heading = "Work per CPU second on one core, beside nginx (everything on)"
    (folder / "edge.svg").write_text(picture(rows, heading, foot))
    print(text)


if __name__ == "__main__":
    sys.exit(main())
