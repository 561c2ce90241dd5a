"""What the tests of the whole engine share: routers over an emulated fleet in memory, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from pixelrelay import Attempt, Images, NotServedError, PixelRelayError, Router, _clock
from pixelrelay._transport.transport import Transport
from pixelrelay.errors import ContentRejectedError, ProviderRefusedError
from pixelrelay.events import Event, Observer
from pixelrelay.store.base import Store
from pixelrelay.testing import EmulatedDeployment, Fleet

SMALL = "64x64"


def bfl(name: str, model: str = "flux-2-pro", **options: Any) -> EmulatedDeployment:
    """Polled; as many jobs at a time as one likes. It takes two seconds."""
    return EmulatedDeployment(name, "black-forest-labs", model, **{"latency": 2.0, "concurrent": 1000, **options})


def foundry(name: str, model: str = "FLUX.2-pro", **options: Any) -> EmulatedDeployment:
    """Answers in one go, after two seconds; a thousand calls a minute."""
    return EmulatedDeployment(
        name,
        "azure-foundry",
        model,
        **{"latency": 2.0, "requests_per_minute": 1000, "enforcement": "rolling", **options},
    )


def openai(name: str, **options: Any) -> EmulatedDeployment:
    """Draws up to ten pictures in a call; slow to emulate, for its pictures are large."""
    return EmulatedDeployment(name, "openai", "gpt-image-2", **{"latency": 2.0, **options})


def groups(fleet: Fleet, written: Mapping[str, Sequence[str]], **settings: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with these deployments in these groups, and ``settings`` of each group by its name."""
    return {
        "models": {
            group: {**settings.get(group, {}), "deployments": fleet.entries(*names)} for group, names in written.items()
        }
    }


def router_of(
    fleet: Fleet,
    config: Mapping[str, Any] | None = None,
    *,
    observers: Sequence[Observer] = (),
    store: Store | None = None,
    jitter: bool = False,
    seed: int = 0,
) -> Router:
    """A router over ``fleet``; by default all of it is the group ``flux``."""
    transport = Transport(fleet.engine(jitter=jitter), rng=Random(seed))
    written = fleet.config("flux") if config is None else config
    return Router(written, transport=transport, observers=observers, store=store, rng=Random(seed))


@dataclass(slots=True)
class Outcome:
    """How one call to the router ended, and when."""

    result: Images | None = None
    error: PixelRelayError | None = None
    seconds: float = 0.0

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        if self.result is not None:
            return self.result.route.attempts
        assert isinstance(self.error, NotServedError | ContentRejectedError | ProviderRefusedError), self.error
        return self.error.attempts

    @property
    def tried(self) -> str:
        """The deployments that were asked, in order."""
        return " ".join(attempt.deployment for attempt in self.attempts)

    @property
    def retry_after(self) -> float | None:
        assert isinstance(self.error, NotServedError)
        return self.error.retry_after


async def ask(router: Router, model: str = "flux", prompt: str = "a lighthouse", **wishes: Any) -> Outcome:
    """One picture, or why there is none."""
    began, outcome = _clock.now(), Outcome()
    try:
        outcome.result = await router.generate(model, prompt, **{"size": SMALL, **wishes})
    except PixelRelayError as error:
        outcome.error = error
    outcome.seconds = _clock.now() - began
    return outcome


def called(fleet: Fleet) -> dict[str, int]:
    """How often each deployment was asked to draw."""
    return {name: bill.requests for name, bill in fleet.billed.items() if bill.requests}


def billed(fleet: Fleet) -> dict[str, int]:
    """The pictures on the bill of each deployment."""
    return {name: bill.pictures for name, bill in fleet.billed.items() if bill.pictures}


class Witness:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def lasting(seconds: float, tolerance: float = 0.01) -> Iterator[None]:
    """The block takes so many seconds of the loop's time."""
    began = _clock.now()
    yield
    took = _clock.now() - began
    assert abs(took - seconds) <= tolerance, f"took {took:g} s, not {seconds:g} s"
