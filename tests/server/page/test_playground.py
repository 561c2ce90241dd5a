"""The playground draws, edits, and tells what came of it, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.server.page.browser import Window
from tests.server.page.visits import to_playground
from tests.server.scenes import picture

pytestmark = pytest.mark.slow


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


def test_it_shows_a_drawing_of_lines_as_one(shown: Window) -> None:
    to_playground(shown, "vectors")
    shown.page.get_by_role("button", name="Draw", exact=True).click()
    shown.until("document.querySelector('.result figure img')?.naturalWidth === 1024")
    assert shown.page.get_by_role("link", name="Save").get_attribute("download") == "picture.svg"
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
