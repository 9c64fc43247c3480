"""Runs every test but the long ones, in two halves side by side: two cores do in sixteen minutes
what takes one 24.

    python -m tests.side_by_side

Edges share memory by names that any of them can see, and some tests look at what is there: all that
start edges are one half, everything else is the other, whose words come when both have ended. What
a half that failed said last is said again at the end: of a long log, often only that is kept.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
EDGES = (
    "tests/unit/edge",
    "tests/integration/test_edge_*.py",
    "tests/integration/test_tls*.py",
    "tests/e2e",
    "tests/faults/test_edge_kill.py",
    "tests/faults/test_kill_everything.py",
)
"""Tests that start edges, as patterns below the repository."""
LONG = "tests/long"
"""Tests with a make target of their own."""
LAST_WORDS = 12_000
"""Bytes of a failed half that are said again at the end: its summary and the last failure."""


def halves() -> Iterator[list[str]]:
    """The arguments of each half."""
    edges = [str(path.relative_to(ROOT)) for one in EDGES for path in sorted(ROOT.glob(one))]
    yield edges
    yield [f"--ignore={path}" for path in (*edges, LONG)]


def main() -> int:
    """Runs both; the exit status tells whether every test passed."""
    pytest = [sys.executable, "-m", "pytest"]
    seen, heard = halves()
    with tempfile.TemporaryFile() as words:
        with subprocess.Popen(
            [*pytest, *heard], cwd=ROOT, stdout=words, stderr=subprocess.STDOUT
        ) as other:
            try:
                with subprocess.Popen(
                    [*pytest, *seen], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                ) as one:
                    said = _pass_on(one)
                first = one.returncode
                second = other.wait()
            except BaseException:
                other.kill()
                raise
        words.seek(0)
        sys.stdout.buffer.write(words.read())
        if first:
            sys.stdout.buffer.write(b"\nThe half with the edges failed:\n" + said)
        sys.stdout.flush()
    return first | second


def _pass_on(half: "subprocess.Popen[bytes]") -> bytes:
    """Writes what a half says as it says it; the last of it."""
    said = b""
    assert half.stdout is not None
    while words := os.read(half.stdout.fileno(), 65536):
        said = (said + words)[-LAST_WORDS:]
        sys.stdout.buffer.write(words)
        sys.stdout.flush()
    return said


if __name__ == "__main__":
    sys.exit(main())
