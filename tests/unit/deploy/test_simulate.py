"""``nearcast simulate``: its options, its errors, and what it leaves behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TINY = (
    *("--days", "1", "--edges", "8", "--assets", "200", "--views", "5000"),
    *("--disk", "20GB", "--seed", "3"),
)


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "deploy", "simulate", *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_prints_a_table_and_writes_a_report_with_pictures(tmp_path: Path) -> None:
    done = simulate(*TINY, "--out", str(tmp_path / "deep" / "report"))

    assert done.returncode == 0, done.stderr
    assert "1 day on 8 edges" in done.stdout
    for told in ("planned", "copies fixed", "pull only", "offload", "hit ratio", "cost, all of it"):
        assert told in done.stdout
    assert "day 1 of 1, 0 s left" in done.stderr
    folder = tmp_path / "deep" / "report"
    assert str(folder / "report.md") in done.stdout.replace("\n", "")
    assert {path.name for path in folder.iterdir()} == {
        *("report.md", "report.json"),
        *("traffic.svg", "hits.svg", "load.svg", "fill.svg", "copies.svg"),
    }
    found = json.loads((folder / "report.json").read_text())
    assert found["options"]["disk"] == 20 * 10**9
    assert found["options"]["bandwidth"] == 1e9
    assert found["memory_bytes"] > 10**7


def test_regions_and_prices_are_what_was_asked_for(tmp_path: Path) -> None:
    regions = ("--region", "north:+2:3", "--region", "south:-3.5:1")
    prices = ("--price-origin-terabyte", "0", "--price-edge-month", "1000")
    done = simulate(*TINY, *regions, *prices, "--out", str(tmp_path))

    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report.json").read_text())
    assert [region["name"] for region in found["options"]["regions"]] == ["north", "south"]
    assert found["strategies"]["planned"]["cost_origin"] == 0
    assert "north (UTC+2, 75% of views), south (UTC-3.5, 25% of views)" in (
        tmp_path / "report.md"
    ).read_text().replace("\n  ", " ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--days", "0"), "--days: 0 is not a whole number from 1 to 366."),
        (("--edges", "2"), "--edges: 2 is not enough for one in each of 4 regions."),
        (("--zipf", "nan"), "--zipf: nan is not a number from 0 to 3."),
        (("--disk", "much"), "--disk: 'much' is not a size such as 500GB or 2TiB."),
        (
            ("--region", "here"),
            "--region: 'here' is not NAME:UTC_OFFSET:SHARE such as eu:+1:0.3.",
        ),
        (
            ("--assets", "1000000", "--edges", "1000"),
            (
                "--assets: 1,150,000 with what is published is not at most 399,600 with 1,000 "
                "edges, which is what 2 GB of memory hold."
            ),
        ),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    done = simulate(*arguments, "--out", str(tmp_path / "report"))

    assert done.returncode == 1
    assert done.stderr == f"Error: {sentence}\n"
    assert not (tmp_path / "report").exists()


def test_a_folder_that_cannot_be_written_is_told_before_the_month_is_replayed(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    done = simulate("--out", str(tmp_path / "file" / "report"))

    assert done.returncode == 1
    assert done.stderr == (
        f"Error: The report cannot be written: Not a directory ({tmp_path}/file/report).\n"
    )
