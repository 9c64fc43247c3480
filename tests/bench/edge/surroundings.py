"""What the access log and tokens add to a hit; metrics and Cache-Status are always on.

    python -m tests.bench.edge.surroundings [--rounds N] [--seconds N]

runs this part of the benchmark alone. The load with tokens of viewers' own takes another of many
for each request, as if each viewer asked once.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.signing import AccessTokens, PathToken, mint
from tests.bench.edge.cases import ANOTHER_CMCD
from tests.bench.edge.load import Load, fetch, run_wrk
from tests.bench.edge.report import Row, middle, ratio_of
from tests.bench.edge.servers import EXPIRES, KEY_ID, SECRET, TOKEN, Server, running

SERVERS = ("edge-no-log", "edge", "edge-tokens")
OBJECT = "/bytes/2048/hit"
VIEWERS = 2000
_OWN = """
local tokens = {{{tokens}}}
local n = 0
request = function()
  n = n % #tokens + 1
  return wrk.format("GET", "/t/" .. tokens[n] .. wrk.path .. "{query}")
end
"""


@dataclass(frozen=True)
class Kind:
    """Hits of one kind."""

    name: str
    server: str
    path: str = OBJECT
    script: str | None = None


def own(tokens: Sequence[str], query: str = "") -> str:
    """What has wrk ask with another one of ``tokens`` each time."""
    return _OWN.format(tokens=",".join(f'"{token}"' for token in tokens), query=query)


def kinds() -> list[Kind]:
    """What is compared; the first is the bare hit."""
    addresses = [
        mint(PathToken(KEY_ID, "/bytes/", EXPIRES - number, "127.0.0.1"), SECRET)
        for number in range(VIEWERS)
    ]
    sessions = [
        mint(PathToken(KEY_ID, "/bytes/", EXPIRES - number, "", "6e2fb550-c457"), SECRET)
        for number in range(VIEWERS)
    ]
    standard = AccessTokens({KEY_ID: SECRET}).mint(KEY_ID, "/bytes/", EXPIRES)
    query = "?CMCD=bl%3D21300%2Cbr%3D3200%2Csid%3D%226e2fb550-c457%22"
    return [
        Kind("neither log nor token", "edge-no-log"),
        Kind("log", "edge"),
        Kind("log and CMCD", "edge", OBJECT, ANOTHER_CMCD),
        Kind("log and token", "edge-tokens", f"/t/{TOKEN}{OBJECT}"),
        Kind("log and Common Access Token", "edge-tokens", f"/t/{standard}{OBJECT}"),
        Kind("log and token of each viewer", "edge-tokens", script=own(addresses)),
        Kind("log, CMCD and token of each session", "edge-tokens", script=own(sessions, query)),
    ]


def surroundings(
    servers: dict[str, Server], rounds: int, seconds: int, results: dict[str, Any]
) -> list[Row]:
    """Measures it; the rows tell CPU time of the server per hit."""
    compared = kinds()
    cost: dict[str, list[float]] = {kind.name: [] for kind in compared}
    for kind in compared:
        fetch(
            servers[kind.server].http
            + (f"/t/{TOKEN}{OBJECT}" if kind.server == "edge-tokens" else kind.path)
        )
    for turn in range(max(rounds, 5)):
        for kind in compared[:: -1 if turn % 2 else 1]:
            load = Load(servers[kind.server].http + kind.path, 32, script=kind.script)
            cost[kind.name].append(run_wrk(servers[kind.server], load, seconds).cpu)
    results["surroundings"] = cost
    bare = cost[compared[0].name]
    return [_row(kind, cost[kind.name], bare) for kind in compared[1:]]


def _row(kind: Kind, cost: Sequence[float], bare: Sequence[float]) -> Row:
    pairs = zip(cost, bare, strict=True)
    share = max(0.0, 1 - middle(ratio_of(one, without) for one, without in pairs))
    required = kind.name == "log and token"
    return Row(
        f"2 KiB hit, with {kind.name}, and with neither",
        f"{middle(cost) * 1e6:.1f} µs, {middle(bare) * 1e6:.1f} µs",
        {},
        None,
        None,
        f"{kind.name} are {share:.0%} of it",
        "under 25 %" if required else "",
        not required or 0 < share < 0.25,
    )


def main() -> int:
    """Runs it alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.edge.surroundings")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(SERVERS, Path(folder)) as servers:
        for row in surroundings(servers, asked.rounds, asked.seconds, {}):
            print(f"{row.name}: {row.edge} ({row.note})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
