"""Each rule lets the good example be, and sees the one in which it alone was meant to be broken."""

import re

import pytest
from msgspec import structs

from ingest.check import RULES, PackageBroken, Severity, check, check_parts
from ingest.check.rule import MOST_FINDINGS
from ingest.package.facts import Part, PartFacts
from tests.unit.ingest.check.breaking import BREAKS, FIRST, HIGH, MAIN
from tests.unit.ingest.check.examples import Example, good

CLAUSE = re.compile(
    r"(authoring specification \d+\.\d+[ab]?(, \d+\.\d+)*( for [\w -]+)?)"
    r"|(rfc8216bis §\d+(\.\d+)*(, §\d+(\.\d+)*)?)|(RFC 8216 §\d+(\.\d+)*)|Nearcast: [\w, ]+"
)


def test_a_good_package_breaks_no_rule() -> None:
    report = check(good().package())
    assert report.findings == ()
    assert report.rules == len(RULES)
    report.require()


def test_every_rule_has_a_broken_example_and_an_id_of_its_own() -> None:
    assert list(BREAKS) == [rule.id for rule in RULES]


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_rule_is_found_where_it_is_broken(name: str) -> None:
    example = good()
    BREAKS[name](example)
    findings = [one for one in check(example.package()).findings if one.rule == name]
    assert findings
    for one in findings:
        assert one.sentence.endswith(".")
        assert "\n" not in one.sentence


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_names_its_clause_and_its_demand(rule: object) -> None:
    assert isinstance(rule, type(RULES[0]))
    for clause in rule.clause.split("; "):
        assert CLAUSE.fullmatch(clause), clause
    assert rule.demand.endswith(".")


@pytest.mark.parametrize(
    "name",
    ["decode-times", "starts-with-idr", "bandwidth", "frame-counts", "no-discontinuity"],
)
def test_a_fault_in_one_place_is_told_once(name: str) -> None:
    example = good()
    BREAKS[name](example)
    findings = check(example.package()).findings
    assert [one.rule for one in findings] == [name]
    assert HIGH in findings[0].sentence


def test_what_must_be_mended_stands_before_what_should_be() -> None:
    example = good()
    BREAKS["high-profile"](example)
    BREAKS["language"](example)
    severities = [one.severity for one in check(example.package()).findings]
    assert severities == sorted(severities)
    assert set(severities) == {Severity.MUST, Severity.SHOULD}


def test_a_package_about_to_be_published_is_refused_with_the_first_broken_rule() -> None:
    example = good()
    BREAKS["decode-times"](example)
    report = check_parts(example.texts, example.parts)
    with pytest.raises(PackageBroken, match=r"00002\.m4s begins with a gap .*7\.3"):
        report.require()


def test_a_package_that_only_breaks_what_should_be_is_published() -> None:
    example = good()
    BREAKS["steering-start"](example)
    report = check_parts(example.texts, example.parts)
    assert report.broken(Severity.SHOULD) == {"steering-start"}
    report.require()


def test_parts_may_lie_in_the_folder_of_another_version() -> None:
    example = good()
    for key in example.texts:
        if key.startswith(("h264", "hevc", "aac", "subtitles")):
            folder = key.partition("/")[0]
            text = example.texts[key]
            text = text.replace("\nc000", f"\n../../later/{folder}/c000")
            example.texts[key] = text.replace('"c000', f'"../../later/{folder}/c000')
    assert check_parts(example.texts, example.parts, base="../later/").findings == ()
    broken = check_parts(example.texts, example.parts).broken(Severity.MUST)
    assert {"inside-package", "uris-resolve"} <= broken


def test_a_transport_stream_is_checked_by_the_clock_of_its_twin() -> None:
    example = good()
    text = example.texts[f"{FIRST}/playlist.m3u8"]
    text = text.replace(".m4s", ".ts").replace('#EXT-X-MAP:URI="c0000a1/init.mp4"\n', "")
    example.texts[f"ts-{FIRST}/playlist.m3u8"] = text
    example.texts["ts.m3u8"] = (
        "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=1936000,"
        'AVERAGE-BANDWIDTH=1936000,CODECS="avc1.64001f",RESOLUTION=960x540,FRAME-RATE=25,'
        "VIDEO-RANGE=SDR\n"
        f"ts-{FIRST}/playlist.m3u8\n"
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=12000,CODECS="avc1.64001f",RESOLUTION=960x540,'
        f'URI="{FIRST}/iframes.m3u8"\n'
    )
    example.parts[f"ts-{FIRST}"] = [_transport(part) for part in good().parts[FIRST]]
    assert check(example.package()).findings == ()
    example.replace("ts.m3u8", "FRAME-RATE=25", "FRAME-RATE=30")
    assert {one.rule for one in check(example.package()).findings} == {"frame-rate"}


def _transport(part: Part) -> Part:
    segments = tuple(
        structs.replace(one, name=one.name.replace(".m4s", ".ts"), key_frames=())
        for one in part.facts.segments
    )
    return Part(part.name, PartFacts(init=None, segments=segments))


def findings(example: Example) -> list[tuple[str, str]]:
    return [(one.rule, one.sentence) for one in check(example.package()).findings]


def test_the_rendition_that_differs_is_told_from_those_that_agree() -> None:
    # The first is no better a measure than the others.
    for name in (FIRST, HIGH):
        example = good()
        last = example.parts[name][-1].facts.segments[-1]
        example.segment(name, 2, sample_count=last.sample_count - 1)
        ((rule, sentence),) = findings(example)
        assert rule == "frame-counts"
        assert sentence.startswith(f"{name}/playlist.m3u8 has 399 frames, and ")


def test_swapped_languages_differ_from_those_of_the_profiles() -> None:
    example = good()
    example.replace(MAIN, 'LANGUAGE="en"', 'LANGUAGE="fr"')
    sentence = (
        "aac-64k/playlist.m3u8 has the LANGUAGE 'fr' in main.m3u8, and 'en' in data-saver.m3u8."
    )
    assert ("profiles", sentence) in findings(example)


@pytest.mark.parametrize(
    ("tag", "right"),
    [("en", True), ("zh-Hant-TW", True), ("x-pig", True), ("klingon!", False), ("e", False)],
)
def test_a_language_is_a_tag(tag: str, right: bool) -> None:
    example = good()
    for key in (MAIN, "data-saver.m3u8"):
        example.replace(key, 'LANGUAGE="en"', f'LANGUAGE="{tag}"')
    assert [rule for rule, _ in findings(example)] == ([] if right else ["language"] * 2)


def test_variants_without_a_pathway_are_on_that_of_the_point() -> None:
    example = good()
    example.texts[MAIN] = example.texts[MAIN].replace(',PATHWAY-ID="a"', "")
    example.replace(MAIN, '/s"', '/s",PATHWAY-ID="."')
    assert "steering" not in [rule for rule, _ in findings(example)]


def test_a_wrong_codec_is_told_with_the_right_one() -> None:
    example = good()
    BREAKS["codecs"](example)
    assert [sentence for rule, sentence in findings(example) if rule == "codecs"] == [
        f"main.m3u8: {HIGH}/playlist.m3u8 states avc1.640029, and has avc1.640028."
    ]


def test_a_playlist_without_an_end_is_not_also_of_a_wrong_type() -> None:
    example = good()
    example.replace(f"{HIGH}/playlist.m3u8", "#EXT-X-ENDLIST", "")
    example.replace(f"{HIGH}/playlist.m3u8", "#EXT-X-PLAYLIST-TYPE:VOD\n", "")
    assert findings(example) == [
        ("endlist", f"{HIGH}/playlist.m3u8 has no EXT-X-ENDLIST, as if it were live.")
    ]


def test_findings_of_one_rule_are_counted_beyond_the_first() -> None:
    example = good()
    lines = "".join(f"#EXTINF:0.001,\nmissing{number}.m4s\n" for number in range(50))
    example.replace(f"{HIGH}/playlist.m3u8", "#EXT-X-ENDLIST", lines + "#EXT-X-ENDLIST")
    found = [
        one.sentence for one in check(example.package()).findings if one.rule == "uris-resolve"
    ]
    assert len(found) == MOST_FINDINGS + 1
    assert found[-1] == "30 more of these are not listed."


def test_what_a_playlist_holds_cannot_write_on_a_terminal() -> None:
    example = good()
    evil = "\x1b[2J\u202e" + "x" * 2000
    example.replace(MAIN, 'NAME="English",LANGUAGE="en",DEFAULT=YES', f'NAME="{evil}",DEFAULT=YES')
    (finding,) = [one for one in check(example.package()).findings if one.rule == "language"]
    assert finding.sentence.isprintable()
    assert len(finding.sentence) <= 501


def test_a_multivariant_playlist_that_leads_nowhere_is_a_finding() -> None:
    example = good()
    example.replace(MAIN, f"{HIGH}/playlist.m3u8", "nothing/playlist.m3u8")
    sentences = [one.sentence for one in check(example.package()).findings]
    assert "nothing/playlist.m3u8 is listed but was not made." in sentences
