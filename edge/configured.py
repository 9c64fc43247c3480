"""The parts of an edge that its settings shape."""

import msgspec

from common.clock import Clock
from common.errors import SettingsInvalid
from common.http.fields import Fields
from edge.fetch.fetches import Fetches
from edge.fetch.origins import Origins
from edge.fetch.pool import Pool
from edge.fetch.upstream import ShieldFinder, Upstream
from edge.fetch.wire import Endpoint
from edge.limit_settings import LimitSettings
from edge.policy.forwarding import went_through
from edge.policy.keys import KeyRules
from edge.policy.limits import ConnectionCounts, RequestRate
from edge.policy.shields import shield_of
from edge.serve.access_log import AccessLog
from edge.serve.tokens import Tokens
from edge.settings import Settings
from edge.store import Cache
from edge.store.tallies import SharedMoments, Tallies


def fetches_of(settings: Settings, cache: Cache, pool: Pool, clock: Clock) -> Fetches:
    """What goes upstream, and how.

    Raises:
        SettingsInvalid: a URL names no server.
    """
    managed = settings.control is not None
    added: list[tuple[str, str]] = []
    if settings.origin.token is not None:
        added.append(("Authorization", f"Bearer {settings.origin.token}"))
    if managed:
        # What is stored is what is served: no transformation on the way.
        added.append(("Accept-Encoding", "identity"))
    endpoints = [_endpoint(origin.url) for origin in (settings.origin, *settings.fallback_origins)]
    upstream = Upstream(
        Origins(pool, endpoints, clock),
        pseudonym=name_of(settings),
        added=tuple(added),
        forward_fields=not managed,
        shield=_shield_finder(settings) if settings.shields else None,
    )
    return Fetches(
        cache,
        upstream,
        clock,
        heuristic=settings.heuristic_freshness,
        negative=settings.negative_lifetime,
    )


def _shield_finder(settings: Settings) -> ShieldFinder:
    others = {shield.edge_id: _endpoint(shield.url) for shield in settings.shields}
    names = sorted({settings.edge_id, *others})

    def find(key: str, fields: Fields) -> Endpoint | None:
        if any(went_through(fields, f"nearcast-{edge}") for edge in others):
            # Another edge asks: this one is the shield.
            return None
        return others.get(shield_of(key, names))

    return find


def access_log_of(settings: Settings) -> AccessLog | None:
    """The access log, if one is wanted."""
    log = settings.access_log
    if log is None:
        return None
    return AccessLog(log.file, log.format, rotate_at=log.rotate_at, keep=log.keep)


def tokens_of(settings: Settings) -> Tokens | None:
    """What checks viewers' tokens, if they need any."""
    keys = {key.key_id: key.secret for key in settings.token_keys}
    return Tokens(keys) if keys else None


def connections_of(settings: Settings, tallies: Tallies | None) -> ConnectionCounts:
    """How many connections there may be; ``tallies`` are those of several processes."""
    limits = settings.limits
    return ConnectionCounts(limits.connections, limits.connections_per_client, tallies)


def limits_of_siblings(settings: Settings) -> LimitSettings:
    """What another worker's connections may cost: it is as slow as its viewers, whom it watches."""
    return msgspec.structs.replace(
        settings.limits, send_bytes_per_second=0, content_bytes_per_second=0
    )


def rate_of(settings: Settings, tallies: Tallies | None) -> RequestRate | None:
    """How often a client may ask, if that is limited; ``tallies`` as for connections."""
    limits = settings.limits
    if limits.requests_per_second is None:
        return None
    moments = None if tallies is None else SharedMoments(tallies)
    return RequestRate(limits.requests_per_second, limits.request_burst, moments)


def rules_of(settings: Settings) -> KeyRules:
    """What is in a cache key."""
    key = settings.key
    return KeyRules(
        counted=None if key.counted_parameters is None else frozenset(key.counted_parameters),
        ignored=frozenset(key.ignored_parameters),
        sort=key.sort_parameters,
        objects_only=settings.control is not None,
    )


def name_of(settings: Settings) -> str:
    """The edge's name in Via and Cache-Status."""
    return f"nearcast-{settings.edge_id}"


def _endpoint(url: str) -> Endpoint:
    try:
        return Endpoint.of(url)
    except ValueError as error:
        raise SettingsInvalid(file="edge", key="url", expected=str(error)) from error
