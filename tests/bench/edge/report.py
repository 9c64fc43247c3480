"""From figures to a table and a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Row:
    """One case."""

    name: str
    edge: str
    """The edge's figure, with its unit."""
    others: dict[str, str]
    """Those of the other servers."""
    ratio: float | None
    """How many times better than nginx's the edge's is; None without a comparison."""
    required: float | None
    """What it must be; None where nothing is asked."""
    note: str = ""
    demand: str = ""
    """What else is required, in words."""
    kept: bool = True
    """Whether it is so."""
    memory: dict[str, int] = field(default_factory=dict)
    """Bytes of memory of each server under this load."""

    @property
    def reached(self) -> bool:
        """Whether all is what it must be."""
        return self.kept and (self.required is None or (self.ratio or 0.0) >= self.required)


def middle(values: Iterable[float]) -> float:
    """The median; 0 of nothing."""
    found = list(values)
    return median(found) if found else 0.0


def ratio_of(edge: float, other: float) -> float:
    """How many times less ``edge`` is than ``other``."""
    return other / edge if edge > 0 else 0.0


def table(rows: Sequence[Row], servers: Sequence[str]) -> str:
    """The rows as a Markdown table."""
    lines = [
        f"| case | edge | {' | '.join(servers)} | ratio to nginx | required |",
        f"|---|---|{'---|' * len(servers)}---|---|",
    ]
    for row in rows:
        others = " | ".join(row.others.get(name, "") for name in servers)
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        ratio_required = "" if row.required is None else f"≥ {row.required:g}"
        required = ", ".join(part for part in (ratio_required, row.demand) if part)
        if not row.reached:
            required = f"{required} **missed**".strip()
        note = f" ({row.note})" if row.note else ""
        lines.append(f"| {row.name}{note} | {row.edge} | {others} | {ratio} | {required} |")
    return "\n".join(lines) + "\n"


def memory_table(rows: Sequence[Row], servers: Sequence[str]) -> str:
    """The memory of the servers in those rows that tell it, as a Markdown table."""
    lines = [
        f"| memory under load | {' | '.join(servers)} |",
        f"|---|{'---|' * len(servers)}",
    ]
    for row in rows:
        if row.memory:
            cells = (
                f"{row.memory[name] / 1e6:,.0f} MB" if name in row.memory else ""
                for name in servers
            )
            lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


BAR, GAP, LEFT, WIDTH, FULL = 18, 8, 330, 900, 2.5
"""Pixels of a bar's height, between bars, of the names, of the picture; the ratio at its end."""


def picture(rows: Sequence[Row], heading: str, foot: str) -> str:
    """The ratios as horizontal bars, in SVG."""
    shown = [row for row in rows if row.ratio is not None]
    height = 70 + len(shown) * (BAR + GAP) + 34
    scale = (WIDTH - LEFT - 70) / FULL
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="13" fill="#1b1f24">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="17" font-weight="600">{escape(heading)}</text>',
    ]
    bottom = 56 + len(shown) * (BAR + GAP)
    for mark in (0.5, 1.0, 1.5, 2.0, 2.5):
        x = LEFT + mark * scale
        strong = mark == 1.0
        parts.append(
            f'<line x1="{x:.0f}" y1="50" x2="{x:.0f}" y2="{bottom}" '
            f'stroke="{"#57606a" if strong else "#e1e4e8"}" '
            f'stroke-width="{1.5 if strong else 1}"/>'
        )
        told = "nginx" if strong else f"×{mark:g}"
        parts.append(
            f'<text x="{x:.0f}" y="46" text-anchor="middle" font-size="11" fill="#57606a">'
            f"{told}</text>"
        )
    for number, row in enumerate(shown):
        y = 56 + number * (BAR + GAP)
        ratio = row.ratio or 0.0
        width = min(ratio, FULL) * scale
        color = "#2f81f7" if row.reached else "#d1622b"
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end" fill="#1b1f24">'
            f"{escape(row.name)}</text>"
        )
        parts.append(
            f'<rect x="{LEFT}" y="{y}" width="{width:.0f}" height="{BAR}" rx="3" fill="{color}"/>'
        )
        parts.append(
            f'<text x="{LEFT + width + 6:.0f}" y="{y + 13}" font-weight="600" fill="#1b1f24">'
            f"{ratio:.2f}</text>"
        )
    parts.append(
        f'<text x="16" y="{height - 12}" font-size="11" fill="#57606a">{escape(foot)}</text></svg>'
    )
    return "\n".join(parts) + "\n"
