"""Loading a server, and what that cost it."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.edge.servers import LOAD_CORE, Server

WEIGHED = 2
"""Seconds of load under which memory is measured."""
SETTLED = 0.01
"""Seconds of CPU time in a fifth of one that an idle server may use."""
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Figures:
    """One run of one case."""

    requests: int
    per_second: float
    bytes_per_second: float
    p50: float
    """Seconds."""
    p99: float
    cpu: float
    """Seconds of CPU time of the server per request."""
    cpu_per_byte: float
    """Likewise, answers under way at the end included."""
    failed: int
    """Answers that were none, or no good ones."""

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Load:
    """What wrk asks for."""

    url: str
    connections: int
    fields: tuple[str, ...] = ()
    script: str | None = None
    """In Lua, as wrk runs it."""


def run_wrk(server: Server, load: Load, seconds: int) -> Figures:
    """Loads ``server`` from the other core."""
    before = server.cpu()
    with _wrk(load, seconds) as wrk:
        told, _ = wrk.communicate(timeout=seconds + 60)
    settle(server)
    return read_wrk(told, server.cpu() - before)


def settle(server: Server) -> None:
    """Waits until ``server`` has done what its load has left it with, and the disk too.

    Varnish writes its log for a while longer, on the core where the next server is measured; what
    misses have stored goes to the disk after them.
    """
    deadline = time.monotonic() + 30
    before, used = -1.0, server.cpu()
    while used - before > SETTLED and time.monotonic() < deadline:
        time.sleep(0.2)
        before, used = used, server.cpu()
    os.sync()


def memory_under(server: Server, load: Load) -> int:
    """Bytes of memory (PSS) of ``server`` under ``load``.

    In a run of its own: walking the page tables of a server's processes holds up whoever shares a
    core with the walk, by the more the more memory they have.
    """
    with _wrk(load, WEIGHED) as wrk:
        time.sleep(WEIGHED / 2)
        memory = server.memory()
        wrk.communicate(timeout=WEIGHED + 60)
    settle(server)
    return memory


@contextlib.contextmanager
def _wrk(load: Load, seconds: int) -> Iterator[subprocess.Popen[str]]:
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s"]
    command += ["--latency", "--timeout", "20s"]
    for one in load.fields:
        command += ["-H", one]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if load.script is not None:
            file.write(load.script)
            file.flush()
            command += ["-s", file.name]
        with subprocess.Popen([*command, load.url], stdout=subprocess.PIPE, text=True) as wrk:
            yield wrk


def read_wrk(text: str, cpu: float) -> Figures:
    """The figures in wrk's output, of a run that cost the server ``cpu`` seconds.

    Raises:
        ValueError: there are none.
    """
    found = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m), ([\d.]+)([KMGT]?B) read", text)
    if found is None:
        raise ValueError(f"this is no output of wrk: {text[:200]!r}")
    count, took = int(found[1]), float(found[2]) * _UNITS[found[3]]
    size = float(found[4]) * 1024 ** "BKMGT".index(found[5][0])
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    failed = sum(map(int, errors.groups())) if errors else 0
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed += int(wrong[1]) if wrong else 0
    return Figures(
        requests=count,
        per_second=count / took,
        bytes_per_second=size / took,
        p50=_percentile(text, 50),
        p99=_percentile(text, 99),
        cpu=cpu / max(count, 1),
        cpu_per_byte=cpu / max(size, 1),
        failed=failed,
    )


def _percentile(text: str, which: int) -> float:
    found = re.search(rf"^\s+{which}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"wrk tells no {which}th percentile")
    return float(found[1]) * _UNITS[found[2]]


def fetch(url: str, *, times: int = 3, fields: tuple[str, ...] = ()) -> None:
    """Has a server store, and keep in memory, what is at ``url``."""
    command = ["curl", "-sSk", "--fail", "-o", "/dev/null"]
    for one in fields:
        command += ["-H", one]
    for _ in range(times):
        subprocess.run([*command, url], check=True, timeout=30)


def fetch_all(base: str, size: int, count: int) -> None:
    """Has a server store ``count`` objects of ``size`` bytes."""
    with tempfile.NamedTemporaryFile("w", suffix=".curl") as file:
        for number in range(count):
            file.write(f'url = "{base}/bytes/{size}/{number}"\noutput = "/dev/null"\n')
        file.flush()
        for _ in range(3):
            subprocess.run(["curl", "-sSk", "-K", file.name], check=True, timeout=120)


def own_client(*arguments: str) -> str:
    """Runs ``tests.bench.edge.clients`` on the load's core; what it prints."""
    command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "tests.bench.edge.clients"]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout


RESULTS = Path(__file__).parent.parent / "results"
