"""CTA-5004: what players tell, of which nothing is believed that cannot be."""

from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import cmcd
from common.http.cmcd import (
    LONGEST,
    MOST_KBIT,
    MOST_KEYS,
    MOST_MILLISECONDS,
    Cmcd,
    measured_in,
    parse,
)
from common.http.fields import Fields

WHOLE = (
    'br=3200,bs,cid="faec5fc2-ac30-11ea",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",'
    'nrr="12323-48763",ot=v,pr=1.08,rtp=12000,sf=h,sid="6e2fb550-c457-11e9",st=v,su,tb=6000,v=1,'
    "bl=21300"
)
READ: Cmcd = {
    "br": 3200,
    "bs": True,
    "cid": "faec5fc2-ac30-11ea",
    "d": 4004,
    "dl": 18500,
    "mtp": 48100,
    "nor": "..%2F300kbps%2Ftrack.m4v",
    "nrr": "12323-48763",
    "ot": "v",
    "pr": 1.08,
    "rtp": 12000,
    "sf": "h",
    "sid": "6e2fb550-c457-11e9",
    "st": "v",
    "su": True,
    "tb": 6000,
    "v": 1,
    "bl": 21300,
}


def test_every_key_is_read() -> None:
    assert parse(WHOLE) == READ


@pytest.mark.parametrize("query", ["CMCD={}", "a=1&CMCD={}", "CMCD={}&token=x", "a&CMCD={}&b"])
def test_the_parameter_is_found_in_a_query(query: str) -> None:
    for safe in ("", "/=,"):
        assert parse(cmcd.in_query(query.format(quote(WHOLE, safe=safe)))) == READ


def test_a_value_that_is_not_escaped_is_read_too() -> None:
    assert parse(cmcd.in_query("CMCD=bl=1,\udcff,mtp=2")) == {"bl": 1, "mtp": 2}
    assert parse(cmcd.in_query('CMCD=bl=21300,mtp=25400,sid="x"')) == {
        "bl": 21300,
        "mtp": 25400,
        "sid": "x",
    }


@pytest.mark.parametrize("query", ["", "cmcd=bl%3D1", "xCMCD=bl%3D1", "CMCD", "a=CMCD=bl%3D1"])
def test_no_other_parameter_is_taken_for_it(query: str) -> None:
    assert cmcd.in_query(query) == ""


def test_the_fields_are_joined() -> None:
    fields = Fields(
        [
            ("Host", "example.org"),
            ("CMCD-Request", "bl=21300,mtp=25400"),
            ("cmcd-status", "bs,rtp=100"),
            ("CMCD-Session", 'sid="a,b=c"'),
        ]
    )
    expected = {"bl": 21300, "mtp": 25400, "bs": True, "rtp": 100, "sid": "a,b=c"}
    assert parse(cmcd.in_fields(fields)) == expected


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", {}),
        (",,,", {}),
        (" bl=1 ,\tmtp=2\t", {"bl": 1, "mtp": 2}),
        ("bl=1,bl=2", {"bl": 2}),
        ('sid="a\\"b\\\\c",bl=1', {"sid": 'a"b\\c', "bl": 1}),
        ('sid="",bl=1', {"bl": 1}),
        ('sid="unclosed,bl=1', {"bl": 1}),
        ("sid=bare,bl=1", {"bl": 1}),
        (f'sid="{"x" * 64}"', {"sid": "x" * 64}),
        (f'sid="{"x" * 65}",bl=1', {"bl": 1}),
        ('sid="ä",bl=1', {"bl": 1}),
        ('sid="\x00",bl=1', {"bl": 1}),
        ("bs=true,su=?1", {"bs": True, "su": True}),
        ("bs=false,su=?0", {}),
        ('bs="",su=1', {}),
        ("bl,mtp", {}),
        ('bl="1",mtp=2', {"mtp": 2}),
        ("bl=-1,mtp=1.5,rtp=1e3,tb=0x10,br=+1", {}),
        ("bl=\u0661,mtp=2", {"mtp": 2}),
        ("mtp=99999999999999999999,bl=5", {"bl": 5}),
        (f"mtp={MOST_KBIT},bl={MOST_MILLISECONDS}", {"mtp": MOST_KBIT, "bl": MOST_MILLISECONDS}),
        (f"mtp={MOST_KBIT + 1},bl={MOST_MILLISECONDS + 1}", {}),
        ("pr=0,ot=x,sf=hls,st=L", {"pr": 0.0}),
        ("pr=100.1", {}),
        ("pr=1.", {}),
        ("com.example-mine=5,bl=1", {"bl": 1}),
        ("BL=1,Mtp=2,unknown=3,zz=4", {}),
        ("bl=1;x=2,mtp=3", {"mtp": 3}),
        ("bl=(1),mtp=2", {"mtp": 2}),
    ],
)
def test_what_cannot_be_is_left_out(text: str, read: Cmcd) -> None:
    assert parse(text) == read


def test_of_too_much_nothing_is_read() -> None:
    assert parse("bl=1,".ljust(LONGEST, "x")) == {"bl": 1}
    assert parse("bl=1,".ljust(LONGEST + 1, "x")) == {}
    assert parse("x=1," * MOST_KEYS + "bl=1") == {}
    assert parse("x=1," * (MOST_KEYS - 1) + "bl=1") == {"bl": 1}
    assert parse(cmcd.in_query("CMCD=bl%3D1," + "%20" * 100_000)) == {}


PIECES = st.lists(
    st.one_of(
        st.sampled_from([*READ, ",", "=", '"', "\\", "%", "?1", "1.5", "-1", "99999999", " "]),
        st.text(max_size=8),
        st.integers().map(str),
    ),
    max_size=60,
).map("".join)


ANY_TEXT = st.text(st.characters())
"""Also bytes that were no UTF-8."""


@given(st.one_of(PIECES, ANY_TEXT))
def test_whatever_comes_is_read_within_bounds(text: str) -> None:
    for read in (parse(text), parse(cmcd.in_query(f"CMCD={text}")), parse(cmcd.in_query(text))):
        assert read.keys() <= READ.keys()
        assert read.get("bs", True)
        assert len(read.get("sid", "")) <= 64
        assert 0 <= read.get("mtp", 0) <= MOST_KBIT
        assert 0 <= read.get("bl", 0) <= MOST_MILLISECONDS
        assert all(type(value) is type(READ[key]) for key, value in read.items())  # type: ignore[literal-required] # keys of the same type


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "bl": st.integers(0, MOST_MILLISECONDS),
            "mtp": st.integers(0, MOST_KBIT),
            "sid": st.text(
                st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1
            ).filter(lambda text: len(text) <= 64),
            "ot": st.sampled_from(["v", "a", "av"]),
            "bs": st.just(True),
        },
    )
)
def test_what_a_player_writes_is_read_back(told: Cmcd) -> None:
    parts = []
    for key, value in told.items():
        if key == "sid":
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'{key}="{escaped}"')
        else:
            parts.append(key if value is True else f"{key}={value}")
    text = ",".join(parts)
    assert parse(text) == told
    assert parse(cmcd.in_query(f"CMCD={quote(text, safe='')}")) == told


def head(query: str = "", *fields: str) -> bytes:
    lines = [f"GET /v/a/1/0.m4s{query} HTTP/1.1", "Host: cdn.test", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


@pytest.mark.parametrize(
    ("request_head", "measured"),
    [
        (head(), None),
        (head("?token=x"), None),
        (head("?CMCD="), None),
        (head("?token=CMCD"), None),
        (head("?CMCD=bl%3D21300%2Cmtp%3D25400%2Csid%3D%22x%22"), (25400, 21300, False)),
        (head("?token=x&CMCD=mtp%3D25400"), (25400, None, False)),
        (head("?CMCD=mtp%3D25400&token=x"), (25400, None, False)),
        (head("?CMCD=mtp=25400,bs"), (25400, None, True)),
        (head("?CMCD=bl%3d0%2csu"), (0, None, False)),
        (head("?CMCD=bs%3Dtrue%2Csu%3D%3F0%2Cbl%3D0"), (0, 0, True)),
        (head("?CMCD=bs%3Dfalse"), (0, None, False)),
        (head("?CMCD=ot%3Dv"), (0, None, False)),
        (head("?CMCD=mtp%3D1%2Cmtp%3D2"), (2, None, False)),
        (head("?CMCD=xmtp%3D1%2Cmtp.x%3D2%2Cbl%3D5"), (0, 5, False)),
        (head("?CMCD=sid%3D%22%2Cmtp%3D9%2C%22%2Cbl%3D5"), (0, 5, False)),
        (head("?CMCD=mtp%3D10000001%2Cbl%3D600001"), (0, None, False)),
        (head("?CMCD=mtp%3D-1%2Cbl%3D1.5"), (0, None, False)),
        (head("?CMCD=mtp%3D99999999999999%2Cbs"), (0, None, True)),
        (head("", "CMCD-Request: bl=21300,mtp=25400", "CMCD-Status: bs"), (25400, 21300, True)),
        (head("", "cmcd-request:mtp=25400", "Cmcd-Object: br=100"), (25400, None, False)),
        (head("", 'CMCD-Session: sid=",bs,"', "CMCD-Request: bl=5"), (0, 5, False)),
        (head("", "X-CMCD-Request: mtp=1"), None),
        (head("", "CMCD-Requests: mtp=1"), None),
        (head("?CMCD=" + "mtp%3D1%2C" * 110), None),
        (b"GET /?CMCD=mtp%3D1", None),
        (b"", None),
    ],
)
def test_what_tells_of_the_network_is_found_in_a_request(
    request_head: bytes, measured: tuple[int, int | None, bool] | None
) -> None:
    assert measured_in(request_head) == measured


@given(
    st.dictionaries(st.sampled_from(["bl", "mtp", "br", "d", "tb", "rtp"]), st.integers(0, 10**8)),
    st.sets(st.sampled_from(["bs", "su"])),
    st.from_regex(r"[A-Za-z0-9,=%. -]{1,40}", fullmatch=True),
    st.sampled_from(["", "/=,", '/=,"']),
    st.randoms(use_true_random=False),
)
def test_the_short_cut_finds_what_all_reading_finds(
    numbers: dict[str, int], flags: set[str], session: str, safe: str, random: Random
) -> None:
    parts = [*(f"{key}={value}" for key, value in numbers.items()), *flags, f'sid="{session}"']
    random.shuffle(parts)
    escaped = quote(",".join(parts), safe=safe)
    read = parse(cmcd.in_query(f"CMCD={escaped}"))
    buffer = None if "su" in read else read.get("bl")

    expected = (read.get("mtp", 0), buffer, "bs" in read)
    assert measured_in(head(f"?CMCD={escaped}")) == expected
    assert measured_in(head("", f"CMCD-Request: {','.join(parts)}")) == expected


@given(
    st.one_of(
        st.binary(),
        PIECES.map(
            lambda text: head(f"?CMCD={text}", f"CMCD-Status: {text}") if text.isascii() else b""
        ),
    )
)
def test_whatever_head_comes_is_measured_within_bounds(raw: bytes) -> None:
    told = measured_in(raw)
    if told is not None:
        assert 0 <= told.throughput <= MOST_KBIT
        assert told.buffer is None or 0 <= told.buffer <= MOST_MILLISECONDS
