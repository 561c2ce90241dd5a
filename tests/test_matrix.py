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
from pixelrelay.router.inputs import make_request
from pixelrelay.testing import EmulatedDeployment, Fleet
from pixelrelay.testing.clocks import VirtualLoop
from pixelrelay.testing.emulator.providers import EMULATED
from tests.wishes import BESIDE, CLAIMED, COMMON, EDITS, NAMED_AS, claimed, least, need_not_be_told, refused

pytestmark = pytest.mark.anyio

FACTS = date(2026, 11, 21)
"""Models that had been switched off by then need not be emulated."""

VARIANTS: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "openrouter": (("openai/gpt-image-2", {"route": "chat"}),),
    "recraft": tuple(
        ("recraftv3", {"edits": way}) for way in ("inpaint", "outpaint", "replaceBackground", "generateBackground")
    ),
}
"""Models that can do other things where their deployment says so."""


class Model(NamedTuple):
    provider: str
    name: str
    options: Mapping[str, Any]
    can: Capabilities


# --- models --------------------------------------------------------------------------------------------------------


def models_of(provider: str, operation: Operation) -> Iterator[Model]:
    return (model for model in emulated(provider) if operation in model.can.operations)


@cache
def emulated(provider: str) -> tuple[Model, ...]:
    """The models that are known by name; or any, where whoever runs the server names them."""
    rows = registry.models(provider)
    names = EMULATED[provider].api().models() or [name for name in for_sale(provider) if name != "*"] or ["some-model"]
    variants = (*((name, {}) for name in names), *VARIANTS.get(provider, ()))
    found = (Model(provider, name, options, row_of(provider, name, options)) for name, options in variants)
    return tuple(model for model in found if model.can.free_names or model.can != rows["*"])


def for_sale(provider: str) -> Mapping[str, Capabilities]:
    rows = registry.models(provider)
    return {name: can for name, can in rows.items() if can.operations and (can.retires or date.max) > FACTS}


def config_of(fleet: Fleet, options: Mapping[str, Any]) -> dict[str, Any]:
    (entry,) = fleet.entries()
    return {"models": {"pictures": {"deployments": [{**entry, **options}]}}, "deadline": 60}


def row_of(provider: str, name: str, options: Mapping[str, Any]) -> Capabilities:
    config = load(config_of(Fleet(EmulatedDeployment("one", provider, name)), options))
    return resolve(config)["pictures"][0].capabilities


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
        body = bytes(outgoing.body or b"")
        return outgoing.url, outgoing.headers.get("accept"), body.replace(boundary, b"") if boundary else body


async def ask(model: Model, operation: Operation, asked: Mapping[str, Any]) -> Asked:
    fleet = Fleet(EmulatedDeployment("one", model.provider, model.name, latency=0.0))
    engine = Watched(fleet.engine())
    given = {name: value for name, value in asked.items() if name not in {"prompt", "image"}}
    async with Router(config_of(fleet, model.options), transport=Transport(engine), rng=Random(1)) as router:
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
        """Models that claim the option, each with the least that it can be asked, and the option.

        Those come first that have to be told of it.
        """
        for model in sorted(models_of(self.provider, self.operation), key=self.is_silent):
            if (option := claimed(self.option, model.can, self.operation)) is not None:
                asked = {**least(model.can, self.operation), **BESIDE.get(self.option, {})}
                if not objections(model, self.operation, {**asked, **option}):
                    yield model, asked, option

    @property
    def unable(self) -> Iterator[tuple[Model, dict[str, Any]]]:
        """Models that do not, or not so, each with what to ask of it."""
        if (option := refused(self.option)) is not None:
            for model in models_of(self.provider, self.operation):
                asked = {**least(model.can, self.operation), **option}
                if any(self.named in why for why in objections(model, self.operation, asked)):
                    yield model, asked

    def is_silent(self, model: Model) -> bool:
        return need_not_be_told(self.option, model.can)

    @property
    def named(self) -> str:
        return NAMED_AS.get(self.option, self.option)


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
            models = list(models_of(provider, operation))
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
    assert [name for name in EMULATED if not emulated(name)] == []


@pytest.mark.parametrize("provider", EMULATED)
def test_whatever_a_row_claims_some_emulated_model_claims_too(provider: str) -> None:
    tested = {(cell.operation, cell.option) for cell in cells() if cell.provider == provider and next(cell.able, None)}
    told_of = {
        (operation, option)
        for name, can in for_sale(provider).items()
        for operation in can.operations
        for option in (*COMMON, *can.parameters_for(operation))
        if "*" not in name and (option not in EDITS or operation is Operation.EDIT)
        if claimed(option, can, operation) is not None
    }

    assert told_of - tested == set()


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
        without_it = await ask(model, cell.operation, asked)
        assert without_it.error is not None
        assert any(cell.named in why for why in without_it.error.lacks["one"])
        assert without_it.sent == []
        assert without_it.fleet.requests == ()
