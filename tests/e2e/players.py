"""Players that are programs."""

import os
import subprocess
from pathlib import Path


def decode(ffmpeg: str, url: str, ca: Path) -> tuple[str, dict[str, str]]:
    """What a decoder complains of, and the last report of its progress."""
    done = subprocess.run(
        [
            ffmpeg,
            *("-nostdin", "-v", "warning", "-ca_file", str(ca), "-tls_verify", "1"),
            *("-i", url, "-f", "null", "-progress", "pipe:1", "-nostats", "-"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "SSL_CERT_FILE": str(ca)},
    )
    report = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert done.returncode == 0, done.stderr
    return done.stderr, report
