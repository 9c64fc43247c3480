"""The text of a cue, brought to what WebVTT allows (W3C WebVTT §4.2.2). Pure.

Whatever is in the text, what comes out has only WebVTT's own tags, each closed, and everything else
escaped: a page that shows it runs nothing of it. Time goes with the length of the text.
"""

import html
import re
from typing import Final

PLAIN: Final = frozenset({"b", "i", "u", "c", "ruby", "rt"})
ANNOTATED: Final = frozenset({"v", "lang"})
"""Tags with words of their own: who speaks, and which language it is in."""

DEEPEST: Final = 16
"""Tags within each other; more are dropped."""
LONGEST_ANNOTATION: Final = 200
"""Characters."""

TAG: Final = re.compile(r"<(/?)([A-Za-z!?]?)([^<>]*)>")
"""Anything in angle brackets that begins as a tag may; a bracket alone is a character."""
NAME: Final = re.compile(
    r"([A-Za-z]+)((?:\.[A-Za-z0-9_-]{0,63}[A-Za-z0-9_]){0,8})[^\s]*\s*(.*)", re.DOTALL
)
TIME: Final = re.compile(r"[0-9:.]+")
REFERENCE: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
OVERRIDE: Final = re.compile(r"\{\\[^{}]*\}")
"""How ASS places text; SRT files often have it too."""
CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ufeff]")


def cleaned(text: str, *, overrides: bool = False) -> str:
    """``text`` as WebVTT allows it, without empty lines; empty where nothing is left.

    ``overrides`` says that braces may hold commands, which are dropped.
    """
    if overrides:
        text = OVERRIDE.sub("", text)
    out: list[str] = []
    nest: list[str] = []
    place = 0
    for tag in TAG.finditer(text):
        if not _is_tag(tag):
            continue
        out.append(_escaped(text[place : tag.start()]))
        out.append(_closed(tag, nest) if tag[1] else _opened(tag, nest))
        place = tag.end()
    out.append(_escaped(text[place:]))
    out.extend(f"</{name}>" for name in reversed(nest))
    lines = [line.strip() for line in "".join(out).split("\n")]
    return "\n".join(line for line in lines if line) if _says_something(lines) else ""


def _is_tag(found: re.Match[str]) -> bool:
    return bool(found[1] or found[2] or TIME.fullmatch(found[3]))


def _opened(tag: re.Match[str], nest: list[str]) -> str:
    parts = NAME.fullmatch(tag[2] + tag[3])
    if parts is None or len(nest) >= DEEPEST:
        return ""
    name, classes, annotation = parts[1].lower(), parts[2], parts[3]
    if name not in PLAIN | ANNOTATED or (name == "rt") != (nest[-1:] == ["ruby"]):
        return ""
    nest.append(name)
    words = " ".join(annotation.split())[:LONGEST_ANNOTATION] if name in ANNOTATED else ""
    # With the bracket that closes the tag, dashes would make an arrow.
    words = words.rstrip("- ")
    return f"<{name}{classes}{' ' if words else ''}{_escaped(words)}>"


def _closed(tag: re.Match[str], nest: list[str]) -> str:
    name = (tag[2] + tag[3]).strip().lower()
    if name == "ruby" and nest[-2:] == ["ruby", "rt"]:
        nest.pop()
        return "</rt>" + _closed(tag, nest)
    if nest[-1:] != [name]:
        return ""
    nest.pop()
    return f"</{name}>"


def _escaped(text: str) -> str:
    text = REFERENCE.sub(lambda found: html.unescape(found[0]).replace("\n", " "), text)
    text = CONTROL.sub("", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _says_something(lines: list[str]) -> bool:
    return any(TAG.sub("", line).strip() for line in lines)
