"""The lines that attempts and requests leave behind."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anyio
import pytest
import structlog

from pixelrelay import ContentRejectedError, Images
from pixelrelay.events import RequestFinished, StoreAsked, StoreModeChanged
from pixelrelay.images import Operation
from pixelrelay.metrics import log_attempts
from pixelrelay.testing import FaultKind, Fleet
from tests.metrics.fleets import always, asked, flux, priced, routed

pytestmark = pytest.mark.anyio


class Kept(logging.Handler):
    """Keeps the records it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, logger = Kept(), logging.getLogger("shop.pictures")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def logger(level: int = logging.INFO) -> logging.Logger:
    ours = logging.getLogger("shop.pictures")
    ours.setLevel(level)
    return ours


async def test_each_attempt_leaves_one_line_with_its_fields(kept: Kept) -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.UNAVAILABLE)), flux("sweden")))
    router.observe(log_attempts(logger()))

    await asked(router)

    failed, served = kept.records
    assert failed.getMessage() == "attempt 1 at eastus overloaded after 0.0 s"
    assert (failed.levelname, failed.failure, failed.status, failed.charge) == ("WARNING", "overloaded", 503, "none")
    assert served.getMessage() == "attempt 2 at sweden served after 6.0 s"
    assert (served.levelname, served.outcome, served.deployment, served.group) == ("INFO", "served", "sweden", "flux")
    assert served.duration_seconds == pytest.approx(6, abs=0.1)
    assert (served.images, served.cost_dollars, served.at_risk_dollars) == (1, 0.05, 0.0)
    assert served.request_id == failed.request_id


async def test_a_request_leaves_a_line_when_somebody_debugs(kept: Kept) -> None:
    router = routed(Fleet(flux("eastus")))
    router.observe(log_attempts(logger(logging.DEBUG)))

    await asked(router)
    await asked(router, "dall-e-9")

    _, served, unknown = kept.records
    assert (served.levelname, served.outcome, served.attempts, served.deployment) == ("DEBUG", "served", 1, "eastus")
    assert (unknown.outcome, unknown.error, unknown.attempts) == ("unknown_model", "UnknownModelError", 0)


async def test_no_line_holds_the_prompt_the_key_the_picture_or_what_the_provider_said(kept: Kept) -> None:
    fleet = Fleet(flux("eastus", always(FaultKind.MODERATED_INPUT)), flux("sweden"))
    router = routed(fleet)
    router.observe(log_attempts(logger(logging.DEBUG)))

    rejected = await asked(router, user="user-of-ours")
    await asked(router, "sweden", user="user-of-ours")

    assert isinstance(rejected, ContentRejectedError)
    assert rejected.attempts[0].failure is not None
    said = rejected.attempts[0].failure.message
    written = " ".join(str(vars(record)) for record in kept.records)
    assert "content_rejected" in written
    for unwanted in ("lighthouse", "user-of-ours", "emulated-key", "b64_json", said):
        assert unwanted not in written, unwanted


async def test_a_caller_who_leaves_is_no_warning(kept: Kept) -> None:
    router = routed(Fleet(flux("eastus")))
    router.observe(log_attempts(logger()))

    with anyio.move_on_after(2):
        await asked(router)

    (abandoned,) = kept.records
    assert (abandoned.levelname, abandoned.outcome, abandoned.charge) == ("INFO", "abandoned", "unknown")


async def test_an_unknown_cost_is_null_and_not_nothing(kept: Kept) -> None:
    fleet = Fleet(flux("eastus"))
    router = routed(fleet, fleet.config("flux"))
    router.observe(log_attempts(logger()))

    await asked(router)

    assert kept.records[0].cost_dollars is None


async def test_the_line_of_a_request_says_whether_the_shared_store_was_away(kept: Kept) -> None:
    router = routed(Fleet(flux("eastus")))
    log = log_attempts(logger(logging.DEBUG))
    drawn = await asked(router)
    assert isinstance(drawn, Images)

    for degraded in (False, True):
        result = replace(drawn, route=replace(drawn.route, degraded=degraded))
        log(RequestFinished("pr_1", "flux", Operation.GENERATE, 6.0, result, None))

    assert [record.degraded for record in kept.records] == [False, True]


async def test_what_becomes_of_the_store_is_left_for_the_store_to_log(kept: Kept) -> None:
    log = log_attempts(logger(logging.DEBUG))

    log(StoreModeChanged("share", "timeout: no answer within 0.25 s", 3))
    log(StoreAsked("reserve", 0.25, "timeout"))

    assert kept.records == []


async def test_structlog_writes_the_fields_as_json(kept: Kept) -> None:
    router = routed(Fleet(flux("eastus")), priced(Fleet(flux("eastus"))))
    router.observe(log_attempts(logger()))

    await asked(router)

    renderer = structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    line = json.loads(formatter.format(kept.records[0]))
    assert line["event"] == "attempt 1 at eastus served after 6.0 s"
    assert (line["deployment"], line["outcome"], line["size"]) == ("eastus", "served", "1024x1024")
