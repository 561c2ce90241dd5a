"""The live page in a real browser, before a gateway in a process of its own."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Route

from pixelrelay.config.server import hash_of
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.server.browser import Window, chromium, window
from tests.server.processes import Serving, serving
from tests.server.scenes import MASTER, picture

pytestmark = pytest.mark.slow

SHOP = "sk-shop-0123456789"
PHONE = {"width": 390, "height": 844}
SMALL = "256x256"
FIELDS = ["prompt", "model", "size", "quality", "count", "images", "partials", "draw"]
"""As they follow one another, where no mask can be given."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as it:
        yield it


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(
        EmulatedDeployment("foundry", "azure-foundry", "FLUX.2-pro", requests_per_minute=600, latency=0.3),
        EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", concurrent=24, latency=0.3),
        EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0.6),
        EmulatedDeployment(
            "strict", "azure-foundry", "FLUX.2-pro", latency=0.1, faults=(Fault(FaultKind.MODERATED_INPUT),)
        ),
    ) as it:
        yield it


def config(fleet: Fleet, **settings: Any) -> dict[str, Any]:
    groups = {"flux": ("foundry", "bfl"), "gpt-image": ("openai",), "moderated": ("strict",)}
    models = {
        group: {"deployments": [{**entry, "price": {"image": 0.04}} for entry in fleet.entries(*names)]}
        for group, names in groups.items()
    }
    return {"models": models, **settings}


@pytest.fixture(scope="module")
def at(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("gateway"), config(fleet)) as it:
        yield it


@pytest.fixture
def shown(browser: Browser, at: Serving) -> Iterator[Window]:
    with window(browser, at.address, viewport={"width": 1280, "height": 900}) as it:
        it.until("document.querySelectorAll('.deployments > li').length === 4")
        yield it


@contextmanager
def traffic(at: Serving) -> Iterator[None]:
    """One request after the other."""
    ending = threading.Event()

    def drive() -> None:
        while not ending.is_set():
            draw(at)

    driving = threading.Thread(target=drive)
    driving.start()
    try:
        yield
    finally:
        ending.set()
        driving.join()


def draw(at: Serving, model: str = "flux") -> None:
    body = {"model": model, "prompt": "a boat", "size": SMALL}
    httpx2.post(f"{at.base_url}/images/generations", json=body, timeout=30)


def to_playground(shown: Window, model: str = "flux") -> None:
    shown.page.get_by_role("link", name="Playground").first.click()
    shown.page.get_by_label("Model group").select_option(model)
    shown.page.get_by_label("Prompt").fill("A lighthouse at dusk")
    shown.page.get_by_label("Size").fill(SMALL if model != "gpt-image" else "1024x1024")


# --- the fleet -----------------------------------------------------------------------------------------------------


def test_it_loads_without_a_word_on_the_console_and_asks_nobody_else(shown: Window, at: Serving) -> None:
    assert shown.page.title() == "Fleet · pixelrelay"
    assert "foundry" in shown.text("#groups")
    assert "FLUX.2-pro" in shown.text("#groups")
    assert shown.said == []
    assert {url.startswith(at.address) for url in shown.asked} == {True}


def test_it_follows_the_traffic(shown: Window, at: Serving) -> None:
    before = shown.page.locator("#requests > li").count()
    with traffic(at):
        shown.until(f"document.querySelectorAll('#requests > li').length >= {before + 2}")
        shown.until("[...document.querySelectorAll('.quota .amount')].some((one) => parseInt(one.textContent) > 1)")
        shown.until("document.querySelector('#requests .outcome[data-how=good]')")
        shown.until("/0\\.04/.test(document.querySelector('#requests .said').textContent)")
        first = shown.page.locator("#requests > li").first.get_attribute("title")
        shown.until(f"document.querySelector('#requests > li').title !== {first!r}")
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
    def without_store(route: Route) -> None:
        told = route.fetch().json()
        route.fulfill(json={**told, "store": {"mode": "share", "degraded": True, "processes": 2}})

    shown.page.route("**/api/live", without_store)
    shown.until("!document.querySelector('#degraded').hidden")
    assert "cannot be reached" in shown.text("#degraded")
    assert "store away" in shown.text("#store")
    shown.page.unroute("**/api/live")
    shown.until("document.querySelector('#degraded').hidden")


# --- the playground ------------------------------------------------------------------------------------------------


def test_it_draws_and_shows_the_route(shown: Window) -> None:
    to_playground(shown)
    shown.page.get_by_label("Pictures", exact=True).fill("2")
    shown.page.get_by_role("button", name="Draw", exact=True).click()
    shown.until("document.querySelectorAll('.result figure img').length === 2")
    shown.until("[...document.querySelectorAll('.result img')].every((image) => image.naturalWidth === 256)")

    route = shown.text(".result .route")
    assert "deployment" in route
    assert re.search(r"cost\s+\$0\.0", route)
    assert "pr_" in route
    shown.until("document.querySelectorAll('.result .timeline li').length >= 1")
    assert "2 pictures in" in shown.text("#told")
    assert shown.said == []


def test_it_edits_what_was_uploaded_and_what_was_drawn(shown: Window, tmp_path: Path) -> None:
    photo, mask = tmp_path / "house.png", tmp_path / "mask.png"
    photo.write_bytes(picture((1024, 1024)))
    mask.write_bytes(picture((1024, 1024), mode="RGBA"))
    to_playground(shown, "gpt-image")
    shown.page.get_by_label("Pictures to edit").set_input_files(photo)
    shown.page.get_by_label("Mask").set_input_files(mask)
    assert shown.page.locator("#thumbs li").count() == 2

    with shown.page.expect_request("**/v1/images/edits") as sent:
        shown.page.get_by_role("button", name="Edit", exact=True).click()
    assert sent.value.headers["content-type"].startswith("multipart/form-data")
    shown.until("document.querySelectorAll('.result figure img').length === 1")

    shown.page.get_by_role("button", name="Edit this").click()
    assert shown.page.get_by_role("button", name="Remove picture.png").is_visible()
    assert shown.page.evaluate("document.activeElement.id") == "prompt"
    shown.page.get_by_role("button", name="Remove mask").click()
    shown.page.get_by_role("button", name="Edit", exact=True).click()
    shown.until("document.querySelectorAll('.result figure img').length === 2")
    assert shown.said == []


def test_it_shows_a_picture_being_drawn(shown: Window) -> None:
    to_playground(shown, "gpt-image")
    shown.page.get_by_label("Show it being drawn").check()
    shown.page.evaluate(
        """() => new MutationObserver((changes) => {
            for (const change of changes)
                for (const node of change.addedNodes) if (node.className === "unfinished") window.unfinished = true;
        }).observe(document.body, {childList: true, subtree: true})"""
    )
    shown.page.get_by_role("button", name="Draw", exact=True).click()
    shown.until("document.querySelectorAll('.result figure img').length === 1")
    assert shown.page.evaluate("window.unfinished") is True
    assert shown.page.locator(".unfinished").count() == 0
    assert "1 picture in" in shown.text("#told")
    assert shown.said == []


def test_it_shows_an_error_as_the_gateway_tells_it(shown: Window) -> None:
    to_playground(shown, "moderated")
    shown.page.get_by_role("button", name="Draw", exact=True).click()
    shown.until("document.querySelector('.result .notice:not([hidden])')")

    alert = shown.page.get_by_role("alert").filter(has_text="moderation_blocked")
    assert "400" in alert.inner_text()
    assert "strict" in shown.text(".result .route")
    shown.until("document.querySelector('.result .timeline [data-how=bad]')")
    assert shown.page.get_by_role("button", name="Draw", exact=True).is_enabled()
    assert [said for said in shown.said if "status of 400" not in said] == []


def test_a_drawing_can_be_stopped(shown: Window) -> None:
    to_playground(shown)
    shown.page.route("**/images/generations", lambda _: None)
    shown.page.get_by_role("button", name="Draw", exact=True).click()
    shown.page.get_by_role("button", name="Stop").click()
    shown.until("document.querySelector('#told').textContent === 'Stopped.'")
    assert shown.page.locator(".result").count() == 0


# --- keys ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def locked(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    server = {"master_key": hash_of(MASTER), "keys": {"shop": {"key": hash_of(SHOP), "groups": ["flux"]}}}
    with serving(tmp_path_factory.mktemp("locked"), config(fleet, server=server)) as it:
        yield it


def enter(shown: Window, key: str) -> None:
    shown.until("document.querySelector('#door').open")
    shown.page.get_by_label("Key", exact=True).fill(key)
    shown.page.get_by_role("button", name="Open").click()


def test_it_asks_for_a_key_and_keeps_it_in_the_tab_alone(browser: Browser, locked: Serving) -> None:
    with window(browser, locked.address) as shown:
        enter(shown, "sk-other")
        shown.until("/Incorrect/.test(document.querySelector('#door-error').textContent)")
        assert shown.page.locator("#groups > *").count() == 0
        enter(shown, MASTER)
        shown.until("document.querySelectorAll('.deployments > li').length === 4")
        assert shown.page.evaluate("Object.values(sessionStorage)") == [MASTER]
        assert shown.page.evaluate("localStorage.length + document.cookie.length") == 0
        assert not any(MASTER in url for url in shown.asked)

        shown.page.get_by_role("button", name="Forget key").click()
        shown.until("document.querySelector('#door')?.open")
        assert shown.page.evaluate("sessionStorage.length") == 0


def test_a_key_that_may_not_see_the_fleet_may_draw(browser: Browser, locked: Serving) -> None:
    with window(browser, locked.address) as shown:
        enter(shown, SHOP)
        shown.until("!document.querySelector('#view-playground').hidden")
        assert shown.page.locator("#model option").all_inner_texts() == ["flux"]
        to_playground(shown)
        shown.page.get_by_role("button", name="Draw", exact=True).click()
        shown.until("document.querySelectorAll('.result figure img').length === 1")
        shown.page.get_by_role("link", name="Fleet").click()
        assert "master key" in shown.text("#fleet-notice")
        assert "bfl" not in shown.text("#view-fleet")


# --- everybody -----------------------------------------------------------------------------------------------------


def test_it_fits_a_phone(browser: Browser, at: Serving) -> None:
    with window(browser, at.address, viewport=PHONE, has_touch=True, is_mobile=True) as shown:
        draw(at)
        shown.until("document.querySelectorAll('#requests > li').length > 0")
        for view in ("Fleet", "Playground"):
            shown.page.get_by_role("link", name=view, exact=True).click()
            assert shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            narrow = shown.page.evaluate(
                """() => [...document.querySelectorAll("button, input, select, textarea, nav a")]
                    .filter((one) => one.offsetParent && one.type !== "checkbox" && one.offsetHeight < 32)
                    .map((one) => one.outerHTML)"""
            )
            assert narrow == []


def test_all_of_it_is_reached_by_keyboard(shown: Window) -> None:
    def focused() -> str:
        return str(shown.page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))

    shown.page.keyboard.press("Tab")
    assert focused() == "Skip to the content"
    assert shown.page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]  # it is shown, so it has one
    shown.page.keyboard.press("Enter")
    assert focused() == "content"
    shown.page.get_by_role("link", name="Playground").first.focus()
    shown.page.keyboard.press("Enter")
    shown.until("!document.querySelector('#view-playground').hidden")
    order: list[str] = []
    while "draw" not in order:
        assert len(order) < 20, order
        shown.page.keyboard.press("Tab")
        order.append(focused())
        assert shown.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", order
    assert order[-len(FIELDS) :] == FIELDS

    shown.page.get_by_label("Prompt").focus()
    shown.page.keyboard.type("A boat")
    shown.page.get_by_label("Size").fill(SMALL)
    shown.page.get_by_label("Prompt").focus()
    shown.page.keyboard.press("Control+Enter")
    shown.until("document.querySelectorAll('.result figure img').length === 1")


def test_everything_that_can_be_filled_in_or_pressed_has_a_name(shown: Window) -> None:
    to_playground(shown, "gpt-image")
    nameless = shown.page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea, button, img:not([alt])")]
            .filter((one) => !(one.labels?.length || one.ariaLabel || one.textContent.trim()))
            .map((one) => one.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_by_day_and_by_night(browser: Browser, at: Serving, scheme: Any) -> None:
    with window(browser, at.address, color_scheme=scheme) as shown:
        draw(at)
        draw(at, "moderated")
        shown.until("document.querySelectorAll('#requests > li').length >= 2")
        ground = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(channels(ground)) < 150) == (scheme == "dark")
        pairs = shown.page.evaluate(SEEN)
        assert len(pairs) > 30
        assert [(text, contrast(*colours)) for text, *colours in pairs if contrast(*colours) < 4.5] == []


SEEN = """() => {
    const found = [];
    for (const node of document.querySelectorAll("main *, header *")) {
        const text = [...node.childNodes].filter((one) => one.nodeType === 3).map((one) => one.data.trim()).join("");
        if (!text || !node.offsetParent) continue;
        let behind = node;
        while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
        found.push([text, getComputedStyle(node).color, getComputedStyle(behind ?? document.body).backgroundColor]);
    }
    return found;
}"""
"""Every text with its colour and that of what is behind it."""


def channels(colour: str) -> tuple[int, ...]:
    """Of ``rgb(1, 2, 3)``."""
    return tuple(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


def contrast(one: str, other: str) -> float:
    """As WCAG reckons it."""
    lighter, darker = sorted((luminance(channels(one)), luminance(channels(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: tuple[int, ...]) -> float:
    linear = (c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
