"""The hook against a real HTTP server: what it sends, what it takes, and when it asks again."""

import asyncio
import hashlib
import io
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest
import trustme
from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from ingest.filter import Decision, Evidence, OnFailure, Subject, Verdict
from ingest.filter.kinds.http_hook import Facts, signature
from tests.unit.ingest.clips import clip
from tests.unit.ingest.filter.subjects import entry, subject_of, verdict_of

SECRET = "sixteen characters"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server around a handler; its address is the result."""
    servers: list[TestServer] = []

    async def start(handler: Handler, context: ssl.SSLContext | None = None) -> str:
        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(application)
        await server.start_server(ssl=context)
        servers.append(server)
        return f"{server.scheme}://localhost:{server.port}/check?key=1"

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def subject() -> Subject:
    return await subject_of(clip("hooked.mp4", seconds=3), title="Ein Titel: ü")


async def asked(subject: Subject, folder: Path, url: str, **options: Any) -> Verdict:
    timeout = options.pop("timeout", 30)
    return await verdict_of(subject, folder, entry("http", timeout=timeout, url=url, **options))


def answering(*answers: web.Response | bytes | dict[str, Any]) -> tuple[Handler, list[web.Request]]:
    """A handler that gives `answers` in turn, the last for ever, and the requests it got."""
    requests: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        requests.append(request)
        answer = answers[min(len(requests), len(answers)) - 1]
        match answer:
            case dict():
                return web.json_response(answer)
            case bytes():
                return web.Response(body=answer)
            case _:
                return web.Response(status=answer.status, headers=answer.headers)

    return handle, requests


async def test_the_facts_are_posted_and_the_answer_is_the_verdict(
    tmp_path: Path, serve: Serve, subject: Subject
) -> None:
    evidence = [{"reason": "a knife", "start": 1.5, "end": 2, "score": 0.75}, {"reason": "more"}]
    handler, requests = answering({"decision": "block", "evidence": evidence, "other": 1})

    verdict = await asked(subject, tmp_path, await serve(handler), token="t0ken", secret=SECRET)

    assert (verdict.decision, verdict.failure) == (Decision.BLOCK, None)
    assert verdict.evidence == (Evidence("a knife", 1.5, 2.0, 0.75), Evidence("more"))
    [request] = requests
    assert (request.method, request.path_qs) == ("POST", "/check?key=1")
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.content_type == "application/json"
    body = await request.read()
    assert subject.source.encode() not in body
    facts = msgspec.json.decode(body, type=Facts)
    assert facts == Facts(
        sha256=subject.sha256,
        size=subject.size,
        title="Ein Titel: ü",
        owner="someone",
        duration=subject.media.duration,
        width=160,
        height=90,
        rotation=0,
        frame_rate=30.0,
        container="mov,mp4,m4a,3gp,3g2,mj2",
        video_codec="h264",
        audio_codecs=("aac",),
    )
    signed = re.fullmatch(r"t=(\d+), sha256=([0-9a-f]{64})", request.headers["Nearcast-Signature"])
    assert signed is not None
    assert signed[2] == signature(SECRET, int(signed[1]), body)


def test_the_signature_is_an_hmac_over_time_and_body() -> None:
    # printf '1700000000.{}' | openssl dgst -sha256 -hmac 'sixteen characters'
    expected = "cfc0500f469d0d94877ae5642a1f4b65863cc1f023fc324aa800ecf3137688ad"

    assert signature(SECRET, 1_700_000_000, b"{}") == expected


async def test_nothing_is_told_that_was_not_set(
    tmp_path: Path, serve: Serve, subject: Subject
) -> None:
    handler, requests = answering({"decision": "allow"})

    verdict = await asked(subject, tmp_path, await serve(handler))

    assert (verdict.decision, verdict.evidence) == (Decision.ALLOW, ())
    assert "Authorization" not in requests[0].headers
    assert "Nearcast-Signature" not in requests[0].headers


def receiving(parts: list[tuple[str | None, str | None, bytes]]) -> Handler:
    """A handler that keeps the parts of a form: name, file name and content."""

    async def handle(request: web.Request) -> web.StreamResponse:
        form = await request.multipart()
        while isinstance(part := await form.next(), BodyPartReader):
            parts.append((part.name, part.filename, bytes(await part.read())))
        return web.json_response({"decision": "review"})

    return handle


async def test_a_picture_a_second_is_sent(tmp_path: Path, serve: Serve, subject: Subject) -> None:
    parts: list[tuple[str | None, str | None, bytes]] = []

    verdict = await asked(subject, tmp_path, await serve(receiving(parts)), send="frames")

    assert (verdict.decision, verdict.failure) == (Decision.REVIEW, None)
    assert [name for name, *_ in parts] == ["subject", "frame", "frame", "frame"]
    facts = msgspec.json.decode(parts[0][2], type=Facts)
    assert [frame.time for frame in facts.frames] == [0.0, 1.0, 2.0]
    for frame, (_, _, jpeg) in zip(facts.frames, parts[1:], strict=True):
        assert frame.sha256 == hashlib.sha256(jpeg).hexdigest()
        with av.open(io.BytesIO(jpeg), "r") as container:
            picture = next(container.decode(video=0))
        assert (picture.width, picture.height) == (512, 288)


async def test_the_file_is_sent(tmp_path: Path, serve: Serve, subject: Subject) -> None:
    parts: list[tuple[str | None, str | None, bytes]] = []

    verdict = await asked(subject, tmp_path, await serve(receiving(parts)), send="file")

    assert verdict.decision is Decision.REVIEW
    assert [(name, filename) for name, filename, _ in parts] == [
        ("subject", None),
        ("file", "video"),
    ]
    assert hashlib.sha256(parts[1][2]).hexdigest() == subject.sha256


async def test_a_service_that_cannot_answer_now_is_asked_again(
    tmp_path: Path, serve: Serve, subject: Subject
) -> None:
    busy = web.Response(status=503), web.Response(status=429)
    handler, requests = answering(*busy, {"decision": "allow"})

    verdict = await asked(subject, tmp_path, await serve(handler), send="file")

    assert (verdict.decision, verdict.failure) == (Decision.ALLOW, None)
    assert len(requests) == 3


async def test_a_service_that_hangs_up_is_asked_again(tmp_path: Path, subject: Subject) -> None:
    connections = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if connections > 1:
            body = b'{"decision": "block"}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        verdict = await asked(subject, tmp_path, f"http://127.0.0.1:{port}")

    assert verdict.decision is Decision.BLOCK
    assert connections == 2


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (web.Response(status=302, headers={"Location": "/other"}), "answered with status 302"),
        (web.Response(status=404), "answered with status 404"),
        (web.Response(status=204), "answered with status 204"),
        (b"no JSON", "JSON is malformed"),
        (b'{"decision": "perhaps"}', "invalid enum value 'perhaps'"),
        (b'{"decision": "allow"}' + b" " * (1 << 20), "it is longer than 1048576 bytes"),
        ({"decision": "allow", "evidence": [{"reason": "x", "start": -1}]}, "a passage from -1.0"),
    ],
)
async def test_an_answer_that_is_none_is_a_failure_at_once(
    tmp_path: Path,
    serve: Serve,
    subject: Subject,
    answer: web.Response | bytes | dict[str, Any],
    failure: str,
) -> None:
    handler, requests = answering(answer)

    verdict = await asked(subject, tmp_path, await serve(handler))

    assert verdict.decision is Decision.REVIEW
    assert verdict.failure is not None
    assert failure in verdict.failure
    assert len(requests) == 1


async def test_evidence_from_a_service_is_bounded(
    tmp_path: Path, serve: Serve, subject: Subject
) -> None:
    evidence = [{"reason": "x" * 300} for _ in range(3000)]
    handler, _ = answering({"decision": "review", "evidence": evidence})

    verdict = await asked(subject, tmp_path, await serve(handler))

    assert len(verdict.evidence) == 100
    assert all(len(one.reason) == 200 for one in verdict.evidence)


async def test_a_service_that_stays_away_is_a_failure_told_in_time(
    tmp_path: Path, subject: Subject
) -> None:
    chain = entry("http", timeout=8, on_failure=OnFailure.OPEN, url="http://127.0.0.1:1/check")

    verdict = await verdict_of(subject, tmp_path, chain)

    assert verdict.decision is Decision.ALLOW
    assert verdict.failure == (
        "The filter failed: http://127.0.0.1:1/check cannot be asked (Connection refused)."
    )


async def test_a_service_that_never_answers_is_a_timeout(
    tmp_path: Path, serve: Serve, subject: Subject
) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    verdict = await asked(subject, tmp_path, await serve(handler=handle), timeout=2)

    assert verdict.failure is not None
    assert "took longer" in verdict.failure or "timed out" in verdict.failure


async def test_a_service_with_a_certificate_of_its_own_authority_is_believed(
    tmp_path: Path, serve: Serve, subject: Subject, authority: trustme.CA
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    handler, requests = answering({"decision": "block"})
    url = await serve(handler, context)

    known = await asked(subject, tmp_path / "w", url, ca=str(ca))
    unknown = await asked(subject, tmp_path / "w", url, timeout=8)

    assert known.decision is Decision.BLOCK
    assert unknown.decision is Decision.REVIEW
    assert unknown.failure is not None
    assert "certificate verify failed" in unknown.failure.lower()
    assert len(requests) == 1
