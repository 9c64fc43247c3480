"""What commands say of a server that they cannot ask: why, and what to do."""

import asyncio
import re
import ssl
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.up.authority import certificates
from tests.integration.control_service import TOKENS, control_plane, control_settings
from tests.servers.processes import free_ports


async def complaint(*words: str) -> str:
    """What ``nearcast edges`` says is wrong."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "edges", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert (process.returncode, output) == (1, b"")
    return errors.decode()


@pytest.mark.parametrize("given", ["control.example.org", "127.0.0.1:8440", "ftp://a", ""])
async def test_what_is_no_url_is_told_by_its_option(given: str) -> None:
    assert await complaint("--control", given, "--token", "t") == (
        f"Error: --control: {given!r} is no URL such as https://control.example.org.\n"
    )


async def test_a_url_alone_is_told_to_need_a_token() -> None:
    assert await complaint("--control", "http://127.0.0.1:1") == (
        "Error: --control needs --token: one that the service there knows.\n"
    )


async def test_where_nothing_listens_the_system_says_why() -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"

    assert await complaint("--control", url, "--token", "t") == (
        f"Error: {url}/v1/edges does not answer (Connection refused): is Nearcast running there?\n"
    )


async def test_another_service_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings):
        url = f"http://127.0.0.1:{settings.listen.port}/elsewhere"
        told = await complaint("--control", url, "--token", TOKENS["operator"])

    assert told == f"Error: Nothing is at {url}/v1/edges: is it another service's address?\n"


async def test_a_certificate_of_an_unknown_authority_is_told_with_what_to_do(
    tmp_path: Path,
) -> None:
    files = await asyncio.to_thread(certificates, tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.chain, files.key)
    server = TestServer(web.Application(), scheme="https")
    await server.start_server(ssl=context)
    try:
        url = f"https://127.0.0.1:{server.port}"
        told = await complaint("--control", url, "--token", "t")
    finally:
        await server.close()

    assert re.fullmatch(
        rf"Error: The certificate of {url}/v1/edges is not trusted \([a-z ]+\): "
        r"name its authority with --ca\.\n",
        told,
    )


async def test_where_no_tls_is_spoken_the_command_says_so() -> None:
    async with TestServer(web.Application()) as server:
        url = f"https://127.0.0.1:{server.port}"
        told = await complaint("--control", url, "--token", "t")

    assert told == (
        f"Error: {url}/v1/edges does not answer (it speaks no TLS): is Nearcast running there?\n"
    )
