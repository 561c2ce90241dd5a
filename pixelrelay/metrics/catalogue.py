"""All metrics, as data: what is exposed, what the reference lists, and what the dashboard may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BUCKETS = (0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0)
"""Seconds: pictures take from 2 to 120, and a request may wait for a place before."""
STORE_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.125, 0.25, 0.5, 1.0)
"""Seconds: a shared store answers in less than a millisecond. A pick waits for it for 0.25 by default; an alert says
when it takes half of that, so that there is a bound at 0.125."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    """As it is exposed."""
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = BUCKETS
    """Of a histogram."""
    shared: bool = False
    """Whether each of several processes that share a store tells the whole, so that theirs are not to be added up."""


REQUESTS = Metric(
    "pixelrelay_requests_total", "counter", ("group", "operation", "outcome"), "Requests that ended, by how they ended."
)
REQUEST_SECONDS = Metric(
    "pixelrelay_request_seconds",
    "histogram",
    ("group", "operation", "size", "outcome"),
    "Seconds from the call to its end, with all waiting and attempts.",
)
WAIT_SECONDS = Metric(
    "pixelrelay_wait_seconds",
    "histogram",
    ("group", "operation", "size", "outcome"),
    "Seconds in the waiting line, of those requests that had to wait.",
)
WAITING = Metric("pixelrelay_waiting", "gauge", ("group",), "Places taken in the waiting line now, by this process.")
FALLBACKS = Metric(
    "pixelrelay_fallbacks_total",
    "counter",
    ("from", "to", "reason"),
    "Requests that turned from a group to another; the reason is the last failure, or full.",
)
ATTEMPTS = Metric(
    "pixelrelay_attempts_total",
    "counter",
    ("deployment", "outcome", "kind"),
    "Attempts that ended, by how they ended and the kind of failure.",
)
ATTEMPT_SECONDS = Metric(
    "pixelrelay_attempt_seconds",
    "histogram",
    ("deployment", "operation", "size", "outcome"),
    "Seconds of one call, with polls and downloads; abandoned ones are left out.",
)
RETRIES = Metric(
    "pixelrelay_retries_total",
    "counter",
    ("deployment", "reason"),
    "Attempts that followed a failure of the same deployment.",
)
FAILOVERS = Metric(
    "pixelrelay_failovers_total",
    "counter",
    ("from", "to", "reason"),
    "Attempts that followed a failure of another deployment of the group.",
)
COOLDOWNS = Metric(
    "pixelrelay_cooldowns_total", "counter", ("deployment",), "Cooldowns that this process began or prolonged."
)
IMAGES = Metric("pixelrelay_images_total", "counter", ("deployment", "operation"), "Pictures delivered.")
MEGAPIXELS = Metric(
    "pixelrelay_megapixels_total",
    "counter",
    ("deployment", "operation"),
    "Millions of pixels delivered, of pictures whose size the provider or the request named.",
)
COST = Metric("pixelrelay_cost_dollars_total", "counter", ("deployment",), "Dollars for pictures delivered.")
UNDELIVERED = Metric(
    "pixelrelay_undelivered_dollars_total",
    "counter",
    ("deployment",),
    "Dollars known to be billed for attempts that brought no picture.",
)
AT_RISK = Metric(
    "pixelrelay_at_risk_dollars_total",
    "counter",
    ("deployment",),
    "Dollars that failed or abandoned attempts may have cost; nobody knows.",
)
UNPRICED = Metric(
    "pixelrelay_unpriced_attempts_total",
    "counter",
    ("deployment",),
    "Attempts that cost money, or may have, and no price says how much.",
)
INFO = Metric(
    "pixelrelay_deployment_info",
    "gauge",
    ("deployment", "group", "provider", "model", "region"),
    "1 for each deployment of the configuration; to be joined with the others.",
    shared=True,
)
IN_FLIGHT = Metric(
    "pixelrelay_in_flight", "gauge", ("deployment",), "Attempts under way now, as the store knows it.", shared=True
)
COOLDOWN_SECONDS = Metric(
    "pixelrelay_cooldown_seconds",
    "gauge",
    ("deployment",),
    "Seconds until it may be tried again; 0 if it may be now.",
    shared=True,
)
HEALTH = Metric(
    "pixelrelay_deployment_health",
    "gauge",
    ("deployment", "state"),
    "1 for the state it is in, 0 for the others.",
    shared=True,
)
QUOTA_USED = Metric(
    "pixelrelay_quota_used",
    "gauge",
    ("deployment", "pool", "unit"),
    "Used of a quota in the last minute, or at this moment for concurrent.",
    shared=True,
)
QUOTA_LIMIT = Metric(
    "pixelrelay_quota_limit",
    "gauge",
    ("deployment", "pool", "unit"),
    "The quota as it is configured or known.",
    shared=True,
)
QUOTA_LEARNED = Metric(
    "pixelrelay_quota_learned_limit",
    "gauge",
    ("deployment", "pool", "unit"),
    "What is admitted of it now, by what the provider's answers taught.",
    shared=True,
)
BUDGET_USED = Metric(
    "pixelrelay_budget_used_dollars",
    "gauge",
    ("budget",),
    "Dollars that count against a budget now: spent in its window, reserved, or maybe billed.",
    shared=True,
)
BUDGET_LIMIT = Metric(
    "pixelrelay_budget_limit_dollars",
    "gauge",
    ("budget",),
    "Dollars of a budget as it is configured; of one for each user, what each has.",
    shared=True,
)
BUDGET_REFUSALS = Metric(
    "pixelrelay_budget_refusals_total",
    "counter",
    ("budget",),
    "Requests that were given up because a budget had too little left.",
)
STORE_SECONDS = Metric(
    "pixelrelay_store_seconds",
    "histogram",
    ("step",),
    "Seconds of one round trip to the shared store, the failed ones too.",
    STORE_BUCKETS,
)
STORE_ERRORS = Metric(
    "pixelrelay_store_errors_total",
    "counter",
    ("step", "error"),
    "Round trips to the shared store that failed, by what went wrong.",
)
STORE_MODE = Metric(
    "pixelrelay_store_mode",
    "gauge",
    ("mode",),
    "1 for the way in which quotas are counted now, 0 for the others; with several routers, how many count so.",
)
STORE_PROCESSES = Metric(
    "pixelrelay_store_processes",
    "gauge",
    (),
    "Processes that are known to share the quotas, as last told.",
    shared=True,
)

METRICS = (
    REQUESTS,
    REQUEST_SECONDS,
    WAIT_SECONDS,
    WAITING,
    FALLBACKS,
    ATTEMPTS,
    ATTEMPT_SECONDS,
    RETRIES,
    FAILOVERS,
    COOLDOWNS,
    IMAGES,
    MEGAPIXELS,
    COST,
    UNDELIVERED,
    AT_RISK,
    UNPRICED,
    BUDGET_REFUSALS,
    INFO,
    IN_FLIGHT,
    COOLDOWN_SECONDS,
    HEALTH,
    QUOTA_USED,
    QUOTA_LIMIT,
    QUOTA_LEARNED,
    BUDGET_USED,
    BUDGET_LIMIT,
    STORE_SECONDS,
    STORE_ERRORS,
    STORE_MODE,
    STORE_PROCESSES,
)
STATE = (
    INFO,
    IN_FLIGHT,
    COOLDOWN_SECONDS,
    HEALTH,
    QUOTA_USED,
    QUOTA_LIMIT,
    QUOTA_LEARNED,
    BUDGET_USED,
    BUDGET_LIMIT,
)
"""Those that are read when they are asked for; the others are counted from events."""
