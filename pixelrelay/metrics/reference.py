"""The reference of metrics, made from the catalogue: ``python -m pixelrelay.metrics.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from pixelrelay.metrics import catalogue, labels
from pixelrelay.outcomes import FailureKind
from pixelrelay.quotas import Unit
from pixelrelay.router.latency import CLASSES
from pixelrelay.store.base import Probation

HEAD = """\
# Metrics, logs and traces

<!-- Made by `python -m pixelrelay.metrics.reference > docs/metrics.md`; change the code, not this file. -->

Observers listen to what a router does; it does not know them. Any callable that takes an event (`pixelrelay.events`)
is one. Three are ready:

```python
from pixelrelay import Router
from pixelrelay.metrics import OpenTelemetryObserver, PrometheusObserver, log_attempts

router = Router.from_config("relay.yaml")
router.observe(PrometheusObserver(router))  # pip install 'pixelrelay[metrics]'
router.observe(OpenTelemetryObserver())  # pip install 'pixelrelay[otel]'
router.observe(log_attempts())
```

## Prometheus

Scrape as with any other use of prometheus-client: `prometheus_client.start_http_server(9000)`, or `generate_latest()`
in a handler of your own. A dashboard for Grafana and rules for alerts stand in `docs/grafana/`. With
`PROMETHEUS_DISABLE_CREATED_SERIES=true` in the environment, prometheus-client leaves out when each series began, and
the answer is much shorter.

"""

TAIL = """
A wait is one stay in the line: a request that falls back may wait twice, and one that found a place at once is not
counted among the waits. Cost is delivered, undelivered or at risk, and each dollar stands in one of the three. It is
known where the provider says it or has a [price](prices.md); `pixelrelay_unpriced_attempts_total` counts the others.
Arguments that no provider would take are refused before a request begins, and are not counted. Megapixel quotas are
told in megapixels. Quotas that nothing has claimed yet are told as unused.

What counts against a budget of each user is told of nobody; its size is. `pixelrelay_budget_used_dollars` is as the
store last told: a process that is idle hears of what the others spend some seconds later. Refusals by what a caller may
spend (`limits=`) are counted under `{another}`.

### Labels come from the configuration

Whatever callers send, the number of series is bounded by the deployments and groups of the configuration: tags, users
and prompts never label, and a model that the configuration does not have is counted under `{unknown}`. A caller may
name a deployment in the place of a group; its name then stands as the group. Failovers are counted for each pair of
deployments in groups of up to {few}; in larger ones `to` is `{another}`.

### Several routers, several processes

Routers of one process may share a registry. What they count adds up; in the gauges each tells its own deployments, and
of two that have a deployment of the same name the latest does. Who wants them apart gives each a registry of its own:
`PrometheusObserver(router, registry=CollectorRegistry())`.

With several processes behind one address, use prometheus-client's multi-process mode (`PROMETHEUS_MULTIPROC_DIR`) and
scrape `generate_latest(observer.exposed)` in any of them. What is counted adds up, and so do `pixelrelay_waiting` and
`pixelrelay_store_mode`, over the processes that live; `pixelrelay_store_processes` is what the latest of them told. The
gauges of quotas, attempts under way and health are those of the process that answers, which with a shared store is what
all of them see; with a store in each process's memory it is that process's share alone. Tell prometheus-client of
workers that die (`multiprocess.mark_process_dead(pid)`), so that their waiting requests and their mode are forgotten.
`pixelrelay serve --workers N` does all this by itself.

Processes that share a store and are scraped apart each tell the whole of the metrics marked `max` in the table:
take the largest of them (`max by (deployment, pool, unit) (pixelrelay_quota_used)`), never their sum. The others are
each process's own, and are added up (`sum by (group) (pixelrelay_waiting)`). With stores in memory it is the other way
round for what is used and under way: each process tells its share, and the sum is the whole.

`router.state()` is read in the router's own event loop, wherever the scrape comes from. Before the first request of a
router made outside any loop, and after its loop has ended, only the configuration is told.

### A shared store

A router with its store in memory tells nothing of a store: `pixelrelay_store_mode` and `pixelrelay_store_processes` are
absent, and no round trip is counted. A shared one is told of from the first request on, so give the router its observer
before. `pixelrelay_store_mode` is 1 for the present mode and 0 for the others: all but `shared` mean that the store is
away, and are called as in `on_store_loss`. Added up over processes it says how many are in each, so that a process that
is cut off by itself can be told from a store that is lost.

`pixelrelay_store_processes` is told with each change of mode, so a process may not have heard of those that came after
it: take the largest.

What other processes do shows in a process's gauges with the next answer of the store, some seconds later if it is idle.

While the store is away, each process tells of quotas what it goes by itself: as used what it has counted, as the
learned limit its own portion. The largest is then no longer the whole.

A request that is served waits for `reserve`, and the first of a process for `join`; the other steps are taken beside
it. A step or an error that is not in the table is called `{other}`.

### After a reload

Deployments that a reload adds are there at once in the gauges, and in the counters from the next request on. Counters
of deployments that are gone stay until the process ends, as Prometheus expects of counters.

## Logs

`log_attempts(logger=None)` writes one line for each attempt to `logging.getLogger("pixelrelay.attempts")`: at `INFO`,
or at `WARNING` where it failed; and one for each request at `DEBUG`. The fields are attributes of the record, as
`extra` puts them there, so that JSON formatters find them, and structlog with its `ExtraAdder`: `request_id`, `attempt`
(its number), `group`, `deployment`, `provider`, `operation`, `size`, `outcome`, `duration_seconds`, `waited_seconds`,
`images`, `cost_dollars`, `at_risk_dollars`, and of a failure `failure`, `charge`, `status`, `code`,
`retry_after_seconds`, `provider_request_id`, `job`. No prompt, key or picture is logged, nor what a provider said in
its own words, since some repeat the prompt. The line of a request that was served has `degraded`: whether the shared
store was away meanwhile. That it was lost or found again is logged by the store itself, under `pixelrelay`.

## Traces

`OpenTelemetryObserver(tracer_provider=None)` makes a span of each request, in the span that its caller is in, and in it
one for each wait and each attempt. Where the provider accepts a job, its attempt has a span `poll …` in it, from then
until the picture is drawn; where the picture is fetched from an address, it has a span `download …`, from then until
the picture is there. The one under way when an attempt fails ends with it, and names the failure. Answers that hold the
picture itself have neither. An attempt's phases (`sent`, `accepted`, `drawn`, `delivered`) are events of its span, a
fallback is one of the request's. Names and attributes follow the semantic conventions for generative AI
(`gen_ai.operation.name`, `gen_ai.provider.name`, `gen_ai.request.model`, `gen_ai.usage.*`, `error.type`); the rest
begins with `pixelrelay.`. A request's `gen_ai.request.model` is the group that was asked for, an attempt's is the
provider's name of the model. Tokens stand on the request alone, so that sums do not count them twice. A request's
`pixelrelay.degraded` says whether the shared store was away meanwhile.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    words = {"unknown": labels.UNKNOWN, "another": labels.ANOTHER, "other": labels.OTHER}
    tail = TAIL.format(few=labels.FEW, **words)
    return HEAD + "\n".join([*_metrics(), "", *_label_values()]) + "\n" + tail


def _metrics() -> Iterable[str]:
    yield "| metric | type | labels | of processes | |"
    yield "|---|---|---|---|---|"
    for metric in catalogue.METRICS:
        names = ", ".join(f"`{name}`" for name in metric.labels)
        over = "max" if metric.shared else "sum"
        yield f"| `{metric.name}` | {metric.kind} | {names} | {over} | {metric.help} |"


def _label_values() -> Iterable[str]:
    bounds = ", ".join(f"{limit / 1e6:g}" for limit in CLASSES)
    buckets, of_store = (
        ", ".join(f"{bound:g}" for bound in bounds) for bounds in (catalogue.BUCKETS, catalogue.STORE_BUCKETS)
    )
    yield "| label | values |"
    yield "|---|---|"
    yield f"| `outcome` of requests | {_listed(labels.OUTCOMES)} |"
    yield f"| `outcome` of their seconds | {_listed([labels.SERVED, labels.FAILED])} |"
    yield f"| `outcome` of waits | {_listed([labels.SERVED, labels.GIVEN_UP])} |"
    yield f"| `outcome` of attempts | {_listed([labels.SERVED, labels.FAILED, labels.ABANDONED])} |"
    yield f"| `kind`, `reason` | {_listed(kind.value for kind in FailureKind)}; a fallback's also `full` |"
    yield f"| `size` | {_listed(labels.SIZES)}: up to {bounds} megapixels, and above; `{labels.UNSET}` if left open |"
    yield f"| `state` | {_listed(state.value for state in Probation)} |"
    yield f"| `unit` | {_listed(unit.value for unit in Unit if unit is not Unit.DOLLARS)} |"
    yield f"| `step` of the store | {_listed(labels.STEPS)} |"
    yield f"| `error` of the store | {_listed(labels.STORE_ERRORS)} |"
    yield f"| `mode` of the store | {_listed(labels.MODES)} |"
    yield f"| `le` | {buckets} seconds |"
    yield f"| `le` of the store | {of_store} seconds |"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    sys.stdout.write(reference())
