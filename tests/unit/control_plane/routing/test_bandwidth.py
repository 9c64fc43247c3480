"""What a client's network carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.routing import Estimate, bandwidth
from control_plane.routing.asked import FIELDS, PARAMETERS, bounded

ESTIMATE = Estimate(throughput=6e6, starving=0.0, weight=10.0)


@pytest.mark.parametrize(
    ("fields", "query", "estimate", "rate"),
    [
        pytest.param({}, {}, None, None, id="nobody knows"),
        pytest.param({}, {}, ESTIMATE, 6e6, id="its network"),
        pytest.param({}, {}, Estimate(6e6, 0.0, 1.0), None, id="one word of its network"),
        pytest.param({"downlink": "2.5"}, {}, ESTIMATE, 2.5e6, id="its browser"),
        pytest.param({"downlink": "10", "ect": "3g"}, {}, None, 7e5, id="the slower hint"),
        pytest.param({"rtt": "3000"}, {}, None, 7e5, id="a slow answer"),
        pytest.param({"rtt": "50"}, {}, None, None, id="a fast answer"),
        pytest.param({"downlink": "1"}, {"CMCD": "mtp=5000"}, None, 5e6, id="the player"),
        pytest.param({"cmcd-request": "mtp=800"}, {}, None, 8e5, id="in fields"),
        pytest.param({}, {"CMCD": "mtp=0"}, ESTIMATE, 6e6, id="nothing measured"),
        pytest.param({}, {"CMCD": "mtp=-5,=,,\x00"}, None, None, id="nonsense"),
        pytest.param({"downlink": "-1"}, {}, None, None, id="less than nothing"),
        pytest.param({"downlink": "1e3"}, {}, None, None, id="no plain number"),
        pytest.param({"downlink": "9" * 16, "rtt": "inf"}, {}, None, None, id="too much"),
        pytest.param({"ect": "5g"}, {}, None, None, id="no class"),
    ],
)
def test_the_surest_word_counts(
    fields: dict[str, str], query: dict[str, str], estimate: Estimate | None, rate: float | None
) -> None:
    assert bandwidth(fields, query, estimate).rate == rate


def test_what_else_a_player_tells() -> None:
    told = bandwidth({"save-data": " On "}, {"CMCD": "su,rtp=1200"}, None)

    assert (told.save_data, told.starting, told.asked) == (True, True, 1.2e6)
    assert not bandwidth({"save-data": "off"}, {}, None).save_data


@given(
    st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text(max_size=700)),
    st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.text(max_size=300)),
)
def test_whatever_comes_is_some_rate(fields: dict[str, str], query: dict[str, str]) -> None:
    told = bandwidth(bounded(fields, FIELDS), bounded(query, PARAMETERS), None)

    assert told.rate is None or 0 < told.rate <= 1e13
