"""Counters of tables run on from segment to segment, and key frames may be read apart."""

from pathlib import Path

import pytest

from ingest.package.errors import PartInvalid
from ingest.transcode.transport import settle

PROGRAMS, STREAMS, SERVICES, VIDEO = 0x0, 0x1000, 0x11, 0x100
KEY = bytes([7, 0x50])
"""The length of fields, and of their flags those of a key frame with a clock."""


def packet(kind: int, counter: int, fields: bytes = b"") -> bytes:
    flags = 0x30 if fields else 0x10
    head = bytes([0x47]) + (kind | 0x4000).to_bytes(2, "big") + bytes([flags | counter])
    return (head + fields).ljust(188, b"\xff")


def group(counter: int, video: int, fields: bytes = KEY) -> list[bytes]:
    return [
        *(packet(kind, counter) for kind in (PROGRAMS, STREAMS)),
        packet(VIDEO, video, fields),
        packet(VIDEO, video + 1),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (5, 6):
        packets = [packet(SERVICES, 0), *group(0, 0), *group(1, 2), *group(2, 4)]
        (tmp_path / f"{number:05d}.ts").write_bytes(b"".join(packets))
    return tmp_path


def packets(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [data[place : place + 188] for place in range(0, len(data), 188)]


def counters(path: Path, kind: int) -> list[int]:
    found = [one for one in packets(path) if int.from_bytes(one[1:3]) & 0x1FFF == kind]
    return [one[3] & 0xF for one in found]


def test_tables_are_counted_on_from_segment_to_segment(folder: Path) -> None:
    settle(folder, range(5, 7), 3)

    one, other = (folder / f"{number:05d}.ts" for number in (5, 6))
    for kind in (PROGRAMS, STREAMS):
        assert (counters(one, kind), counters(other, kind)) == ([15, 0, 1], [2, 3, 4])
    assert (counters(one, SERVICES), counters(other, SERVICES)) == ([5], [6])
    assert counters(other, VIDEO) == list(range(6))


def test_only_the_first_packet_of_a_key_frame_is_marked(folder: Path) -> None:
    before = packets(folder / "00005.ts")

    settle(folder, range(5, 6), 3)

    after = packets(folder / "00005.ts")
    keys = [place for place, one in enumerate(before) if one[4:6] == KEY]
    assert [place for place, one in enumerate(after) if one[4:6] == bytes([7, 0xD0])] == keys
    assert [one[6:] for one in after] == [one[6:] for one in before]


@pytest.mark.parametrize("fields", [b"", b"\0"])
def test_a_packet_without_flags_stays_without(fields: bytes, folder: Path) -> None:
    (folder / "00000.ts").write_bytes(b"".join(group(0, 3, fields)))

    settle(folder, range(1), 1)

    assert packets(folder / "00000.ts") == group(0, 3, fields)


def test_a_last_segment_has_fewer_key_frames(folder: Path) -> None:
    (folder / "00007.ts").write_bytes(b"".join(group(0, 0)))

    settle(folder, range(7, 8), 3)

    assert counters(folder / "00007.ts", PROGRAMS) == [5]


@pytest.mark.parametrize("content", [b"", bytes(188), b"".join(group(0, 0) * 4)])
def test_what_is_no_such_segment_is_refused(content: bytes, folder: Path) -> None:
    (folder / "00006.ts").write_bytes(content)

    with pytest.raises(PartInvalid, match=r"00006\.ts"):
        settle(folder, range(5, 7), 3)


def test_a_segment_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(PartInvalid, match=r"00007\.ts"):
        settle(folder, range(5, 8), 3)
