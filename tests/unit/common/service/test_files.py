"""Small files are replaced whole, or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.service import write_atomically


def test_the_content_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    write_atomically(tmp_path / "secret", b"x")

    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


FILL = """
import resource, signal, sys
from pathlib import Path
from common.service import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    write_atomically(Path(sys.argv[1]), b"x" * 2000)
except OSError:
    print("told")
"""


def test_what_cannot_be_written_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, check=True
    )

    assert done.stdout == "told\n"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_is_durable_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    write_atomically(tmp_path / "file", b"x")

    assert synced[-1] == tmp_path.name
    assert len(synced) == 2
