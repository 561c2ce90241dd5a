"""Whole runs on real sockets: router, transport, adapter and an emulated provider that is strict about what it gets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import anyio
import pytest
from PIL import Image as Picture

from pixelrelay import ContentRejectedError, Images, Router, UnservableRequestError
from pixelrelay._transport.transport import Transport
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, Stage, emulated_fleet

pytestmark = pytest.mark.anyio

Engine = Literal["httpx2", "aiohttp"]


@pytest.fixture(params=["asyncio", pytest.param("trio", marks=pytest.mark.slow)])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Real time: the other side is a server in a thread of its own. Adapters know no loop, so one is enough mostly."""
    return request.param, {}


@dataclass(frozen=True)
class Dialect:
    """A provider, a model of its, and a size that it draws."""

    provider: str
    model: str
    size: str
    masks: bool = False
    edits: bool = True
    asked: str | None = "png"
    """The format that is asked for; ``None`` where there is no choice."""
    comes: str = "PNG"
    """The format that comes then."""
    jobs: bool = False
    """Whether it names a job, and is polled."""
    addresses: bool = False
    """Whether its pictures are fetched."""
    empty_is_moderated: bool = False
    """Whether a success without pictures is how it tells of moderation."""


DIALECTS = [
    Dialect("openai", "gpt-image-2", "1024x1024", masks=True),
    Dialect("azure-openai", "gpt-image-2", "1024x1024", masks=True),
    Dialect("azure-foundry", "FLUX.2-pro", "512x256"),
    Dialect("azure-foundry", "FLUX.1-Kontext-pro", "1024x1024"),
    Dialect("openai-compatible", "sd-3.5", "512x256", masks=True),
    Dialect("xinference", "sd3", "512x256", masks=True, asked=None, comes="JPEG"),
    Dialect("nscale", "black-forest-labs/FLUX.1-schnell", "512x256", edits=False, asked=None),
    Dialect("together", "black-forest-labs/FLUX.2-pro", "512x256"),
    Dialect("together", "black-forest-labs/FLUX.1-kontext-pro", "1376x768"),
    Dialect("xai", "grok-imagine-image-2.0", "864x1152", asked=None, comes="JPEG", empty_is_moderated=True),
    Dialect("fireworks", "flux-1-schnell-fp8", "1024x1024", edits=False),
    Dialect("fireworks", "flux-kontext-pro", "1024x1024", jobs=True),
    Dialect("stability", "ultra", "1344x768"),
    Dialect("stability", "sd3.5-flash", "832x1216"),
    Dialect("bedrock", "stability.sd3-5-large-v1:0", "1216x832"),
    Dialect("openrouter", "google/gemini-3.1-flash-image", "1376x768", asked=None),
    Dialect("openrouter", "sourceful/riverflow-v2.5-pro", "1376x768"),
    Dialect("recraft", "recraftv3", "1820x1024", masks=True),
    Dialect("recraft", "recraftv4_1", "1344x768"),
    Dialect("gemini", "gemini-2.5-flash-image", "1248x832", asked=None),
    Dialect("gemini", "gemini-3.1-flash-image", "424x632", asked=None),
    Dialect("vertex-ai", "gemini-3.1-flash-image", "424x632"),
    Dialect("vertex-ai", "imagen-4.0-generate-001", "1408x768", edits=False),
    Dialect("black-forest-labs", "flux-2-pro", "512x256", jobs=True, addresses=True),
    Dialect("black-forest-labs", "flux-kontext-pro", "1024x1024", jobs=True, addresses=True),
    Dialect("fal", "fal-ai/flux-2-pro", "512x256", jobs=True, addresses=True),
    Dialect("ideogram", "ideogram-v3", "1280x800", edits=False, addresses=True),
    Dialect("ideogram", "ideogram-4-5", "1024x1024", masks=True, addresses=True),
    Dialect("replicate", "black-forest-labs/flux-2-pro", "512x256", jobs=True, addresses=True),
]
NAMES = [f"{dialect.provider} {dialect.model}" for dialect in DIALECTS]


@pytest.fixture(params=DIALECTS, ids=NAMES)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


@pytest.fixture
def fleet(dialect: Dialect) -> Iterator[Fleet]:
    """Two deployments of the dialect: the first is the one that is asked first."""
    deployments = [
        EmulatedDeployment(
            name, dialect.provider, dialect.model, requests_per_minute=6000, images_per_minute=6000, latency=0.05
        )
        for name in ("first", "second")
    ]
    with emulated_fleet(*deployments) as it:
        yield it


def router(fleet: Fleet, engine: Engine = "httpx2", **settings: Any) -> Router:
    config = fleet.config("pictures", strategy="ordered")
    for order, deployment in enumerate(config["models"]["pictures"]["deployments"]):
        deployment["order"] = order
    return Router({**config, **settings}, transport=Transport(engine))


def png(width: int = 256, height: int = 256, *, hole: bool = False) -> bytes:
    picture = Picture.new("RGBA", (width, height), (200, 30, 30, 255))
    if hole:
        picture.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def drawn(images: Images) -> Picture.Image:
    """The only picture, decoded."""
    (image,) = images.data
    return Picture.open(io.BytesIO(image.bytes()))


@pytest.mark.parametrize("engine", ["httpx2", "aiohttp"])
async def test_a_picture_of_the_size_asked_for_comes_back(
    fleet: Fleet, dialect: Dialect, engine: Engine, anyio_backend: tuple[str, object]
) -> None:
    if anyio_backend[0] == "trio" and engine == "aiohttp":
        return  # aiohttp is for asyncio alone
    async with router(fleet, engine) as relay:
        images = await relay.generate("pictures", "a lighthouse", size=dialect.size, output_format=dialect.asked)
    assert drawn(images).size == tuple(int(edge) for edge in dialect.size.split("x"))
    assert drawn(images).format == dialect.comes
    assert images.route.deployment == images.data[0].deployment == "first"
    assert fleet.billed_in_all.pictures == 1


async def test_an_edit_is_drawn_from_the_picture_that_was_sent_or_refused_before_anything_is(
    fleet: Fleet, dialect: Dialect
) -> None:
    async with router(fleet) as relay:
        if not dialect.edits:
            with pytest.raises(UnservableRequestError, match="cannot edit"):
                await relay.edit("pictures", png(), "add a hat")
            assert fleet.requests == ()
            return
        images = await relay.edit("pictures", png(), "add a hat")
    assert drawn(images).size
    submitted = [request.operation for request in fleet.requests if request.operation in {"generate", "edit"}]
    assert submitted == ["edit"]


async def test_a_mask_goes_to_who_can_use_it_and_is_refused_by_the_others_before_anything_is_sent(
    fleet: Fleet, dialect: Dialect
) -> None:
    if not dialect.edits:
        return
    async with router(fleet) as relay:
        if dialect.masks:
            images = await relay.edit("pictures", png(1024, 1024), "a door", mask=png(1024, 1024, hole=True))
            assert drawn(images).size
        else:
            with pytest.raises(UnservableRequestError, match="mask"):
                await relay.edit("pictures", png(), "a door", mask=png(hole=True))
            assert fleet.requests == ()


@pytest.mark.parametrize(
    "kind", [FaultKind.SERVER_ERROR, FaultKind.RESET_BEFORE_READING, FaultKind.RATE_LIMITED, FaultKind.EMPTY_DATA]
)
async def test_an_edit_that_fails_is_drawn_elsewhere_from_the_same_bytes(
    fleet: Fleet, dialect: Dialect, kind: FaultKind
) -> None:
    if not dialect.edits:
        return
    fleet.fault("first", Fault(kind))
    async with router(fleet) as relay:
        if kind is FaultKind.EMPTY_DATA and dialect.empty_is_moderated:
            with pytest.raises(ContentRejectedError):
                await relay.edit("pictures", png(), "add a hat")
            return
        images = await relay.edit("pictures", png(), "add a hat")
    assert drawn(images).size
    assert images.route.deployment == "second"
    assert [attempt.succeeded for attempt in images.route.attempts] == [False, True]


async def test_a_deployment_that_is_down_costs_one_refused_connection(fleet: Fleet) -> None:
    fleet.kill("first")
    async with router(fleet) as relay:
        images = await relay.generate("pictures", "a lighthouse")
    assert images.route.deployment == "second"
    assert fleet.billed_in_all.pictures == 1


async def test_what_was_billed_and_cut_off_is_bought_once_more_at_most_and_shown_as_at_risk(fleet: Fleet) -> None:
    fleet.fault("first", Fault(FaultKind.RESET_BEFORE_ANSWER))
    config = fleet.config("pictures", strategy="ordered")
    for order, deployment in enumerate(config["models"]["pictures"]["deployments"]):
        deployment.update(order=order, price={"image": "0.04"})
    async with Router(config, transport=Transport("httpx2")) as relay:
        images = await relay.generate("pictures", "a lighthouse")
    assert images.route.deployment == "second"
    assert images.route.at_risk == Decimal("0.04")
    assert fleet.billed["first"].pictures == fleet.billed["second"].pictures == 1


async def test_polls_and_downloads_that_fail_are_repeated_and_the_request_is_submitted_once(
    fleet: Fleet, dialect: Dialect
) -> None:
    if not (dialect.jobs or dialect.addresses):
        return  # the others answer at once
    if dialect.jobs:
        fleet.fault("first", Fault(FaultKind.UNAVAILABLE, stage=Stage.POLL, times=2))
    fleet.fault("first", Fault(FaultKind.RESET_BEFORE_READING, stage=Stage.DOWNLOAD, times=1))
    async with router(fleet) as relay:
        images = await relay.generate("pictures", "a lighthouse")
    assert images.route.deployment == "first"
    assert len(images.route.attempts) == 1
    assert fleet.billed_in_all.pictures == 1


async def test_a_caller_who_leaves_closes_the_connection_and_gives_the_slot_back(fleet: Fleet) -> None:
    fleet.fault("first", Fault(FaultKind.HANG, drawn=False))
    async with router(fleet) as relay:
        with anyio.move_on_after(0.5):
            await relay.generate("pictures", "a lighthouse")
        assert relay.state("first").in_flight == 0


@pytest.mark.slow
@pytest.mark.parametrize("dialect", [dialect for dialect in DIALECTS if dialect.model in {"gpt-image-2", "flux-2-pro"}])
async def test_sixty_callers_at_once_all_get_their_pictures(fleet: Fleet, dialect: Dialect) -> None:
    got: list[Images] = []

    async def ask(relay: Router, number: int) -> None:
        got.append(await relay.generate("pictures", f"picture {number}", size=dialect.size))

    async with router(fleet) as relay, anyio.create_task_group() as tasks:
        for number in range(60):
            tasks.start_soon(ask, relay, number)
    assert len(got) == 60
    assert fleet.billed_in_all.pictures == 60
