"""A key frame as a fragment of its own, inside of that of its group."""

import pytest

from ingest.package.boxes import whole
from ingest.package.errors import PartInvalid
from ingest.transcode.key_frame import with_inner_head
from tests.unit.ingest.transcode.test_fragments import ALONE, FRAGMENT, INNER, box, moof, number

SAME = 0x5
"""Flags of a run whose samples tell nothing: all are as large as the track's header says."""


def test_both_heads_lead_to_the_same_key_frame() -> None:
    outer, inner = with_inner_head(moof(3, 5, 2))

    data = outer + number(8 + len(inner) + 10) + b"mdat" + inner + b"keyothersx"
    run, alone = (whole(part).find("moof", "traf", "trun") for part in (outer, inner[:-8]))
    assert run.number(4, 4) == 3
    assert alone.number(4, 4) == 1
    assert data[run.number(8, 4) :] == b"keyothersx"
    start = len(outer) + 8
    assert data[start + alone.number(8, 4) :] == b"keyothersx"
    assert inner[-8:] == number(8 + 3) + b"mdat"


def test_the_inner_head_tells_what_the_outer_one_does_of_the_track() -> None:
    outer, inner = with_inner_head(moof(3, 5))

    assert inner == INNER
    assert len(outer) == len(moof(3, 5))


def test_a_size_that_holds_for_all_is_read_from_the_track_s_header() -> None:
    _, inner = with_inner_head(moof(4, 4, flags=SAME))

    assert inner == moof(4, flags=SAME) + number(8 + 4) + b"mdat"


def test_a_picture_that_is_alone_has_one_head() -> None:
    assert with_inner_head(moof(8)) == (moof(8), b"")
    assert ALONE.startswith(moof(8))


@pytest.mark.parametrize(
    "head",
    [
        box("mdat"),
        box("moof", box("mfhd", bytes(8))),
        moof(3, 5, offset=7),
        moof(3, 5).replace(number(0x20038), number(0x20028)).replace(number(0xA05), number(0x805)),
        FRAGMENT[:40],
    ],
)
def test_what_the_muxer_was_not_told_to_write_is_refused(head: bytes) -> None:
    with pytest.raises(PartInvalid):
        with_inner_head(head)
