"""What a request costs, wherever it can be drawn."""

from __future__ import annotations

import json

from rich.console import Group, RenderableType
from rich.text import Text

from pixelrelay.cli.comparing import Comparison, Offered
from pixelrelay.cli.views.tables import table
from pixelrelay.cli.views.words import dollars, exact, pictures, price
from pixelrelay.images import ImageRequest


def prices_view(request: ImageRequest, compared: Comparison) -> RenderableType:
    """The cheapest first, each with its price and where that was read."""
    asked = _asked(request)
    if not compared.offers:
        return Group(Text.assemble(("nobody is known to draw that: ", "bold red"), asked))
    in_fleet = any(offer.deployment for offer in compared.offers)
    columns = ("cost", *(("deployment",) if in_fleet else ()), "provider, model", "price", "source")
    shown = table(*columns, right=frozenset({"cost"}), folds=frozenset({"provider, model", "source"}))
    for offer in compared.offers:
        shown.add_row(
            dollars(offer.dollars),
            *((offer.deployment,) if in_fleet else ()),
            f"{offer.provider}\n{offer.model}",
            "\n".join(price(offer.price)),
            _source(offer),
        )
    lines: list[RenderableType] = [Text(asked, "bold"), Text(), shown]
    if compared.left_out:
        lines += [Text(), Text(f"{compared.left_out} more cannot draw that", "dim")]
    return Group(*lines)


def prices_json(request: ImageRequest, compared: Comparison) -> str:
    """The same for programs; amounts are texts, so that they stay exact."""
    told = {
        "pictures": request.n,
        "size": str(request.size) if request.size else None,
        "quality": request.quality,
        "input_images": len(request.images),
        "offers": [
            {
                "deployment": offer.deployment,
                "provider": offer.provider,
                "model": offer.model,
                "dollars": exact(offer.dollars),
                "source": offer.price.source if offer.price else None,
                "day": offer.price.day.isoformat() if offer.price and offer.price.day else None,
            }
            for offer in compared.offers
        ],
        "left_out": compared.left_out,
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _asked(request: ImageRequest) -> str:
    asked = f"{pictures(request.n)} of {request.size or 'any size'}"
    asked += f", quality {request.quality}" if request.quality else ""
    count = len(request.images)
    return asked + (f", from {count} input image{'s' if count > 1 else ''}" if count else "")


def _source(offer: Offered) -> str:
    if offer.price is None:
        return ""
    return f"{offer.price.source}, {offer.price.day}" if offer.price.day else offer.price.source
