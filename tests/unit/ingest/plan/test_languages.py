"""Languages as players know them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.plan.languages import name_of, tag_of


@pytest.mark.parametrize(
    ("told", "tag"),
    [
        ("ger", "de"),
        ("deu", "de"),
        ("DE", "de"),
        ("eng", "en"),
        ("fil", "fil"),
        ("pt-br", "pt-BR"),
        ("zho-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("und", None),
        ("mul", None),
        ("zxx", None),
        (None, None),
        ("", None),
        ("english, I think", None),
        ('en"', None),
    ],
)
def test_what_a_file_says_becomes_a_tag(told: str | None, tag: str | None) -> None:
    assert tag_of(told) == tag


@pytest.mark.parametrize(
    ("tag", "name"),
    [("de", "German"), ("pt-BR", "Portuguese (BR)"), ("fil", "fil"), ("fil-PH", "fil-PH")],
)
def test_a_language_has_a_name(tag: str, name: str) -> None:
    assert name_of(tag) == name


@given(st.text())
def test_a_tag_is_its_own_tag_and_short_enough_for_a_name(told: str) -> None:
    tag = tag_of(told)

    assert tag is None or (tag_of(tag) == tag and len(tag) <= 39)


@given(st.from_regex(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8}){0,4}", fullmatch=True))
def test_whatever_looks_like_a_tag_is_taken(told: str) -> None:
    tag = tag_of(told)

    assert tag is None or tag_of(tag) == tag
