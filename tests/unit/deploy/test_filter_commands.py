"""``nearcast filter``: the commands that help with content filters."""

import subprocess
import sys
from pathlib import Path

from tests.unit.ingest.clips import clip


def nearcast(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "deploy", "filter", *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_options_of_a_kind_are_shown() -> None:
    shown = nearcast("config", "exact-hash")

    assert shown.returncode == 0
    assert shown.stdout.startswith("# Options of the filter 'exact-hash'.\n")
    assert '\n# decision = "block"\n' in shown.stdout


def test_an_unknown_kind_is_one_sentence() -> None:
    shown = nearcast("config", "mind-reader")

    assert shown.returncode == 1
    assert shown.stderr.startswith("Error: settings: filters.kind: no filter is called 'mind-reade")
    assert shown.stderr.count("\n") == 1


def test_the_hashes_of_a_video_are_lines_of_a_block_list() -> None:
    shown = nearcast("hash", str(clip("hashed.mp4", seconds=2, size="320x180", sound=False)))

    comment, *lines = shown.stdout.splitlines()
    assert comment.startswith("# SHA-256 ")
    assert [line[64:] for line in lines] == [" hashed.mp4 at 0 s", " hashed.mp4 at 1 s"]
    assert all(len(bytes.fromhex(line[:64])) == 32 for line in lines)


def test_a_file_that_is_no_video_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")

    shown = nearcast("hash", str(tmp_path / "text"))

    assert shown.returncode == 1
    assert shown.stderr == "Error: The file is not a video in any format known here.\n"


def test_what_plug_ins_are_can_be_read_as_the_readme_says() -> None:
    command = [sys.executable, "-m", "pydoc", "ingest.filter"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 'entry-points."nearcast.filters"' in done.stdout
