"""The page on metrics says what the code exposes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry

from pixelrelay import metrics
from pixelrelay.metrics import PrometheusObserver, catalogue, labels
from pixelrelay.metrics.reference import reference
from pixelrelay.router.latency import CLASSES
from pixelrelay.testing import Fleet
from tests.metrics.fleets import flux, routed

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_on_disk_is_the_one_that_is_made() -> None:
    made = "python -m pixelrelay.metrics.reference > docs/metrics.md"
    assert PAGE.read_text("utf-8") == reference(), f"make it anew: {made}"


def test_the_example_on_the_page_works(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", reference(), re.DOTALL)
    (tmp_path / "relay.yaml").write_text(yaml.safe_dump(Fleet(flux("eastus")).config("flux")), "utf-8")

    subprocess.run([sys.executable, "-c", example], cwd=tmp_path, check=True)


def test_every_metric_of_the_catalogue_is_exposed_and_no_other() -> None:
    registry = CollectorRegistry()
    PrometheusObserver(routed(Fleet(flux("eastus"))), registry)

    exposed = {
        family.name + ("_total" if family.type == "counter" else ""): (family.type, family.documentation)
        for family in registry.collect()
    }
    assert exposed == {metric.name: (metric.kind, metric.help) for metric in catalogue.METRICS}


def test_names_say_what_is_counted_in_which_unit() -> None:
    for metric in catalogue.METRICS:
        assert metric.name.startswith("pixelrelay_")
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.name.endswith("_seconds") or metric.kind != "histogram", metric.name
    assert len({metric.name for metric in catalogue.METRICS}) == len(catalogue.METRICS)


def test_every_size_class_of_the_router_has_a_name() -> None:
    assert len(labels.SIZES) == len(CLASSES) + 1


def test_the_public_names_are_sorted_and_there() -> None:
    assert metrics.__all__ == sorted(metrics.__all__)
    assert all(hasattr(metrics, name) for name in metrics.__all__)
