"""The options of `nearcast edge` without a file, as the settings that they stand for."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

_ADDRESS = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*):)?([0-9]{1,5})", re.ASCII)
_REQUIRED = {"listen": "--listen", "origin": "--origin", "cache_dir": "--cache-dir"}


def document_of(options: Mapping[str, str | Path]) -> dict[str, Any]:
    """The settings, as a TOML file would tell them.

    Raises:
        UsageError: an option that is needed is missing, or one cannot be read.
    """
    missing = [option for name, option in _REQUIRED.items() if name not in options]
    if missing:
        raise click.UsageError(f"Missing {' and '.join(missing)}.")
    host, port = _address(str(options["listen"]), "--listen")
    listen: dict[str, Any] = {"host": host, "port": port}
    if "tls_cert" in options:
        listen["certificate"] = str(options["tls_cert"])
    if "tls_key" in options:
        if "tls_cert" not in options:
            raise click.UsageError("--tls-key needs --tls-cert.")
        listen["key"] = str(options["tls_key"])
    document: dict[str, Any] = {
        "cache_folder": str(options["cache_dir"]),
        "listen": listen,
        "origin": {"url": str(options["origin"])},
    }
    if "admin" in options:
        admin_host, admin_port = _address(str(options["admin"]), "--admin")
        document["admin"] = {"host": admin_host, "port": admin_port}
    for name in ("memory", "disk"):
        if name in options:
            document[name] = str(options[name])
    if "workers" in options:
        workers = str(options["workers"])
        if not workers.isdigit():
            raise click.UsageError(f"--workers: {workers!r} is no number.")
        document["workers"] = int(workers)
    return document


def _address(text: str, option: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise click.UsageError(f"{option}: {text!r} is not HOST:PORT.")
    return (match[1] or "0.0.0.0").strip("[]"), int(match[2])  # noqa: S104 - as asked for
