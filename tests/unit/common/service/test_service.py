"""The chassis over real sockets: credentials, problems, TLS, ports, drain, signals."""

import asyncio
import base64
import errno
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from common.errors import PortTaken, SettingsInvalid, StorageFull
from common.metrics import new_registry
from common.service import (
    CredentialSettings,
    Gatekeeper,
    Listener,
    ListenSettings,
    Role,
    add_health_routes,
    listening,
    new_client_session,
    problem_middleware,
)
from tests.servers.processes import free_ports

TOKEN = "edge-token-for-tests"
OPERATOR = "operator-token-for-tests"


def application() -> web.Application:
    gatekeeper = Gatekeeper(
        [
            CredentialSettings(name="eu-1", token=TOKEN, roles=(Role.EDGE,)),
            CredentialSettings(name="boss", token=OPERATOR, roles=(Role.OPERATOR,)),
        ]
    )

    async def secret(request: web.Request) -> web.Response:
        return web.Response(text=gatekeeper.require(request, Role.EDGE).name)

    async def fail(request: web.Request) -> web.Response:
        match request.match_info["how"]:
            case "bug":
                raise RuntimeError("secret words")
            case "full":
                raise OSError(errno.ENOSPC, "No space left on device")
            case "known":
                raise StorageFull(where="the box")
            case _:
                await asyncio.sleep(0.5)
                return web.Response(text="slow")

    async def break_off(request: web.Request) -> web.StreamResponse:
        begun = web.StreamResponse(headers={"Content-Length": "1000"})
        await begun.prepare(request)
        await begun.write(b"half")
        raise StorageFull(where="the box") if "known" in request.query else RuntimeError("words")

    made = web.Application(middlewares=[problem_middleware])
    made.router.add_get("/secret", secret)
    made.router.add_get("/fail/{how}", fail)
    made.router.add_get("/break", break_off)

    async def ready() -> dict[str, str]:
        return {"disk": "it is not there"}

    add_health_routes(made, new_registry(), ready, away=lambda: {"store eu": "it is cut off"})
    return made


async def ask(
    path: str, *, settings: ListenSettings | None = None, method: str = "GET", **headers: str
) -> tuple[int, Any, dict[str, str]]:
    listen = settings or ListenSettings(port=free_ports(1)[0])
    async with (
        listening([Listener(application(), listen)]),
        aiohttp.ClientSession() as session,
        session.request(
            method, f"http://127.0.0.1:{listen.port}{path}", headers=headers
        ) as response,
    ):
        body = await response.json() if "json" in response.content_type else await response.text()
        return response.status, body, dict(response.headers)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("", 401),
        ("Bearer", 401),
        ("Bearer wrong", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Token {TOKEN}", 401),
        ("Basic !!!", 401),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer   {TOKEN} ", 200),
        (f"Bearer {OPERATOR}", 200),
        ("Basic " + base64.b64encode(f"any:{TOKEN}".encode()).decode(), 200),
    ],
)
async def test_a_credential_is_known_or_refused(given: str, status: int) -> None:
    got, body, headers = await ask("/secret", Authorization=given)

    assert got == status
    if status == 401:
        assert headers["WWW-Authenticate"].startswith("Bearer ")
        assert headers["Content-Type"] == "application/problem+json"
        assert body["detail"].endswith(".")


@pytest.mark.parametrize(
    ("how", "status", "detail"),
    [
        ("bug", 500, "Something went wrong."),
        ("full", 507, "No space is left in this server's storage."),
        ("known", 507, "No space is left in the box."),
    ],
)
async def test_a_failure_is_a_problem_without_secrets(how: str, status: int, detail: str) -> None:
    got, body, headers = await ask(f"/fail/{how}")

    assert (got, body["detail"], body["status"]) == (status, detail, status)
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["", "?known"])
async def test_a_failure_midway_cuts_the_answer_and_adds_nothing(query: str) -> None:
    listen = ListenSettings(port=free_ports(1)[0])
    async with listening([Listener(application(), listen)]):
        reader, writer = await asyncio.open_connection("127.0.0.1", listen.port)
        writer.write(b"GET /break%s HTTP/1.1\r\nHost: cdn.test\r\n\r\n" % query.encode())
        async with asyncio.timeout(30):
            got = await reader.read()
        writer.close()

    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"\r\n\r\nhalf")


async def test_answers_do_not_tell_versions() -> None:
    for path in ("/healthz", "/nowhere", "/fail/bug"):
        assert (await ask(path))[2]["Server"] == "nearcast"


async def test_unknown_paths_and_methods_are_problems_too() -> None:
    status, body, _ = await ask("/nowhere")
    assert (status, body["title"]) == (404, "Not Found")

    status, _, headers = await ask("/secret", method="DELETE")
    assert (status, headers["Allow"]) == (405, "GET,HEAD")


async def test_health_readiness_and_metrics() -> None:
    assert (await ask("/healthz"))[0] == 200
    status, body, _ = await ask("/readyz")
    assert (status, body["reasons"]) == (503, {"disk": "it is not there"})
    assert body["away"] == {"store eu": "it is cut off"}
    assert "process_cpu_seconds_total" in (await ask("/metrics"))[1]


async def test_a_taken_port_is_told() -> None:
    settings = ListenSettings(port=free_ports(1)[0])
    async with listening([Listener(application(), settings)]):
        with pytest.raises(PortTaken) as caught:
            await ask("/", settings=settings)

    assert str(caught.value) == (
        f"Port {settings.port} on 127.0.0.1 is taken by another program: "
        "choose another, or stop that program."
    )


async def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(SettingsInvalid, match=r"192\.0\.2\.1"):
        await ask("/", settings=ListenSettings(host="192.0.2.1", port=free_ports(1)[0]))


def tls(folder: Path, authority: trustme.CA) -> tuple[ListenSettings, Path]:
    chain, ca = folder / "server.pem", folder / "ca.pem"
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(chain))
    authority.cert_pem.write_to_path(str(ca))
    return ListenSettings(port=free_ports(1)[0], certificate=chain), ca


async def test_tls_is_new_enough_and_verified(tmp_path: Path, authority: trustme.CA) -> None:
    settings, ca = tls(tmp_path, authority)
    url = f"https://127.0.0.1:{settings.port}/secret"
    async with listening([Listener(application(), settings)]):
        async with (
            await new_client_session(ca, token=TOKEN) as session,
            session.get(url) as response,
        ):
            assert await response.text() == "eu-1"
        async with await new_client_session(None) as stranger:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await stranger.get(url)
        old = ssl.create_default_context(cafile=str(ca))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        async with aiohttp.ClientSession() as session, session.get(url, ssl=old) as response:
            assert response.status == 401


@pytest.mark.parametrize("content", ["", "no certificate"])
async def test_a_bad_certificate_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.pem").write_text(content)
    settings = ListenSettings(port=free_ports(1)[0], certificate=tmp_path / "bad.pem")

    with pytest.raises(SettingsInvalid, match=r"bad\.pem: certificate: a certificate chain"):
        await ask("/", settings=settings)


async def test_a_bad_authority_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")

    with pytest.raises(SettingsInvalid, match=r"ca\.pem: ca: certificates in PEM"):
        await new_client_session(tmp_path / "ca.pem")


async def test_answers_in_flight_are_finished() -> None:
    settings = ListenSettings(port=free_ports(1)[0])
    async with aiohttp.ClientSession() as session:
        async with listening([Listener(application(), settings)]):
            url = f"http://127.0.0.1:{settings.port}/fail/slow"
            asking = asyncio.create_task(session.get(url).__aenter__())
            await asyncio.sleep(0.1)
        async with await asking as response:
            assert await response.text() == "slow"


ROLE = """
import asyncio, sys
from common.errors import PortTaken
from common.service import run_role

async def main(stop):
    if sys.argv[1] == "fail":
        raise PortTaken(port=1, host="here")
    print("runs", flush=True)
    await stop.wait()
    print("drained", flush=True)

sys.exit(run_role("demo", main))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_role_drain(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ROLE, "run"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        os.kill(process.pid, number)
        assert process.stdout.read() == "drained\n"
    assert process.returncode == 0


def test_an_error_ends_a_role_with_its_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ROLE, "fail"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.endswith(
        "nearcast demo: Port 1 on here is taken by another program: "
        "choose another, or stop that program.\n"
    )


async def test_a_crowd_is_let_in_within_a_few_turns_of_the_event_loop() -> None:
    async def nothing(_: web.BaseRequest) -> web.Response:
        return web.Response()

    server = web.Server(nothing)
    listen = ListenSettings(port=free_ports(1)[0])
    async with listening([Listener(server, listen)]):
        viewers = [socket.socket() for _ in range(160)]
        for viewer in viewers:
            viewer.connect(("127.0.0.1", listen.port))
        turns = 0
        while len(server.connections) < len(viewers) and turns < 1000:
            turns += 1
            await asyncio.sleep(0)
        for viewer in viewers:
            viewer.close()

    assert turns < 40


async def test_what_is_no_request_is_refused_without_its_words_or_the_librarys_name() -> None:
    (port,) = free_ports(1)
    async with listening([Listener(application(), ListenSettings(port=port))]):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /secret of mine\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()

    assert b" 400 " in answer.splitlines()[0]
    assert b"\r\nContent-Type: application/problem+json" in answer
    assert b"\r\nServer: nearcast\r\n" in answer
    assert b"aiohttp" not in answer
    assert b"mine" not in answer
