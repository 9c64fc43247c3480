"""What is measured, and what it must reach beside nginx."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

KIB, MIB = 1024, 1024 * 1024
SIZES = {
    "2 KiB": 2 * KIB,
    "256 KiB": 256 * KIB,
    "1.5 MiB": 1536 * KIB,
    "6 MiB": 6144 * KIB,
}
SUSTAINED = 12
"""Seconds of misses after which a file system cannot put off any longer what they have it do."""
DISTINCT = 1000
"""Objects of the case with many."""

_VARIED_RANGE = """
local n = 0
request = function()
  n = n + 1
  local first = (n * 7919) % 1500000
  return wrk.format("GET", nil, {["Range"] = "bytes=" .. first .. "-" .. (first + 65535)})
end
"""
ANOTHER_CMCD = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", wrk.path .. "?CMCD=bl%3D" .. n .. "%2Cbr%3D3200%2Cot%3Dv%2Csf%3Dh")
end
"""
_MANY = """
math.randomseed(7)
request = function()
  local rank = math.floor(1000 ^ math.random())
  return wrk.format("GET", "/bytes/65536/" .. (rank - 1))
end
"""
_MISSES = """
local n = 0
local run = os.time() .. "-" .. math.random(1000000)
request = function()
  n = n + 1
  return wrk.format("GET", wrk.path .. "-" .. run .. "-" .. n)
end
"""


@dataclass(frozen=True)
class Case:
    """Load on a server."""

    name: str
    path: str
    scheme: Literal["http", "https"] = "http"
    connections: int = 32
    fields: tuple[str, ...] = ()
    script: str | None = None
    warm: Literal["object", "objects", "none"] = "object"
    required: float = 0.0
    """What nginx's cost must be at least, as a multiple of the edge's."""
    of: Literal["cpu", "bytes", "throughput"] = "cpu"
    """What is compared: CPU time per request, or per byte where few answers end, or requests/s."""
    least_seconds: int = 0
    """Seconds that a round must last at least."""
    p99: bool = False
    """Whether the 99th percentile of latency must be no worse than nginx's."""


def cases() -> Iterator[Case]:
    """All cases under load."""
    for scheme in ("http", "https"):
        for told, size in SIZES.items():
            for connections in (32, 512):
                small = scheme == "http" and size <= 256 * KIB
                # Handshakes are dear: 512 of them are a fifth of two seconds' work.
                shaking = connections // 64 if scheme == "https" else 0
                yield Case(
                    f"hit, {scheme.upper()}, {told}, {connections} connections",
                    f"/bytes/{size}/hit",
                    scheme="https" if scheme == "https" else "http",
                    connections=connections,
                    required=1.25 if small else 1.0,
                    p99=True,
                    of="bytes" if size > MIB else "cpu",
                    # Enough for each connection to get several answers at a gigabyte a second.
                    least_seconds=max(2 * connections * size // 10**9, shaking),
                )
    large = SIZES["1.5 MiB"]
    yield Case(
        "304, If-None-Match",
        f"/bytes/{large}/hit",
        fields=(f'If-None-Match: "{large}"',),
        required=0.8,
    )
    yield Case(
        "206, the same 64 KiB of 1.5 MiB",
        f"/bytes/{large}/hit",
        fields=("Range: bytes=65536-131071",),
        required=0.8,
    )
    yield Case(
        "206, another 64 KiB of 1.5 MiB each time",
        f"/bytes/{large}/hit",
        script=_VARIED_RANGE,
        required=0.8,
    )
    yield Case("hit, 2 KiB, another CMCD query each time", "/bytes/2048/hit", script=ANOTHER_CMCD)
    yield Case(f"hits on {DISTINCT} objects of 64 KiB", "/", script=_MANY, warm="objects")
    for told, least in (("2 KiB", 0), ("2 KiB", SUSTAINED), ("256 KiB", 0), ("1.5 MiB", 0)):
        yield Case(
            f"miss, {told}" + (f", for {least} s" if least else ""),
            f"/bytes/{SIZES[told]}/miss",
            script=_MISSES,
            warm="none",
            required=0.5,
            of="throughput",
            least_seconds=least,
        )


QUICK = (
    "hit, HTTP, 2 KiB, 32 connections",
    "hit, HTTP, 6 MiB, 32 connections",
    "hit, HTTPS, 2 KiB, 32 connections",
    "hit, HTTPS, 1.5 MiB, 32 connections",
    "304, If-None-Match",
)
"""The cases of a quick look."""
