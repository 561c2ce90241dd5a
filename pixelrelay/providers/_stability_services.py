"""The services of Stability AI, at home and on Bedrock: what each is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pixelrelay.images import NOTHING, ImageRequest, Size
from pixelrelay.providers.capabilities import nearest_ratio
from pixelrelay.providers.mapping import Fields, Table, to

STRENGTH = 0.7
"""How far a picture may depart from the one it is drawn from where nobody says; what Stability's own nodes send."""

RATIOS = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")


def _as_ratio(size: Size) -> str:
    return nearest_ratio(size, RATIOS)


WORDS = Table(
    size=to("aspect_ratio", _as_ratio),
    output_format=to("output_format"),
    style=to("style_preset"),
    seed=to("seed"),
)
WITHOUT_PROMPT = Table(output_format=to("output_format"), seed=to("seed"), prompt=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: the words it understands, and where its input images go."""

    path: str = ""
    """Below ``v2beta/stable-image``; on Bedrock the model's id leads there."""
    words: Table = WORDS
    first: Fields = field(default=NOTHING)
    """What is said in every request, unless the request itself says otherwise."""
    redrawing: Fields | None = None
    """What is said besides ``strength`` to draw from a picture; ``None`` where it is not words that are drawn."""
    pictures: tuple[str, ...] = ("image",)
    """The fields of the input images, in their order."""

    def body(self, request: ImageRequest, strength: float, inputs: Fields = NOTHING) -> dict[str, Any]:
        """What to say of ``request``, with the ``inputs`` among it."""
        redrawn = {} if self.redrawing is None or not request.images else {**self.redrawing, "strength": strength}
        return self.words.body(request, {**self.first, **redrawn, **inputs})
