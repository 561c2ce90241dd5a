"""One entry of ``model_list`` as a deployment: its account, limits, timeouts, defaults and price."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pixelrelay.config.litellm.accounts import ACCOUNT_KEYS, write_account
from pixelrelay.config.litellm.entries import Entry
from pixelrelay.config.litellm.ledger import Ledger, Page
from pixelrelay.config.litellm.meanings import INFO, MOVED, PARAMS, READ_ELSEWHERE, ROUTER, UNKNOWN_PARAM
from pixelrelay.config.problems import Loc
from pixelrelay.providers import registry
from pixelrelay.providers.adapting import ADAPTABLE
from pixelrelay.providers.capabilities import Capabilities, row

PRICES = (
    "output_cost_per_image",
    "input_cost_per_image",
    "input_cost_per_pixel",
    "output_cost_per_pixel",
    "output_cost_per_image_token",
    "output_cost_per_token",
    "input_cost_per_token",
    "input_cost_per_image_token",
)
LEAST_WEIGHT = 1e-6
"""Of a deployment whose weight is 0: asked when no other can be."""


def write_deployment(entry: Entry, page: Page) -> None:
    """All that ``entry`` says, but its name, and its part in the group."""
    write_account(entry, page)
    for key, ours in MOVED.items():
        if key in entry.params and ours not in page.data:
            page.put(ours, entry.params[key], entry.place(key))
    write_timeout(page, entry.params.get("timeout"), entry.place("timeout"))
    _write_weight(entry, page)
    _write_cooldown(entry, page)
    _write_drops(entry, page)
    _write_price(entry, page)
    _write_rest(entry, page)
    for key in entry.info:
        if key not in {"id", "mode", "base_model", *PRICES}:
            page.ledger.remark((*entry.loc, "model_info", key), INFO)


def write_timeout(page: Page, value: Any, there: Loc) -> None:
    """Theirs is for one call, and for each silence within it."""
    if value is not None:
        said = page.ledger.said(value)
        page.data["timeouts"] = {"first_byte": said, "total": said}
        page.ledger.places |= {(*page.loc, "timeouts", part): there for part in ("first_byte", "total")}


def _write_weight(entry: Entry, page: Page) -> None:
    if "weight" in entry.params:
        weight = entry.params["weight"]
        if weight == 0 and not isinstance(weight, bool):
            weight = LEAST_WEIGHT
            page.ledger.remark(entry.place("weight"), "a deployment of weight 0 is the last choice rather than none")
        page.put("weight", weight, entry.place("weight"))


def _write_cooldown(entry: Entry, page: Page) -> None:
    there = entry.place("cooldown_time")
    held = page.ledger.actual(entry.params.get("cooldown_time"), there)
    if held == 0 and not isinstance(held, bool):
        page.ledger.remark(there, ROUTER["disable_cooldowns"])
    elif held is not None:
        page.put("cooldown", entry.params["cooldown_time"], there)


def _write_drops(entry: Entry, page: Page) -> None:
    drop, further = entry.params.get("drop_params"), entry.params.get("additional_drop_params")
    if isinstance(drop, str) and drop.strip().lower() in {"true", "false"}:
        drop = drop.strip().lower() == "true"
    if drop or (drop is False and not further):
        page.put("drop_params", drop, entry.place("drop_params"))
    elif further is not None:
        page.put("drop_params", further, entry.place("additional_drop_params"))


def _write_rest(entry: Entry, page: Page) -> None:
    """Parameters that go with every call; of what is left, why it goes nowhere."""
    known = MOVED.keys() | READ_ELSEWHERE | ACCOUNT_KEYS.get(entry.found.prefix, frozenset()) | {*PRICES}
    can = _abilities(page.data["provider"], page.data["model"])
    defaults = Page(page.ledger, (*page.loc, "defaults"))
    for key in (key for key in entry.params if key not in known):
        if key in ADAPTABLE or (can is not None and key in {**can.parameters, **(can.edit_parameters or {})}):
            defaults.put(key, entry.params[key], entry.place(key))
        else:
            page.ledger.remark(entry.place(key), PARAMS.get(key, UNKNOWN_PARAM))
    if defaults.data:
        page.data["defaults"] = defaults.data
        page.ledger.places[(*page.loc, "defaults")] = (*entry.loc, "litellm_params")


def _abilities(provider: str, model: str) -> Capabilities | None:
    rows = registry.models(provider)
    return row(rows, model) if "*" in rows else None


# --- prices ------------------------------------------------------------------------------------------------------


def _write_price(entry: Entry, page: Page) -> None:
    """What ``litellm_params`` says, else ``model_info``: of a picture, a pixel or tokens, the first that is there.

    Both of a price an image are of one that is drawn.
    """
    found: dict[str, tuple[Any, Loc]] = {}
    for place, values in (("model_info", entry.info), ("litellm_params", entry.params)):
        said = {key: (values[key], (*entry.loc, place, key)) for key in PRICES if values.get(key) is not None}
        found |= said
    price = _price_of(found, page)
    if price:
        page.data["price"] = price
        page.ledger.places[(*page.loc, "price")] = next(iter(found.values()))[1]
    elif found and all(amount == 0 for amount, _ in found.values()):
        page.data["price"] = {"image": 0}


def _price_of(found: Mapping[str, tuple[Any, Loc]], page: Page) -> dict[str, Any]:
    ledger = page.ledger
    used: tuple[str, ...] = ()
    price: dict[str, Any] = {}
    if image := next((key for key in PRICES[:2] if found.get(key, (0,))[0]), None):
        used, price = (image,), {"image": ledger.said(found[image][0])}
        ledger.places[(*page.loc, "price", "image")] = found[image][1]
    elif pixel := next((key for key in PRICES[2:4] if found.get(key, (0,))[0]), None):
        amount = _times_a_million(found[pixel], ledger)
        used, price = (pixel,), {} if amount is None else {"megapixel": amount}
        ledger.places[(*page.loc, "price", "megapixel")] = found[pixel][1]
    elif drawn := next((key for key in PRICES[4:6] if found.get(key, (0,))[0]), None):
        ours = {drawn: "image_out", "input_cost_per_token": "text_in", "input_cost_per_image_token": "image_in"}
        used = tuple(key for key in ours if key in found)
        tokens = {ours[key]: _times_a_million(found[key], ledger) for key in used}
        price = {"tokens": {key: amount for key, amount in tokens.items() if amount is not None}}
        ledger.places[(*page.loc, "price", "tokens")] = found[drawn][1]
    for key in found:
        if key not in used and found[key][0]:
            ledger.remark(found[key][1], f"the price is that of {used[0]}" if price else "is no price of a picture")
    return price


def _times_a_million(said: tuple[Any, Loc], ledger: Ledger) -> float | None:
    """Of a pixel or token, that of a million, exactly; as a number that YAML can hold."""
    value, there = said
    held = ledger.actual(value, there)
    try:
        amount = Decimal(str(held)) * 1_000_000 if not isinstance(held, bool) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if held is None:
        return None
    if not amount.is_finite() or amount < 0:
        ledger.wrong(there, "must be a number, 0 or more")
        return None
    return float(amount)
