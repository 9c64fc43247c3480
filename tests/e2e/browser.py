"""Headless Chromium that trusts a running system's certificate, as users' browsers would."""

import base64
import contextlib
import hashlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import BrowserContext, Page, async_playwright

from tests.e2e.system import System
from tests.servers.parts import program


def public_key_pin(certificate: Path) -> str:
    """The SHA-256 of a server's public key, as Chromium wants it to be told."""
    leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


@contextlib.asynccontextmanager
async def chromium(system: System, profile: Path) -> AsyncIterator[BrowserContext]:
    """A browser with a profile of its own."""
    pin = public_key_pin(system.ca.parent / "server.pem")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=program("chromium"),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-background-networking",
                "--no-first-run",
                "--disable-sync",
                "--disable-component-update",
                "--autoplay-policy=no-user-gesture-required",
                f"--ignore-certificate-errors-spki-list={pin}",
            ],
        )
        yield context
        await context.close()


@contextlib.asynccontextmanager
async def front_page(system: System, profile: Path, *, token: bool = True) -> AsyncIterator[Page]:
    """The front page, on which no script may fail, for who gives the token or for anybody."""
    async with chromium(system, profile) as context:
        page = context.pages[0]
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        fragment = f"#token={system.ready['token']}" if token else ""
        await page.goto(f"{system.ready['control']}/{fragment}")
        yield page


async def slow_down(page: Page, bytes_per_second: int) -> Any:
    """Sends what ``page`` uploads at that pace; ask the answer to go on as it likes."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        },
    )
    return session


def make_video(
    path: Path,
    *,
    seconds: float = 2,
    padding: int = 0,
    seed: int = 0,
    size: str = "192x108",
    rate: int = 24,
) -> Path:
    """A small clip that is quick to encode, made larger by so many bytes that mean nothing.

    Two of another ``seed`` differ in what they show.
    """
    source = f"testsrc2=size={size}:rate={rate}:duration={seconds},hue=h={seed * 37}"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"),
            *("-preset", "ultrafast", "-crf", "34", "-y", str(path)),
        ],
        check=True,
    )
    if padding:
        # A box of the type "free" (ISO/IEC 14496-12 §8.1.2): every player skips it.
        with path.open("ab") as file:
            file.write((padding + 8).to_bytes(4, "big") + b"free" + bytes(padding))
    return path
