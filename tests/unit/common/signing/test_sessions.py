"""Which session a request tells."""

import pytest

from common.signing import session_told


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("", "", ""),
        ("CMCD=sid%3D%22a-1%22", "", "a-1"),
        ("CMCD=bl%3D100%2Csid%3D%22a-1%22%2Csu", "", "a-1"),
        ('CMCD=sid="a-1"', "", "a-1"),
        ("a=1&CMCD=sid%3D%22a-1%22&b=2", "", "a-1"),
        ("", 'sid="a-1"', "a-1"),
        ("", 'cid="x", sid="a-1" ,st=v', "a-1"),
        ("CMCD=sid%3D%22a%22", 'sid="b"', "a"),
        ("CMCD=bl%3D100", 'sid="b"', "b"),
        ("CMCD=bl%3D1&CMCD=sid%3D%22a%22", "", ""),
        ("cmcd=sid%3D%22a%22", "", ""),
        ("XCMCD=sid%3D%22a%22", "", ""),
        ("CMCD=sid%3Da", "", ""),
        ("CMCD=sid%3D%22%22", "", ""),
        ("CMCD=com.example-sid%3D%22a%22", "", ""),
        (f"CMCD=sid%3D%22{'a' * 65}%22", "", ""),
        ("CMCD=sid%3D%22a%0Ab%22", "", ""),
        ("CMCD=%ff%fe%", "sid=", ""),
        ("", r'cid="a,sid=\"b\",c"', ""),
    ],
)
def test_the_session_is_the_sid_of_cmcd(query: str, field: str, told: str) -> None:
    assert session_told(query, field) == told
