"""From figures to judgements, tables and a picture."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.ingest.cost import Cost, middle
from tests.bench.ingest.quality import Quality

AS_FAST: Final = 1.05
"""Wall and CPU time at most, of the rival's."""
HALVED: Final = 0.55
"""Of one worker's time, what two take at most."""
AS_GOOD: Final = 0.5
"""VMAF up or down."""
AS_LARGE: Final = 0.03
"""Bytes up or down, of the rival's."""
MEMORY: Final = 150.0
"""MB."""


@dataclass(frozen=True)
class Row:
    """One requirement, and what was measured of it."""

    name: str
    ours: str
    other: str
    """What it is held beside; empty where there is nothing."""
    told: str
    """What is judged, with its unit."""
    demand: str
    used: float
    """How much of what is allowed it takes: 1 is just met."""

    @property
    def met(self) -> bool:
        """Whether it is as it must be."""
        return self.used <= 1


def as_fast(name: str, ours: Sequence[Cost], theirs: Sequence[Cost]) -> list[Row]:
    """Rows of wall and CPU time; a ratio is the median of those of each round."""
    rows = []
    for kind in ("wall", "cpu"):
        mine = [getattr(one, kind) for one in ours]
        other = [getattr(one, kind) for one in theirs]
        ratio = _ratio(mine, other)
        title = f"{name}, {'wall time' if kind == 'wall' else 'CPU time'}"
        demand = f"≤ {AS_FAST:g}"
        rows.append(
            Row(title, seconds(mine), seconds(other), f"{ratio:.3f}", demand, ratio / AS_FAST)
        )
    return rows


def as_many(two: Sequence[float], one: Sequence[float]) -> Row:
    """The row of two workers, ``two`` and ``one`` being seconds of each round."""
    ratio = _ratio(two, one)
    name = "two workers of one core each, beside one"
    return Row(name, seconds(two), seconds(one), f"{ratio:.3f}", f"≤ {HALVED:g}", ratio / HALVED)


def as_good(ours: Mapping[str, Quality], theirs: Mapping[str, Quality]) -> list[Row]:
    """Rows of quality and then of size, for each rendition that both made."""
    better, larger = [], []
    for name, mine in ours.items():
        other = theirs[name]
        apart = mine.vmaf - other.vmaf
        better.append(
            Row(
                f"{name}, VMAF",
                f"{mine.vmaf:.2f}",
                f"{other.vmaf:.2f}",
                f"{apart:+.2f}",
                f"within {AS_GOOD:g}",
                abs(apart) / AS_GOOD,
            )
        )
        grown = (mine.size - other.size) / other.size
        larger.append(
            Row(
                f"{name}, size",
                f"{mine.size / 1e6:.2f} MB",
                f"{other.size / 1e6:.2f} MB",
                f"{grown:+.1%}",
                f"within {AS_LARGE:.0%}",
                abs(grown) / AS_LARGE,
            )
        )
    return better + larger


def as_small(peaks: Sequence[float]) -> Row:
    """The row of ingest's memory while a large file comes, in MB."""
    peak = max(peaks)
    name = "memory of ingest at most while 5 GB come"
    return Row(name, f"{peak:.0f} MB", "", f"{peak:.0f} MB", f"< {MEMORY:.0f} MB", peak / MEMORY)


def seconds(values: Sequence[float]) -> str:
    """The median, and the spread of several."""
    spread = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
    return f"{median(values):.1f} s{spread}"


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| | ours | held beside | difference | required | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        judged = "met" if row.met else "**missed**"
        cells = (row.name, row.ours, row.other, row.told, row.demand, judged)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def steps_table(rounds: Sequence[Mapping[str, Cost]]) -> str:
    """What each step of the pipeline takes, by the medians of the rounds, as a Markdown table."""
    costs = {name: middle(one[name] for one in rounds) for name in rounds[0]}
    whole = sum(cost.cpu for cost in costs.values())
    lines = ["| step | wall time | CPU time | of all CPU time |", "|---|---|---|---|"]
    for name, cost in costs.items():
        share = cost.cpu / whole if whole else 0.0
        lines.append(f"| {name} | {cost.wall:.2f} s | {cost.cpu:.2f} s | {share:.1%} |")
    return "\n".join(lines) + "\n"


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))


INTRODUCTION: Final = """\
# Encoding, measured

`make bench-ingest`: real footage in Full HD becomes HLS, beside one plain ffmpeg that makes the
same renditions with the same settings of encoders, on the same two cores in turn. Medians of all
rounds, with their spread; a ratio is the median of those of each round. "Encodes alone" is what the
plain ffmpeg does, pictures and sound; `nearcast transcode` also inspects, makes poster, preview and
storyboard, measures, hashes and checks. VMAF and sizes are those of `nearcast transcode`, which is
cut into chunks, beside the plain ffmpeg's, which is not. The two workers are real ones, of one core
and one thread each, with Redis and MongoDB on the same cores.

![How much of what is allowed is used](encode.svg)
"""

STEPS: Final = "What each step takes, one after another; encodes run side by side as ever:\n"


def page(rows: Sequence[Row], rounds: Sequence[Mapping[str, Cost]], foot: str) -> str:
    """All of it in Markdown; ``foot`` says of what and where."""
    return "\n".join([INTRODUCTION, table(rows), STEPS, steps_table(rounds), foot]) + "\n"


BAR, GAP, LEFT, WIDTH, FULL = 18, 8, 330, 900, 1.5
"""Pixels of a bar's height, between bars, of the names, of the picture; what its end stands for."""


def picture(rows: Sequence[Row], heading: str, foot: str) -> str:
    """How much of what is allowed each row takes, as horizontal bars in SVG."""
    height = 70 + len(rows) * (BAR + GAP) + 34
    bottom = height - 48
    scale = (WIDTH - LEFT - 200) / FULL
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="13" fill="#1b1f24">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="17" font-weight="600">{escape(heading)}</text>',
    ]
    for mark in (0.5, 1.0, 1.5):
        x = LEFT + mark * scale
        strong = mark == 1.0
        color, stroke = ("#57606a", 1.5) if strong else ("#e1e4e8", 1)
        parts.append(
            f'<line x1="{x:.0f}" y1="50" x2="{x:.0f}" y2="{bottom}" stroke="{color}" '
            f'stroke-width="{stroke}"/>'
        )
        label = "all that is allowed" if strong else f"{mark:.0%}"
        parts.append(
            f'<text x="{x:.0f}" y="46" text-anchor="middle" font-size="11" fill="#57606a">'
            f"{label}</text>"
        )
    for number, row in enumerate(rows):
        parts += _bar(row, 56 + number * (BAR + GAP), scale)
    parts.append(
        f'<text x="16" y="{height - 12}" font-size="11" fill="#57606a">{escape(foot)}</text></svg>'
    )
    return "\n".join(parts) + "\n"


def _bar(row: Row, y: int, scale: float) -> list[str]:
    width = min(row.used, FULL) * scale
    color = "#2f81f7" if row.met else "#d1622b"
    return [
        f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end">{escape(row.name)}</text>',
        f'<rect x="{LEFT}" y="{y}" width="{width:.0f}" height="{BAR}" rx="3" fill="{color}"/>',
        (
            f'<text x="{LEFT + width + 6:.0f}" y="{y + 13}" font-weight="600">{escape(row.told)} '
            f'<tspan font-weight="400" fill="#57606a">{escape(row.demand)}</tspan></text>'
        ),
    ]
