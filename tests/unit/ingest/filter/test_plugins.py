"""Finding plug-ins, and what a service says of a chain that could not run."""

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common import settings
from common.errors import SettingsInvalid
from common.settings import convert_setting
from ingest.filter import FilterSettings, check_chain
from ingest.filter.plugins import GROUP, example_of
from tests.unit.ingest.filter.plugins import example
from tests.unit.ingest.filter.subjects import entry

BUILT_IN = ("exact-hash", "http", "onnx", "passages", "perceptual-hash")


def chain_of(text: str) -> tuple[FilterSettings, ...]:
    """The chain that an operator writes."""
    tables = tomllib.loads(text)["filters"]
    return msgspec.convert(tables, tuple[FilterSettings, ...], dec_hook=convert_setting)


def test_a_chain_of_every_kind_is_taken(tmp_path: Path) -> None:
    (tmp_path / "list.txt").touch()
    (tmp_path / "model.onnx").touch()
    text = f"""
        [[filters]]
        name = "known-files"
        kind = "exact-hash"
        timeout = 30
        options = {{ list = "{tmp_path}/list.txt" }}

        [[filters]]
        name = "known-pictures"
        kind = "perceptual-hash"
        memory = "8GiB"
        [filters.options]
        list = "{tmp_path}/list.txt"
        review = {{ frames = 2 }}
        block = {{ frames = 10, share = 0.5 }}

        [[filters]]
        name = "nothing-to-see"
        kind = "passages"
        on_failure = "open"
        options = {{ kinds = ["black"], black = {{ share = 0.5 }} }}

        [[filters]]
        name = "service"
        kind = "http"
        options = {{ url = "https://moderation.example.org/check", send = "frames" }}

        [[filters]]
        name = "model"
        kind = "onnx"
        options = {{ model = "{tmp_path}/model.onnx", review = 0.7, std = [0.5, 0.5, 0.5] }}
    """

    check_chain(chain_of(text))


@pytest.mark.usefixtures("somebodys_plugins")
def test_the_example_of_a_plug_in_is_taken() -> None:
    check_chain(chain_of(example()[2]))


@pytest.mark.usefixtures("somebodys_plugins")
def test_an_unknown_kind_is_told_with_those_that_are_known() -> None:
    with pytest.raises(SettingsInvalid, match=r"^settings: filters\[1\]\.kind: no filter is") as no:
        check_chain([entry("passages"), entry("mind-reader", name="other")])

    assert "no filter is called 'mind-reader'; known are " in str(no.value)
    for kind in (*BUILT_IN, "shouting"):
        assert kind in str(no.value)


def test_two_filters_of_one_name_are_told() -> None:
    with pytest.raises(SettingsInvalid, match=r"filters\[1\]\.name: another filter is called 'it'"):
        check_chain([entry("passages"), entry("passages")])


@pytest.mark.usefixtures("somebodys_plugins")
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("broken", r"filters\[0\]\.kind: the filter 'broken' cannot be loaded \(RuntimeError: not"),
        ("bare", r"filters\[0\]\.kind: the filter 'bare' has no msgspec Struct Options"),
    ],
)
def test_a_plug_in_that_is_none_is_told(kind: str, sentence: str) -> None:
    with pytest.raises(SettingsInvalid, match=sentence):
        check_chain([entry(kind)])


@pytest.mark.parametrize(
    ("kind", "options", "key", "expected"),
    [
        ("exact-hash", {}, "options.list", "required, and missing"),
        ("exact-hash", {"list": "list.txt"}, "options", "expected an absolute path and not"),
        ("exact-hash", {"list": "/list", "decision": "allow"}, "options.decision", "invalid enum"),
        ("exact-hash", {"lists": "/x"}, "options.lists", "unknown key; known here are decision, l"),
        ("exact-hash", {"list": "/nowhere/list"}, "", "cannot be read (No such file or directory)"),
        ("perceptual-hash", {"list": "/x", "max_distance": 300}, "options.max_distance", "int"),
        ("perceptual-hash", {"list": "/x", "block": {"frame": 1}}, "options.block.frame", "unkno"),
        ("passages", {"kinds": []}, "options.kinds", "length"),
        ("passages", {"kinds": ["green"]}, "options.kinds", "invalid enum value 'green'"),
        ("http", {"url": "ftp://x"}, "options.url", "matching regex"),
        ("http", {"url": "http://x", "token": "a b"}, "options.token", "matching regex"),
        ("http", {"url": "http://x", "secret": "short"}, "options.secret", "length"),
        ("http", {"url": "http://x", "ca": "ca.pem"}, "options", "expected an absolute path"),
        ("onnx", {"model": "/m.onnx"}, "options", "expected review, block or both"),
        ("onnx", {"model": "/m", "review": 1, "block": 0.5}, "options", "not less than review"),
        ("onnx", {"model": "/m", "review": 1, "std": [1, 0, 1]}, "options", "no 0 in std"),
        (
            "onnx",
            {"model": "/nowhere/m.onnx", "review": 1},
            "",
            "there is no model /nowhere/m.onnx",
        ),
    ],
)
def test_options_that_do_not_fit_are_told_with_their_place(
    kind: str, options: dict[str, Any], key: str, expected: str
) -> None:
    with pytest.raises(SettingsInvalid) as told:
        check_chain([entry(kind, **options)])

    place = f"filters[0].{key}" if key else "filters[0]"
    assert str(told.value).startswith(f"settings: {place}")
    assert expected in str(told.value)
    assert str(told.value).count("\n") == 0


@pytest.mark.parametrize("kind", BUILT_IN)
def test_the_options_of_every_kind_can_be_shown(kind: str) -> None:
    text = example_of(kind)

    assert text.startswith(f"# Options of the filter '{kind}'.")
    [plugin] = importlib.metadata.entry_points(group=GROUP, name=kind)
    bare = re.sub(r"^# (?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)
    assert settings.check(tomllib.loads(bare), plugin.load().Options, source="example")


@pytest.mark.usefixtures("somebodys_plugins")
def test_options_without_descriptions_cannot_be_shown() -> None:
    with pytest.raises(
        SettingsInvalid, match="the filter 'shouting' does not describe its options"
    ):
        example_of("shouting")
