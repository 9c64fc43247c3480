"""From what the muxer wrote to init segment and media segments."""

from pathlib import Path

import pytest

from ingest.package.boxes import whole
from ingest.package.errors import PartInvalid
from ingest.transcode.fragments import SEGMENT_TYPE, settle, with_edit_list


def box(kind: str, *content: bytes) -> bytes:
    data = b"".join(content)
    return (8 + len(data)).to_bytes(4, "big") + kind.encode() + data


def number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, "big")


INIT = box("ftyp", b"iso6") + box(
    "moov", box("mvhd", bytes(100)), box("trak", box("tkhd", bytes(84)), box("mdia")), box("mvex")
)


def moof(*sizes: int, flags: int = 0xA05, delay: int = 7200, offset: int | None = None) -> bytes:
    """The head of a fragment of samples of ``sizes``, each shown ``delay`` later."""
    columns = [
        number(size) * bool(flags & 0x200) + number(delay) * bool(flags & 0x800) for size in sizes
    ]
    first = number(0) * bool(flags & 0x4)

    def made(place: int) -> bytes:
        run = number(flags) + number(len(sizes)) + number(place) + first + b"".join(columns)
        track = (box("tfhd", TRACK), box("tfdt", number(1 << 24), number(90, 8)), box("trun", run))
        return box("moof", box("mfhd", number(0), number(3)), box("traf", *track))

    return made(len(made(0)) + 8 if offset is None else offset)


TRACK = number(0x20038) + number(1) + number(3600) + number(4) + number(0x1010000)
ALONE = moof(8) + box("mdat", b"pictures")
FRAGMENT = moof(3, 5) + box("mdat", b"pictures")
INNER = moof(3) + number(8 + 3) + b"mdat"
SETTLED = moof(3, 5, offset=len(moof(3, 5)) + 8 + len(INNER)) + box("mdat", INNER, b"pictures")
"""What becomes of ``FRAGMENT``."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "init.mp4").write_bytes(INIT)
    (tmp_path / "00007.m4s").write_bytes(FRAGMENT * 3)
    (tmp_path / "00008.m4s").write_bytes(FRAGMENT)
    return tmp_path


def test_segments_begin_with_their_type_and_have_key_frames_that_are_fragments(
    folder: Path,
) -> None:
    settle(folder, 7, (3, 1))

    assert (folder / "00007.m4s").read_bytes() == SEGMENT_TYPE + SETTLED * 3
    assert (folder / "00008.m4s").read_bytes() == SEGMENT_TYPE + SETTLED
    assert sorted(path.name for path in folder.iterdir()) == ["00007.m4s", "00008.m4s", "init.mp4"]


def test_presentation_begins_behind_what_b_frames_delay(folder: Path) -> None:
    settle(folder, 7, (3, 1))

    init = whole((folder / "init.mp4").read_bytes())
    assert [part.kind for part in init.find("moov").children()] == ["mvhd", "trak", "mvex"]
    assert [part.kind for part in init.find("moov", "trak").children()] == ["tkhd", "edts", "mdia"]
    edit = init.find("moov", "trak", "edts", "elst")
    assert [edit.number(offset, 4) for offset in range(0, 20, 4)] == [0, 1, 0, 7200, 1 << 16]
    assert edit.end - edit.start == 20


def test_where_nothing_is_delayed_presentation_begins_at_once(folder: Path) -> None:
    (folder / "00007.m4s").write_bytes(moof(8, flags=0x205) + box("mdat", b"pictures"))

    settle(folder, 7, (1, 1))

    init = (folder / "init.mp4").read_bytes()
    assert init == with_edit_list(INIT, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        FRAGMENT,
        FRAGMENT * 3,
        box("ftyp") + FRAGMENT,
        FRAGMENT + moof(8),
        FRAGMENT * 2 + b"\0",
        FRAGMENT + FRAGMENT[:-1],
        FRAGMENT + number(4) + b"mdat",
    ],
)
def test_what_the_muxer_was_not_told_to_write_is_refused(content: bytes, folder: Path) -> None:
    (folder / "00007.m4s").write_bytes(content)

    with pytest.raises(PartInvalid, match=r"00007\.m4s"):
        settle(folder, 7, (2, 1))


@pytest.mark.parametrize("name", ["init.mp4", "00008.m4s"])
def test_a_file_that_is_missing_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()

    with pytest.raises(PartInvalid, match=name):
        settle(folder, 7, (3, 1))


def test_an_init_segment_without_a_track_is_refused() -> None:
    with pytest.raises(PartInvalid, match="trak"):
        with_edit_list(box("moov", box("mvhd")), 0)


@pytest.mark.parametrize("size", [1, 0])
def test_a_box_of_another_kind_of_size_is_refused(size: int, folder: Path) -> None:
    (folder / "00008.m4s").write_bytes(moof(8) + number(size) + b"mdat" + number(24, 8) + bytes(8))

    with pytest.raises(PartInvalid, match=r"00008\.m4s"):
        settle(folder, 7, (3, 1))
