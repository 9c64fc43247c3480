"""Settings: read, refused in one sentence, and shown as an example that explains itself."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from common.errors import SettingsInvalid, SettingsUnreadable
from common.service import CredentialSettings, ListenSettings
from common.settings import ByteSize, example, load


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    listen: Annotated[ListenSettings, msgspec.Meta(description="Where to listen.")]
    folder: Annotated[Path, msgspec.Meta(description="A folder.")] = Path("data")
    other: Annotated[Path | None, msgspec.Meta(description="Another.")] = None
    disk: Annotated[ByteSize, msgspec.Meta(description="Budget.", extra={"unit": "bytes"})] = (
        ByteSize(1024)
    )
    copies: Annotated[int, msgspec.Meta(description="How many.", ge=1, le=9)] = 2
    credentials: Annotated[
        tuple[CredentialSettings, ...], msgspec.Meta(description="Who may ask.")
    ] = ()


CREDENTIAL = """
[listen]
port = 9
[[credentials]]
name = "{name}"
token = "long-enough-token"
roles = ["{role}"]
"""


def loaded(folder: Path, text: str) -> Demo:
    path = folder / "demo.toml"
    path.write_text(text)
    return load(path, Demo)


def test_defaults_stand_where_nothing_is_said(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[listen]\nport = 9")

    assert (settings.copies, settings.disk, settings.listen.host) == (2, 1024, "127.0.0.1")


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path, 'folder = "x"\n[listen]\nport = 9\ncertificate = "/tls/a.pem"')

    assert settings.folder == tmp_path / "x"
    assert settings.listen.certificate == Path("/tls/a.pem")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ('"1"', 1),
        ('"256MiB"', 256 * 1024**2),
        ('"10 GB"', 10**10),
        ('"1.5KiB"', 1536),
        ('"2TiB"', 2 * 1024**4),
        ('"7B"', 7),
    ],
)
def test_sizes(tmp_path: Path, text: str, size: int) -> None:
    assert loaded(tmp_path, f"disk = {text}\n[listen]\nport = 9").disk == size


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "listen: required, and missing."),
        ("[listen]", "listen.port: required, and missing."),
        ("listen = 3", "listen: expected object, got int."),
        ("[listen]\nport = 0", "listen.port: expected int >= 1."),
        ("[listen]\nport = 65536", "listen.port: expected int <= 65535."),
        ('[listen]\nport = "a"', "listen.port: expected int, got str."),
        ("[listen]\nport = 9\nprot = 1", "listen.prot: unknown key; known here are "),
        ("x = 1\n[listen]\nport = 9", "x: unknown key; known here are "),
        ("copies = 10\n[listen]\nport = 9", "copies: expected int <= 9."),
        ("copies = 1.5\n[listen]\nport = 9", "copies: expected int, got float."),
        ('disk = "1XB"\n[listen]\nport = 9', "disk: expected a size such as "),
        ("disk = -1\n[listen]\nport = 9", "disk: expected a size such as "),
        ("disk = true\n[listen]\nport = 9", "disk: expected a size such as "),
        ("folder = 1\n[listen]\nport = 9", "folder: expected Path."),
        ('folder = ""\n[listen]\nport = 9', "folder: expected Path."),
        ("copies = nan\n[listen]\nport = 9", "copies: expected int, got float."),
        ("copies = 1979-05-27\n[listen]\nport = 9", "copies: expected int, got date."),
        ("copies = true\n[listen]\nport = 9", "copies: expected int, got bool."),
        ("copies = [2]\n[listen]\nport = 9", "copies: expected int, got array."),
        ('[listen]\nport = 9\nhost = ""', "listen.host: expected str matching regex "),
        ('[listen]\nport = 9\nhost = "a b"', "listen.host: expected str matching regex "),
        ("credentials = 1\n[listen]\nport = 9", "credentials: expected array, got int."),
        (
            '[listen]\nport = 9\n[[credentials]]\nname = "a"\ntoken = "short"\nroles = ["edge"]',
            "credentials[0].token: expected str of length >= 16.",
        ),
        (
            CREDENTIAL.format(name="a b", role="edge"),
            "credentials[0].name: expected str matching regex ",
        ),
        (
            CREDENTIAL.format(name="a", role="boss"),
            "credentials[0].roles[0]: invalid enum value 'boss', expected one of operator, ",
        ),
        (
            '[listen]\nport = 9\n[[credentials]]\nname = "a"\nsecret = "x"',
            "credentials[0].secret: unknown key; known here are expires_at, name, roles, token.",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_file_and_key(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        loaded(tmp_path, text)

    told = str(caught.value)
    assert told.startswith(f"{tmp_path}/demo.toml: {sentence}")
    assert "\n" not in told
    assert told.endswith(".")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsUnreadable, match="No such file or directory"):
        load(tmp_path / "none.toml", Demo)


@pytest.mark.parametrize("content", [b"x = ", b"\xff\xfe", b"[[a]", b"a = 1\na = 2"])
def test_what_is_no_toml_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)

    with pytest.raises(SettingsUnreadable, match=r"bad\.toml cannot be read as settings: it is no"):
        load(tmp_path / "bad.toml", Demo)


@pytest.mark.parametrize("opening", ["[", "{a="])
def test_endless_nesting_is_told(tmp_path: Path, opening: str) -> None:
    with pytest.raises(SettingsUnreadable, match="nested too deep"):
        loaded(tmp_path, "x = " + opening * 50_000)


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsUnreadable, match="Is a directory"):
        load(tmp_path, Demo)


def test_a_setting_without_a_description_is_a_mistake_of_ours() -> None:
    class Silent(msgspec.Struct, frozen=True):
        port: int

    with pytest.raises(TypeError, match="setting without a description"):
        example(Silent, heading="x")


def test_the_example_tells_unit_default_and_bounds() -> None:
    text = example(Demo, heading="Settings of a demo.")

    assert "# Settings of a demo." in text
    assert '# Budget. Unit: bytes. Default: "1KiB".\n# disk = "1KiB"' in text
    assert "# How many. Bounds: at least 1, at most 9. Default: 2.\n# copies = 2" in text
    assert "# Another. Default: none." in text
    assert "\n[listen]\n" in text
    assert "\nport = 8443\n" in text
    assert "# [[credentials]]" in text


def test_the_example_shows_a_table_of_anything_on_one_line() -> None:
    class Free(msgspec.Struct, frozen=True):
        options: Annotated[dict[str, Any], msgspec.Meta(description="Anything.")] = {}
        more: Annotated[dict[str, Any], msgspec.Meta(description="Things.")] = msgspec.field(
            default_factory=lambda: {"share": 0.5, "name": "x"}
        )

    text = example(Free, heading="x")

    assert "# Anything. Default: {}.\n# options = {}" in text
    assert '# more = {share = 0.5, name = "x"}' in text


def test_the_example_loads_as_it_is(tmp_path: Path) -> None:
    assert loaded(tmp_path, example(Demo, heading="x")).copies == 2
