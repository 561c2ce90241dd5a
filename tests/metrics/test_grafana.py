"""The dashboard and the alerts ask for what is exposed, and for nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from prometheus_client import CollectorRegistry

from pixelrelay.events import StoreAsked, StoreModeChanged
from pixelrelay.metrics import PrometheusObserver, catalogue
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, VirtualLoop
from tests.metrics.fleets import always, asked, flux, routed, series

GRAFANA = Path(__file__).parents[2] / "docs" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "pixelrelay.json").read_text("utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((GRAFANA / "alerts.yaml").read_text("utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [
    (f"{panel['title']}: {t['refId']}", t["expr"], t["legendFormat"]) for panel in PANELS for t in panel["targets"]
]
QUERIES = [(name, expr) for name, expr, _ in TARGETS] + [(rule["alert"], rule["expr"]) for rule in RULES]

SELECTOR = re.compile(r"(pixelrelay_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPED = re.compile(r"\bby \(([^)]*)\)")

Exposed = dict[str, dict[str, set[str]]]


async def _a_rough_hour(registry: CollectorRegistry) -> Exposed:
    """All that can be told of a fleet that waits, fails, falls back, gives up, has pool and budget, loses its store."""
    fleet = Fleet(
        flux("eastus", always(FaultKind.UNAVAILABLE, times=2), concurrent=1),
        flux("sweden", Fault(FaultKind.RESET_BEFORE_ANSWER, requests=(1,)), requests_per_minute=6),
        EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", concurrent=2),
    )
    entries = [
        {**entry, "order": order, "pools": ["contoso"]} for order, entry in enumerate(fleet.entries("eastus", "sweden"))
    ]
    groups = {
        "flux": {"strategy": "ordered", "deployments": entries, "fallbacks": ["flux-bfl"]},
        "flux-bfl": {"deployments": fleet.entries("bfl")},
    }
    budgets = {"daily": {"dollars": 1000, "window": "day", "unpriced": "allow"}}
    router = routed(fleet, {"models": groups, "pools": {"contoso": {"images_per_minute": 20}}, "budgets": budgets})
    observer = PrometheusObserver(router, registry)
    router.observe(observer)
    observer(StoreModeChanged("shared", "found", 3))
    observer(StoreAsked("reserve", 0.25, "timeout"))
    observer(StoreModeChanged("share", "timeout", 3))
    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(_asked_for, router, number)
            await anyio.sleep(1)
    exposed: Exposed = defaultdict(lambda: defaultdict(set))
    for name, labels in series(registry):
        of_metric = exposed[name]
        for label, value in labels:
            of_metric[label].add(value)
    return exposed


async def _asked_for(router: Any, number: int) -> None:
    with anyio.move_on_after(20 if number % 5 else 2):  # some leave early, some of them in the line
        await asked(router, timeout=60)


@cache
def exposed() -> Exposed:
    return anyio.run(_a_rough_hour, CollectorRegistry(), backend_options={"loop_factory": VirtualLoop})


def metrics_of(expr: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    for name, matchers in SELECTOR.findall(expr):
        yield name, MATCHER.findall(matchers)


def grouped_by(expr: str) -> set[str]:
    return {label.strip() for labels in GROUPED.findall(expr) for label in labels.split(",")}


def labels_of(expr: str) -> set[str]:
    return {label for name, _ in metrics_of(expr) for label in exposed()[name]}


def test_the_short_run_exposes_every_metric_there_is() -> None:
    found = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed()}

    assert found == {metric.name for metric in catalogue.METRICS}


@pytest.mark.parametrize(("name", "expr"), QUERIES, ids=[name for name, _ in QUERIES])
def test_a_query_asks_for_metrics_labels_and_values_that_are_exposed(name: str, expr: str) -> None:
    assert list(metrics_of(expr)), name
    for metric, matchers in metrics_of(expr):
        assert metric in exposed(), metric
        for label, _, wanted in matchers:
            assert label in exposed()[metric], f"{metric} has no label {label}"
            if "$" not in wanted:
                assert set(wanted.split("|")) <= exposed()[metric][label], f"{metric}: {label}={wanted}"
    assert grouped_by(expr) <= labels_of(expr)


@pytest.mark.parametrize(("name", "expr"), QUERIES, ids=[name for name, _ in QUERIES])
def test_what_each_process_tells_of_all_is_never_added_up(name: str, expr: str) -> None:
    for metric in catalogue.METRICS:
        for found in re.finditer(rf"{metric.name}\b", expr):
            before = expr[: found.start()]
            if metric.shared:
                assert re.search(r"\b(max|min)( by \([^)]*\) )?\($", before), f"{name}: {metric.name}"
            elif metric.kind == "gauge":
                assert re.search(r"\bsum( by \([^)]*\) )?\($", before), f"{name}: {metric.name}"


@pytest.mark.parametrize(("name", "expr", "legend"), TARGETS, ids=[name for name, _, _ in TARGETS])
def test_a_legend_names_only_labels_that_its_query_keeps(name: str, expr: str, legend: str) -> None:
    assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= grouped_by(expr), name


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_is_wrong_with_labels_that_its_query_keeps(rule: dict[str, Any]) -> None:
    said = " ".join(rule["annotations"].values())

    assert set(re.findall(r"\$labels\.(\w+)", said)) <= grouped_by(rule["expr"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"].keys() == {"summary", "description"}


def test_the_dashboard_has_its_rows_and_no_panel_lies_upon_another() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    taken: set[tuple[int, int]] = set()

    assert rows == ["Fleet", "Money", "Quotas", "Latency", "Trouble"]
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        area = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not area & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= area
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_variable_that_a_query_names_is_one_of_the_dashboard() -> None:
    known = {variable["name"] for variable in DASHBOARD["templating"]["list"]} | {"__rate_interval", "__range"}

    for name, expr, _ in TARGETS:
        assert set(re.findall(r"\$(\w+)", expr)) <= known, name
    for variable in DASHBOARD["templating"]["list"]:
        if asked_for := re.match(r"label_values\((\w+), (\w+)\)", variable.get("definition", "")):
            assert asked_for[2] in exposed()[asked_for[1]]


# --- by Prometheus's own tool --------------------------------------------------------------------------------------


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI"):
        pytest.fail("promtool is missing: apt-get install prometheus")
    if found is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    return found


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_prometheus_takes_the_alerts(promtool: str) -> None:
    run(promtool, "check", "rules", str(GRAFANA / "alerts.yaml"))


@pytest.mark.slow
def test_prometheus_takes_the_queries_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    def filled(expr: str) -> str:
        return re.sub(r"\$(group|deployment|operation)\b", ".*", re.sub(r"\$__\w+", "5m", expr))

    rules = [{"record": f"panel:{number}", "expr": filled(expr)} for number, (_, expr, _) in enumerate(TARGETS)]
    written = tmp_path / "panels.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")

    run(promtool, "check", "rules", str(written))


@pytest.mark.slow
def test_alerts_fire_when_they_should_and_stay_quiet_when_all_is_well(promtool: str, tmp_path: Path) -> None:
    scenes = yaml.safe_load((Path(__file__).parent / "alert_scenes.yaml").read_text("utf-8"))
    written = tmp_path / "scenes.yaml"
    written.write_text(yaml.safe_dump({**scenes, "rule_files": [str(GRAFANA / "alerts.yaml")]}), "utf-8")
    fired = {test["alertname"] for scene in scenes["tests"] for test in scene["alert_rule_test"] if test["exp_alerts"]}

    run(promtool, "test", "rules", str(written))
    assert fired == {rule["alert"] for rule in RULES}
