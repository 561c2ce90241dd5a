"""What all emulated APIs share: the path of a request, from its arrival to the bill."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import ClassVar, TypeAlias
from uuid import UUID

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from pixelrelay import _clock
from pixelrelay._background import Background
from pixelrelay.testing.emulator.answers import RefusalError, Reset, Silence, spoiled
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import JOB_FAULTS, REFUSING, Fault, FaultKind, FaultPlan, Stage, moderated
from pixelrelay.testing.emulator.meter import Entry, Meter
from pixelrelay.testing.emulator.pictures import Caption, Encoding, Size, coarse, draw, edit, encode
from pixelrelay.testing.emulator.quotas import Rejection


class FleetClock:
    """Seconds since the fleet began, by the clock of the loop that serves it."""

    def __init__(self) -> None:
        self._start: float | None = None

    def now(self) -> float:
        """Begins to count when it is first asked."""
        moment = _clock.now()
        if self._start is None:
            self._start = moment
        return moment - self._start


@dataclass(frozen=True, slots=True)
class World:
    """What the deployments of one fleet share."""

    clock: FleetClock = field(default_factory=FleetClock)
    meter: Meter = field(default_factory=Meter)
    background: Background = field(default_factory=Background)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """What one accepted request asks to be drawn."""

    prompt: str
    size: Size
    n: int = 1
    quality: str | None = None
    steps: int | None = None
    transparent: bool = False
    encoding: Encoding = field(default_factory=Encoding)
    images: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None
    """Fully transparent where it is to be drawn anew."""


@dataclass(slots=True)
class Visit:
    """One request under way."""

    request: Request
    entry: Entry
    clock: FleetClock
    fault: Fault | None = None
    admitted: bool = False

    def mark(self, phase: str) -> None:
        self.entry.phases.append((phase, self.clock.now()))


Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]


class EmulatedApi(ABC):
    """One deployment's API, as an ASGI app. It runs on asyncio and Trio and reads no clock but the loop's."""

    unknown_faults: ClassVar[frozenset[FaultKind]] = JOB_FAULTS
    """Faults that this provider has no words for."""
    disguises: ClassVar[frozenset[str]] = frozenset()
    """The codes under which it tells of moderation."""

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        for fault in deployment.faults:
            self.check(fault)
        self.deployment = deployment
        self.world = world
        self.rng = Random(f"{world.seed}/{deployment.name}")
        self.account = deployment.account()
        self.faults = FaultPlan(deployment.faults, Random(f"{world.seed}/{deployment.name}/faults"))
        self.law = deployment.law()
        self._router = Router(self.routes(), default=self._not_found, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)

    @classmethod
    def models(cls) -> Collection[str] | None:
        """The models that it serves, as a configuration names them; ``None`` where it serves any."""
        return None

    @classmethod
    def check(cls, fault: Fault) -> None:
        """Raises ``ValueError`` for a fault that this provider cannot have."""
        if fault.kind in cls.unknown_faults:
            raise ValueError(f"{cls.__name__} has no {fault.kind.value!r}")
        if fault.disguise is not None and fault.disguise not in cls.disguises:
            known = ", ".join(sorted(cls.disguises)) or "no other"
            raise ValueError(f"{cls.__name__} does not disguise moderation as {fault.disguise!r}; it knows {known}")

    # --- the dialect ---------------------------------------------------------------------------------------------

    @abstractmethod
    def routes(self) -> list[BaseRoute]:
        """Paths, each served by an ``endpoint``."""

    @abstractmethod
    def authorise(self, request: Request) -> None:
        """Raises the provider's ``RefusalError`` where the credential is missing, wrong or in the wrong header."""

    @abstractmethod
    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        """The provider's words for one of ``REFUSING``, except for 429."""

    @abstractmethod
    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:
        """Its words for a full quota; without a ``rejection`` they come of a fault."""

    @abstractmethod
    def no_such_path(self) -> RefusalError: ...

    @abstractmethod
    def new_request_id(self) -> str: ...

    def headers(self, visit: Visit) -> Mapping[str, str]:  # noqa: ARG002 - dialects say more
        """Headers of every answer."""
        return {}

    # --- the path of a request -----------------------------------------------------------------------------------

    def endpoint(
        self, stage: Stage, operation: str, handle: Handler, authorised: bool = True
    ) -> Callable[[Request], Awaitable[Response]]:
        """``handle`` as Starlette calls it; without ``authorised`` it is open to everybody."""

        async def serve(request: Request) -> Response:
            visit = self._arrived(request, stage, operation)
            if authorised:
                response = await self._answer(visit, stage, self._authorised(handle))
            else:
                response = await self._answer(visit, stage, handle)
            visit.entry.status = None if isinstance(response, Reset | Silence) else response.status_code
            visit.mark("answered" if visit.entry.status is not None else "cut")
            return response

        return serve

    def _arrived(self, request: Request, stage: Stage, operation: str) -> Visit:
        now = self.world.clock.now()
        entry = self.world.meter.open(self.deployment.name, operation, self.new_request_id(), now)
        fault = self.faults.strike(stage, now)
        entry.fault = fault.kind.value if fault is not None else None
        return Visit(request, entry, self.world.clock, fault)

    async def _answer(self, visit: Visit, stage: Stage, handle: Handler) -> Response:
        fault = visit.fault
        if fault is not None and fault.kind in {FaultKind.REFUSED, FaultKind.RESET_BEFORE_READING}:
            return Reset(refused=fault.kind is FaultKind.REFUSED)
        await visit.request.body()
        visit.mark("read")
        try:
            response = await self._handled(visit, handle)
        except RefusalError as refusal:
            if stage is Stage.SUBMIT and refusal.status in {400, 422} and not visit.admitted:
                self.account.count_invalid(self.world.clock.now())
            response = refusal.response()
        for name, value in self.headers(visit).items():
            response.headers.setdefault(name, value)
        return spoiled(response, fault)

    def _authorised(self, handle: Handler) -> Handler:
        async def authorised(visit: Visit) -> Response:
            self.authorise(visit.request)
            return await handle(visit)

        return authorised

    async def _handled(self, visit: Visit, handle: Handler) -> Response:
        fault = visit.fault
        if fault is not None and fault.kind is FaultKind.RATE_LIMITED:
            raise self.rate_limited("requests", None, fault)
        if fault is not None and fault.kind in REFUSING:
            raise self.refusal(fault.kind, fault)
        if fault is not None and not fault.drawn and fault.kind in {FaultKind.RESET_BEFORE_ANSWER, FaultKind.HANG}:
            return Response()
        return await handle(visit)

    def admit(self, visit: Visit, images: int = 1) -> None:
        """Take quota for a call, or raise; whoever was let in gives its slot back by ``account.leave``."""
        credit = self.deployment.credit
        if credit is not None and self.world.meter.spent(self.deployment.name) >= credit:
            raise self.refusal(FaultKind.OUT_OF_CREDIT, None)
        met = self.account.enter({"requests": 1, "images": images}, self.world.clock.now())
        if met is not None:
            raise self.rate_limited(*met, None)
        visit.admitted = True
        visit.mark("admitted")

    def drawn(self, visit: Visit, order: Order, dollars: Decimal) -> list[bytes]:
        pictures = [self._painted(visit, order, index) for index in range(order.n)]
        price = self.deployment.price
        self.world.meter.bill(visit.entry, order.n, dollars if price is None else price * order.n)
        visit.mark("drawn")
        return pictures

    def _painted(self, visit: Visit, order: Order, index: int) -> bytes:
        return encode(self._picture(visit, order, index), order.encoding)

    def _picture(self, visit: Visit, order: Order, index: int) -> Image.Image:
        caption = Caption(order.prompt, self.deployment.name, visit.entry.number, index)
        if order.images:
            return edit(order.images[0], caption, order.size, order.mask)
        return draw(caption, order.size, order.transparent)

    def new_uuid(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    async def _not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self.no_such_path().response()
        await response(scope, receive, send)


class SynchronousApi(EmulatedApi):
    """An API that answers when the pictures are made."""

    @abstractmethod
    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:
        """Its words for a prompt or a picture that it will not have."""

    def verdict(self, order: Order, visit: Visit) -> FaultKind | None:
        """Whether a prompt is refused, and at which stage; ``None`` for all of them where nobody looks."""
        return moderated(order.prompt, visit.fault)

    async def draw(self, visit: Visit, order: Order, dollars: Decimal) -> list[bytes]:
        """The pictures, made in the time it takes and billed when they are made, whether the client stays or not."""
        seconds = self.begin(visit, order)
        try:
            await _clock.sleep(seconds)
            return self.finish(visit, order, dollars)
        finally:
            self.account.leave()

    def begin(self, visit: Visit, order: Order) -> float:
        """Let the call in, or raise; how many seconds it takes. Then it holds a slot until ``account.leave``."""
        self.admit(visit, order.n)
        if self.verdict(order, visit) is FaultKind.MODERATED_INPUT:
            self.account.leave()
            raise self.moderation(FaultKind.MODERATED_INPUT, visit)
        return self.law.seconds(self.rng, order.size, order.quality, order.steps, order.n)

    def finish(self, visit: Visit, order: Order, dollars: Decimal) -> list[bytes]:
        """The pictures, billed; or the refusal to hand them out."""
        if (verdict := self.verdict(order, visit)) is not None:
            raise self.moderation(verdict, visit)
        return self.drawn(visit, order, dollars)

    def sketches(self, visit: Visit, order: Order, count: int) -> list[bytes]:
        """The first picture as it shows on the way, coarse at first. Nobody is billed for them."""
        picture = self._picture(visit, order, 0)
        return [encode(coarse(picture, 2 ** (count - step)), order.encoding) for step in range(count)]
