"""What one request costs at every model that is known, or at every deployment of a fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pixelrelay.config import ResolvedDeployment
from pixelrelay.cost.listed import price_list, providers
from pixelrelay.cost.prices import Price, estimate
from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.providers import registry
from pixelrelay.providers.capabilities import Capabilities, lacks

SQUARE = Size(1024, 1024)
"""What a picture, or an input image, is taken to be where nothing is said."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What a request costs at one model, or one deployment."""

    provider: str
    model: str
    price: Price | None
    dollars: Decimal | None
    """``None`` where nobody knows."""
    deployment: str | None = None

    @property
    def rank(self) -> tuple[bool, Decimal, str, str, str]:
        """The cheapest first, and what nobody knows last."""
        unknown = self.dollars is None
        return unknown, self.dollars or Decimal(0), self.provider, self.model, self.deployment or ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that can draw it, the cheapest first; and how many cannot."""

    offers: Sequence[Offered]
    left_out: int


def inputs(count: int) -> tuple[InputImage, ...]:
    """So many input images that nobody has: squares of a megapixel."""
    return tuple(InputImage(b"", "image/png", f"image{number}.png", SQUARE) for number in range(1, count + 1))


def among_models(
    request: ImageRequest, today: date, provider: str | None = None, model: str | None = None
) -> Comparison:
    """At every model of the lists whose name has ``model`` in it, unless it cannot draw ``request`` or is gone."""
    chosen = list(_listed(provider, (model or "").casefold()))
    able = [offer for offer in chosen if _draws(_capabilities(*offer), request, today)]
    offers = [_offered(name, model, request) for name, model in able]
    return Comparison(sorted(offers, key=lambda offer: offer.rank), len(chosen) - len(able))


def among_deployments(deployments: Sequence[ResolvedDeployment], request: ImageRequest) -> Comparison:
    """At every deployment, as it would be asked, that can draw ``request``."""
    offers = []
    for deployment in deployments:
        fit = deployment.manner.fit(deployment.capabilities, request)
        if not fit.lacks:
            dollars = estimate(deployment.price, fit.request)
            name, model = deployment.provider.name, deployment.target.model
            offers.append(Offered(name, model, deployment.price, dollars, deployment.name))
    return Comparison(sorted(offers, key=lambda offer: offer.rank), len(deployments) - len(offers))


def _listed(provider: str | None, part: str) -> Iterator[tuple[str, str]]:
    for name in providers():
        prices = price_list(name)
        if prices is not None and provider in {None, name}:
            yield from ((name, model) for model in prices.prices if part in model.casefold())


def _offered(provider: str, model: str, request: ImageRequest) -> Offered:
    prices = price_list(provider)
    price = prices.of(model) if prices is not None else None
    return Offered(provider, model, price, estimate(price, request))


def _capabilities(provider: str, model: str) -> Capabilities | None:
    """``None`` where nothing is known of that model by name."""
    rows = {name.casefold(): can for name, can in registry.models(provider).items()}
    return rows.get(model.casefold())


def _draws(can: Capabilities | None, request: ImageRequest, today: date) -> bool:
    if can is None:
        return True
    return not lacks(can, request) and (can.retires is None or can.retires > today)
