import json
import re
from xml.etree import ElementTree as ET

import msgspec
import pytest

from control_plane.simulation.pictures import TITLES, pictures
from control_plane.simulation.report import ROWS, document, markdown, summaries, table
from control_plane.simulation.strategies import STRATEGIES
from tests.unit.control_plane.simulation.months import QUIET, SMALL, month


def test_the_table_tells_every_strategy_in_every_row() -> None:
    rows = table(summaries(month()))

    assert len(rows) == len(ROWS)
    assert len({row[0] for row in rows}) == len(rows)
    for row in rows:
        assert len(row) == 1 + len(STRATEGIES)
        assert all(re.search(r"\d", cell) for cell in row[1:])
        # Nothing has no unit: it stands beside figures of any.
        assert not any(re.fullmatch(r"0\.0 [MGT]B", cell) for cell in row[1:])


def test_the_page_names_strategies_pictures_and_assumptions() -> None:
    page = markdown(month(), 61.4, 10**9, TITLES)

    assert page.startswith(f"# {SMALL.days} days on {SMALL.edges} edges\n")
    assert "in 61 s of a core and 1.00 GB" in page
    assert set(re.findall(r"!\[[^\]]+\]\(([a-z]+\.svg)\)", page)) == set(TITLES)
    for name in STRATEGIES:
        assert f"- **{name}**: " in page
    assert "{" not in page
    _, _, assumed = page.partition("## What is assumed\n")
    assert len(assumed.splitlines()) > 20
    assert all(len(line) <= 100 and line[:2] in {"- ", "  ", ""} for line in assumed.splitlines())


def test_the_document_is_json_with_the_figures_and_each_day() -> None:
    found = json.loads(msgspec.json.encode(document(month(), 61.4, 10**9)))

    assert found["options"]["regions"][0]["name"] == "eu"
    assert found["strategies"] == summaries(month())
    for name in STRATEGIES:
        assert len(found["by_day"][name]["offload"]) == SMALL.days
        assert sum(found["by_day"][name]["delivered_bytes"]) == pytest.approx(
            found["strategies"][name]["delivered_bytes"]
        )


@pytest.mark.parametrize("name", TITLES)
def test_every_picture_is_svg_with_its_title_and_finite_places(name: str) -> None:
    for outcome in (month(), month(QUIET)):
        text = pictures(outcome)[name]
        root = ET.fromstring(text)

        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert TITLES[name] in text
        assert "nan" not in text
        assert "inf" not in text
        assert len(text) < 200_000
