"""What Prometheus learns of the service; `api.server` serves it, at an address of its own."""

from __future__ import annotations

from prometheus_client import Gauge, Histogram

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

IN_FLIGHT = Gauge("horad_requests_in_flight", "Requests that are being answered.", multiprocess_mode="livesum")
REQUESTS = Histogram(
    "horad_request_seconds",
    "How long requests took, by method, route and status.",
    ("method", "route", "status"),
    buckets=_BUCKETS_S,
)
