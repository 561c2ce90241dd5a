"""The router: what callers hold."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from random import Random
from types import TracebackType
from typing import Any

from pixelrelay import _clock
from pixelrelay._transport.transport import Transport
from pixelrelay.config import RelayConfig, load, resolve, warnings_of
from pixelrelay.cost.spend import Spending
from pixelrelay.errors import InvalidRequestError, Problem
from pixelrelay.events import (
    DeploymentChanged,
    Observer,
    RequestFinished,
    RequestPlanned,
    RequestStarted,
    StoreAsked,
    StoreModeChanged,
)
from pixelrelay.images import NOTHING, ImageRequest, Images, InputImage, Operation
from pixelrelay.router.candidates import Candidate, Candidates, Group
from pixelrelay.router.decide import Policy
from pixelrelay.router.drawing import complete, draw
from pixelrelay.router.engine import Call, Delivered, Engine, Journal, new_request_id
from pixelrelay.router.inputs import ImageInput, make_request, read_image
from pixelrelay.router.limits import BudgetStanding, Limit, LimitBook, Limits, standing_of
from pixelrelay.router.plan import Fleet, Plan, plan
from pixelrelay.router.results import result_of
from pixelrelay.router.retry_budget import RetryBudget
from pixelrelay.router.strategies import STRATEGIES, StrategyName
from pixelrelay.router.streaming import ImageStream, Watcher
from pixelrelay.router.telling import Telling
from pixelrelay.store.base import Asked, Change, DeploymentState, ModeChange, Notice, Store
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.opening import open_store

log = logging.getLogger("pixelrelay")


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What a call says about how it is to be served."""

    timeout: float | None
    max_attempts: int | None
    tags: Sequence[str]
    region: str | None
    strategy: StrategyName | None
    priority: int
    fallbacks: Sequence[str] | None
    disable_fallbacks: bool
    limits: Sequence[Limits]

    @property
    def chain(self) -> Sequence[str] | None:
        return () if self.disable_fallbacks else self.fallbacks


class Router:
    """Routes image requests over the deployments of a configuration. For asyncio and Trio.

    One router serves any number of requests at a time, within one event loop. ``SyncRouter`` is the same for code
    that does not await. Use it as an async context manager, or ``aclose`` it, so that connections are closed; once
    entered, it has loaded what its first request would else wait for.
    """

    def __init__(
        self,
        config: RelayConfig | Mapping[str, Any],
        *,
        store: Store | None = None,
        transport: Transport | None = None,
        observers: Sequence[Observer] = (),
        rng: Random | None = None,
    ) -> None:
        """``config`` is checked whole (``ConfigError``). ``store`` is the one that it names by default."""
        self._config = config if isinstance(config, RelayConfig) else load(config)
        self._rng = rng or Random()
        self._fleet = _fleet(self._config, {})
        self._limits = LimitBook.of(self._config)
        health = HealthPolicy(**self._config.health.model_dump())
        self._store = store or open_store(self._config, health, self._rng)
        self._transport = transport or Transport(max_reply_bytes=self._config.max_reply_bytes, rng=self._rng)
        self._tell = Telling(observers)
        self._engine = Engine(self._store, self._transport, _budget(self._config), self._tell, self._rng)
        self._store.listen(self._noticed)

    @classmethod
    def from_config(
        cls,
        source: str | os.PathLike[str] | Mapping[str, Any],
        *,
        store: Store | None = None,
        transport: Transport | None = None,
        observers: Sequence[Observer] = (),
        rng: Random | None = None,
    ) -> Router:
        """From a YAML or TOML file, or data of the same shape. ``ConfigError`` lists all that is wrong with it."""
        return cls(load(source), store=store, transport=transport, observers=observers, rng=rng)

    async def generate(
        self,
        /,
        model: str,
        prompt: str,
        *,
        n: int = 1,
        size: str | Sequence[int] | None = None,
        quality: str | None = None,
        background: str | None = None,
        output_format: str | None = None,
        output_compression: int | None = None,
        response_format: str | None = None,
        style: str | None = None,
        seed: int | None = None,
        user: str | None = None,
        timeout: float | None = None,
        max_attempts: int | None = None,
        tags: Sequence[str] = (),
        region: str | None = None,
        strategy: StrategyName | None = None,
        priority: int = 0,
        fallbacks: Sequence[str] | None = None,
        disable_fallbacks: bool = False,
        limits: Limits | Sequence[Limits] = (),
        adapt: Sequence[str] = (),
        drop_params: bool | Sequence[str] = False,
        extra_headers: Mapping[str, str] = NOTHING,
        extra_body: Mapping[str, Any] = NOTHING,
        **parameters: Any,
    ) -> Images:
        """Draw ``n`` pictures of ``prompt`` with the model group, or the deployment, named ``model``.

        What is left out is left to the provider. Where it takes several calls to draw the ``n`` pictures, ``seed``
        counts up by one with each picture, so that no two are the same. ``timeout`` is the whole request's, in
        seconds, and ``max_attempts`` takes the place of the configured one; ``tags`` and ``region`` narrow the choice
        to deployments that carry them; a higher ``priority`` waits less.
        ``parameters`` are those of a provider's own (``guidance``, ``steps`` …): deployments that do not know them
        are left out. ``extra_body`` is passed on unchecked. ``adapt`` names fields that may be brought to the nearest
        that a model can do (``size``, ``quality`` …), ``drop_params`` what may be left out where it is not known, or
        ``True`` for all that only adorns; both add to what the configuration allows, and ``.route.adaptations`` tells.
        ``limits`` is what the caller of this call may use, besides all that the configuration limits.

        Raises a ``RequestRefusedError`` if the request has to be changed, or a ``NotServedError`` if it may be
        served later; its ``retry_after`` says when.
        """
        return await self._serve(Operation.GENERATE, model, prompt, _given(locals()), _wishes(locals()))

    async def edit(
        self,
        /,
        model: str,
        image: ImageInput | Sequence[ImageInput],
        prompt: str,
        *,
        mask: ImageInput | None = None,
        n: int = 1,
        size: str | Sequence[int] | None = None,
        quality: str | None = None,
        background: str | None = None,
        output_format: str | None = None,
        output_compression: int | None = None,
        response_format: str | None = None,
        style: str | None = None,
        seed: int | None = None,
        user: str | None = None,
        timeout: float | None = None,
        max_attempts: int | None = None,
        tags: Sequence[str] = (),
        region: str | None = None,
        strategy: StrategyName | None = None,
        priority: int = 0,
        fallbacks: Sequence[str] | None = None,
        disable_fallbacks: bool = False,
        limits: Limits | Sequence[Limits] = (),
        adapt: Sequence[str] = (),
        drop_params: bool | Sequence[str] = False,
        extra_headers: Mapping[str, str] = NOTHING,
        extra_body: Mapping[str, Any] = NOTHING,
        **parameters: Any,
    ) -> Images:
        """Draw ``n`` pictures from one or several images and a prompt; as ``generate`` in all else.

        An image is a path, bytes, a file opened for reading bytes, a ``data:`` URL or, where the configuration
        allows it (``fetch_images``), an ``https://`` URL. ``mask`` is a PNG of the first image's size; where it is
        fully transparent, the picture is drawn anew.
        """
        given, wishes = _given(locals()), _wishes(locals())
        given |= await self._inputs(image, mask)
        return await self._serve(Operation.EDIT, model, prompt, given, wishes)

    def stream(
        self,
        /,
        model: str,
        prompt: str,
        *,
        image: ImageInput | Sequence[ImageInput] | None = None,
        mask: ImageInput | None = None,
        partial_images: int = 0,
        heartbeat: float = 15.0,
        **request: Any,
    ) -> ImageStream:
        """As ``generate``, or with ``image`` as ``edit``, telling what happens on the way: ``async for event in …``.

        Up to ``partial_images`` (0 to 3) unfinished pictures are shown where the provider has them. After every
        ``heartbeat`` seconds without news a ``heartbeat`` comes. Last comes ``completed`` with the result. Once a
        partial image was shown a failure is final: a picture from elsewhere would be another one. ``request`` is what
        ``generate`` and ``edit`` take besides. Where a provider bills partial images they are in the cost.
        """
        arguments = {**_DEFAULTS, **{name: value for name, value in request.items() if name in _DEFAULTS}}
        arguments["parameters"] = {name: value for name, value in request.items() if name not in _DEFAULTS}
        given, wishes = _given(arguments), _wishes(arguments)
        given["partial_images"] = partial_images

        async def serve(watcher: Watcher) -> Images:
            if image is None and mask is None:
                return await self._serve(Operation.GENERATE, model, prompt, given, wishes, watcher)
            inputs = await self._inputs(image if image is not None else (), mask)
            return await self._serve(Operation.EDIT, model, prompt, given | inputs, wishes, watcher)

        return ImageStream(serve, heartbeat)

    def plan(
        self,
        model: str,
        request: ImageRequest,
        *,
        tags: Sequence[str] = (),
        region: str | None = None,
        fallbacks: Sequence[str] | None = None,
    ) -> Plan:
        """Who would serve ``request``, leg by leg, and what the others lack. Sends and reserves nothing."""
        return plan(
            self._fleet,
            request,
            model,
            images=request.n,
            fallbacks=fallbacks,
            tags=frozenset(tags),
            region=region,
            limits=self._limits.of_call(tags, request.user),
        )

    def order(self, candidates: Sequence[Candidate], request: ImageRequest, strategy: StrategyName) -> list[Candidate]:
        """The candidates as ``strategy`` would put them now."""
        return list(STRATEGIES[strategy](Candidates(candidates), request, self._store, self._rng))

    def state(self, deployment: str) -> DeploymentState:
        """Quotas used, requests in flight, health and cooldown of one deployment, as known here."""
        return self._store.state(deployment)

    def spend(self) -> Spending:
        """What was spent through this router since it was made, by deployment, group, provider and tag."""
        return self._tell.spending()

    async def budgets(self, user: str | None = None) -> Mapping[str, BudgetStanding]:
        """How the configuration's budgets stand, by name, as the store says; those of each user for ``user``.

        ``StoreLostError`` if a shared store cannot be asked.
        """
        limits = self._limits.standing(user)
        seen = (await self._store.look((), [limit.quota for limit in limits])).budgets
        return {limit.name: standing_of(limit, seen[limit.quota.key]) for limit in limits}

    def budget(self, name: str) -> BudgetStanding:
        """One of them that is not each user's, as known here without asking. ``KeyError`` if there is none."""
        limit = {limit.name: limit for limit in self._limits.standing()}[name]
        return standing_of(limit, self._store.budget(limit.quota))

    @property
    def config(self) -> RelayConfig:
        """The configuration that new requests are served by."""
        return self._config

    @property
    def groups(self) -> Mapping[str, Group]:
        """The model groups, by name."""
        return self._fleet.groups

    def observe(self, observer: Observer) -> None:
        """Tell ``observer`` of every event from now on."""
        self._tell.add(observer)

    def reload(self, source: RelayConfig | str | os.PathLike[str] | Mapping[str, Any]) -> None:
        """Serve new requests by another configuration; those under way end by the one they began with.

        What has been counted, the health and the latency of deployments that keep their names are kept, and so is the
        store, whatever the other configuration says of it. A configuration that cannot be used raises ``ConfigError``
        and changes nothing.
        """
        config = source if isinstance(source, RelayConfig) else load(source)
        self._fleet = _fleet(config, {candidate.name: candidate for candidate in self._fleet.candidates()})
        self._config = config
        self._limits = LimitBook.of(config)
        budget = config.retry_budget
        self._engine.budget = replace(self._engine.budget, share=budget.share, floor=budget.floor)

    async def aclose(self) -> None:
        """Close all connections. Requests under way should have ended."""
        await self._transport.aclose()
        await self._store.aclose()

    async def __aenter__(self) -> Router:
        self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- one request -------------------------------------------------------------------------------------------

    async def _serve(
        self,
        operation: Operation,
        model: str,
        prompt: str,
        given: Mapping[str, Any],
        wishes: _Wishes,
        watcher: Watcher | None = None,
    ) -> Images:
        request = make_request(operation, prompt, given)
        model = self._fleet.named(model)
        journal = Journal(request_id=new_request_id(), began=_clock.now(), watcher=watcher)
        self._tell(RequestStarted(journal.request_id, model, operation, request.n, request.size, tuple(wishes.tags)))
        result: Images | None = None
        error: BaseException | None = None
        try:
            result = await self._drawn(request, model, wishes, journal)
            return result
        except BaseException as raised:
            error = raised
            raise
        finally:
            duration = _clock.now() - journal.began
            self._tell(RequestFinished(journal.request_id, model, operation, duration, result, error, request.size))

    async def _drawn(self, request: ImageRequest, model: str, wishes: _Wishes, journal: Journal) -> Images:
        config, group = self._config, self._fleet.group(model)
        seconds = next(s for s in (wishes.timeout, group.config.deadline, config.deadline) if s is not None)
        policy = Policy(
            deadline=journal.began + seconds,
            on_ambiguous=group.config.on_ambiguous or config.on_ambiguous,
            max_attempts=wishes.max_attempts or config.max_attempts,
        )
        limits = self._limits.of_call(wishes.tags, request.user, wishes.limits)
        call = Call(policy, wishes.strategy, wishes.priority, limits)
        self._engine.budget = self._engine.budget.requested()

        async def serve(part: ImageRequest, its_plan: Plan) -> Delivered:
            return await self._engine.serve(part, its_plan, call, journal)

        drawn = await draw(request, partial(self._plan, self._fleet, request, model, wishes, limits, journal), serve)
        images = complete(drawn, model, tuple(journal.attempts))
        return result_of(request, model, drawn, images, journal)

    def _plan(
        self,
        fleet: Fleet,
        request: ImageRequest,
        model: str,
        wishes: _Wishes,
        limits: Sequence[Limit],
        journal: Journal,
        images: int,
        without: frozenset[str],
    ) -> Plan:
        made = plan(
            fleet,
            request,
            model,
            images=images,
            fallbacks=wishes.chain,
            tags=frozenset(wishes.tags),
            region=wishes.region,
            without=without,
            limits=limits,
        )
        if self._tell.observed:
            legs = tuple((leg.name, tuple(candidate.name for candidate in leg.candidates)) for leg in made.legs)
            self._tell(RequestPlanned(journal.request_id, made.group, legs, made.unfit))
        return made

    async def _inputs(
        self, image: ImageInput | Sequence[ImageInput], mask: ImageInput | None
    ) -> dict[str, InputImage | tuple[InputImage, ...]]:
        images = await self._read_all(image)
        return {"images": images} if mask is None else {"images": images, "mask": await self._read(mask, "mask")}

    async def _read_all(self, given: ImageInput | Sequence[ImageInput]) -> tuple[InputImage, ...]:
        several = isinstance(given, Sequence) and not isinstance(given, str | bytes | bytearray | memoryview)
        images: Sequence[Any] = given if several else [given]  # type: ignore[assignment]  # narrowed by several
        if not images:
            raise InvalidRequestError([Problem("image", "is missing: an edit needs at least one")])
        return tuple([await self._read(one, f"image[{at}]") for at, one in enumerate(images)])

    async def _read(self, given: ImageInput, where: str) -> InputImage:
        limit = self._config.max_input_bytes
        fetch = partial(self._transport.fetch, max_bytes=limit) if self._config.fetch_images else None
        return await read_image(given, where, fetch, limit)

    # --- telling -----------------------------------------------------------------------------------------------

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case Change(deployment, probation, cooling, quota, limit, learned):
                said = probation.value if probation else None
                self._tell(DeploymentChanged(deployment, said, cooling, quota, limit, learned))
            case ModeChange(mode, reason, processes):
                self._tell(StoreModeChanged(mode.value, reason, processes))
            case Asked(step, seconds, error):
                self._tell(StoreAsked(step, seconds, error))


_REQUEST = (
    "n",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "response_format",
    "style",
    "seed",
    "user",
    "parameters",
    "extra_headers",
    "extra_body",
    "adapt",
    "drop_params",
)
_WISHES = (
    "timeout",
    "max_attempts",
    "tags",
    "region",
    "strategy",
    "priority",
    "fallbacks",
    "disable_fallbacks",
    "limits",
)


_DEFAULTS: Mapping[str, Any] = {
    name: parameter.default
    for name, parameter in inspect.signature(Router.generate).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
}


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the arguments say about the picture; an unset provider parameter is as one left out."""
    given = {name: arguments[name] for name in _REQUEST}
    given["parameters"] = {name: value for name, value in given["parameters"].items() if value is not None}
    return given


def _wishes(arguments: Mapping[str, Any]) -> _Wishes:
    """What they say about how it is to be served. Raises ``InvalidRequestError`` with all that is wrong."""
    limits = arguments["limits"]
    given = {name: arguments[name] for name in _WISHES}
    wishes = _Wishes(**{**given, "limits": (limits,) if isinstance(limits, Limits) else tuple(limits)})
    problems = []
    if wishes.timeout is not None and not wishes.timeout > 0:
        problems.append(Problem("timeout", f"{wishes.timeout!r} is not a positive number of seconds"))
    if wishes.max_attempts is not None and not wishes.max_attempts > 0:
        problems.append(Problem("max_attempts", f"{wishes.max_attempts!r} is not a positive number"))
    if wishes.strategy is not None and wishes.strategy not in STRATEGIES:
        problems.append(Problem("strategy", f"{wishes.strategy!r} is none of {', '.join(STRATEGIES)}"))
    texts = [name for name in ("tags", "fallbacks") if isinstance(arguments[name], str)]
    problems += [Problem(name, f"is a text; give a list: {name}=[{arguments[name]!r}]") for name in texts]
    if problems:
        raise InvalidRequestError(problems)
    return wishes


def _fleet(config: RelayConfig, before: Mapping[str, Candidate]) -> Fleet:
    """The groups of ``config``, with what was learned of deployments that were there before."""

    def candidate(resolved: Any) -> Candidate:
        known = before.get(resolved.name)
        return Candidate(resolved, known.latency) if known else Candidate(resolved)

    for message, paths in groupby(sorted(warnings_of(config, _clock.today()), key=_said), key=_said):
        first, *others = [warning.path for warning in paths]
        log.warning("%s: %s%s", first, message, f" (and {len(others)} more)" if others else "")
    deployments = resolve(config)
    return Fleet(
        {
            name: Group(name, written, Candidates(candidate(resolved) for resolved in deployments[name]))
            for name, written in config.models.items()
        },
        config.aliases,
    )


def _said(warning: Problem) -> str:
    return warning.message


def _budget(config: RelayConfig) -> RetryBudget:
    return RetryBudget(share=config.retry_budget.share, floor=config.retry_budget.floor)
