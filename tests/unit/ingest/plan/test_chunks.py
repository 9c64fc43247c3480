"""Chunks: whole segments in a row, none of them too short."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.inspect import MediaInfo
from ingest.plan.chunks import LONGEST, SHORTEST, chunk_count, cut, safe_to_chunk, seek_margin
from tests.unit.ingest.media import media_info


@given(
    frame_count=st.integers(min_value=1, max_value=3000),
    groups=st.integers(min_value=1, max_value=10),
    interval=st.integers(min_value=1, max_value=120),
    count=st.integers(min_value=1, max_value=60),
)
def test_what_always_holds(frame_count: int, groups: int, interval: int, count: int) -> None:
    segment_frames = groups * interval

    chunks = cut(
        frame_count, segment_frames=segment_frames, count=count, keyframe_interval=interval
    )

    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert sum(chunk.frame_count for chunk in chunks) == frame_count
    assert len(chunks) <= count
    frame = segment = 0
    for chunk in chunks:
        assert (chunk.first_frame, chunk.first_segment) == (frame, segment)
        assert chunk.first_frame == chunk.first_segment * segment_frames
        assert chunk.segment_count == -(-chunk.frame_count // segment_frames) > 0
        frame += chunk.frame_count
        segment += chunk.segment_count
    for chunk in chunks[:-1]:
        assert chunk.frame_count == chunk.segment_count * segment_frames
    if len(chunks) > 1:
        assert chunks[-1].frame_count >= interval
        sizes = [chunk.segment_count for chunk in chunks]
        assert max(sizes[:-1]) - min(sizes[:-1]) <= 1


def test_a_last_frame_of_its_own_joins_the_chunk_before() -> None:
    chunks = cut(361, segment_frames=180, count=3, keyframe_interval=60)

    assert [chunk.frame_count for chunk in chunks] == [180, 181]
    assert [chunk.segment_count for chunk in chunks] == [1, 2]


@pytest.mark.parametrize(
    ("seconds", "chunks"),
    [(1, 1), (11, 1), (18, 1), (24, 2), (60, 4), (120, 8), (480, 8), (600, 10), (7200, 120)],
)
def test_the_length_of_a_video_decides_how_many_chunks_it_gets(seconds: int, chunks: int) -> None:
    assert chunk_count(seconds * 30, 180, Fraction(30), None) == chunks


def test_shorts_are_cut_too_where_they_are_long_enough() -> None:
    assert chunk_count(30 * 30, 60, Fraction(30), None) == 2


@given(
    frame_count=st.integers(min_value=1, max_value=2_000_000),
    rate=st.sampled_from([Fraction(1), Fraction(24_000, 1001), Fraction(30), Fraction(60)]),
    seconds=st.integers(min_value=2, max_value=30),
)
def test_chunks_are_as_long_as_is_allowed(frame_count: int, rate: Fraction, seconds: int) -> None:
    interval = max(1, round(2 * rate))
    segment_frames = interval * (seconds // 2)
    count = chunk_count(frame_count, segment_frames, rate, None)

    chunks = cut(
        frame_count, segment_frames=segment_frames, count=count, keyframe_interval=interval
    )

    lengths = [chunk.frame_count / rate for chunk in chunks]
    # The last one has what is left of a segment, and maybe a bit more.
    assert all(SHORTEST <= length <= LONGEST for length in lengths[:-1])
    assert lengths[-1] <= LONGEST + 2 * interval / rate
    assert len(chunks) == 1 or lengths[-1] > SHORTEST - segment_frames / rate


@pytest.mark.parametrize(("wanted", "chunks"), [(2, 10), (6, 10), (13, 5), (600, 1)])
def test_an_operator_may_say_how_long_chunks_are(wanted: float, chunks: int) -> None:
    assert chunk_count(1800, 180, Fraction(30), wanted) == chunks


@pytest.mark.parametrize(
    "media",
    [
        media_info(),
        media_info(constant=False),
        media_info(rotation=90),
        media_info(start=1.4),
        media_info(start=-2.0),
        media_info(interlaced=True),
        media_info(key_frame_delay=10.0),
    ],
)
def test_most_sources_are_safe_to_chunk(media: MediaInfo) -> None:
    assert safe_to_chunk(media)


@pytest.mark.parametrize(
    "media", [media_info(exact=False), media_info(seekable=False), media_info(key_frame_delay=10.1)]
)
def test_sources_with_a_doubt_are_not(media: MediaInfo) -> None:
    assert not safe_to_chunk(media)


@pytest.mark.parametrize(("delay", "margin"), [(0.0, 2.0), (0.5, 2.0), (3.0, 4.0), (1e9, 11.0)])
def test_key_frames_are_looked_for_as_much_earlier_as_they_are_delayed(
    delay: float, margin: float
) -> None:
    assert seek_margin(media_info(key_frame_delay=delay)) == margin
