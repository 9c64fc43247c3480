"""Runs every test but the long ones, in groups of which three run at a time.

    python -m tests.side_by_side
    python -m tests.side_by_side long    runs the long ones, one after the other

Much of what tests do is waiting, so that two cores do with three at a time in a quarter of an hour
what takes one process three quarters. The words of a group come when it has ended; what those that
failed said last is said again at the end: of a long log, often only that is kept.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
AT_ONCE: Final = 3
LAST_WORDS: Final = 12_000
"""Bytes of a failed group that are said again: its summary and the last failure."""


class Group(NamedTuple):
    """Tests that one process runs."""

    name: str
    paths: tuple[str, ...]
    """Patterns below the repository."""
    but: tuple[str, ...] = ()
    """Patterns of what of these belongs elsewhere."""

    @property
    def arguments(self) -> list[str]:
        """Those of pytest."""
        but = {path for one in self.but for path in ROOT.glob(one)}
        found = [path for one in self.paths for path in sorted(ROOT.glob(one)) if path not in but]
        inside = [path for path in sorted(but) if any(path.is_relative_to(one) for one in found)]
        return [*map(str, found), *(f"--ignore={path}" for path in inside)]


WHOLE: Final = ("tests/e2e",)
FAULTS: Final = ("tests/faults",)
PROXY: Final = ("tests/unit/edge", "tests/integration/test_edge_rfc*.py")
EDGES: Final = ("tests/integration/test_edge_*.py", "tests/integration/test_tls*.py")
INGEST: Final = (
    "tests/integration/test_ingest_*.py",
    "tests/integration/test_media_*.py",
    "tests/integration/test_transcode_command.py",
    "tests/integration/test_upload_command.py",
)
SERVICES: Final = ("tests/integration",)
PORTS: Final = ("tests/contract",)
LONG: Final = (
    "tests/long",
    "tests/contract/test_replica*.py",
    "tests/e2e/test_upload_page_channels.py",
    "tests/integration/test_first_version_delivered.py",
    "tests/integration/test_origin_failover.py",
    "tests/integration/test_origin_regions.py",
    "tests/integration/test_fleet_purges_killed.py",
    "tests/integration/test_edge_fill_resumed.py",
    "tests/integration/test_edge_with_control_plane.py",
    "tests/integration/test_ingest_broken_files.py",
    "tests/unit/ingest/filter/test_perceptual_hash.py",
    "tests/faults/test_edge_kill.py",
    "tests/faults/test_fleet_health.py",
    "tests/faults/test_ingest_storm.py",
)
"""Tests with a make target of their own: they take minutes."""

GROUPS: Final = (
    Group("edges", EDGES, (*PROXY, *LONG)),
    Group("ingest", INGEST, LONG),
    Group(
        "all else",
        ("tests",),
        ("tests/unit/edge", *WHOLE, *FAULTS, *SERVICES, *PORTS, *LONG),
    ),
    Group("the whole system", WHOLE, LONG),
    Group("services", SERVICES, (*PROXY, *EDGES, *INGEST, *LONG)),
    Group("edges as caches", PROXY, LONG),
    Group("ports", PORTS, LONG),
    Group("faults", FAULTS, LONG),
)
"""The longest first: who is done takes the next. A test that is in no group is in "all else"."""
LONG_ONES: Final = (Group("the long kind", LONG),)


def run(group: Group) -> subprocess.CompletedProcess[bytes]:
    """Runs ``group`` and keeps what it says."""
    command = [sys.executable, "-m", "pytest", *group.arguments]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )


def main() -> int:
    """Runs all; the exit status tells whether every test passed."""
    groups = LONG_ONES if sys.argv[1:] == ["long"] else GROUPS
    failed: list[tuple[Group, bytes]] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for group, done in zip(groups, pool.map(run, groups), strict=True):
            _say(f"\nTests of {group.name}:\n".encode() + done.stdout)
            if done.returncode:
                failed.append((group, done.stdout[-LAST_WORDS:]))
    for group, said in failed:
        _say(f"\nTests of {group.name} failed:\n".encode() + said)
    return 1 if failed else 0


def _say(words: bytes) -> None:
    sys.stdout.buffer.write(words)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
