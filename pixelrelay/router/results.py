"""From what was drawn to what the caller gets."""

from __future__ import annotations

from operator import attrgetter

from pixelrelay import _clock
from pixelrelay.cost.exact import total
from pixelrelay.images import Image, ImageRequest, Images
from pixelrelay.outcomes import Route, Usage
from pixelrelay.router.drawing import Drawn
from pixelrelay.router.engine import Journal


def result_of(request: ImageRequest, model: str, drawn: Drawn, images: tuple[Image, ...], journal: Journal) -> Images:
    """What the caller gets: the pictures, and the story of how they came to be."""
    first = drawn.parts[0].generation
    return Images(
        created=int(_clock.wall()),
        data=tuple(_as_asked(image, request) for image in images),
        route=_route(model, drawn, journal),
        usage=_usage(drawn),
        background=first.background,
        output_format=first.output_format,
        quality=first.quality,
        size=str(first.size) if first.size else None,
    )


def _as_asked(image: Image, request: ImageRequest) -> Image:
    """An address where one was asked for: a picture that came as bytes becomes a ``data:`` URL."""
    if not request.wants_url or image.url is not None:
        return image
    return image.with_url(f"data:{image.media_type or 'image/png'};base64,{image.b64_json}")


def _route(model: str, drawn: Drawn, journal: Journal) -> Route:
    attempts = tuple(sorted(journal.attempts, key=attrgetter("started")))
    lead = drawn.parts[0].candidate
    return Route(
        request_id=journal.request_id,
        group=model,
        deployment=lead.name,
        provider=lead.deployment.provider.name,
        attempts=attempts,
        waited=journal.waited,
        duration=_clock.now() - journal.began,
        cost=total(attempt.cost for attempt in attempts if attempt.succeeded),
        at_risk=total(part for lost in attempts if not lost.succeeded for part in (lost.cost, lost.at_risk)),
        fallbacks=tuple(journal.fallbacks),
        adaptations=tuple(dict.fromkeys(change for part in drawn.parts for change in part.adaptations)),
        degraded=journal.degraded,
    )


def _usage(drawn: Drawn) -> Usage | None:
    usages = [part.generation.usage for part in drawn.parts]
    if any(usage is None for usage in usages):
        return None
    total = usages[0]
    for usage in usages[1:]:
        total = total + usage if total is not None and usage is not None else None
    return total
