"""``http``: an operator's own service decides.

It gets one POST. With ``send = "facts"`` the body is the JSON of `Facts`; else it is
multipart/form-data (RFC 7578) with that JSON as the part ``subject``, and then the video as the
part ``file``, or its pictures as parts ``frame``, in order of time. It answers 200 with
``{"decision": "allow" | "review" | "block", "evidence": [{"reason": …, "start": …, "end": …,
"score": …}]}``, of which evidence and all of it but the reason may be missing. A reason has at most
500 characters, of which 200 are kept.
"""

import hashlib
import hmac
import http.client
import secrets
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from ingest.filter.answers import MAX_SAID, parsed_answer
from ingest.filter.errors import AnswerInvalid, FilterFailed
from ingest.filter.model import Answer, Subject
from ingest.filter.options import require_absolute
from ingest.filter.tools import Tools, even, require_whole

FRAME_SIDE: Final = 512
"""Pixels of the longer side of a picture that is sent."""

MAX_FRAMES: Final = 3600
"""Pictures that are sent; of longer videos there are fewer than one a second."""

FIRST_PAUSE: Final = 0.5
"""Seconds before the first attempt after a failed one; each further pause is twice as long."""

LONGEST_PAUSE: Final = 30.0


class PictureFacts(msgspec.Struct, frozen=True):
    """One picture that is sent along."""

    time: float
    """Seconds from the first frame."""
    sha256: str


class Facts(msgspec.Struct, frozen=True):
    """What the service is told; `signature` covers this, and by its hashes what comes along."""

    sha256: str
    size: int
    title: str
    owner: str
    duration: float
    """Seconds."""
    width: int
    """Pixels, as coded, before ``rotation``."""
    height: int
    rotation: int
    """Degrees counter-clockwise."""
    frame_rate: float
    container: str
    video_codec: str
    audio_codecs: tuple[str, ...]
    frames: tuple[PictureFacts, ...] = ()
    """Only with ``send = "frames"``."""


class _TryAgain(Exception):
    """The service could not answer now."""


class HttpHook:
    """Asks a service over HTTP, again and again while it cannot answer and there is time."""

    class Options(msgspec.Struct, frozen=True, kw_only=True):
        """Where the service is, and what it gets."""

        url: Annotated[
            str,
            Meta(
                pattern=r"^https?://[^/\s]",
                description="Where to POST.",
                extra={"example": "https://moderation.example.org/check"},
            ),
        ]
        send: Annotated[
            Literal["facts", "frames", "file"],
            Meta(description="The facts alone, or with a JPEG picture a second, or the video."),
        ] = "facts"
        token: Annotated[
            Annotated[str, Meta(pattern=r"^[!-~]+$")] | None,
            Meta(
                description="Sent as `Authorization: Bearer` (RFC 6750 §2.1).",
                extra={"example": "secret"},
            ),
        ] = None
        secret: Annotated[
            Annotated[str, Meta(min_length=16)] | None,
            Meta(
                description="Key of an HMAC-SHA256 over time and facts, sent as "
                "`Nearcast-Signature: t=UNIX_SECONDS, sha256=HEX`.",
                extra={"example": "at least 16 characters"},
            ),
        ] = None
        ca: Annotated[
            Path | None,
            Meta(
                description="PEM file of CA certificates to trust in place of the system's.",
                extra={"example": "/etc/nearcast/ca.pem"},
            ),
        ] = None

        def __post_init__(self) -> None:
            if self.ca is not None:
                require_absolute(self.ca)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._url = urlsplit(options.url)

    def check(self, subject: Subject, tools: Tools) -> Answer:
        """Ask until there is an answer, or the chain ends it."""
        pictures = _pictures(subject, tools) if self._options.send == "frames" else ()
        facts = msgspec.json.encode(_facts(subject, pictures))
        body = _Body(facts, self._parts(subject, pictures))
        pause = FIRST_PAUSE
        while True:
            try:
                return self._asked(facts, body, tools.seconds_left)
            except _TryAgain as error:
                if tools.seconds_left <= pause + FIRST_PAUSE:
                    raise FilterFailed(reason=str(error)) from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _parts(self, subject: Subject, pictures: tuple[Path, ...]) -> tuple[tuple[str, Path], ...]:
        if self._options.send == "file":
            return (("file", Path(subject.source)),)
        return tuple(("frame", picture) for picture in pictures)

    def _asked(self, facts: bytes, body: "_Body", seconds: float) -> Answer:
        connection = self._connection(max(seconds, 1.0))
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        try:
            connection.request("POST", path, body=iter(body), headers=self._headers(facts, body))
            response = connection.getresponse()
            answer = response.read(MAX_SAID + 1)
        except (OSError, http.client.HTTPException) as error:
            raise _TryAgain(f"{self._options.url} cannot be asked ({_reason(error)})") from error
        finally:
            connection.close()
        return _read(response.status, answer)

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=seconds)
        context = ssl.create_default_context(cafile=self._options.ca)
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)

    def _headers(self, facts: bytes, body: "_Body") -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Content-Type": body.content_type,
            "Content-Length": str(body.size),
            "User-Agent": "nearcast",
        }
        if self._options.token is not None:
            headers["Authorization"] = f"Bearer {self._options.token}"
        if self._options.secret is not None:
            now = int(time.time())
            headers["Nearcast-Signature"] = (
                f"t={now}, sha256={signature(self._options.secret, now, facts)}"
            )
        return headers


class _Body:
    """The body of a request, read from its files as it is sent."""

    def __init__(self, facts: bytes, parts: tuple[tuple[str, Path], ...]) -> None:
        self._facts = facts
        self._parts = parts
        self._boundary = secrets.token_hex(16)
        self.content_type = (
            f"multipart/form-data; boundary={self._boundary}" if parts else "application/json"
        )
        self.size = sum(
            part.stat().st_size if isinstance(part, Path) else len(part) for part in self._pieces()
        )

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces():
            if isinstance(piece, bytes):
                yield piece
                continue
            with piece.open("rb") as file:
                while more := file.read(1 << 18):
                    yield more

    def _pieces(self) -> Iterator[bytes | Path]:
        if not self._parts:
            yield self._facts
            return
        yield self._head("subject", "", "application/json")
        yield self._facts
        for name, path in self._parts:
            kind = "image/jpeg" if name == "frame" else "application/octet-stream"
            file_name = path.name if name == "frame" else "video"
            yield b"\r\n" + self._head(name, f'; filename="{file_name}"', kind)
            yield path
        yield f"\r\n--{self._boundary}--\r\n".encode()

    def _head(self, name: str, more: str, kind: str) -> bytes:
        return (
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()


def signature(secret: str, time: int, facts: bytes) -> str:
    """The HMAC-SHA256 (RFC 2104) of ``time`` (Unix seconds), a full stop and the JSON, in hex."""
    return hmac.new(secret.encode(), f"{time}.".encode() + facts, hashlib.sha256).hexdigest()


def _rate(subject: Subject) -> float:
    return min(1.0, MAX_FRAMES / subject.seconds)


def _pictures(subject: Subject, tools: Tools) -> tuple[Path, ...]:
    """JPEG files of the video's pictures, in order."""
    side = FRAME_SIDE
    graph = (
        f"{even(subject, _rate(subject))},"
        f"scale={side}:{side}:force_original_aspect_ratio=decrease:out_range=pc,format=yuvj420p"
    )
    output = ("-frames:v", str(MAX_FRAMES), "-q:v", "4", "-f", "image2", "%05d.jpg")
    with tools.ffmpeg(subject, graph, output):
        pass
    pictures = tuple(sorted(tools.workspace.glob("*.jpg")))
    require_whole(subject, _rate(subject), len(pictures))
    return pictures


def _facts(subject: Subject, pictures: tuple[Path, ...]) -> Facts:
    media = subject.media
    rate = _rate(subject)
    return Facts(
        sha256=subject.sha256,
        size=subject.size,
        title=subject.title,
        owner=subject.owner,
        duration=media.duration,
        width=media.video.width,
        height=media.video.height,
        rotation=media.video.rotation,
        frame_rate=float(media.video.frame_rate.fraction),
        container=media.container,
        video_codec=media.video.codec,
        audio_codecs=tuple(one.codec for one in media.audio),
        frames=tuple(
            PictureFacts(number / rate, hashlib.sha256(picture.read_bytes()).hexdigest())
            for number, picture in enumerate(pictures)
        ),
    )


def _read(status: int, answer: bytes) -> Answer:
    if status >= 500 or status == 429:
        raise _TryAgain(f"the service answered with status {status}")
    if status != 200:
        raise FilterFailed(reason=f"the service answered with status {status}")
    if len(answer) > MAX_SAID:
        raise AnswerInvalid(reason=f"it is longer than {MAX_SAID} bytes")
    return parsed_answer(answer)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
