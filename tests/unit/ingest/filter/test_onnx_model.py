"""An operator's model: a real one, made here, that says how red a picture is."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ingest.filter import Decision, FilterFailed, Verdict
from ingest.filter.kinds.onnx_model import OnnxModel
from tests.unit.ingest.clips import FOLDER, clip, ffmpeg
from tests.unit.ingest.filter.subjects import entry, subject_of, verdict_of

REDNESS = [[1.0], [-0.5], [-0.5]]
"""Red, less the mean of green and blue: 1 for pure red."""


def redness(
    path: Path,
    *,
    shape: tuple[Any, ...] = (1, 3, 32, 48),
    kind: int = TensorProto.FLOAT,
    mean: bool = True,
    scale: float = 1.0,
) -> Path:
    """A model at `path` with two outputs: [how red, how unlike red], and its opposite."""
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    both = np.hstack([np.array(REDNESS), -np.array(REDNESS)]).astype(np.float32) * scale
    weights = [numpy_helper.from_array(both, "w"), numpy_helper.from_array(-both, "opposite")]
    nodes = [
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["means"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["means", "w"], ["scores"]),
        helper.make_node("MatMul", ["means", "opposite"], ["inverse"]),
    ]
    graph = helper.make_graph(
        nodes,
        "redness",
        [helper.make_tensor_value_info("picture", kind, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, (shape[0], 2))
            for name in ("scores", "inverse")
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="module")
def red_middle() -> Path:
    """Ten seconds whose 4th to 7th are red."""
    colours = [("blue", 4), ("red", 3), ("green", 3)]
    inputs: list[str] = []
    for colour, seconds in colours:
        inputs += ["-f", "lavfi", "-i", f"color={colour}:size=320x180:rate=25:duration={seconds}"]
    ffmpeg(*inputs, "-filter_complex", "concat=n=3", "red.mp4")
    return FOLDER / "red.mp4"


async def seen(video: Path, folder: Path, model: Path, **options: Any) -> Verdict:
    chain = entry("onnx", model=str(model), **options)
    return await verdict_of(await subject_of(video), folder, chain)


@pytest.mark.parametrize("rate", [1.0, 4.0])
async def test_a_passage_of_high_scores_is_told_with_its_times(
    tmp_path: Path, red_middle: Path, rate: float
) -> None:
    model = redness(tmp_path / "model.onnx")

    verdict = await seen(red_middle, tmp_path / "w", model, review=0.5, rate=rate, label="red")

    assert (verdict.decision, verdict.failure) == (Decision.REVIEW, None)
    [evidence] = verdict.evidence
    assert evidence.start == pytest.approx(4.0, abs=1 / rate)
    assert evidence.end == pytest.approx(7.0, abs=1 / rate)
    assert evidence.score == pytest.approx(1.0, abs=0.05)
    assert evidence.reason.startswith("red (score ")


@pytest.mark.parametrize(
    ("shape", "kind", "options"),
    [
        ((1, 32, 48, 3), TensorProto.FLOAT, {}),
        (("n", 3, "h", "w"), TensorProto.FLOAT, {"width": 40, "height": 24}),
        ((1, 3, 3, 3), TensorProto.FLOAT, {"layout": "NCHW"}),
        ((1, 3, 32, 48), TensorProto.FLOAT16, {}),
        ((1, 32, 48, 3), TensorProto.UINT8, {"review": 200.0}),
        ((1, 3, 32, 48), TensorProto.FLOAT, {"mean": [0.5] * 3, "std": [0.5] * 3, "review": 1.5}),
        ((1, 3, 32, 48), TensorProto.FLOAT, {"output": "inverse", "index": 1}),
    ],
)
async def test_models_get_their_pictures_as_they_want_them(
    tmp_path: Path, red_middle: Path, shape: tuple[Any, ...], kind: int, options: dict[str, Any]
) -> None:
    model = redness(tmp_path / "model.onnx", shape=shape, kind=kind)

    verdict = await seen(red_middle, tmp_path / "w", model, **({"review": 0.8} | options))

    assert verdict.failure is None
    assert [(one.start, one.end) for one in verdict.evidence] == [(4.0, 7.0)]


@pytest.mark.parametrize(
    ("options", "decision"),
    [
        ({"review": 0.5, "block": 0.9}, Decision.BLOCK),
        ({"review": 0.5, "block": 1.5}, Decision.REVIEW),
        ({"block": 0.9}, Decision.BLOCK),
        ({"review": 1.5}, Decision.ALLOW),
        ({"review": 0.5, "consecutive": 3}, Decision.REVIEW),
        ({"review": 0.5, "consecutive": 4}, Decision.ALLOW),
        ({"review": -0.6, "block": 0.9, "consecutive": 4}, Decision.REVIEW),
        ({"review": 0.4, "index": 1}, Decision.REVIEW),
    ],
)
async def test_thresholds_decide(
    tmp_path: Path, red_middle: Path, options: dict[str, Any], decision: Decision
) -> None:
    verdict = await seen(red_middle, tmp_path / "w", redness(tmp_path / "m.onnx"), **options)

    assert (verdict.decision, verdict.failure) == (decision, None)
    assert bool(verdict.evidence) == (decision is not Decision.ALLOW)


async def test_probabilities_can_be_made_of_numbers(tmp_path: Path, red_middle: Path) -> None:
    model = redness(tmp_path / "model.onnx", scale=400.0)

    verdict = await seen(red_middle, tmp_path / "w", model, review=0.5, softmax=True)

    [evidence] = verdict.evidence
    assert evidence.score == pytest.approx(1.0)
    assert (evidence.start, evidence.end) == (4.0, 7.0)


@pytest.mark.parametrize(
    ("shape", "options", "failure"),
    [
        ((1, 3, 32, 3), {}, "the model's shape does not tell its layout: set `layout`."),
        ((1, 3, "h", 48), {}, "the model leaves the height of its input open: set `height`."),
        ((1, 3, 32, 48), {"output": "x"}, "the model has no output 'x' but scores, inverse."),
        ((1, 3, 32, 48), {"index": 2}, "the model's output has only 2 numbers."),
        ((1, 3, 32, 48), {"layout": "NHWC"}, "the model cannot run ("),
        ((3, 32, 48), {}, "the model does not take one input of four dimensions."),
    ],
)
async def test_a_model_that_does_not_fit_is_told(
    tmp_path: Path,
    red_middle: Path,
    shape: tuple[Any, ...],
    options: dict[str, Any],
    failure: str,
) -> None:
    model = redness(tmp_path / "model.onnx", shape=shape)

    verdict = await seen(red_middle, tmp_path / "w", model, **({"review": 0.5} | options))

    assert verdict.decision is Decision.REVIEW
    assert verdict.failure is not None
    assert verdict.failure.startswith(f"The filter failed: {failure}")


async def test_scores_that_are_none_are_a_failure(tmp_path: Path, red_middle: Path) -> None:
    model = redness(tmp_path / "model.onnx", scale=float("inf"))

    verdict = await seen(red_middle, tmp_path / "w", model, review=0.5)

    assert verdict.failure in {
        "The filter failed: the model's score is nan.",
        "The filter failed: the model's score is -inf.",
    }


async def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")

    verdict = await seen(clip("plain.mp4"), tmp_path / "w", tmp_path / "model.onnx", review=0.5)

    assert verdict.failure is not None
    assert verdict.failure.startswith("The filter failed: the model cannot be opened (")


def test_a_missing_runtime_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = redness(tmp_path / "model.onnx")
    options = OnnxModel.Options(model=model, review=0.5)
    OnnxModel(options)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(FilterFailed, match="the Python package onnxruntime is not installed: inst"):
        OnnxModel(options)
