"""Liveness, readiness and metrics over HTTP, as schedulers and Prometheus ask for them."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from common import metrics

ReadyCheck = Callable[[], Awaitable[dict[str, str]]]
"""Answers what keeps the role from being ready: name to reason; empty when it is ready."""


def add_health_routes(
    application: web.Application,
    registry: CollectorRegistry,
    ready: ReadyCheck,
    *,
    merge: Callable[[str], Awaitable[str]] | None = None,
    away: Callable[[], dict[str, str]] = dict,
) -> None:
    """Adds ``/healthz``, ``/readyz`` and ``/metrics`` to ``application``.

    Args:
        application: to what.
        registry: the process's metrics.
        ready: what keeps the role from being ready.
        merge: makes the metrics of all processes of the role from those of this one.
        away: what is not there while the role does its work without it: name to reason.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        reasons = await ready()
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        if without := away():
            body["away"] = without
        return web.Response(
            status=503 if reasons else 200,
            body=msgspec.json.encode(body),
            content_type="application/json",
        )

    async def show_metrics(_: web.Request) -> web.Response:
        # The collector of the process's own numbers reads files.
        body = await asyncio.to_thread(metrics.render, registry)
        if merge is not None:
            body = (await merge(body.decode())).encode()
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", show_metrics)
