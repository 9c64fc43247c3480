"""``nearcast transcode``: a package in a folder, or one sentence."""

import signal
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
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("source", "folder", "sentence"),
    [
        ("missing.mp4", "new", "Error: No such file or directory (missing.mp4).\n"),
        (".", "new", "Error: . is not a file.\n"),
        ("clip.mp4", "clip.mp4", "Error: File exists (clip.mp4).\n"),
        ("clip.mp4", "clip.mp4/new", "Error: Not a directory (clip.mp4/new).\n"),
    ],
)
def test_what_is_no_file_or_no_folder_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, folder: str, sentence: str
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    monkeypatch.chdir(tmp_path)
    done = transcode(Path(source), Path(folder))
    assert (done.returncode, done.stderr) == (1, sentence)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_stops_it_finds_nothing_of_the_package(tmp_path: Path, sent: signal.Signals) -> None:
    source = make_clip(tmp_path / "clip.mp4", seconds=60)
    folder = tmp_path / "deep" / "package"
    command = [sys.executable, "-m", "deploy", "transcode", str(source), "--out", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Encode"):
            assert process.poll() is None
        process.send_signal(sent)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (128 + sent, "Stopped: nothing is left of the package.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_folder_with_something_in_it_is_left_alone(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = transcode(clip, tmp_path)
    assert done.returncode == 1
    assert "is not empty: name another, or empty it." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
