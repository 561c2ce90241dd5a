"""The live page of a gateway that asks for keys, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from pixelrelay.config.server import hash_of
from pixelrelay.testing import Fleet
from tests.server.page.browser import Window, window
from tests.server.page.visits import config, to_playground
from tests.server.processes import Serving, serving
from tests.server.scenes import MASTER

pytestmark = pytest.mark.slow

SHOP = "sk-shop-0123456789"


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
        shown.until("document.querySelectorAll('.deployments > li').length === 5")
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
