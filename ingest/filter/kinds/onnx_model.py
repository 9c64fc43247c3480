"""``onnx``: an operator's own model looks at frames and gives each a score."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from common.messages import Decision, Evidence
from ingest.filter.answers import short
from ingest.filter.errors import FilterFailed
from ingest.filter.model import Answer, Subject
from ingest.filter.options import require_absolute
from ingest.filter.passages import runs
from ingest.filter.tools import THREADS, Tools

if TYPE_CHECKING:
    import onnxruntime

Colour = Annotated[tuple[float, float, float], Meta(description="For red, green and blue.")]
Side = Annotated[int, Meta(ge=1, le=4096)]


class OnnxModel:
    """Runs an ONNX model on frames, and decides by its scores."""

    class Options(msgspec.Struct, frozen=True, kw_only=True):
        """The model, how it wants its pictures, and what its scores mean."""

        model: Annotated[
            Path,
            Meta(
                description="The model, an .onnx file.",
                extra={"example": "/etc/nearcast/model.onnx"},
            ),
        ]
        label: Annotated[
            str, Meta(min_length=1, max_length=100, description="What a high score means.")
        ] = "a high score"
        rate: Annotated[
            float,
            Meta(
                gt=0,
                le=30,
                description="Pictures that it looks at.",
                extra={"unit": "frames per second"},
            ),
        ] = 1.0
        width: Annotated[
            Side | None,
            Meta(
                description="Of its pictures, where the model leaves it open.",
                extra={"example": 224},
            ),
        ] = None
        height: Annotated[
            Side | None,
            Meta(
                description="Of its pictures, where the model leaves it open.",
                extra={"example": 224},
            ),
        ] = None
        layout: Annotated[
            Literal["NCHW", "NHWC"] | None,
            Meta(
                description="Order of its input, where its shape leaves it open.",
                extra={"example": "NCHW"},
            ),
        ] = None
        mean: Annotated[Colour, Meta(description="Taken from values between 0 and 1.")] = (0, 0, 0)
        std: Annotated[Colour, Meta(description="What they are then divided by.")] = (1, 1, 1)
        output: Annotated[
            str | None,
            Meta(
                description="Name of the output; without it the first.",
                extra={"example": "probabilities"},
            ),
        ] = None
        index: Annotated[
            int, Meta(ge=0, description="Which number of the output is the score.")
        ] = 0
        softmax: Annotated[
            bool, Meta(description="Make probabilities of the output's numbers first.")
        ] = False
        review: Annotated[
            float | None,
            Meta(
                description="From which score on an operator looks at it.", extra={"example": 0.7}
            ),
        ] = None
        block: Annotated[
            float | None,
            Meta(description="From which score on it is blocked.", extra={"example": 0.98}),
        ] = None
        consecutive: Annotated[
            int, Meta(ge=1, description="Pictures in a row that must have such a score.")
        ] = 1

        def __post_init__(self) -> None:
            require_absolute(self.model)
            if self.review is None and self.block is None:
                raise ValueError("expected review, block or both")
            if self.review is not None and self.block is not None and self.block < self.review:
                raise ValueError("expected a block that is not less than review")
            if 0 in self.std:
                raise ValueError("expected no 0 in std")

    def __init__(self, options: Options) -> None:
        self._options = options
        if importlib.util.find_spec("onnxruntime") is None:
            raise FilterFailed(
                reason="the Python package onnxruntime is not installed: "
                "install it, or nearcast with the extra `onnx`"
            )
        if not options.model.is_file():
            raise FilterFailed(reason=f"there is no model {options.model}")

    def check(self, subject: Subject, tools: Tools) -> Answer:
        """Score each frame; runs of high scores are evidence."""
        model = _Model(self._options)
        times, scores = [], []
        for frame in tools.frames(
            subject, rate=self._options.rate, width=model.width, height=model.height
        ):
            times.append(frame.time)
            scores.append(model.score(frame.picture))
        return decided(self._options, times, scores, seconds=subject.seconds)


class _Model:
    """The model, ready to score pictures."""

    def __init__(self, options: OnnxModel.Options) -> None:
        self._options = options
        self._session = _opened(options.model)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise FilterFailed(reason="the model does not take one input of four dimensions")
        self._input = inputs[0]
        self._layout = options.layout or _layout(self._input.shape)
        shape = dict(zip(self._layout, self._input.shape, strict=True))
        self.width = _side("width", shape["W"], options.width)
        self.height = _side("height", shape["H"], options.height)
        names = [one.name for one in self._session.get_outputs()]
        if options.output is not None and options.output not in names:
            known = ", ".join(names)
            raise FilterFailed(reason=f"the model has no output {options.output!r} but {known}")
        self._output = options.output or names[0]
        self._mean = np.array(options.mean, np.float32)
        self._std = np.array(options.std, np.float32)

    def score(self, picture: NDArray[np.uint8]) -> float:
        """What the model thinks of ``picture``.

        Raises:
            FilterFailed: it cannot run, or what it says is no score.
        """
        try:
            [said] = self._session.run([self._output], {self._input.name: self._prepared(picture)})
        except Exception as error:  # the runtime's errors have no common class
            raise FilterFailed(reason=f"the model cannot run ({short(str(error))})") from error
        numbers = np.asarray(said, np.float64).ravel()
        if self._options.index >= numbers.size:
            raise FilterFailed(reason=f"the model's output has only {numbers.size} numbers")
        if self._options.softmax:
            numbers = np.exp(numbers - numbers.max())
            numbers /= numbers.sum()
        score = float(numbers[self._options.index])
        if not np.isfinite(score):
            raise FilterFailed(reason=f"the model's score is {score}")
        return score

    def _prepared(self, picture: NDArray[np.uint8]) -> NDArray[Any]:
        if self._input.type == "tensor(uint8)":
            values: NDArray[Any] = picture
        else:
            scaled = (picture.astype(np.float32) / 255 - self._mean) / self._std
            values = scaled.astype(_TYPES.get(self._input.type, np.float32))
        if self._layout == "NCHW":
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[None])


_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def decided(
    options: OnnxModel.Options, times: list[float], scores: list[float], *, seconds: float
) -> Answer:
    """What ``scores`` of the frames at ``times`` decide about a video that lasts ``seconds``."""
    decision = Decision.ALLOW
    evidence: list[Evidence] = []
    for reached, threshold in ((Decision.BLOCK, options.block), (Decision.REVIEW, options.review)):
        if threshold is None:
            continue
        high = runs([score >= threshold for score in scores], least=options.consecutive)
        if not high:
            continue
        if decision is Decision.ALLOW:
            decision = reached
        # The lower threshold's runs hold the higher one's.
        evidence = [_evidence(options, run, times, scores, seconds) for run in high]
    # The strongest first: there may be more than is kept.
    return Answer(decision, tuple(sorted(evidence, key=lambda one: -(one.score or 0.0))))


def _evidence(
    options: OnnxModel.Options,
    run: range,
    times: list[float],
    scores: list[float],
    seconds: float,
) -> Evidence:
    score = max(scores[index] for index in run)
    return Evidence(
        f"{options.label} (score {score:.3g})",
        start=times[run[0]],
        end=min(seconds, times[run[-1]] + 1 / options.rate),
        score=score,
    )


def _opened(path: Path) -> "onnxruntime.InferenceSession":
    import onnxruntime  # noqa: PLC0415 -- optional, and slow to import

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = THREADS
    settings.inter_op_num_threads = 1
    # Threads that wait for the next picture are not to burn a processor meanwhile.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Errors alone: what it warns of is for whoever made the model.
    settings.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common class
        raise FilterFailed(reason=f"the model cannot be opened ({short(str(error))})") from error


def _layout(shape: list[Any]) -> str:
    first, last = shape[1] == 3, shape[3] == 3
    if first == last:
        raise FilterFailed(reason="the model's shape does not tell its layout: set `layout`")
    return "NCHW" if first else "NHWC"


def _side(name: str, told: Any, given: int | None) -> int:
    if isinstance(told, int) and told > 0:
        return told
    if given is None:
        raise FilterFailed(reason=f"the model leaves the {name} of its input open: set `{name}`")
    return given
