"""``nearcast transcode``: a package in a folder, or one sentence."""

import subprocess
import sys
from pathlib import Path

import m3u8
import pytest

from tests.integration.ingest_service import make_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=4)


def transcode(source: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy", "transcode", str(source), "--out", str(folder)]
    return subprocess.run(
        [*command, *options], check=False, capture_output=True, text=True, timeout=120
    )


def test_a_package_is_made_of_what_its_playlists_list(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    done = transcode(clip, folder, "--preset", "ultrafast", "--profile", "shorts")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Encode: 100%" in done.stdout
    entry = m3u8.load(str(folder / "main.m3u8"))
    listed = set()
    for name in [*(one.uri for one in entry.playlists), *(one.uri for one in entry.media)]:
        media = m3u8.load(str(folder / name))
        assert len(media.segments) == 2
        below = (folder / name).parent
        listed |= {below / segment.uri for segment in media.segments}
        listed |= {below / one.uri for one in media.segment_map}
    pictures = set((folder / "pictures").rglob("*.*"))
    assert {path.suffix for path in pictures} == {".jpg", ".webp", ".vtt"}
    found = {path for path in folder.rglob("*.*") if path.suffix != ".m3u8"}
    assert found == listed | pictures


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (b"no video", (), "Error: The file is not a video in any format known here."),
        (b"", (), "Error: The file is empty."),
        (b"x", ("--codecs", "vp9"), "There is no codec 'vp9'; known are h264, hevc, av1."),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(
    tmp_path: Path, content: bytes, options: tuple[str, ...], sentence: str
) -> None:
    source = tmp_path / "a.mp4"
    source.write_bytes(content)
    done = transcode(source, tmp_path / "package", *options)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(sentence)
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_folder_with_something_in_it_is_left_alone(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = transcode(clip, tmp_path)
    assert done.returncode == 1
    assert "is not empty: name another, or empty it." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
