"""Runs every test, in two halves side by side: two cores do in sixteen minutes what takes one 24.

    python -m tests.side_by_side

Edges share memory by names that any of them can see, and some tests look at what is there: all that
start edges are one half, everything else is the other, whose words come at the end.
"""

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


def halves() -> Iterator[list[str]]:
    """The arguments of each half."""
    edges = [str(path.relative_to(ROOT)) for one in EDGES for path in sorted(ROOT.glob(one))]
    yield edges
    yield [f"--ignore={path}" for path in edges]


def main() -> int:
    """Runs both; the exit status tells whether every test passed."""
    pytest = [sys.executable, "-m", "pytest"]
    seen, heard = halves()
    with tempfile.TemporaryFile() as words:
        with subprocess.Popen(
            [*pytest, *heard], cwd=ROOT, stdout=words, stderr=subprocess.STDOUT
        ) as other:
            try:
                status = subprocess.run([*pytest, *seen], cwd=ROOT, check=False).returncode
                status |= other.wait()
            except BaseException:
                other.kill()
                raise
        words.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(words.read())
    return status


if __name__ == "__main__":
    sys.exit(main())
