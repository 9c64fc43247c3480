"""The rules of the house that a program can check."""

import ast
import re
import subprocess
import sys
import tomllib
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


SOMEBODYS_FOLDER = re.compile(r"(?<![\w.{}])/(?:home|Users)/[a-z]+/|(?<![\w.{}])/[r]oot/")
SILENCED = re.compile(r"# (?:noqa: [A-Z0-9, ]*[0-9]|type: ignore\[[a-z-]+\])")
PURE = (
    "common.http",
    "common.hls",
    "common.messages",
    "common.signing",
    "edge.policy",
    "ingest.plan",
    "control_plane.placement",
    "control_plane.health",
    "control_plane.routing",
    "control_plane.steering",
)
"""Where decisions are made; some of them are still to be built."""


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


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_every_folder_of_code_is_a_package(package: str) -> None:
    folders = {path.parent for path in tracked() if path.suffix == ".py"}
    inside = {path for path in folders if path.relative_to(ROOT).parts[:1] == (package,)}

    assert inside
    for folder in inside:
        assert (folder / "__init__.py").is_file(), folder


@pytest.mark.parametrize("name", ["LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_the_house_has_its_papers(name: str) -> None:
    assert (ROOT / name).stat().st_size > 500


def test_what_silences_a_checker_says_why() -> None:
    for path in modules():
        for line in path.read_text().splitlines():
            for silenced in SILENCED.finditer(line):
                assert re.search(r"[a-z]{3}", line[silenced.end() :]), f"{named(path)}: {line}"


def test_every_pure_package_is_held_to_it() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    held = {
        name
        for contract in contracts
        if "asyncio" in contract.get("forbidden_modules", ())
        for name in contract["source_modules"]
    }

    paths = {name: ROOT / name.replace(".", "/") for name in PURE}
    built = {
        name for name, path in paths.items() if path.is_dir() or path.with_suffix(".py").is_file()
    }

    assert len(built) >= 7
    assert held >= built


@pytest.mark.parametrize("entry", ROLES.values(), ids=lambda entry: entry.name)
def test_every_setting_tells_what_it_is(entry: RoleEntry) -> None:
    lines = example_config(entry.name).splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"(# )?[a-z_0-9]+ = ", line)]

    assert len(keys) >= 5
    for number in keys:
        assert re.match(r"# \S.*", lines[number - 1]), lines[number]


def test_commits_run_the_same_gates_as_make() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    commands = re.findall(r"\$\(BIN\)/(.+)", recipe)
    hooks = re.findall(r"entry: \.venv/bin/(.+)", (ROOT / ".pre-commit-config.yaml").read_text())

    assert [command.removesuffix(" .") for command in commands] == hooks


def test_no_file_names_a_registry_or_somebodys_machine() -> None:
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        assert not REGISTRY_HOSTS.search(text), path
        assert not SOMEBODYS_FOLDER.search(text), path
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
