import struct
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import EdgeStanding
from common.messages.packages import Profile
from control_plane.catalog import EdgeRecord, Package, Pin, Tombstone
from control_plane.documents import Document
from control_plane.planning import PlanRow
from control_plane.snapshot import FORM, PART_AT_MOST, Snapshot, SnapshotUnusable
from control_plane.standing import Standing
from tests.unit.control_plane.records import announcement, heartbeat


def packages(count: int) -> tuple[Package, ...]:
    return tuple(Package(announcement(f"a{number}"), float(number)) for number in range(count))


WHOLE = Snapshot(
    packages=(
        *packages(3),
        Package(
            announcement(
                "b",
                title="ü \u2028",
                profiles=(Profile.MAIN, Profile.DATA_SAVER),
                objects_of="0",
                poster="v/b/1/poster.jpg",
                creator="somebody",
            ),
            7.25,
        ),
    ),
    pins=(Pin("a0", "1", "1", "operator", 1.5, 3),),
    tombstones=(Tombstone("r1", "a1", ("1", "2")),),
    edges=(EdgeRecord(heartbeat("eu-1"), 8.5), EdgeRecord(heartbeat("us-1"), 9.0)),
    standings=(Standing("eu-1", EdgeStanding.MAINTENANCE, "operator", 3.5, "new disks"),),
    placements=(PlanRow("a0", ("eu-1", "us-1"), 4, urgent=True, priority=0.5, lost=("eu-2",)),),
    documents=(Document("zones", "all", b'{"zones":[]}', "operator", 4.5, 2**40 - 1),),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("snapshot") / "snapshot"
    WHOLE.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("snapshot", [Snapshot(), WHOLE, Snapshot(packages=packages(2500))])
def test_what_was_saved_is_loaded(tmp_path: Path, snapshot: Snapshot) -> None:
    snapshot.save(tmp_path / "data" / "snapshot")

    assert Snapshot.load(tmp_path / "data" / "snapshot") == snapshot


def test_a_snapshot_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    Snapshot(packages=packages(2000)).save(tmp_path / "snapshot")
    WHOLE.save(tmp_path / "snapshot")

    assert Snapshot.load(tmp_path / "snapshot") == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_a_snapshot_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    WHOLE.save(tmp_path / "snapshot")
    wrong = Snapshot(packages=(*packages(2000), object()))  # type: ignore[arg-type] # as a full disk would, it fails in the middle

    with pytest.raises(TypeError):
        wrong.save(tmp_path / "snapshot")
    assert Snapshot.load(tmp_path / "snapshot") == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SnapshotUnusable, match="snapshot cannot be used"):
        WHOLE.save(tmp_path / "file" / "snapshot")


def test_a_snapshot_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SnapshotUnusable, match="No such file"):
        Snapshot.load(tmp_path / "snapshot")


def refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "snapshot"
    path.write_bytes(content)
    with pytest.raises(SnapshotUnusable, match="cannot be used"):
        Snapshot.load(path)


def test_a_snapshot_whose_end_was_damaged_is_refused(tmp_path: Path, written: bytes) -> None:
    for place in range(len(written) - 37, len(written)):
        damaged = bytearray(written)
        damaged[place] ^= 1
        refused(tmp_path, bytes(damaged))


@given(data=st.data())
def test_a_snapshot_that_was_damaged_anywhere_is_refused(
    tmp_path_factory: pytest.TempPathFactory, written: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(written) - 1))
    other = data.draw(st.integers(1, 255))
    damaged = bytearray(written)
    damaged[at] ^= other
    refused(tmp_path_factory.getbasetemp(), bytes(damaged))


@given(data=st.data())
def test_a_snapshot_that_ends_too_soon_is_refused(
    tmp_path_factory: pytest.TempPathFactory, written: bytes, data: st.DataObject
) -> None:
    end = data.draw(st.integers(0, len(written) - 1))
    refused(tmp_path_factory.getbasetemp(), written[:end])


def test_a_snapshot_with_something_after_it_is_refused(tmp_path: Path, written: bytes) -> None:
    refused(tmp_path, written + b"\0")


@pytest.mark.parametrize("form", [b"", b"nearcast snapshot 2\n", b"\x89PNG\r\n\x1a\n"])
def test_what_is_none_is_refused(tmp_path: Path, written: bytes, form: bytes) -> None:
    refused(tmp_path, form + written[len(FORM) :])


def part(number: int, body: bytes) -> bytes:
    return struct.pack(">BI", number, len(body)) + body


@pytest.mark.parametrize(
    "body",
    [
        part(0, zlib.compress(bytes(PART_AT_MOST + 1))),
        part(0, zlib.compress(msgspec.msgpack.encode([{"announcement": 1}]))),
        part(0, b"not deflated"),
        part(9, zlib.compress(b"\x90")),
        struct.pack(">BI", 0, 2**32 - 1),
    ],
)
def test_a_part_that_is_none_is_refused(tmp_path: Path, body: bytes) -> None:
    refused(tmp_path, FORM + body)


def test_a_snapshot_of_a_release_that_knew_less_is_read(tmp_path: Path) -> None:
    told = msgspec.to_builtins(WHOLE.packages[0])
    for later in ("profiles", "preview", "storyboard", "objects_of", "creator"):
        del told["announcement"][later]
    before = Snapshot(packages=(told,))
    before.save(tmp_path / "snapshot")

    assert Snapshot.load(tmp_path / "snapshot").packages == WHOLE.packages[:1]
