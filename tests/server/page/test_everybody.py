"""The live page on a phone, by keyboard, by day and by night, and read out, in a real browser."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.server.page.browser import Window, window
from tests.server.page.visits import SMALL, draw, to_playground
from tests.server.processes import Serving

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}
FIELDS = ["prompt", "model", "size", "quality", "count", "images", "partials", "draw"]
"""As they follow one another, where no mask can be given."""


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


def test_it_is_read_out_in_order(shown: Window, at: Serving) -> None:
    draw(at)
    shown.until("document.querySelector('#requests > li')")
    levels = shown.page.evaluate(
        """() => [...document.querySelectorAll("h1, h2, h3, h4")]
            .filter((one) => one.offsetParent).map((one) => Number(one.tagName[1]))"""
    )
    assert levels[0] == 1
    assert max(later - earlier for earlier, later in pairwise(levels)) <= 1
    shown.page.get_by_role("list", name="Latest requests").focus()
    assert shown.page.evaluate("document.activeElement.id") == "requests", "it scrolls, so a keyboard must reach it"


def test_what_ticks_is_not_read_out(shown: Window) -> None:
    to_playground(shown, "gpt-image")
    shown.page.evaluate(
        """() => {
            window.spoken = [];
            new MutationObserver(() => window.spoken.push(document.querySelector("#told").textContent))
                .observe(document.querySelector("#told"), {childList: true, characterData: true, subtree: true});
        }"""
    )
    shown.page.get_by_role("button", name="Draw", exact=True).click()
    shown.until("document.querySelector('#ticking').textContent !== ''")
    shown.until("document.querySelectorAll('.result figure img').length === 1")
    drawing, done = shown.page.evaluate("window.spoken")
    assert drawing == "Drawing …"
    assert done.startswith("1 picture in ")


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
