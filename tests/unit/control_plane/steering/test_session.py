"""What a player carries from one steering manifest to the next."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.steering import Session

NOW = 1_800_000_000
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


def carried(query: str, now: float = NOW) -> Session:
    return Session.carried(dict(parse_qsl(query)), "freshly-made", now)


@given(
    st.builds(
        Session,
        name=st.from_regex(r"[A-Za-z0-9_-]{8,32}", fullmatch=True),
        edge=NAMES,
        since=st.integers(NOW - 86_400, NOW),
        share=st.integers(1, 100),
        left=st.dictionaries(NAMES, st.integers(NOW - 299, NOW), max_size=4),
        version=NAMES | st.just(""),
    )
)
def test_a_session_comes_back_as_it_went(session: Session) -> None:
    assert carried(session.query) == session


def test_who_carries_nothing_is_new() -> None:
    assert carried("_HLS_pathway=here") == Session("freshly-made")


@pytest.mark.parametrize(
    "query",
    [
        "session=short",
        "session=" + "x" * 33,
        "session=eight%20chars",
        "edge=eu-1&since=1&share=50",
    ],
)
def test_who_carries_no_name_of_a_session_is_new(query: str) -> None:
    assert carried(query) == Session("freshly-made")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("edge=eu-1", Session("abcdefgh", "eu-1", NOW)),
        ("edge=eu-1&since=soon&share=lots", Session("abcdefgh", "eu-1", NOW)),
        # Another control plane's clock is ahead.
        (f"edge=eu-1&since={NOW + 5}", Session("abcdefgh", "eu-1", NOW)),
        ("edge=eu-1&since=5", Session("abcdefgh", "eu-1", NOW - 86_400)),
        ("edge=eu-1&share=0", Session("abcdefgh", "eu-1", NOW, 1)),
        ("edge=eu-1&share=999", Session("abcdefgh", "eu-1", NOW, 100)),
        ("edge=../../etc", Session("abcdefgh", since=NOW)),
        (
            f"left=eu-2.{NOW - 300},eu-3.{NOW - 299}",
            Session("abcdefgh", since=NOW, left={"eu-3": NOW - 299}),
        ),
        ("left=eu-2,.5,eu-3.x,,", Session("abcdefgh", since=NOW)),
        (
            "left=" + ",".join(f"eu-{number}.{NOW}" for number in range(100)),
            Session("abcdefgh", since=NOW, left={f"eu-{number}": NOW for number in range(4)}),
        ),
    ],
)
def test_what_cannot_be_is_made_what_can(query: str, expected: Session) -> None:
    assert carried(f"session=abcdefgh&{query}") == expected


def test_of_the_edges_that_a_session_left_the_last_four_are_remembered() -> None:
    session = Session("abcdefgh", since=NOW)
    for number in range(6):
        session = session.sent(f"eu-{number}", 1.0, NOW + number).leaving(NOW + number)

    assert session == Session(
        "abcdefgh", since=NOW + 5, left={f"eu-{number}": NOW + number for number in range(2, 6)}
    )


@given(st.dictionaries(st.sampled_from(["session", "edge", "since", "share", "left"]), st.text()))
def test_no_garbage_is_an_error_and_what_goes_out_is_short(query: dict[str, str]) -> None:
    session = Session.carried(query, "freshly-made", NOW)

    assert len(session.query) < 600
    assert carried(session.query) == session or not session.since
