"""What a viewer with a token gets does not depend on the lane that its request takes either."""

import asyncio
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from common.service import TokenKeySettings
from common.signing import AccessTokens, PathToken, mint
from edge.serve.express import Express
from tests.integration.proxy_service import RawOrigin
from tests.integration.test_edge_two_lanes import CUTS, cut, lanes, request, told

SECRET = "a secret of more than thirty-two characters"
KEYS = (TokenKeySettings(key_id="k", secret=SECRET),)
LATER = 2**39


def token(expires: int = LATER, secret: str = SECRET, **changes: Any) -> str:
    given = {"key_id": "k", "prefix": "/", "expires": expires, **changes}
    return mint(PathToken(**given), secret)


GOOD = token()
OF_STANDARD = AccessTokens({"k": SECRET}).mint("k", "/", LATER, "127.0.0.1")
OF_SESSION = token(session="mine")
TOKENS = (
    *(GOOD, OF_STANDARD, OF_SESSION, token(address="127.0.0.1")),
    *(token(expires=1), token(address="192.0.2.1"), token(prefix="/small"), token(prefix="/other")),
    *(token(secret=SECRET + "!"), token(key_id="retired"), GOOD[:-1], GOOD + "A", GOOD.lower()),
    *("", "A" * 2000, "=", "%41" + GOOD[1:], OF_STANDARD[:-4], "0YQ" + "E" * 60),
)
RESTS = (
    *("/small", "/large", "/checked", "/varied", "/none", "/small?a=1"),
    *("/small?CMCD=sid%3D%22mine%22", "/small?CMCD=bl%3D1%2Csid%3D%22mine%22", "/small?CMCD=x//y"),
    *("/small?CMCD=sid%3D%22other%22", "/large?CMCD=sid=mine", "/small?token=x"),
    *(
        "//small",
        "/./small",
        "/x/../small",
        "/%2e%2e/small",
        "/x%2Fsmall",
        "/x\\small",
        "",
        "small",
    ),
    *(f"/t/{GOOD}/small", "/smal%6C", "/Small"),
)
LINES = (
    *('CMCD-Session: sid="mine"', 'cmcd-session: cid="x",sid="mine"', 'CMCD-Session: sid="other"'),
    *("CMCD-Request: bl=100", "Range: bytes=5-9", 'If-None-Match: "one"', "X-Odd: yes"),
)
TARGETS = st.one_of(
    # What the express lane takes, more often than what it leaves to the other one.
    st.builds("/t/{}{}".format, st.sampled_from(TOKENS[:4]), st.sampled_from(RESTS[:8])),
    st.builds("/t/{}{}".format, st.sampled_from(TOKENS[:4]), st.sampled_from(RESTS)),
    st.builds("/t/{}{}".format, st.sampled_from(TOKENS), st.sampled_from(RESTS)),
    st.sampled_from(["/small", "/t/", "/t", f"/T/{GOOD}/small", f"/small?token={GOOD}"]),
)
FIELDS = st.lists(st.sampled_from(LINES), max_size=2, unique_by=lambda line: line[:8].lower())
REQUESTS = st.lists(
    st.builds(lambda target, fields: request(target, *fields), TARGETS, FIELDS), max_size=3
)
LAST = request(f"/t/{GOOD}/small", "Connection: close")


async def test_both_lanes_let_in_the_same_viewers(origin: RawOrigin, tmp_path: Path) -> None:
    taken: list[bool] = []
    answer = Express.answer

    def counted(self: Express, *arguments: Any) -> bool:
        taken.append(answer(self, *arguments))
        return taken[-1]

    async with lanes(tmp_path, origin, token_keys=KEYS) as (express, plain):
        for port in (express, plain):
            for target in ("/small", "/large", "/varied", "/small?a=1"):
                for _ in range(3):
                    await told(port, [request(f"/t/{GOOD}{target}")], last=LAST)
        loop = asyncio.get_running_loop()

        async def compare(requests: list[bytes], places: list[int]) -> None:
            pieces = cut(b"".join(requests) + LAST, places)
            one, other = await asyncio.gather(
                told(express, pieces, last=None), told(plain, pieces, last=None)
            )
            assert one == other

        @hypothesis.settings(max_examples=200, suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(REQUESTS, CUTS)
        def check(requests: list[bytes], places: list[int]) -> None:
            asyncio.run_coroutine_threadsafe(compare(requests, places), loop).result(20)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Express, "answer", counted)
            await asyncio.to_thread(check)
    assert sum(taken) > 50, "the express lane took hardly any request"


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        (f"/t/{GOOD}/small", (), 200),
        (f"/t/{OF_STANDARD}/small", (), 200),
        (f"/t/{OF_SESSION}/small?CMCD=sid%3D%22mine%22", (), 200),
        (f"/t/{OF_SESSION}/small", ('CMCD-Session: sid="mine"',), 200),
        (f"/t/{OF_SESSION}/small", ('CMCD-Session: sid="other"',), 403),
        (f"/t/{OF_SESSION}/small", (), 403),
        (f"/t/{token(key_id='retired')}/small", (), 403),
        (f"/t/{'A' * 9000}/small", (), 414),
        (f"/t/{GOOD}/sm\xe4ll", (), 400),
        ("/t/\xff\xfe/small", (), 400),
    ],
)
async def test_both_lanes_say_so_alike(
    origin: RawOrigin, tmp_path: Path, target: str, fields: tuple[str, ...], status: int
) -> None:
    async with lanes(tmp_path, origin, token_keys=KEYS) as ports:
        got = []
        for port in ports:
            for _ in range(3):
                await told(port, [request(f"/t/{GOOD}/small")], last=LAST)
            got.append(await told(port, [request(target, *fields)], last=LAST))

    assert got[0] == got[1]
    assert got[0].split(b" ", 2)[1] == b"%d" % status
