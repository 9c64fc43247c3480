"""What wrk prints becomes figures, figures become ratios, and ratios a table and a picture."""

from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tests.bench.edge.__main__ import row_of
from tests.bench.edge.cases import Case
from tests.bench.edge.load import Figures, read_wrk
from tests.bench.edge.report import (
    FULL,
    LEFT,
    Row,
    memory_table,
    middle,
    picture,
    ratio_of,
    table,
)

HITS = """\
Running 2s test @ http://127.0.0.1:8080/bytes/2048/hit
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   175.04us  272.26us   6.69ms   98.06%
    Req/Sec    26.54k     1.86k   27.85k    85.71%
  Latency Distribution
     50%  143.00us
     75%  145.00us
     90%  157.00us
     99%    0.89ms
  55407 requests in 2.10s, 116.35MB read
Requests/sec:  26384.21
Transfer/sec:     55.41MB
"""
"""As wrk 4.1.0 printed it, but for the address."""
NOT_FOUND = HITS.replace("Requests/sec:", "  Non-2xx or 3xx responses: 61280\nRequests/sec:")
CUT_OFF = """\
Running 2s test @ http://127.0.0.1:8080/bytes/2048/hit
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.00us    0.00us   0.00us    -nan%
    Req/Sec     0.00      0.00     0.00      -nan%
  Latency Distribution
     50%    0.00us
     75%    0.00us
     90%    0.00us
     99%    0.00us
  0 requests in 2.10s, 0.00B read
  Socket errors: connect 1, read 23042, write 3, timeout 4
Requests/sec:      0.00
Transfer/sec:       0.00B
"""
"""As wrk 4.1.0 printed it, but for the address and the numbers of errors."""

HIT = Case("hit", "/bytes/1/hit")
RUN = Figures(
    requests=1000,
    per_second=500.0,
    bytes_per_second=1e6,
    p50=0.001,
    p99=0.004,
    cpu=10e-6,
    cpu_per_byte=5e-9,
    failed=0,
)
MEMORY = {"edge": 3_000_000, "nginx": 50_000_000}
ROW = Row("hit", "8 µs", {"nginx": "10 µs", "varnish": "16 µs"}, 1.25, 1.0)
SVG = "{http://www.w3.org/2000/svg}"


def cells(text: str, line: int) -> list[str]:
    """The cells of one line of a Markdown table."""
    return [cell.strip() for cell in text.splitlines()[line].strip("|").split("|")]


def drawn(*rows: Row) -> ET.Element:
    return ET.fromstring(picture(rows, "Heading", "Foot"))


def bars(image: ET.Element) -> list[ET.Element]:
    return [one for one in image.iter(f"{SVG}rect") if one.get("x") == str(LEFT)]


def texts(image: ET.Element) -> list[str | None]:
    return [one.text for one in image.iter(f"{SVG}text")]


def test_requests_are_those_that_wrk_counted() -> None:
    assert read_wrk(HITS, 1.0).requests == 55407


def test_the_rate_is_taken_over_the_time_that_the_run_really_took() -> None:
    assert read_wrk(HITS, 1.0).per_second == pytest.approx(55407 / 2.1)


@pytest.mark.parametrize(
    ("printed", "size"),
    [
        ("648.00B", 648),
        ("1.50KB", 1536),
        ("116.35MB", 116.35 * 2**20),
        ("2.25GB", 2.25 * 2**30),
        ("1.00TB", 2**40),
    ],
)
def test_bytes_are_counted_in_powers_of_1024_as_wrk_does(printed: str, size: float) -> None:
    figures = read_wrk(HITS.replace("116.35MB read", f"{printed} read"), 1.0)

    assert figures.bytes_per_second == pytest.approx(size / 2.1)


@pytest.mark.parametrize(("printed", "seconds"), [("500.00ms", 0.5), ("4.00s", 4), ("1.50m", 90)])
def test_the_time_of_a_run_is_read_in_each_unit(printed: str, seconds: float) -> None:
    figures = read_wrk(HITS.replace("in 2.10s", f"in {printed}"), 1.0)

    assert figures.per_second == pytest.approx(55407 / seconds)


def test_the_median_of_latency_is_in_seconds() -> None:
    assert read_wrk(HITS, 1.0).p50 == pytest.approx(143e-6)


def test_the_99th_percentile_has_a_unit_of_its_own() -> None:
    assert read_wrk(HITS, 1.0).p99 == pytest.approx(0.89e-3)


def test_cpu_is_shared_out_among_the_requests() -> None:
    assert read_wrk(HITS, 1.1).cpu == pytest.approx(1.1 / 55407)


def test_a_good_run_has_no_failures() -> None:
    assert read_wrk(HITS, 1.0).failed == 0


def test_answers_with_an_error_status_are_failures() -> None:
    assert read_wrk(NOT_FOUND, 1.0).failed == 61280


def test_every_kind_of_socket_error_is_a_failure() -> None:
    assert read_wrk(CUT_OFF, 1.0).failed == 1 + 23042 + 3 + 4


def test_error_statuses_and_socket_errors_add_up() -> None:
    both = CUT_OFF.replace("Requests/sec:", "  Non-2xx or 3xx responses: 10\nRequests/sec:")

    assert read_wrk(both, 1.0).failed == 1 + 23042 + 3 + 4 + 10


def test_a_run_without_one_answer_can_be_told() -> None:
    assert read_wrk(CUT_OFF, 0.5).per_second == 0.0


@pytest.mark.parametrize("text", ["", "unable to connect to 127.0.0.1:8080 Connection refused\n"])
def test_what_is_no_output_of_wrk_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no output of wrk"):
        read_wrk(text, 1.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([3.0], 3.0), ([9.0, 1.0, 2.0], 2.0), ([4.0, 1.0, 2.0, 100.0], 3.0)],
)
def test_the_middle_is_the_median_in_whatever_order(values: list[float], expected: float) -> None:
    assert middle(values) == expected


def test_the_middle_of_nothing_is_nothing() -> None:
    assert middle([]) == 0.0


def test_half_the_cost_is_a_ratio_of_two() -> None:
    assert ratio_of(5e-6, 10e-6) == pytest.approx(2.0)


def test_a_cost_that_was_not_measured_is_no_victory() -> None:
    assert ratio_of(0.0, 10e-6) == 0.0


def row(edge: Sequence[Figures], nginx: Sequence[Figures], case: Case = HIT) -> Row:
    return row_of(case, {"edge": list(edge), "nginx": list(nginx)}, MEMORY)


def test_a_ratio_is_the_median_of_those_of_each_round() -> None:
    """A round in which the machine was slow for both tells as much as another."""
    edge = [replace(RUN, cpu=cpu) for cpu in (1e-6, 8e-6, 900e-6)]
    nginx = [replace(RUN, cpu=cpu) for cpu in (3e-6, 8e-6, 1800e-6)]

    assert row(edge, nginx).ratio == pytest.approx(2)


def test_latency_is_compared_round_by_round() -> None:
    edge = [replace(RUN, p99=late) for late in (0.010, 0.001, 0.001)]
    nginx = [replace(RUN, p99=late) for late in (0.020, 0.002, 0.0001)]

    assert row(edge, nginx, Case("hit", "/", p99=True)).kept
    assert not row(nginx, edge, Case("hit", "/", p99=True)).kept


def test_a_case_of_throughput_compares_rates_and_not_cpu_time() -> None:
    case = Case("miss", "/bytes/1/miss", of="throughput")
    edge = [replace(RUN, per_second=300.0, cpu=1e-6)]

    assert row(edge, [RUN], case).ratio == pytest.approx(300 / 500)


def test_a_case_without_a_requirement_requires_nothing() -> None:
    assert row([RUN], [RUN]).required is None


def test_a_row_keeps_what_its_case_requires() -> None:
    assert row([RUN], [RUN], Case("hit", "/", required=1.25)).required == 1.25


def test_a_row_tells_cost_rate_speed_and_latency_with_their_units() -> None:
    assert row([RUN], [RUN]).edge == "10.0 µs, 500/s, 0.00 GB/s, p99 4.0 ms"


def test_where_objects_are_large_a_row_tells_the_cost_of_a_gigabyte_too() -> None:
    found = row([RUN], [RUN], Case("hit", "/", of="bytes"))

    assert found.edge == "10.0 µs, 5.000 s/GB, 500/s, 0.00 GB/s, p99 4.0 ms"


def test_a_row_tells_the_memory_of_each_server() -> None:
    assert row([RUN], [RUN]).memory == MEMORY


def test_the_table_of_memory_has_the_rows_that_tell_it() -> None:
    told = replace(ROW, memory={"edge": 61_400_000, "nginx": 1_234_000_000})

    lines = memory_table([ROW, told], ["edge", "nginx", "varnish"]).splitlines()

    assert lines == [
        "| memory under load | edge | nginx | varnish |",
        "|---|---|---|---|",
        "| hit | 61 MB | 1,234 MB |  |",
    ]


def test_the_edge_is_not_among_the_others() -> None:
    assert set(row([RUN], [RUN]).others) == {"nginx"}


@pytest.mark.parametrize(("p99", "kept"), [(0.003, True), (0.004, True), (0.005, False)])
def test_latency_is_judged_where_the_case_asks_for_it(p99: float, kept: bool) -> None:
    found = row([replace(RUN, p99=p99)], [RUN], Case("hit", "/", p99=True))

    assert (found.demand, found.kept, found.reached) == ("p99 no worse", kept, kept)
    assert found.note == ("" if kept else "p99 is worse")


def test_latency_is_not_judged_where_nobody_asks() -> None:
    assert row([replace(RUN, p99=9.0)], [RUN]).note == ""


def test_where_few_answers_end_the_cost_of_a_byte_is_compared() -> None:
    edge, nginx = replace(RUN, cpu=1.0, cpu_per_byte=2e-9), replace(RUN, cpu_per_byte=3e-9)

    assert row([edge], [nginx], Case("hit", "/", of="bytes")).ratio == pytest.approx(1.5)


def test_failures_in_all_rounds_are_told_and_the_edge_may_have_none() -> None:
    failing = [replace(RUN, failed=2), RUN, replace(RUN, failed=3)]

    assert row(failing, [RUN] * 3).edge.endswith(", 5 failed")
    assert not row(failing, [RUN] * 3).reached
    assert row([RUN] * 3, failing).others["nginx"].endswith(", 5 failed")
    assert row([RUN] * 3, failing).reached


def test_what_is_required_in_words_stands_beside_the_ratio_and_can_be_missed() -> None:
    demanding = replace(ROW, demand="p99 no worse")

    assert cells(table([demanding], ["nginx"]), 2)[-1] == "≥ 1, p99 no worse"
    missed = replace(demanding, kept=False)
    assert cells(table([missed], ["nginx"]), 2)[-1] == "≥ 1, p99 no worse **missed**"


@pytest.mark.parametrize(
    ("ratio", "required", "reached"),
    [
        (1.25, 1.25, True),
        (1.2499, 1.25, False),
        (None, 1.0, False),
        (0.1, None, True),
        (None, None, True),
    ],
)
def test_a_ratio_is_reached_from_the_required_one_on(
    ratio: float | None, required: float | None, reached: bool
) -> None:
    assert replace(ROW, ratio=ratio, required=required).reached is reached


def test_the_table_names_the_servers_in_the_order_asked_for() -> None:
    assert cells(table([ROW], ["varnish", "nginx"]), 0) == [
        "case",
        "edge",
        "varnish",
        "nginx",
        "ratio to nginx",
        "required",
    ]


def test_every_line_of_the_table_has_as_many_cells_as_its_head() -> None:
    bare = Row("idle", "9 kB", {}, None, None, demand="under 12 kB")

    text = table([ROW, bare], ["nginx", "varnish"])

    assert {line.count("|") for line in text.splitlines()} == {7}


def test_the_line_under_the_head_makes_it_a_markdown_table() -> None:
    assert set(cells(table([ROW], ["nginx", "varnish"]), 1)) == {"---"}


def test_a_row_holds_the_figures_of_all_servers_its_ratio_and_what_is_required() -> None:
    assert cells(table([ROW], ["nginx", "varnish"]), 2) == [
        "hit",
        "8 µs",
        "10 µs",
        "16 µs",
        "1.25",
        "≥ 1",
    ]


def test_rows_stay_in_their_order() -> None:
    text = table([replace(ROW, name="second"), replace(ROW, name="first")], ["nginx"])

    assert [cells(text, line)[0] for line in (2, 3)] == ["second", "first"]


def test_a_server_that_took_no_part_has_an_empty_cell() -> None:
    row_of_two = replace(ROW, others={"nginx": "10 µs"})

    assert cells(table([row_of_two], ["nginx", "varnish"]), 2)[3] == ""


def test_a_ratio_that_is_missed_says_so() -> None:
    missed = replace(ROW, ratio=0.9, required=1.0)

    assert cells(table([missed], ["nginx"]), 2)[-1] == "≥ 1 **missed**"


def test_a_row_without_a_comparison_has_neither_ratio_nor_requirement() -> None:
    alone = replace(ROW, ratio=None, required=None)

    assert cells(table([alone], ["nginx"]), 2)[-2:] == ["", ""]


def test_a_note_stands_behind_the_name() -> None:
    assert cells(table([replace(ROW, note="p99 no worse")], ["nginx"]), 2)[0] == (
        "hit (p99 no worse)"
    )


def test_the_picture_is_well_formed_svg() -> None:
    assert drawn(ROW).tag == f"{SVG}svg"


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    assert "<b> & 'c'" in texts(drawn(replace(ROW, name="<b> & 'c'")))


@pytest.mark.parametrize("told", ["1 < 2 & 3", "]]>"])
def test_heading_and_foot_that_look_like_markup_are_shown_as_they_are(told: str) -> None:
    found = texts(ET.fromstring(picture([ROW], told, told)))

    assert found.count(told) == 2


def test_a_picture_of_nothing_is_well_formed_too() -> None:
    assert bars(drawn()) == []


def test_only_rows_with_a_ratio_have_a_bar() -> None:
    assert len(bars(drawn(ROW, replace(ROW, ratio=None), ROW))) == 2


def test_the_ratio_is_written_beside_its_bar() -> None:
    assert "0.87" in texts(drawn(replace(ROW, ratio=0.8712)))


def test_a_bar_of_one_ends_at_the_line_of_nginx() -> None:
    image = drawn(replace(ROW, ratio=1.0))
    (line,) = (one for one in image.iter(f"{SVG}line") if one.get("stroke-width") == "1.5")
    (bar,) = bars(image)

    assert LEFT + int(bar.get("width", "")) == int(line.get("x1", ""))


def test_a_bar_beyond_the_scale_ends_with_it() -> None:
    full, beyond = bars(drawn(replace(ROW, ratio=FULL), replace(ROW, ratio=40 * FULL)))

    assert beyond.get("width") == full.get("width")


def test_a_bar_that_misses_what_is_required_has_another_colour() -> None:
    reached, missed = bars(drawn(ROW, replace(ROW, ratio=0.5)))

    assert reached.get("fill") != missed.get("fill")


def test_the_lowest_bar_is_inside_the_picture() -> None:
    image = drawn(*[ROW] * 30)
    lowest = bars(image)[-1]

    height = int(image.get("viewBox", "").split()[3])
    assert int(lowest.get("y", "")) + int(lowest.get("height", "")) < height


def test_bars_do_not_cover_each_other() -> None:
    first, second = bars(drawn(ROW, ROW))

    assert int(first.get("y", "")) + int(first.get("height", "")) <= int(second.get("y", ""))


def test_a_percentile_of_seconds_is_read_although_wrk_pads_it() -> None:
    assert read_wrk(HITS.replace("0.89ms", "1.20s "), 1.0).p99 == pytest.approx(1.2)
