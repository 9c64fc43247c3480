"""Which stored responses a request is about: the cache key (RFC 9111 §2).

The key is scheme, host, path and the query parameters that count. What does not count is not sent
upstream either, so that nothing outside the key can shape what is stored under it.
"""

import re
from dataclasses import dataclass

from common.errors import NearcastError
from common.messages.packages import KEY_PATTERN

LONGEST_OBJECT_PATH = 600
LONGEST_TARGET = 8000
"""Characters; RFC 9110 §4.1 asks for at least 8000."""

_HOST = re.compile(
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._~!$&'()*+,;=%-]{1,253})(?::[0-9]{0,5})?", re.ASCII
)
_TARGET = re.compile(r"/[!-~]*", re.ASCII)
_ABSOLUTE = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.ASCII | re.IGNORECASE)


class HostInvalid(NearcastError):
    """The request names no host, or one that cannot be."""

    status = 400


class TargetInvalid(NearcastError):
    """The request's target is not a path, an absolute URL or an asterisk."""

    status = 400


class TargetTooLong(NearcastError):
    """The request's target is longer than 8000 characters."""

    status = 414


class PathInvalid(NearcastError):
    """The path is no path of an object: it has characters or segments that no object has."""

    status = 400


class PathUnknown(NearcastError):
    """Nothing is served here but the objects under /v/."""

    status = 404


@dataclass(frozen=True, slots=True)
class KeyRules:
    """Which parts of a query count."""

    counted: frozenset[str] | None = None
    """Names of the only parameters that count; None when all but the ignored ones do."""
    ignored: frozenset[str] = frozenset({"CMCD", "token"})
    """Names of parameters that never count: CMCD (CTA-5004 §2.2), and tokens."""
    sort: bool = False
    """Whether the order of parameters means nothing."""
    objects_only: bool = False
    """Whether only objects of packages are served: by their paths alone, whatever the query."""

    def target(self, target: str) -> str:
        """``target`` (origin-form), less what does not count.

        Raises:
            PathInvalid: with ``objects_only``, it is no object's path.
            PathUnknown: with ``objects_only``, it is not below ``/v/``.
        """
        path, question, query = target.partition("?")
        if self.objects_only:
            _check_object_path(path)
            return path
        if not question:
            return target
        kept = [part for part in query.split("&") if self._counts(part)]
        if self.sort:
            kept.sort()
        # "/x?" and "/x" are different targets, so a bare question mark stays.
        return f"{path}?{'&'.join(kept)}" if kept or not query else path

    def key(self, scheme: str, host: str, target: str) -> str:
        """The cache key of a target whose query has only what counts."""
        return target.removeprefix("/") if self.objects_only else f"{scheme}://{host}{target}"

    def uncounted(self) -> re.Pattern[bytes]:
        """What matches queries of which, at a glance, nothing counts."""
        if self.objects_only:
            return re.compile(rb"[!-~]*")
        names = b"|".join(re.escape(name.encode()) for name in sorted(self.ignored))
        # One parameter: an ampersand begins another one.
        return re.compile(rb"(?:%s)=[!-%%'-~]*" % names if self.ignored else rb"(?!)")

    def _counts(self, parameter: str) -> bool:
        name = parameter.partition("=")[0]
        if name in self.ignored:
            return False
        return self.counted is None or name in self.counted


def read_target(raw: str, host: str | None) -> tuple[str | None, str]:
    """Host and origin-form target of a request line (RFC 9112 §3.2).

    Args:
        raw: the request-target as it came.
        host: the Host field.

    Returns:
        The host, from an absolute-form target when there is one, which outranks Host (§3.2.2); and
        the target, ``*`` for an asterisk-form.

    Raises:
        TargetInvalid, TargetTooLong: the target is none of that.
    """
    if len(raw) > LONGEST_TARGET:
        raise TargetTooLong
    target = raw
    if not raw.startswith("/") and raw != "*":
        match = _ABSOLUTE.fullmatch(raw)
        if match is None or not match[2] or "@" in match[2]:
            raise TargetInvalid
        host = match[2]
        target = match[3] if match[3].startswith("/") else f"/{match[3]}"
    target = target.partition("#")[0]
    if target != "*" and _TARGET.fullmatch(target) is None:
        raise TargetInvalid
    return host, target


def normalised_host(host: str | None, scheme: str) -> str:
    """The host in the form that the key has: lower case, without the scheme's default port.

    Raises:
        HostInvalid: it is missing or breaks the grammar of RFC 3986 §3.2.2.
    """
    if not host or _HOST.fullmatch(host) is None:
        raise HostInvalid
    # A colon without a port means the scheme's default one (RFC 3986 §6.2.3).
    return host.lower().removesuffix(":").removesuffix(":443" if scheme == "https" else ":80")


def _check_object_path(path: str) -> None:
    """Refuses what no object needs: each is a way to say one thing and mean another."""
    if len(path) > LONGEST_OBJECT_PATH or not path.startswith("/"):
        raise PathInvalid
    if path != "/" and KEY_PATTERN.match(path[1:]) is None:
        raise PathInvalid
    if not path.startswith("/v/") or path.count("/") < 4:
        raise PathUnknown
