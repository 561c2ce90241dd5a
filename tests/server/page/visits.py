"""What people do on the live page, and what happens behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from pixelrelay.testing import Fleet
from tests.server.page.browser import Window
from tests.server.processes import Serving

SMALL = "256x256"


def config(fleet: Fleet, **settings: Any) -> dict[str, Any]:
    groups = {"flux": ("foundry", "bfl"), "gpt-image": ("openai",), "vectors": ("recraft",), "moderated": ("strict",)}
    models = {
        group: {"deployments": [{**entry, "price": {"image": 0.04}} for entry in fleet.entries(*names)]}
        for group, names in groups.items()
    }
    return {"models": models, **settings}


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
    shown.page.get_by_label("Size").fill(SMALL if model in {"flux", "moderated"} else "1024x1024")
