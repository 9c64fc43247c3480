"""What a plug-in looks at a video with: frames at an even rate, and ffmpeg, confined."""

import contextlib
import math
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import imageio_ffmpeg

from ingest.filter.answers import short
from ingest.filter.errors import FilterFailed
from ingest.filter.model import Subject
from ingest.plan.planner import LEAST_ROOM, ROOM_TO_GROW
from ingest.transcode.confinement import Confinement, confined
from ingest.transcode.runner import COMPONENT, PATH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THREADS: Final = 4
"""For decoding: each more costs the memory of some pictures more."""

UNSEEN: Final = 2.0
"""Seconds of a video that may be missing at its end: containers and decoders round."""

WORDS_KEPT: Final = 8192
"""Bytes of ffmpeg's complaints that are kept: the first ones name the cause."""

MAX_WRITTEN: Final = 256 << 20
"""Bytes of any one file that a filter, or ffmpeg for it, may write."""


@dataclass(frozen=True)
class Frame:
    """What is on the screen at one time."""

    time: float
    """Seconds from the first frame."""
    picture: "NDArray[np.uint8]"
    """Height × width × 3: red, green, blue."""


class Tools:
    """One plug-in's, for one video."""

    def __init__(
        self,
        workspace: Path,
        *,
        seconds: float,
        memory: int = 0,
        tell: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.workspace = workspace
        """An empty folder, removed afterwards; the working directory."""
        self._deadline = time.monotonic() + seconds
        self._memory = memory
        self._tell = tell
        self._told = 0.0

    @property
    def seconds_left(self) -> float:
        """Time until the filter counts as failed; below 0 it already does."""
        return self._deadline - time.monotonic()

    def progress(self, fraction: float) -> None:
        """Tell how much is done, 0 to 1; cheap however often it is called."""
        if fraction - self._told >= 0.01:
            self._told = fraction
            self._tell(min(1.0, fraction))

    def frames(self, subject: Subject, *, rate: float, width: int, height: int) -> Iterator[Frame]:
        """The picture at 0, 1/``rate``, 2/``rate`` … seconds, turned as viewers see it, and scaled.

        Raises:
            FilterFailed: ffmpeg failed, in its own words; or much of the video cannot be seen.
        """
        import numpy as np  # noqa: PLC0415 -- services import this module, and look at no frame

        filters = f"{even(subject, rate)},scale={width}:{height}:flags=area,format=rgb24"
        output = ("-frames:v", str(count(subject, rate)), "-f", "rawvideo", "pipe:1")
        size = width * height * 3
        shown = 0
        with self.ffmpeg(subject, filters, output) as pipe:
            while len(data := pipe.read(size)) == size:
                picture = np.frombuffer(data, np.uint8).reshape(height, width, 3)
                yield Frame(shown / rate, picture)
                shown += 1
                self.progress(shown / count(subject, rate))
        require_whole(subject, rate, shown)

    @contextlib.contextmanager
    def ffmpeg(self, subject: Subject, graph: str, output: tuple[str, ...]) -> Iterator[IO[bytes]]:
        """Run ffmpeg on the video, confined; the value is its standard output.

        Args:
            subject: whose file is read, by the demuxer that it was inspected with and no other.
            graph: the filters, as ``-filter_complex`` takes them.
            output: the options of the output and its name.

        Raises:
            FilterFailed: ffmpeg cannot be started, or ended in failure; in its own words.
        """
        arguments = (_program(), *_input(subject), "-filter_complex", graph, *output)
        confinement = Confinement(
            memory=self._memory,
            output=MAX_WRITTEN,
            reads=(Path(subject.source),),
            writes=(self.workspace,),
        )
        with subprocess.Popen(  # noqa: S603 -- there is no shell, and the arguments are our own
            confined(arguments, confinement),
            cwd=self.workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            words = _Words(process.stderr)
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
            finally:
                # What is left unread, because nobody wants it, must not keep ffmpeg waiting.
                while process.stdout.read(1 << 16):
                    pass
                code = process.wait()
                words.join()
        if code != 0:
            raise FilterFailed(reason=words.reason(code))


class _Words(threading.Thread):
    """Reads what ffmpeg complains of to the end, and keeps the first of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._words = b""
        self.start()

    def run(self) -> None:
        while more := self._pipe.read(1 << 16):
            self._words += more[: WORDS_KEPT - len(self._words)]

    def reason(self, code: int) -> str:
        for line in self._words.decode(errors="replace").splitlines():
            words = short(PATH.sub("the file", COMPONENT.sub("", line))).rstrip(".:")
            if words:
                return f"ffmpeg says: {words}"
        return f"signal {-code} ended ffmpeg" if code < 0 else f"ffmpeg ended with status {code}"


def count(subject: Subject, rate: float) -> int:
    """How many frames there are at ``rate`` a second, at most."""
    return max(1, math.ceil(subject.seconds * rate))


def require_whole(subject: Subject, rate: float, shown: int) -> None:
    """See that about all of the frames that there are at ``rate`` a second have been shown.

    Raises:
        FilterFailed: they have not; a filter that saw a part must not allow the whole.
    """
    expected = count(subject, rate)
    if shown == 0 or expected - shown > UNSEEN * rate + 1:
        raise FilterFailed(reason=f"only {shown} of {expected} frames can be looked at")


def even(subject: Subject, rate: float) -> str:
    """Filters that show ``rate`` frames a second, the first at 0; begins a graph.

    Each is the one that is on the screen at its time, however the source's frames lie.
    """
    # Metadata in the file must not pass for what a filter of ours found.
    return (
        f"[0:{subject.media.video.index}]metadata=mode=delete,"
        f"setpts=PTS-{subject.media.video.first_timestamp:.6f}/TB,"
        f"fps=fps={rate:.6f}:round=up:start_time=0"
    )


def _input(subject: Subject) -> tuple[str, ...]:
    media = subject.media
    pixels = media.video.width * media.video.height
    decoders = (media.video.codec, *(sound.codec for sound in media.audio[:1]))
    return (
        *("-nostdin", "-hide_banner", "-y", "-loglevel", "error"),
        # What cannot be read or decoded is a failure: half a video must not pass as whole.
        "-xerror",
        # Times stay those of the source; graphs count from its first frame.
        "-copyts",
        # The file was inspected as this; let no second guess open it as something else.
        *("-f", media.container.partition(",")[0]),
        # An upload must not make a filter read another file's protocol or the network.
        *("-protocol_whitelist", "file"),
        # Nor may what is embedded be opened as a playlist, or by a decoder that was not inspected.
        *("-format_whitelist", media.container),
        *("-codec_whitelist", ",".join(decoders)),
        *("-max_pixels", str(max(LEAST_ROOM, pixels * ROOM_TO_GROW))),
        *("-threads", str(THREADS)),
        *("-i", f"file:{subject.source}"),
    )


def _program() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FilterFailed(reason=f"there is no ffmpeg ({short(str(error))})") from error
