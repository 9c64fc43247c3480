"""The rules of the house that a program can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common import settings
from deploy.roles import ROLES, RoleEntry, example_config

ROOT = Path(__file__).parents[2]
PACKAGES = ("common", "origin", "edge", "ingest", "control_plane", "deploy")
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60

# Written so that this file does not name them either.
REGISTRY_HOSTS = re.compile(r"pypi[.]org|python[h]osted|registry[.]npmjs|deb[.]debian")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules() -> list[Path]:
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [path for path in found if "node_modules" not in path.parts]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_run_one_way_and_decisions_are_pure() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", modules(), ids=named)
def test_a_module_is_one_idea(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)

    assert len(text.splitlines()) <= LONGEST_MODULE
    assert ast.get_docstring(tree), "its docstring tells which"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


def test_no_file_names_a_registry_or_somebodys_machine() -> None:
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        assert not REGISTRY_HOSTS.search(text), path
        assert str(ROOT) not in text, path
        assert f"{Path.home()}/" not in text, path


@pytest.mark.parametrize("name", ["requirements/runtime.txt", "requirements/test.txt"])
def test_every_dependency_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    pins = [line for line in text.splitlines() if re.match(r"^[A-Za-z0-9]", line)]

    assert pins
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert "--index-url" not in text


@pytest.mark.parametrize("entry", ROLES.values(), ids=lambda entry: entry.name)
def test_the_example_of_a_roles_settings_is_valid_once_filled_in(
    entry: RoleEntry, tmp_path: Path
) -> None:
    text = example_config(entry.name)
    # What an operator must choose between several is left open in the example.
    text = text.replace("[store]\n", "[store]\nfolder = 'objects'\n", 1)
    text = text.replace("[database]\n", "[database]\nsqlite = 'nearcast.sqlite'\n", 1)
    path = tmp_path / f"{entry.name}.toml"
    path.write_text(text)

    loaded = settings.load(path, entry.settings_type())

    assert loaded.log_level == "info"  # type: ignore[attr-defined]  # every role's settings have it
