"""The lists of published prices that come with pixelrelay: a TOML file of each provider, below ``lists``.

    source = "https://openai.com/api/pricing"
    day = 2026-11-21
    hosts = ["api.openai.com", ".api.openai.com"]

    [models."dall-e-3".image]
    by = ["quality", "size"]
    standard = { "1024x1024" = 0.040, "*" = 0.080 }
    hd = { "1024x1024" = 0.080, "*" = 0.120 }

A list is what a provider charges at its own ``hosts``; what another server charges for the same names, nobody knows.
Every row has the ``source`` and the ``day`` of its file, or its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources

from pixelrelay.cost.prices import Price
from pixelrelay.cost.rows import Dollars, PriceRow, Row

_LISTS = resources.files("pixelrelay.cost") / "lists"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_DAY = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_PROFILE = re.compile(r"^(us|us-gov|eu|apac|ap|au|ca|jp|sa|global)\.")
_VERSION = re.compile(r":[0-9a-f]{64}$")


class ListRow(PriceRow):
    """The price of one model in a list."""

    names: tuple[str, ...] = ()
    """Other names of it, that of its snapshot or of its path."""


class ListFile(Row):
    """One file of the lists."""

    source: str
    day: date
    hosts: tuple[str, ...]
    """Whose charges these are. One that begins with a dot, or a hyphen, stands for all that end so."""
    unit: Dollars = Decimal(1)
    models: dict[str, ListRow]


@dataclass(frozen=True, slots=True)
class PriceList:
    """What one provider charges, by its own names of its models."""

    provider: str
    hosts: tuple[str, ...]
    prices: Mapping[str, Price]
    _known_as: Mapping[str, str] = field(repr=False)

    def of(self, model: str) -> Price | None:
        """The price of ``model``; ``None`` if the list has none. Snapshots cost what their model does."""
        return next((self.prices[self._known_as[name]] for name in _names(model) if name in self._known_as), None)

    def holds_at(self, host: str) -> bool:
        """Whether ``host`` is one of the provider's own."""
        return any(host == each or (each[0] in ".-" and host.endswith(each)) for each in self.hosts)


def listed(provider: str, model: str) -> Price | None:
    """What ``provider`` publishes of ``model``; ``None`` if that is not known."""
    prices = price_list(provider)
    return prices.of(model) if prices is not None else None


def providers() -> tuple[str, ...]:
    """Those whose lists are known, sorted."""
    files = (file.name for file in _LISTS.iterdir())
    return tuple(sorted(name.removesuffix(".toml").replace("_", "-") for name in files if name.endswith(".toml")))


@cache
def price_list(provider: str) -> PriceList | None:
    """The list of ``provider``; ``None`` where there is none."""
    path = _LISTS / f"{provider.replace('-', '_')}.toml"
    if not _NAME.fullmatch(provider) or not path.is_file():
        return None
    # Numbers stay as they are written: a price never is a float.
    file = ListFile.model_validate(tomllib.loads(path.read_text("utf-8"), parse_float=Decimal))
    prices = {model: _price(file, row, f"{provider}/{model}") for model, row in file.models.items()}
    known_as = {name.casefold(): model for model, row in file.models.items() for name in (model, *row.names)}
    return PriceList(provider, file.hosts, prices, known_as)


def price_like(name: str) -> Price | None:
    """The price of ``provider/model``, as a row or a configuration names it."""
    provider, _, model = name.partition("/")
    return listed(provider, model)


def _price(file: ListFile, row: ListRow, name: str) -> Price:
    source, day = row.source or file.source, row.day or file.day
    if row.like is None:
        unit = row.unit if "unit" in row.model_fields_set else file.unit
        terms = row.model_copy(update={"unit": unit}).terms
        if not terms:
            raise ValueError(f"{name}: names no price")
        return Price(terms, row.factor, source, day)
    same = price_like(row.like)
    if same is None:
        raise ValueError(f"{name}: there is no {row.like} to be like")
    return replace(same.times(row.factor), source=source, day=day)


def _names(model: str) -> Iterator[str]:
    """``model`` as a list may know it: as it is, and without what accounts, snapshots and paths put around a name."""
    plain = _VERSION.sub("", model.casefold())
    last = plain.rstrip("/").rpartition("/")[2]
    for name in (plain, last):
        for bare in (name, _PROFILE.sub("", name)):
            yield bare
            yield _DAY.sub("", bare)
