"""A real browser for one test: Debian's Chromium, headless, which asks for nothing but what a page tells it to.

Where it is not installed the test is skipped, unless ``PIXELRELAY_REQUIRE_BROWSER`` is set: then it fails.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ALONE = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WITHIN = 30_000
"""Milliseconds within which a page on a busy machine must do what is waited for."""


@dataclass(slots=True)
class Window:
    """A page, what it said on its console, and where it asked for anything."""

    page: Page
    said: list[str] = field(default_factory=list)
    """Warnings and errors."""
    asked: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression holds. It is asked from outside: the page's policy forbids ``eval``."""
        ends = time.monotonic() + WITHIN / 1_000
        while not self.page.evaluate(condition):
            assert time.monotonic() < ends, f"not within {WITHIN / 1_000:g} s: {condition}"
            self.page.wait_for_timeout(50)


def _needed() -> str:
    found = shutil.which("chromium")
    if found is not None:
        return found
    if os.environ.get("PIXELRELAY_REQUIRE_BROWSER"):
        pytest.fail("chromium is not installed, and PIXELRELAY_REQUIRE_BROWSER says that it must be")
    pytest.skip("chromium is not installed")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that runs until the block ends."""
    path = _needed()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ALONE))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, address: str, **options: Any) -> Iterator[Window]:
    """A window of its own, with storage of its own, that shows ``address``."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(WITHIN)
    opened = Window(page)
    page.on("console", lambda said: opened.said.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: opened.said.append(str(error)))
    page.on("request", lambda request: opened.asked.append(request.url))
    try:
        page.goto(address)
        yield opened
    finally:
        context.close()
