"""What Prometheus learns of the service; `api.serving.server` serves it, at an address of its own."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import Gauge, Histogram

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

IN_FLIGHT = Gauge("horad_requests_in_flight", "Requests that are being answered.", multiprocess_mode="livesum")
REQUESTS = Histogram(
    "horad_request_seconds",
    "How long requests took, by method, route and status.",
    ("method", "route", "status"),
    buckets=_BUCKETS_S,
)


@lru_cache(maxsize=1024)
def of_requests(method: str, route: str, status: int) -> Histogram:
    """Return the part of `REQUESTS` that counts those of a kind."""
    return REQUESTS.labels(method, route, str(status))
