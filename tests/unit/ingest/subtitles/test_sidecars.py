"""Which subtitles a package has."""

import msgspec

from ingest.jobs.model import Sidecar
from ingest.plan.model import EncodingPlan, SubtitleTrack
from ingest.subtitles.sidecars import sidecar_key, subtitled, track_name
from tests.unit.ingest.plans import make_plan


def sent(language: str, *, default: bool = False) -> Sidecar:
    return Sidecar(f"part-{language}", language, f"In {language}", default, False, True, 7)


def own(language: str, *, default: bool = False) -> SubtitleTrack:
    return SubtitleTrack(2, f"subtitles-{language}", language, language, default, False, False)


def planned(*tracks: SubtitleTrack) -> EncodingPlan:
    return make_plan(seconds=4, subtitles=tracks)


def names(plan: EncodingPlan) -> list[str]:
    return [track.name for track in plan.subtitles]


def test_sidecars_follow_the_files_own_subtitles() -> None:
    plan = subtitled(planned(own("en")), [sent("en"), sent("pt-BR")], {"subtitles-en"})
    assert names(plan) == ["subtitles-en", "subtitles-sent-en", "subtitles-sent-pt-br"]
    assert plan.subtitles[2] == SubtitleTrack(
        -1, "subtitles-sent-pt-br", "pt-BR", "In pt-BR", False, False, True
    )


def test_what_was_not_made_is_not_there() -> None:
    assert names(subtitled(planned(own("en"), own("de")), [], {"subtitles-de"})) == ["subtitles-de"]


def test_a_sidecar_that_is_the_default_is_the_only_one() -> None:
    before = planned(own("en", default=True))
    made = {"subtitles-en"}
    assert [t.default for t in subtitled(before, [sent("de")], made).subtitles] == [True, False]
    after = subtitled(before, [sent("de", default=True)], made)
    assert [track.default for track in after.subtitles] == [False, True]


def test_nothing_else_of_the_plan_changes() -> None:
    plan = planned(own("en"))
    changed = subtitled(plan, [sent("de")], ())
    assert msgspec.structs.replace(changed, subtitles=plan.subtitles) == plan


def test_cues_lie_beside_the_source() -> None:
    assert sidecar_key("01job", "ab") == "uploads/01job/subtitles/ab.json"
    assert track_name(sent("zh-Hant")) == "subtitles-sent-zh-hant"
