"""What the demo stands on: its clock, its traffic, its configuration, and what the terminal shows of it."""

from __future__ import annotations

import asyncio
import io
import time
from dataclasses import replace
from decimal import Decimal

from rich.console import Console

from pixelrelay.cli.demo import scene
from pixelrelay.cli.demo.board import Frame, Row
from pixelrelay.cli.demo.clock import StageLoop
from pixelrelay.cli.demo.live import drawn
from pixelrelay.cli.demo.traffic import traffic
from pixelrelay.config import load, resolve
from pixelrelay.quotas import Unit


def test_on_the_demos_clock_waiting_passes_quickly() -> None:
    began = time.monotonic()
    assert _on_stage(asyncio.sleep(10.0)) >= 10.0
    assert time.monotonic() - began < 5.0


def test_on_the_demos_clock_computing_takes_no_time() -> None:
    async def compute() -> None:
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            pass

    assert _on_stage(compute()) < 1.0  # on a clock that only ran 200 times as fast it would take 10 seconds


def test_on_the_demos_clock_sockets_are_heard_while_timers_are_set() -> None:
    async def talk() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await asyncio.wait_for(reader.read(), timeout=500.0) == b""
            writer.close()

    assert _on_stage(talk()) < 500.0


def _on_stage(work: object) -> float:
    """Seconds that ``work`` takes on the demo's clock, at 200 times the world's pace."""
    loop = StageLoop(200.0)
    try:
        began = loop.time()
        loop.run_until_complete(work)  # type: ignore[arg-type]  # coroutines all
        return loop.time() - began
    finally:
        loop.close()


def test_the_same_seed_brings_the_same_traffic() -> None:
    assert traffic(50, 400.0, seed=3) == traffic(50, 400.0, seed=3)
    assert traffic(50, 400.0, seed=3) != traffic(50, 400.0, seed=4)


def test_orders_come_at_the_rate_that_is_offered_and_no_two_have_the_same_prompt() -> None:
    orders = traffic(1000, 400.0, seed=1)

    pictures = sum(order.n for order in orders[:-1])
    assert 0.95 < pictures / (orders[-1].at / 60.0) / 400.0 < 1.05
    assert len({order.prompt for order in orders}) == 1000


def test_even_a_short_demo_has_edits_masks_priorities_and_several_pictures() -> None:
    orders = traffic(20, 400.0, seed=1)

    assert any(order.edit and order.mask for order in orders)
    assert any(order.edit and not order.mask for order in orders)
    assert any(order.n > 1 for order in orders)
    assert any(order.priority for order in orders)
    assert any(order.background == "transparent" for order in orders)


def test_the_configuration_has_the_very_quotas_that_the_fleet_enforces() -> None:
    fleet = scene.make_fleet(1)
    resolved = resolve(load(scene.configuration(), environ=scene.environment(fleet)))

    known = {d.name: {quota.unit: quota.limit for quota in d.quotas} for group in resolved.values() for d in group}
    for deployment in fleet.deployments:
        enforced = {
            Unit.REQUESTS: deployment.requests_per_minute,
            Unit.IMAGES: deployment.images_per_minute,
            Unit.CONCURRENT: deployment.concurrent,
        }
        assert known[deployment.name] == {unit: limit for unit, limit in enforced.items() if limit is not None}


def test_more_is_asked_for_than_the_fleet_can_draw() -> None:
    rates = scene.rates_of(scene.make_fleet(1))
    assert rates.offered > rates.reachable > 161  # the five of the group flux alone


ROW = Row(
    "sweden",
    "azure-foundry",
    "FLUX.1-Kontext-pro",
    "eu",
    100,
    100,
    "req/min",
    24,
    "down, cooling 12 s",
    123,
    12,
    Decimal("12.34"),
)
FRAME = Frame(123.4, 600, 600, 512, 0, 123, 12, (ROW, replace(ROW, limit=None, region="", state="well")))


def test_the_live_table_fits_into_a_hundred_columns_with_nothing_left_out() -> None:
    shown = _shown(100)

    assert max(map(len, shown.splitlines())) <= 100
    assert "…" not in shown
    for part in ("sweden eu", "100/100 req/min", "down, cooling 12 s", "$12.34", "512 of 600 served", "12 x 429"):
        assert part in shown


def test_a_wide_terminal_is_shown_the_providers_as_well() -> None:
    assert "azure-foundry" in _shown(140)
    assert "azure-foundry" not in _shown(100)


def _shown(width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width, markup=False, highlight=False).print(drawn(FRAME, 20.0, width))
    return file.getvalue()
