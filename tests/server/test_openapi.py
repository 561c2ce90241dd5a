"""The published document says what the gateway does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from pixelrelay.server.fields import OURS, WAY
from pixelrelay.server.openapi import document
from pixelrelay.server.routes import PREFIXES
from pixelrelay.testing import EmulatedDeployment, emulated_fleet
from tests.server.processes import Serving, config_of, serving
from tests.server.scenes import gateway_over, openai

DOCUMENT: Any = document()


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    deployment = EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=0.0)
    with emulated_fleet(deployment) as fleet, serving(tmp_path_factory.mktemp("gateway"), config_of(fleet)) as it:
        yield it


@pytest.fixture(scope="module")
def published(at: Serving) -> Any:
    return schemathesis.openapi.from_url(f"{at.address}/openapi.json")


POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
OPERATIONS = [
    (mode, method, path)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
    for mode in (POSITIVE, NEGATIVE)
    # Of what is sent nowhere nothing can be wrong, and any text is a name.
    if mode is POSITIVE or "requestBody" in operation
]


def no_defect(context: Any, response: Any, case: Any) -> None:  # noqa: ARG001 - as checks are called
    """Others that say "not now" (502, 503, 504) are in order."""
    assert response.status_code != 500, response.text


CHECKS = [
    no_defect,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "method", "path"), OPERATIONS)
def test_what_is_answered_is_what_the_document_says(
    published: Any, mode: GenerationMode, method: str, path: str
) -> None:
    @settings(max_examples=40, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
    @given(published[path][method].as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=30)

    holds()


def test_every_field_that_means_something_stands_in_it() -> None:
    for name in ("Generation", "Edit", "EditForm"):
        assert set(DOCUMENT["components"]["schemas"][name]["properties"]) >= set(OURS)
    assert set(WAY) <= set(DOCUMENT["components"]["schemas"]["Generation"]["properties"])


def test_every_reference_leads_somewhere() -> None:
    referred = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert referred == set(DOCUMENT["components"]["schemas"])


@pytest.mark.anyio
async def test_every_path_in_it_exists_and_every_path_that_exists_is_in_it() -> None:
    async with gateway_over(openai()) as at:
        served = {route.path.replace(":path", "") for route in at.gateway.routes}
    same = {prefix.replace(":path", "") for prefix in PREFIXES} - {"/v1", "/openai/deployments/{model}"}
    told = set(DOCUMENT["paths"])

    assert told <= served
    others = {path for path in served - told if not any(path.startswith(prefix + "/") for prefix in same)}
    assert others == set(), "they are no second names of others"
