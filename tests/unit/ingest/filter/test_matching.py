"""Comparing frames with a block list: as slow arithmetic says, and thresholds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest.filter.blocklists import words_of
from ingest.filter.matching import NO_MATCH, Nearest, Threshold

HASHES = st.binary(min_size=32, max_size=32)


def words(hashes: list[bytes]) -> NDArray[np.uint64]:
    return words_of(np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32))


def apart(left: bytes, right: bytes) -> int:
    return (int.from_bytes(left) ^ int.from_bytes(right)).bit_count()


@st.composite
def near(draw: st.DrawFn, hashes: list[bytes]) -> bytes:
    """A hash some bits from one of `hashes`."""
    number = int.from_bytes(draw(st.sampled_from(hashes)))
    for bit in draw(st.lists(st.integers(0, 255), max_size=45)):
        number ^= 1 << bit
    return number.to_bytes(32)


@given(st.data(), st.lists(HASHES, min_size=1, max_size=6), st.integers(0, 64))
def test_the_nearest_hash_within_the_limit_is_found(
    data: st.DataObject, listed: list[bytes], limit: int
) -> None:
    frames = data.draw(st.lists(near(listed), min_size=1, max_size=5))
    cut = data.draw(st.integers(0, len(listed)))
    places = np.arange(len(listed), dtype=np.int64) * 100
    nearest = Nearest(words(frames), limit=limit)

    nearest.show(words(listed[:cut]), places[:cut])
    nearest.show(words(listed[cut:]), places[cut:])

    for frame, distance, place in zip(frames, nearest.distances, nearest.places, strict=True):
        least = min(apart(frame, one) for one in listed)
        assert distance == (least if least <= limit else NO_MATCH)
        if least <= limit:
            assert apart(frame, listed[place // 100]) == least


def test_a_video_without_frames_that_count_matches_nothing() -> None:
    nearest = Nearest(words([]), limit=31)

    nearest.show(words([b"\0" * 32]), np.zeros(1, np.int64))

    assert nearest.distances.size == 0


@given(st.integers(1, 10), st.floats(0, 1), st.integers(0, 20), st.integers(0, 20))
def test_a_threshold_takes_both_a_count_and_a_share(
    frames: int, share: float, matching: int, others: int
) -> None:
    reached = Threshold(frames, share).reached(matching, matching + others)

    assert reached == (matching >= frames and matching >= share * (matching + others))
    assert not Threshold(frames, share).reached(0, others)
