"""The fleet and its latest requests, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Route

from tests.server.page.browser import Window
from tests.server.page.visits import draw, traffic
from tests.server.processes import Serving

pytestmark = pytest.mark.slow


def test_it_loads_without_a_word_on_the_console_and_asks_nobody_else(shown: Window, at: Serving) -> None:
    assert shown.page.title() == "Fleet · pixelrelay"
    assert "foundry" in shown.text("#groups")
    assert "FLUX.2-pro" in shown.text("#groups")
    assert shown.said == []
    assert {url.startswith(at.address) for url in shown.asked} == {True}


def test_it_follows_the_traffic(shown: Window, at: Serving) -> None:
    first = "document.querySelector('#requests > li')"
    with traffic(at):
        shown.until(first)
        earlier = shown.page.evaluate(f"{first}.title")
        shown.until(f"{first}.title !== {earlier!r}")
        shown.until("[...document.querySelectorAll('.quota .amount')].some((one) => parseInt(one.textContent) > 1)")
        shown.until("document.querySelector('#requests .outcome[data-how=good]')")
        shown.until(r"[...document.querySelectorAll('#requests .said')].some((one) => /\$0\.0/.test(one.textContent))")
    assert shown.page.locator("#requests .timeline li").count() >= 2
    assert shown.said == []


def test_it_stands_still_when_it_is_told_to(shown: Window, at: Serving) -> None:
    pause = shown.page.get_by_role("button", name="Pause")
    pause.click()
    shown.until("document.querySelector('#connection').textContent === 'paused'")
    asked = len(shown.asked)
    draw(at)
    shown.page.wait_for_timeout(2_500)
    assert len(shown.asked) <= asked + 1  # one may have been under way

    shown.page.get_by_role("button", name="Go on").click()
    shown.until("document.querySelector('#connection').textContent === 'live'")


def test_it_says_so_when_nobody_answers_and_goes_on_when_somebody_does(shown: Window) -> None:
    shown.page.route("**/api/live", lambda route: route.abort())
    shown.until("document.querySelector('#connection').textContent === 'no answer'")
    assert shown.page.locator("#live.stale").count() == 1
    shown.page.unroute("**/api/live")
    shown.until("document.querySelector('#connection').textContent === 'live'")
    assert shown.page.locator("#live.stale").count() == 0


def test_it_says_so_when_the_shared_store_is_away(shown: Window) -> None:
    with told(shown, store=LOST, workers=[{**WORKER, "degraded": True}]):
        shown.until("!document.querySelector('#degraded').hidden")
        assert shown.text("#degraded").startswith("The shared store cannot be reached.")
        assert "store away" in shown.text("#store")
    shown.until("document.querySelector('#degraded').hidden")
    assert shown.text("#store") == "own counts"


def test_it_says_so_when_the_shared_store_is_away_for_one_of_several_workers(shown: Window) -> None:
    with told(shown, store=LOST, workers=[WORKER, {**WORKER, "process": 2, "degraded": True}]):
        shown.until("!document.querySelector('#degraded').hidden")
        assert shown.text("#degraded").startswith("1 of 2 workers cannot reach the shared store.")


def test_of_several_processes_it_says_which_one_answers(shown: Window, at: Serving) -> None:
    with told(shown, store=FOUND):
        shown.until("document.querySelector('#store').textContent === 'shared store, 3 processes'")
        assert f"process {at.process.pid}" in str(shown.page.locator("#store").get_attribute("title"))


def test_of_several_workers_it_says_how_many_it_shows(shown: Window) -> None:
    with told(shown, store=FOUND, workers=[WORKER, {**WORKER, "process": 2}]):
        shown.until("document.querySelector('#store').title.endsWith(\"those of the gateway's 2 workers.\")")
        assert shown.page.locator("#store").get_attribute("data-how") == "good"
    with told(shown, store=FOUND, workers=[WORKER, {**WORKER, "process": 2}], silent=1):
        shown.until("document.querySelector('#store').textContent === 'shared store, 3 processes, 1 silent'")
        assert "2 of the gateway's 3 workers" in str(shown.page.locator("#store").get_attribute("title"))
        assert shown.page.locator("#store").get_attribute("data-how") == "warn"


FOUND = {"mode": "shared", "degraded": False, "processes": 3}
LOST = {"mode": "share", "degraded": True, "processes": 3}
WORKER = {"process": 1, "uptime": 1.0, "draining": False, "degraded": False}


@contextmanager
def told(shown: Window, **parts: Any) -> Iterator[None]:
    """As if the gateway told this."""

    def answer(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), **parts})

    shown.page.route("**/api/live", answer)
    yield
    shown.page.unroute("**/api/live", answer)
