"""Charts in SVG: lines, stacked areas and stacked bars, in panels below each other.

The colours are those of Okabe and Ito ("Color universal design", 2008), which people see apart
whatever kinds of cones their eyes have; lines that mean the same thing differ in their dashes too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from xml.sax.saxutils import escape

BLUE, ORANGE, GREEN, RED, SKY, GREY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#56b4e9",
    "#6e7781",
)

WIDTH, LEFT, RIGHT = 900, 76, 24
"""Pixels of a picture, and of the margins of its panels."""
TITLE, HEAD, PLOT, FOOT = 58, 34, 210, 58
"""Pixels of the height of the title, and of a panel's legend, plot and axis."""
TEXT, QUIET, GRID = "#1b1f24", "#57606a", "#e1e4e8"


class Kind(Enum):
    """How series are drawn."""

    LINES = "lines"
    AREAS = "areas"
    """Each on top of the one before."""
    BARS = "bars"
    """The same, as a bar for each value."""


@dataclass(frozen=True)
class Series:
    """Values in the order of the panel's ``x``."""

    name: str
    values: Sequence[float]
    color: str
    dashes: str = ""
    """As SVG's ``stroke-dasharray``; nothing for a line without gaps."""


@dataclass(frozen=True)
class Axis:
    """What an axis tells."""

    title: str
    low: float
    high: float
    told: Callable[[float], str] = "{:g}".format
    ticks: Sequence[float] = ()
    """Where numbers stand; round ones where none are named."""
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Where ``value`` is between the ends, 0 to 1."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)

    def marks(self) -> Sequence[float]:
        """Where numbers stand."""
        return self.ticks or round_numbers(self.low, self.high)


@dataclass(frozen=True)
class Panel:
    """A plot with its axes and legend."""

    kind: Kind
    x_values: Sequence[float]
    series: Sequence[Series]
    x: Axis
    y: Axis
    shaded: tuple[float, float, str] | None = None
    """From and to on the x axis, and what that is."""


def round_numbers(low: float, high: float, about: int = 5) -> list[float]:
    """Some ``about`` round numbers from ``low`` to ``high``."""
    step = 10.0 ** math.floor(math.log10((high - low) / about))
    for factor in (1, 2, 5, 10):
        if (high - low) / (step * factor) <= about:
            step *= factor
            break
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def round_up(value: float) -> float:
    """The next round number, for the end of an axis that ``value`` is to be on; 1 for nothing."""
    if value <= 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(value)) / 2.0
    return math.ceil(value / step - 1e-9) * step


def picture(title: str, subtitle: str, panels: Sequence[Panel]) -> str:
    """The panels as an SVG document."""
    height = TITLE + len(panels) * (HEAD + PLOT + FOOT)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="17" font-weight="600">{escape(title)}</text>',
        f'<text x="16" y="48" fill="{QUIET}">{escape(subtitle)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, TITLE + number * (HEAD + PLOT + FOOT))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, top: float) -> list[str]:
    base = top + HEAD + PLOT
    parts: list[str] = []
    if panel.shaded:
        start, end = (_across(panel.x, value) for value in panel.shaded[:2])
        parts.append(
            f'<rect x="{start:.1f}" y="{top + HEAD}" width="{end - start:.1f}" height="{PLOT}" '
            'fill="#eef1f4"/>'
        )
        parts.append(
            f'<text x="{(start + end) / 2:.1f}" y="{top + HEAD + 15}" text-anchor="middle" '
            f'fill="{QUIET}" font-size="11">{escape(panel.shaded[2])}</text>'
        )
    parts += _axes(panel, top + HEAD, base)
    match panel.kind:
        case Kind.LINES:
            parts += _lines(panel, base)
        case Kind.AREAS:
            parts += _areas(panel, base)
        case Kind.BARS:
            parts += _bars(panel, base)
    return parts + _legend(panel, top + HEAD / 2)


def _across(axis: Axis, value: float) -> float:
    return LEFT + axis.at(value) * (WIDTH - LEFT - RIGHT)


def _axes(panel: Panel, top: float, base: float) -> list[str]:
    parts = []
    for mark in panel.y.marks():
        y = base - panel.y.at(mark) * PLOT
        parts.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" font-size="11" '
            f'fill="{QUIET}">{escape(panel.y.told(mark))}</text>'
        )
    for mark in panel.x.marks():
        x = _across(panel.x, mark)
        parts.append(
            f'<line x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 5}" stroke="{QUIET}"/>'
            f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle" font-size="11" '
            f'fill="{QUIET}">{escape(panel.x.told(mark))}</text>'
        )
    middle = (top + base) / 2
    parts.append(
        f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - RIGHT}" y2="{base}" stroke="{QUIET}"/>'
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{base + 37}" text-anchor="middle" '
        f'fill="{QUIET}">{escape(panel.x.title)}</text>'
        f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle" '
        f'fill="{QUIET}">{escape(panel.y.title)}</text>'
    )
    return parts


def _points(panel: Panel, values: Sequence[float], base: float) -> list[str]:
    return [
        f"{_across(panel.x, x):.1f},{base - panel.y.at(value) * PLOT:.1f}"
        for x, value in zip(panel.x_values, values, strict=True)
    ]


def _lines(panel: Panel, base: float) -> list[str]:
    width = 1.3 if len(panel.x_values) > 200 else 2.2
    return [
        f'<polyline points="{" ".join(_points(panel, series.values, base))}" fill="none" '
        f'stroke="{series.color}" stroke-width="{width}" stroke-linejoin="round"'
        f"{_dashed(series)}/>"
        for series in panel.series
    ]


def _dashed(series: Series) -> str:
    return f' stroke-dasharray="{series.dashes}"' if series.dashes else ""


def _stacked(panel: Panel) -> list[tuple[Series, list[float], list[float]]]:
    """Each series with its lower and its upper values."""
    below = [0.0] * len(panel.x_values)
    found = []
    for series in panel.series:
        above = [low + value for low, value in zip(below, series.values, strict=True)]
        found.append((series, below, above))
        below = above
    return found


def _areas(panel: Panel, base: float) -> list[str]:
    parts = []
    for series, below, above in _stacked(panel):
        outline = _points(panel, above, base) + _points(panel, below, base)[::-1]
        parts.append(f'<polygon points="{" ".join(outline)}" fill="{series.color}"/>')
    return parts


def _bars(panel: Panel, base: float) -> list[str]:
    width = (WIDTH - LEFT - RIGHT) / (panel.x.high - panel.x.low) * 0.76
    parts = []
    for series, below, above in _stacked(panel):
        for x, low, high in zip(panel.x_values, below, above, strict=True):
            top, bottom = (base - panel.y.at(value) * PLOT for value in (high, low))
            if bottom > top:
                parts.append(
                    f'<rect x="{_across(panel.x, x + 0.5) - width / 2:.1f}" y="{top:.1f}" '
                    f'width="{width:.1f}" height="{bottom - top:.1f}" fill="{series.color}"/>'
                )
    return parts


def _legend(panel: Panel, y: float) -> list[str]:
    x = float(LEFT)
    parts = []
    for series in panel.series:
        if panel.kind is Kind.LINES:
            parts.append(
                f'<line x1="{x:.0f}" y1="{y}" x2="{x + 24:.0f}" y2="{y}" '
                f'stroke="{series.color}" stroke-width="3"{_dashed(series)}/>'
            )
        else:
            parts.append(
                f'<rect x="{x + 6:.0f}" y="{y - 6}" width="12" height="12" fill="{series.color}"/>'
            )
        parts.append(f'<text x="{x + 30:.0f}" y="{y + 4}">{escape(series.name)}</text>')
        x += 30 + len(series.name) * 6.4 + 26
    return parts
