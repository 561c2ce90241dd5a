"""The traffic: who asks for which picture, and when. The same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_SUBJECTS = (
    "a lighthouse in a storm", "a fox asleep in the snow", "a market on a canal", "an orchard at dawn",
    "a steam train on a viaduct", "a greenhouse full of ferns", "two herons on a pier", "a village under the stars",
    "a kite over the dunes", "a bakery before sunrise", "an old observatory", "a red bicycle by a wall",
    "a whale below a small boat", "a piano in an empty hall", "a mountain pass in autumn", "a cat on a warm roof",
)  # fmt: skip
_MANNERS = (
    "watercolour", "woodcut", "film photograph", "oil on canvas", "paper cut", "pencil sketch", "gouache", "isometric",
)  # fmt: skip
_CHANGES = ("paint the sky at dusk", "let it snow", "make it a night scene", "turn the wall blue", "add a garden")

_SIZES: tuple[tuple[str, int], ...] = (
    ("512x512", 30), ("768x512", 20), ("512x768", 16), ("768x768", 10), ("1024x768", 18), ("1024x1024", 6),
)  # fmt: skip
_FORMATS: tuple[tuple[str, int], ...] = (("jpeg", 85), ("png", 15))
URGENT = 5


@dataclass(frozen=True, slots=True)
class Order:
    """One request that somebody makes."""

    number: int
    at: float
    """Seconds after the curtain."""
    group: str
    prompt: str
    """Ends with the number, so that the bill can be compared with the delivery, request by request."""
    size: str | None = None
    n: int = 1
    quality: str | None = None
    output_format: str | None = None
    background: str | None = None
    priority: int = 0
    edit: bool = False
    mask: bool = False

    @property
    def kind(self) -> str:
        """In words, for people."""
        if self.edit:
            return "edit with a mask" if self.mask else "edit"
        return "transparent background" if self.background == "transparent" else "picture"


def traffic(requests: int, pictures_a_minute: float, seed: int) -> list[Order]:
    """Orders in the order of their arrival, at random moments around an even pace."""
    rng = Random(f"{seed}/traffic")
    orders: list[Order] = []
    moment = 0.0
    for number in range(1, requests + 1):
        order = _order(number, moment, rng)
        orders.append(order)
        moment += rng.uniform(0.4, 1.6) * order.n * 60.0 / pictures_a_minute
    return orders


def _order(number: int, at: float, rng: Random) -> Order:
    subject = f"{rng.choice(_SUBJECTS)}, {rng.choice(_MANNERS)}, no. {number}"
    change = f"{rng.choice(_CHANGES)}, no. {number}"
    size, format_ = _drawn(_SIZES, rng), _drawn(_FORMATS, rng)
    # Every further kind comes early as well, so that a short demo has one of each.
    draw = {5: 0.0, 8: 0.07, 11: 0.09, 14: 0.11, 17: 0.15}.get(number, rng.random())
    if draw < 0.06:
        return Order(number, at, "edits", change, output_format="jpeg", edit=True)
    if draw < 0.08:
        return Order(number, at, "gpt-image", change, "1024x768", output_format="jpeg", edit=True, mask=True)
    if draw < 0.10:
        return Order(number, at, "gpt-image", subject, "1024x768", output_format="webp", background="transparent")
    if draw < 0.14:
        return Order(number, at, rng.choice(("flux", "flux", "gpt-image")), subject, "1024x768", rng.randint(2, 4))
    return Order(number, at, "flux", subject, size, output_format=format_, priority=URGENT if draw < 0.19 else 0)


def _drawn(weighted: tuple[tuple[str, int], ...], rng: Random) -> str:
    values, weights = zip(*weighted, strict=True)
    chosen: str = rng.choices(values, weights)[0]
    return chosen
