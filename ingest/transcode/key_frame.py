"""The head that makes a group's key frame a fragment of its own, inside of the group's fragment.

A byte range of an I-frame playlist is to be decoded alone (rfc8216bis §4.4.3.6), but the head of a
fragment names all of its pictures: decoders look for them in what comes next. Fragments of a key
frame alone, in front of others, make GStreamer find another frame rate in each, and no picture of
AV1 after it. So a second head stands right before the key frame, within the ``mdat`` box, where
nobody looks who follows the offset of the first (ISO/IEC 14496-12 §8.8.8).
"""

from typing import Final

from ingest.package.boxes import HEADER, Box, new_box, whole, word
from ingest.package.errors import PartInvalid
from ingest.package.segments import first_run

FIRST_FLAGS: Final = 0x4
"""Flag of a ``trun`` box: flags of the first sample stand before the table."""


def with_inner_head(moof: bytes) -> tuple[bytes, bytes]:
    """The box ``moof`` as it is behind the inner head, and that head: a ``moof`` box and the header
    of an ``mdat`` box.

    The head is empty where there is a single picture.

    Raises:
        PartInvalid: it is not what the muxer is told to write.
    """
    box = whole(moof).find("moof")
    track = box.find("traf")
    run, table = first_run(box), track.find("trun")
    if run.data_offset != len(moof) + HEADER:
        raise PartInvalid(name="moof", reason="its samples do not lie right behind it")
    if not run.first_size:
        raise PartInvalid(name="moof", reason="it does not tell the size of samples")
    if run.samples == 1:
        return moof, b""
    # Behind version and flags, the number of samples and where they lie.
    place = table.start + 12
    before = 4 * bool(table.number(1, 3) & FIRST_FLAGS)
    row = moof[place : place + before + (table.end - place - before) // run.samples]
    copied = [_copied(one) for one in (box.find("mfhd"), track.find("tfhd"), track.find("tfdt"))]
    # The headers of moof, traf, trun and mdat, and those twelve bytes.
    length = sum(map(len, copied)) + len(row) + 4 * HEADER + 12
    sequence, *header = copied
    start = moof[table.start : table.start + 4] + word(1) + word(length)
    head = new_box("moof", sequence, new_box("traf", *header, new_box("trun", start, row)))
    head += word(HEADER + run.first_size) + b"mdat"
    return moof[: place - 4] + word(len(moof) + HEADER + len(head)) + moof[place:], head


def _copied(box: Box) -> bytes:
    return box.data[box.place : box.end]
