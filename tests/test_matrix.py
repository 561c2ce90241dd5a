"""Every provider, operation and option: it works from end to end, or is refused, by name, before anything is reserved.

For each option of each operation the first emulated model that claims it is asked for it, at an emulator that is
strict, and must have been told something that it is not told without it; and the first that does not is asked too, and
must be left out with words that name the option, and nothing sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from random import Random
from typing import Any, NamedTuple

import pytest

from pixelrelay import Router, UnservableRequestError
from pixelrelay._transport.engine import Engine, Outgoing
from pixelrelay._transport.transport import Transport
from pixelrelay.config import load, resolve
from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.providers import registry
from pixelrelay.providers.base import Reply
from pixelrelay.providers.capabilities import Capabilities, lacks
from pixelrelay.providers.parameters import Parameter
from pixelrelay.router.inputs import make_request
from pixelrelay.testing import EmulatedDeployment, Fleet
from pixelrelay.testing.clocks import VirtualLoop
from pixelrelay.testing.emulator.providers import EMULATED
from tests.emulator.scenes import half_transparent, png

pytestmark = pytest.mark.anyio

FACTS = date(2026, 11, 21)
"""Models that had been switched off by then need not be emulated."""

IMAGES = [png((256, 256), (shade, 2, 3)) for shade in range(40)]
MASK = half_transparent((256, 256))

VARIANTS: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "openrouter": (("openai/gpt-image-2", {"route": "chat"}),),
    "recraft": tuple(
        ("recraftv3", {"edits": way}) for way in ("inpaint", "outpaint", "replaceBackground", "generateBackground")
    ),
}
"""Models that can do other things where their deployment says so."""

SILENT = frozenset({"response_format", "user"})
"""Options that change what comes back alone, or are left out where a provider has no place for them."""

SAMPLES: Mapping[str, Any] = {
    "aspect_ratio": "3:2",
    "color_palette": {"members": [{"color_hex": "#FF8800"}]},
    "custom_model_uri": "model/lighthouses/version/2",
    "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    "strict_color_palette": [[255, 136, 0]],
    "style_codes": ["0F1E2D3C"],
    "text_layout": [{"text": "LIGHT", "bbox": [[0, 0], [1, 0], [1, 1], [0, 1]]}],
    "tools": [{"googleSearch": {}}],
}
"""Values of parameters whose rows leave open what they look like."""

BESIDE: Mapping[str, Mapping[str, Any]] = {
    "edit_mode": {"mask": MASK},
    "mask_dilation": {"mask": MASK},
}
"""What else is asked, because a parameter means nothing without it."""


class Model(NamedTuple):
    provider: str
    name: str
    options: Mapping[str, Any]
    can: Capabilities


def some_size(can: Capabilities, operation: Operation) -> str | None:
    sizes = can.sizes_for(operation)
    nearest = sizes.nearest(Size(640, 480)) or sizes.nearest(Size(1024, 1024))
    return str(nearest) if nearest is not None else None


def first(names: frozenset[str], *, besides: str | None = None) -> str | None:
    return next((name for name in sorted(names) if name != besides), None)


def compressed(can: Capabilities) -> Mapping[str, Any] | None:
    shrinks = first(can.formats, besides="png")
    return {"output_compression": 50, "output_format": shrinks} if can.compression and shrinks else None


Claimed = Callable[[Capabilities], Mapping[str, Any] | None]
"""What to ask of a model that claims the option; ``None`` where it does not."""

CLAIMED: Mapping[str, Claimed] = {
    "nothing": lambda _: {},
    "n": lambda _: {"n": 2},
    "quality": lambda can: {"quality": name} if (name := first(can.qualities)) else None,
    "style": lambda can: {"style": name} if (name := first(can.styles)) else None,
    "background": lambda can: {"background": "transparent"} if "transparent" in can.backgrounds else None,
    "output_format": lambda can: {"output_format": name} if (name := first(can.formats, besides="png")) else None,
    "output_compression": compressed,
    "seed": lambda can: {"seed": 7} if can.seed else None,
    "user": lambda _: {"user": "somebody"},
    "response_format": lambda _: {"response_format": "url"},
}
EDITS: Mapping[str, Claimed] = {
    "mask": lambda can: {"mask": MASK} if can.mask else None,
    "images": lambda can: {"image": IMAGES[: can.references]} if can.references > can.least_references else None,
}
COMMON = frozenset({"size", *CLAIMED, *EDITS})
ALONE: Mapping[str, Callable[[Capabilities], frozenset[str]]] = {
    "background": lambda can: can.backgrounds,
    "output_format": lambda can: can.formats,
    "style": lambda can: can.styles,
}
"""Options of which nothing need be told where a model has but one."""
REFUSED: Mapping[str, Mapping[str, Any]] = {
    "size": {"size": "1x9999"},
    "quality": {"quality": "unheard-of"},
    "style": {"style": "unheard-of"},
    "background": {"background": "transparent"},
    "output_format": {"output_format": "webp"},
    "output_compression": {"output_compression": 50},
    "seed": {"seed": 7},
    "mask": {"mask": MASK},
    "images": {"image": IMAGES},
}
"""What to ask of a model that does not claim the option, or not so."""
NAMED_AS: Mapping[str, str] = {"images": "input images"}


# --- models, and the least that each can be asked ----------------------------------------------------------------


@cache
def models_of(provider: str) -> tuple[Model, ...]:
    """Those that are emulated and known by name; or any, where whoever runs the server names them."""
    rows = registry.models(provider)
    names = EMULATED[provider].api().models() or [name for name in for_sale(provider) if name != "*"] or ["some-model"]
    variants = (*((name, {}) for name in names), *VARIANTS.get(provider, ()))
    found = (Model(provider, name, options, row_of(provider, name, options)) for name, options in variants)
    return tuple(model for model in found if model.can.free_names or model.can != rows["*"])


def for_sale(provider: str) -> Mapping[str, Capabilities]:
    rows = registry.models(provider)
    return {name: can for name, can in rows.items() if can.operations and (can.retires or date.max) > FACTS}


def entry_of(fleet: Fleet, options: Mapping[str, Any]) -> dict[str, Any]:
    (entry,) = fleet.entries()
    return {"models": {"pictures": {"deployments": [{**entry, **options}]}}, "deadline": 60}


def row_of(provider: str, name: str, options: Mapping[str, Any]) -> Capabilities:
    config = load(entry_of(Fleet(EmulatedDeployment("one", provider, name)), options))
    return resolve(config)["pictures"][0].capabilities


def sample(parameter: Parameter, name: str) -> Any:
    """A value that the row allows, and no default by the look of it."""
    if parameter.choices:
        return parameter.choices[-1]
    low, high = parameter.min or 0, parameter.max if parameter.max is not None else (parameter.min or 0) + 5
    value = round(low + 0.3 * (high - low), 2)
    match parameter.type:
        case "flag":
            return True
        case "number":
            return value
        case "whole":
            step = parameter.multiple or 1
            return int(value // step * step) or step
        case "ratio":
            return "3:2"
        case _:
            return SAMPLES.get(name, {"list": ["a"], "mapping": {}}.get(parameter.type or "", "a hat"))


def least(model: Model, operation: Operation) -> dict[str, Any]:
    """The least that the model can be asked."""
    can, known = model.can, model.can.parameters_for(operation)
    needed = [name for name, each in known.items() if each.required]
    if can.one_of:
        needed.append(next(name for name in can.one_of if name in known or name == "size"))
    required = {name: some_size(can, operation) if name == "size" else sample(known[name], name) for name in needed}
    asked: dict[str, Any] = {"prompt": "a red lighthouse", **required}
    if operation is Operation.EDIT:
        asked["image"] = IMAGES[: can.least_references]
        if can.mask_required:
            asked["mask"] = MASK
    return asked


# --- asking ------------------------------------------------------------------------------------------------------


class Watched:
    """An engine that keeps what it was given to send."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.sent: list[Outgoing] = []

    async def send(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> Reply:
        self.sent.append(outgoing)
        return await self._engine.send(outgoing, on_sent)

    async def aclose(self) -> None:
        await self._engine.aclose()


class Asked(NamedTuple):
    fleet: Fleet
    sent: list[Outgoing]
    error: UnservableRequestError | None

    @property
    def told(self) -> tuple[Any, ...]:
        """What the provider was told first, whichever way it tells: multipart's boundaries are drawn anew each time."""
        outgoing = self.sent[0]
        boundary = outgoing.headers.get("content-type", "").partition("boundary=")[2].encode()
        body = outgoing.body or b""
        return outgoing.url, outgoing.headers.get("accept"), body.replace(boundary, b"") if boundary else body


async def ask(model: Model, operation: Operation, asked: Mapping[str, Any]) -> Asked:
    fleet = Fleet(EmulatedDeployment("one", model.provider, model.name, latency=0.0))
    engine = Watched(fleet.engine())
    given = {name: value for name, value in asked.items() if name not in {"prompt", "image"}}
    async with Router(entry_of(fleet, model.options), transport=Transport(engine), rng=Random(1)) as router:
        try:
            if operation is Operation.EDIT:
                images = await router.edit("pictures", asked["image"], asked["prompt"], **given)
            else:
                images = await router.generate("pictures", asked["prompt"], **given)
        except UnservableRequestError as error:
            return Asked(fleet, engine.sent, error)
    assert len(images.data) == asked.get("n", 1)
    assert all(image.url if asked.get("response_format") == "url" else image.bytes() for image in images.data)
    assert [attempt.succeeded for attempt in images.route.attempts] == [True] * len(images.route.attempts)
    return Asked(fleet, engine.sent, None)


# --- the matrix --------------------------------------------------------------------------------------------------


class Cell(NamedTuple):
    provider: str
    operation: Operation
    option: str

    @property
    def able(self) -> Iterator[tuple[Model, dict[str, Any], Mapping[str, Any]]]:
        """Models that claim the option, each with the least that it can be asked, and the option."""
        for model in models_of(self.provider):
            if self.operation in model.can.operations and (option := self.claimed(model.can)) is not None:
                asked = {**least(model, self.operation), **BESIDE.get(self.option, {})}
                if not objections(model, self.operation, {**asked, **option}):
                    yield model, asked, option

    @property
    def unable(self) -> Iterator[tuple[Model, dict[str, Any]]]:
        """Models that do not, or not so, each with what to ask of it."""
        refused = REFUSED.get(self.option) if self.option in COMMON else {self.option: "unheard-of"}
        for model in models_of(self.provider):
            if refused is not None and self.operation in model.can.operations:
                asked = {**least(model, self.operation), **refused}
                if any(self.named in why for why in objections(model, self.operation, asked)):
                    yield model, asked

    @property
    def named(self) -> str:
        return NAMED_AS.get(self.option, self.option)

    def is_silent(self, model: Model) -> bool:
        """Whether nothing of it need be told: several pictures are drawn by several calls where one call cannot."""
        only = ALONE.get(self.option, lambda _: frozenset())(model.can)
        return self.option in SILENT or len(only) == 1 or (self.option == "n" and model.can.max_images == 1)

    def claimed(self, can: Capabilities) -> Mapping[str, Any] | None:
        if self.option == "size":
            size = some_size(can, self.operation)
            return {"size": size} if size is not None else None
        if (claimed := CLAIMED.get(self.option) or EDITS.get(self.option)) is not None:
            return claimed(can)
        parameter = can.parameters_for(self.operation).get(self.option)
        return None if parameter is None else {self.option: sample(parameter, self.option)}


def objections(model: Model, operation: Operation, asked: Mapping[str, Any]) -> tuple[str, ...]:
    request = request_of(operation, asked)
    return lacks(model.can, request, min(request.n, model.can.max_images))


def request_of(operation: Operation, asked: Mapping[str, Any]) -> ImageRequest:
    own = asked.keys() - COMMON - {"prompt", "image"}
    given: dict[str, Any] = {name: asked[name] for name in asked.keys() & COMMON - {"mask"}}
    given["parameters"] = {name: asked[name] for name in own}
    given["images"] = tuple(read(each) for each in asked.get("image", ()))
    if "mask" in asked:
        given["mask"] = read(asked["mask"])
    return make_request(operation, asked["prompt"], given)


def read(data: bytes) -> InputImage:
    return InputImage(data, "image/png", "image.png", Size(256, 256))


def cells() -> Iterator[Cell]:
    for provider in EMULATED:
        for operation in Operation:
            models = [model for model in models_of(provider) if operation in model.can.operations]
            own = {name for model in models for name in model.can.parameters_for(operation)}
            edits = EDITS if operation is Operation.EDIT else {}
            for option in ("size", *CLAIMED, *edits, *sorted(own)) if models else ():
                yield Cell(provider, operation, option)


CELLS = [pytest.param(cell, id=f"{cell.provider}-{cell.operation.value}-{cell.option}") for cell in cells()]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """One loop: what differs between the two is tested elsewhere."""
    return "asyncio", {"loop_factory": VirtualLoop}


def test_every_registered_provider_is_emulated_and_has_models() -> None:
    assert EMULATED.keys() == registry.BUILT_IN.keys()
    assert [name for name in EMULATED if not models_of(name)] == []


@pytest.mark.parametrize("provider", EMULATED)
def test_whatever_a_row_claims_some_emulated_model_claims_too(provider: str) -> None:
    tested = {(cell.operation, cell.option) for cell in cells() if cell.provider == provider and next(cell.able, None)}
    claimed = {
        (operation, option)
        for name, can in for_sale(provider).items()
        for operation in can.operations
        for option in (*COMMON, *can.parameters_for(operation))
        if "*" not in name and (option not in EDITS or operation is Operation.EDIT)
        if Cell(provider, operation, option).claimed(can) is not None
    }

    assert claimed - tested == set()


@pytest.mark.parametrize("cell", CELLS)
async def test_an_option_works_from_end_to_end_or_is_refused_by_name_before_anything_is_sent(cell: Cell) -> None:
    able, unable = next(cell.able, None), next(cell.unable, None)

    assert able is not None or unable is not None
    if able is not None:
        model, asked, option = able
        without = {name: value for name, value in asked.items() if name not in option or name == "image"}
        with_it = await ask(model, cell.operation, {**asked, **option})
        assert with_it.error is None
        if option and not cell.is_silent(model) and not objections(model, cell.operation, without):
            assert with_it.told != (await ask(model, cell.operation, without)).told, "claimed, and never said"
    if unable is not None:
        model, asked = unable
        refused = await ask(model, cell.operation, asked)
        assert refused.error is not None
        assert any(cell.named in why for why in refused.error.lacks["one"])
        assert refused.sent == []
        assert refused.fleet.requests == ()
