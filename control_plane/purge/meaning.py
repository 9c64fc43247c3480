"""What a request to purge means to edges. Pure."""

import re
from typing import Final
from urllib.parse import urlsplit

from common.errors import NearcastError
from common.messages import PurgeRequest, PurgeScope
from common.messages.packages import KEY_PATTERN, version_prefix

LONGEST_PATH: Final = 600
"""Characters of a path that an edge serves."""

_PREFIX = re.compile(r"v/(?!(?:.*/)?\.{1,2}/)(?:[A-Za-z0-9._-]+/)*[A-Za-z0-9._-]*\Z")
_SURROGATE_KEY = re.compile(r"[!-~]{1,1024}\Z")


class PurgeUnclear(NearcastError):
    """Name exactly one of asset_id, url, prefix, surrogate_key and everything."""

    status = 422


class VersionAlone(NearcastError):
    """A version is one of an asset: name asset_id with it."""

    status = 422


class UrlMeaningless(NearcastError):
    """No edge has an object at {url!r}: name its URL, or its path, which begins with /v/."""

    status = 422


class PrefixMeaningless(NearcastError):
    """No path on an edge begins with {prefix!r}: they begin with /v/, have names of A-Z, a-z, 0-9,
    dots, underscores and hyphens, and 600 characters at most."""

    status = 422


class SurrogateKeyMeaningless(NearcastError):
    """{key!r} is no surrogate key: those are ASCII without spaces, 1024 characters at most."""

    status = 422


def meaning_of(asked: PurgeRequest) -> tuple[PurgeScope, str]:
    """What edges are told to purge.

    Raises:
        PurgeUnclear: it names nothing, or several things.
        VersionAlone: it names a version without its asset.
        UrlMeaningless: its URL is that of no object.
        PrefixMeaningless: no object's path can begin so.
        SurrogateKeyMeaningless: no object can carry its surrogate key.
    """
    given = (asked.asset_id, asked.url, asked.prefix, asked.surrogate_key, asked.everything or None)
    if sum(one is not None for one in given) != 1:
        raise PurgeUnclear
    if asked.version is not None and asked.asset_id is None:
        raise VersionAlone
    if asked.asset_id is not None:
        if asked.version is not None:
            return PurgeScope.PREFIX, version_prefix(asked.asset_id, asked.version)
        return PurgeScope.PREFIX, f"v/{asked.asset_id}/"
    if asked.url is not None:
        return PurgeScope.URL, _object_at(asked.url)
    if asked.prefix is not None:
        return PurgeScope.PREFIX, _prefix(asked.prefix)
    if asked.surrogate_key is not None:
        if _SURROGATE_KEY.match(asked.surrogate_key) is None:
            raise SurrogateKeyMeaningless(key=asked.surrogate_key[:64])
        return PurgeScope.TAG, asked.surrogate_key
    return PurgeScope.EVERYTHING, ""


def _object_at(url: str) -> str:
    """The key of the object that edges serve at ``url``: its path, without token and query."""
    path = _path(url, UrlMeaningless(url=url[:128]))
    if KEY_PATTERN.match(path) is None or not path.startswith("v/") or path.count("/") < 3:
        raise UrlMeaningless(url=url[:128])
    return path


def _prefix(told: str) -> str:
    path = _path(told, PrefixMeaningless(prefix=told[:128]))
    if _PREFIX.match(path) is None:
        raise PrefixMeaningless(prefix=told[:128])
    return path


def _path(told: str, otherwise: NearcastError) -> str:
    """The path of a URL, or of a path, as edges see it: without leading slash, token and query."""
    if "://" in told:
        try:
            parts = urlsplit(told)
        except ValueError:
            raise otherwise from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise otherwise
        path = parts.path
    else:
        path = told.partition("#")[0].partition("?")[0]
    path = path.removeprefix("/")
    if path.startswith("t/"):
        path = path.split("/", 2)[-1]
    if len(path) > LONGEST_PATH:
        raise otherwise
    return path
