"""A role's settings: read from TOML, checked, and printed as a commented example.

Settings are frozen msgspec structs. Each field is ``Annotated`` with ``msgspec.Meta``: a
description, bounds, and in ``extra`` its unit and an example. A table of TOML is a struct, an array
of tables a tuple of structs.
"""

import dataclasses
import re
import textwrap
import tomllib
from collections.abc import Iterator
from enum import Enum, EnumMeta
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from common.errors import SettingsInvalid, SettingsUnreadable

T = TypeVar("T", bound=msgspec.Struct)

UNITS: Final = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for suffix, base in (("iB", 1024), ("B", 1000))
}


class ByteSize(int):
    """A number of bytes, in settings a number or text such as ``10GiB`` or ``500MB``."""

    @classmethod
    def parse(cls, value: object) -> "ByteSize":
        """The size that ``value`` tells.

        Raises:
            ValueError: ``value`` is no size.
        """
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        pattern = r"(\d{1,15}(?:\.\d{1,3})?) ?([KMGT]?i?B|)"
        match = re.fullmatch(pattern, value) if isinstance(value, str) else None
        if match is None or match[2] not in UNITS:
            raise ValueError('expected a size such as 1048576, "256MiB" or "10GB"')
        return cls(float(match[1]) * UNITS[match[2]])

    def __str__(self) -> str:
        for letter, power in (("T", 4), ("G", 3), ("M", 2), ("K", 1)):
            if self and self % 1024**power == 0:
                return f"{self // 1024**power}{letter}iB"
        return str(int(self))


def convert_setting(kind: type, value: Any) -> Any:
    """``value`` as a setting of type ``kind``, for msgspec's ``dec_hook``.

    Raises:
        ValueError: it is none.
    """
    if kind is ByteSize:
        return ByteSize.parse(value)
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError(f"expected {kind.__name__}")


def load(path: Path, kind: type[T]) -> T:
    """The settings of type ``kind`` in the TOML file at ``path``.

    Relative paths in it are relative to the folder of the file.

    Raises:
        SettingsUnreadable: the file cannot be read, or is no TOML.
        SettingsInvalid: it has a key that is not known or a value that does not fit; the error
            names file, key and what was expected.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsUnreadable(file=path, reason=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsUnreadable(file=path, reason=f"it is no TOML: {error}") from error
    except RecursionError as error:
        raise SettingsUnreadable(file=path, reason="it is nested too deep") from error
    return _anchored(check(document, kind, source=str(path)), path.absolute().parent)


def check(document: dict[str, Any], kind: type[T], *, source: str) -> T:
    """The settings of type ``kind`` in ``document``, which came from ``source``.

    Raises:
        SettingsInvalid: as ``load``.
    """
    unknown = next(_unknown_keys(document, kind, ""), None)
    if unknown is not None:
        key, known = unknown
        raise SettingsInvalid(
            file=source, key=key, expected=f"unknown key; known here are {', '.join(known)}"
        )
    try:
        return msgspec.convert(document, kind, dec_hook=convert_setting)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `")
        key = place.rstrip("`").removeprefix("$").removeprefix(".") or "settings"
        missing = re.fullmatch(r"Object missing required field `(.+)`", text)
        if missing:
            key = f"{key}.{missing[1]}".removeprefix("settings.")
            text = "required, and missing"
        if text.startswith("Invalid enum value"):
            text += f", expected one of {', '.join(_choices_at(kind, key))}"
        raise SettingsInvalid(
            file=source, key=key, expected=(text[0].lower() + text[1:]).rstrip(".").replace("`", "")
        ) from error


def _choices_at(kind: Any, key: str) -> list[str]:
    """The values of the enumeration at ``key``, such as ``credentials[0].roles[0]``."""
    for name in re.findall(r"[A-Za-z_]\w*", key):
        struct = _struct_within(kind)
        fields = msgspec.structs.fields(struct) if struct else ()
        kind = next((field.type for field in fields if field.encode_name == name), None)
    pending = [kind]
    while pending:
        part = pending.pop()
        if isinstance(part, EnumMeta):
            members: list[Enum] = list(part)
            return [str(member.value) for member in members]
        pending += get_args(part)
    return []


def _unknown_keys(
    document: dict[str, Any], kind: type[msgspec.Struct], place: str
) -> Iterator[tuple[str, list[str]]]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key, value in document.items():
        if key not in fields:
            yield f"{place}{key}", sorted(fields)
            continue
        inner = _struct_within(fields[key].type)
        if inner is None:
            continue
        for number, table in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(table, dict):
                index = f"[{number}]" if isinstance(value, list) else ""
                yield from _unknown_keys(table, inner, f"{place}{key}{index}.")


def _struct_within(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that ``kind`` is, or is an annotated, optional or repeated form of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((found for part in get_args(kind) if (found := _struct_within(part))), None)


def _anchored(settings: T, folder: Path) -> T:
    changes: dict[str, Any] = {}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, Path):
            changes[name] = folder / value
        elif isinstance(value, msgspec.Struct):
            changes[name] = _anchored(value, folder)
        elif isinstance(value, tuple):
            changes[name] = tuple(
                _anchored(item, folder) if isinstance(item, msgspec.Struct) else item
                for item in value
            )
    return msgspec.structs.replace(settings, **changes)


@dataclasses.dataclass(frozen=True)
class _Described:
    """What the example says of one field."""

    name: str
    description: str
    facts: str
    value: Any
    required: bool
    inner: type[msgspec.Struct] | None
    repeated: bool


def example(kind: type[msgspec.Struct], *, heading: str) -> str:
    """A TOML file with every setting of ``kind``: what it is, its unit, default and bounds.

    Settings that have a default stand there as comments; those that need a value stand bare.
    """
    lines = [f"# {line}" for line in textwrap.wrap(heading, 96)] + [""]
    lines += _example_table(kind, "", commented=False)
    return "\n".join(lines).rstrip() + "\n"


def _example_table(kind: type[msgspec.Struct], place: str, *, commented: bool) -> list[str]:
    lines: list[str] = []
    described = list(_describe(kind))
    for field in described:
        if field.inner is not None:
            continue
        lines += [f"# {line}" for line in textwrap.wrap(f"{field.description} {field.facts}", 96)]
        mark = "" if field.required and not commented else "# "
        lines += [f"{mark}{field.name} = {_toml(field.value)}", ""]
    for field in described:
        if field.inner is None:
            continue
        lines += [f"# {line}" for line in textwrap.wrap(field.description, 96)]
        path = f"{place}{field.name}"
        header = f"[[{path}]]" if field.repeated else f"[{path}]"
        optional = commented or not field.required
        lines += [f"# {header}" if optional else header]
        lines += _example_table(field.inner, f"{path}.", commented=optional)
    return lines


def _describe(kind: type[msgspec.Struct]) -> Iterator[_Described]:
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        meta = _meta_of(hints[field.name])
        required = field.required
        default: Any = None
        if field.default is not msgspec.NODEFAULT:
            default = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        facts = _facts(meta, required=required, default=default)
        value = default if default is not None else _sample(meta)
        inner = _struct_within(hints[field.name])
        yield _Described(
            name=field.encode_name,
            description=(meta.description or "").strip(),
            facts=facts,
            value=default if inner is not None else value,
            required=required,
            inner=inner,
            repeated=inner is not None and _is_repeated(hints[field.name]),
        )


def _meta_of(hint: Any) -> msgspec.Meta:
    for part in get_args(hint):
        if isinstance(part, msgspec.Meta) and part.description:
            return part
    raise TypeError(f"setting without a description: {hint}")


def _is_repeated(hint: Any) -> bool:
    return get_origin(hint) is tuple or any(_is_repeated(part) for part in get_args(hint))


def _facts(meta: msgspec.Meta, *, required: bool, default: Any) -> str:
    extra = meta.extra or {}
    facts = [f"Unit: {extra['unit']}."] if "unit" in extra else []
    bounds = [
        f"{word} {bound}"
        for word, bound in (
            ("at least", meta.ge),
            ("more than", meta.gt),
            ("at most", meta.le),
            ("less than", meta.lt),
            ("length at least", meta.min_length),
            ("length at most", meta.max_length),
        )
        if bound is not None
    ]
    if bounds:
        facts.append(f"Bounds: {', '.join(bounds)}.")
    if required:
        facts.append("Required.")
    else:
        facts.append("Default: none." if default is None else f"Default: {_toml(default)}.")
    return " ".join(facts)


def _sample(meta: msgspec.Meta) -> Any:
    examples = (meta.extra or {}).get("example")
    return examples if examples is not None else ""


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case ByteSize():
            return f'"{value}"'
        case int() | float():
            return str(value)
        case tuple() | list():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
        case _:
            text = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{text}"'
