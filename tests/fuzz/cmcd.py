"""Fuzzes what players tell with each request: python -m tests.fuzz.cmcd [--runs N]."""

import atheris  # type: ignore[import-untyped]  # it publishes no types

from tests.fuzz.program import fuzz

with atheris.instrument_imports(include=["common.http"]):
    from common.http.cmcd import MOST_KBIT, MOST_MILLISECONDS, in_query, measured_in, parse

EXAMPLES = (
    b'br=3200,bs,cid="a-b",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",su',
    b'nrr="12323-48763",ot=v,pr=1.08,rtp=12000,sf=h,sid="6e2f\\"b550",st=v,tb=6000,v=1',
    b"bl%3D21300%2Cmtp%3D25400%2Csid%3D%22x%22%2Cbs%3D%3F1",
    b"mtp=1\r\nCMCD-Request: bl=5,mtp=9\r\ncmcd-status:bs\r\n",
)


def check(data: bytes) -> None:
    """Reads ``data`` as the value of the parameter, and within the head of a request."""
    text = data.decode("utf-8", "surrogateescape")
    for read in (parse(text), parse(in_query(text)), parse(in_query(f"CMCD={text}"))):
        assert 0 <= read.get("mtp", 0) <= MOST_KBIT
        assert 0 <= read.get("bl", 0) <= MOST_MILLISECONDS
        assert len(read.get("sid", "")) <= 64
    for head in (data, b"GET /?CMCD=" + data + b" HTTP/1.1\r\nCMCD-Request: " + data + b"\r\n\r\n"):
        told = measured_in(head)
        assert told is None or 0 <= told.throughput <= MOST_KBIT
        assert told is None or told.buffer is None or 0 <= told.buffer <= MOST_MILLISECONDS


if __name__ == "__main__":
    fuzz(check, EXAMPLES)
