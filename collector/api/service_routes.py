"""Routes for operators: a health check, and metrics for Prometheus."""

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from collector.api.access import Needs
from collector.api.context import Context
from collector.api.metrics import KIND, Metrics
from collector.api.models import Health
from collector.queries.devices import devices_in


def routes(context: Context, metrics: Metrics) -> APIRouter:
    """Both."""
    router = APIRouter(tags=["service"])

    @router.get("/healthz")
    async def healthz() -> Health:
        """Whether we answer."""
        return Health(ok=True, failing=len(context.faults.now))

    @router.get(
        "/metrics",
        dependencies=[Depends(Needs(context, "read"))],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def prometheus() -> Response:
        """For Prometheus: of the intake, the devices and the API."""
        states = await context.pool.read(lambda reading: devices_in(reading, now_ms=context.clock.real_ms()))
        return Response(metrics.page(states), media_type=KIND)

    return router
