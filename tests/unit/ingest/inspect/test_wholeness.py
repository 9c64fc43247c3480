"""Whether the outermost boxes of a file are all there."""

from pathlib import Path

import pytest

from ingest.inspect import wholeness
from ingest.inspect.errors import FileDamaged, FileTruncated
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


def test_what_is_no_box_is_told_from_one_that_is_cut(tmp_path: Path) -> None:
    with pytest.raises(FileDamaged, match="at its byte 36 there should be a box"):
        require_whole(written(tmp_path, FILE_TYPE + INDEX + b"\1\2\3\4\5\6\7\x08" + bytes(50)))


def test_a_file_of_boxes_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wholeness, "MOST_BOXES", 100)

    require_whole(written(tmp_path, INDEX + box("free") * 98))
    with pytest.raises(FileDamaged, match="more than 100 pieces"):
        require_whole(written(tmp_path, INDEX + box("free") * 100))


def test_a_box_of_impossible_size_ends_the_search(tmp_path: Path) -> None:
    require_whole(written(tmp_path, INDEX + b"\0\0\0\x03junk" + bytes(50)))


def test_iso_media_is_known_by_its_first_box(tmp_path: Path) -> None:
    assert looks_like_iso_media(written(tmp_path, FILE_TYPE))
    assert not looks_like_iso_media(written(tmp_path, b"RIFF1234AVI "))
    assert not looks_like_iso_media(written(tmp_path, b""))
