"""Whether the outermost boxes of a file are all there."""

from pathlib import Path

import pytest

from ingest.inspect.errors import FileTruncated
from ingest.inspect.wholeness import looks_like_iso_media, require_whole


def box(kind: str, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind.encode() + content


def large_box(kind: str, content: bytes) -> bytes:
    return (1).to_bytes(4, "big") + kind.encode() + (16 + len(content)).to_bytes(8, "big") + content


FILE_TYPE = box("ftyp", b"isom\0\0\0\0isom")
INDEX = box("moov", b"12345678")


def written(folder: Path, content: bytes) -> Path:
    path = folder / "file.mp4"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        FILE_TYPE + INDEX + box("mdat", b"frames"),
        FILE_TYPE + box("mdat", b"frames") + INDEX,
        FILE_TYPE + large_box("mdat", b"frames") + INDEX,
        FILE_TYPE + INDEX + b"\0\0\0\0mdat" + b"to the end",
        FILE_TYPE + INDEX + b"tail",
    ],
)
def test_whole_files_pass(tmp_path: Path, content: bytes) -> None:
    require_whole(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (FILE_TYPE + INDEX + box("mdat", b"frames")[:-2], "2 bytes of its 'mdat' box"),
        (FILE_TYPE + large_box("mdat", b"frames")[:-1], "1 bytes of its 'mdat' box"),
        (FILE_TYPE + box("mdat", b"frames"), "'moov' box, is missing"),
        (FILE_TYPE, "'moov' box, is missing"),
        (b"", "'moov' box, is missing"),
    ],
)
def test_cut_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(FileTruncated, match=reason):
        require_whole(written(tmp_path, content))


def test_a_box_of_impossible_size_ends_the_search(tmp_path: Path) -> None:
    require_whole(written(tmp_path, INDEX + b"\0\0\0\x03junk" + bytes(50)))


def test_iso_media_is_known_by_its_first_box(tmp_path: Path) -> None:
    assert looks_like_iso_media(written(tmp_path, FILE_TYPE))
    assert not looks_like_iso_media(written(tmp_path, b"RIFF1234AVI "))
    assert not looks_like_iso_media(written(tmp_path, b""))
