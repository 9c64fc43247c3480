import re
from xml.etree import ElementTree as ET

import pytest

from control_plane.simulation.charts import (
    BLUE,
    LEFT,
    ORANGE,
    RIGHT,
    WIDTH,
    Axis,
    Kind,
    Panel,
    Series,
    picture,
    round_numbers,
    round_up,
)

SVG = "{http://www.w3.org/2000/svg}"


def panel(kind: Kind, *values: tuple[float, ...]) -> Panel:
    series = [
        Series(f"of {number}", each, color)
        for number, (each, color) in enumerate(zip(values, (BLUE, ORANGE), strict=False))
    ]
    return Panel(kind, [0.0, 1.0, 2.0], series, Axis("hour", 0, 2), Axis("TB", 0, 10))


def drawn(*panels: Panel) -> ET.Element:
    return ET.fromstring(picture("A & B", "of <these>", panels))


def numbers(text: str | None) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text or "")]


def test_a_picture_tells_its_title_its_axes_and_its_series() -> None:
    texts = [each.text for each in drawn(panel(Kind.LINES, (1, 2, 3))).iter(f"{SVG}text")]

    assert texts[:2] == ["A & B", "of <these>"]
    assert {"hour", "TB", "of 0", "0", "10"} <= set(texts)


def test_lines_run_from_end_to_end_and_higher_is_up() -> None:
    (line,) = drawn(panel(Kind.LINES, (0, 5, 10))).iter(f"{SVG}polyline")
    points = numbers(line.get("points"))

    assert points[::2] == [LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT]
    low, middle, high = points[1::2]
    assert low - middle == middle - high > 0


def test_areas_and_bars_stand_on_each_other() -> None:
    first, second = drawn(panel(Kind.AREAS, (1, 1, 1), (2, 2, 2))).iter(f"{SVG}polygon")
    assert set(numbers(first.get("points"))[1:6:2]) <= set(numbers(second.get("points"))[1::2])

    bars = list(drawn(panel(Kind.BARS, (1, 0, 3), (2, 2, 2))).iter(f"{SVG}rect"))
    shown = [bar for bar in bars if bar.get("width") != "12" and bar.get("fill") in {BLUE, ORANGE}]
    assert len(shown) == 5
    top = float(shown[0].get("y", ""))
    lower = next(bar for bar in shown[2:] if bar.get("x") == shown[0].get("x"))
    assert float(lower.get("y", "")) + float(lower.get("height", "")) == pytest.approx(top)


def test_what_is_beyond_an_axis_stays_on_its_end() -> None:
    (line,) = drawn(panel(Kind.LINES, (-5, 5, 500))).iter(f"{SVG}polyline")
    (inside,) = drawn(panel(Kind.LINES, (0, 5, 10))).iter(f"{SVG}polyline")

    assert line.get("points") == inside.get("points")


def test_panels_are_below_each_other() -> None:
    first, second = drawn(panel(Kind.LINES, (1, 2, 3)), panel(Kind.LINES, (1, 2, 3))).iter(
        f"{SVG}polyline"
    )

    assert min(numbers(second.get("points"))[1::2]) > max(numbers(first.get("points"))[1::2])


def test_a_logarithmic_axis_gives_each_factor_the_same_room() -> None:
    axis = Axis("rank", 1, 100, logarithmic=True)

    assert [axis.at(value) for value in (0, 1, 10, 100, 1000)] == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.992, 1, [0.992, 0.994, 0.996, 0.998, 1]),
        (0, 45, [0, 10, 20, 30, 40]),
    ],
)
def test_the_numbers_at_an_axis_are_round(low: float, high: float, marks: list[float]) -> None:
    assert round_numbers(low, high) == pytest.approx(marks)


@pytest.mark.parametrize(
    ("value", "end"), [(0, 1), (-1, 1), (1, 1), (1.01, 1.5), (43, 45), (0.0072, 0.0075), (96, 100)]
)
def test_an_axis_ends_at_the_next_round_number(value: float, end: float) -> None:
    assert round_up(value) == pytest.approx(end)
