"""What a chain comes to."""

from hypothesis import given
from hypothesis import strategies as st

from common.messages import Decision
from ingest.filter.model import strictest


@given(st.lists(st.sampled_from(Decision)))
def test_the_strictest_decision_wins(decisions: list[Decision]) -> None:
    expected = next(
        (one for one in (Decision.BLOCK, Decision.REVIEW) if one in decisions), Decision.ALLOW
    )

    assert strictest(decisions) is expected
