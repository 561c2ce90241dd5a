"""The board: how every deployment stands at this moment, as plain values that any view can show."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from pixelrelay.cli.demo.recording import Recording
from pixelrelay.config import ResolvedDeployment
from pixelrelay.quotas import Unit
from pixelrelay.router import Router
from pixelrelay.store.base import DeploymentState, Probation

_WORDS: Mapping[Unit, str] = {
    Unit.REQUESTS: "req/min",
    Unit.IMAGES: "img/min",
    Unit.MEGAPIXELS: "px/min",
    Unit.CONCURRENT: "at once",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One deployment."""

    name: str
    provider: str
    model: str
    region: str
    used: int
    limit: int | None
    """Of its fullest quota; ``None`` where it has none."""
    unit: str
    in_flight: int
    state: str
    """``well``, ``cooling 12 s`` or ``probing``; and whether its region is down, which the router cannot know."""
    pictures: int
    failed: int
    spend: Decimal


@dataclass(frozen=True, slots=True)
class Frame:
    """The whole board."""

    clock: float
    asked: int
    orders: int
    served: int
    failed: int
    waiting: int
    rate_limited: int
    rows: tuple[Row, ...]

    @property
    def in_flight(self) -> int:
        return sum(row.in_flight for row in self.rows)

    @property
    def spend(self) -> Decimal:
        return sum((row.spend for row in self.rows), Decimal(0))


@dataclass(frozen=True, slots=True)
class Board:
    router: Router
    recording: Recording
    clock: Callable[[], float]
    orders: int
    down: Collection[str] = ()
    """Deployments whose region is down at the moment."""

    def frame(self) -> Frame:
        seen = self.recording
        deployments = [c.deployment for group in self.router.groups.values() for c in group.candidates]
        return Frame(
            clock=self.clock(),
            asked=seen.asked,
            orders=self.orders,
            served=seen.served,
            failed=seen.failed,
            waiting=seen.waiting,
            rate_limited=seen.rate_limited,
            rows=tuple(self._row(deployment) for deployment in deployments),
        )

    def _row(self, deployment: ResolvedDeployment) -> Row:
        name = deployment.name
        state, tally = self.router.state(name), self.recording.tally(name)
        used, limit, unit = _fullest(deployment, state)
        said = state_of(state)
        return Row(
            name=name,
            provider=deployment.provider.name,
            model=deployment.target.model,
            region=deployment.region or "",
            used=used,
            limit=limit,
            unit=unit,
            in_flight=state.in_flight,
            state=f"down, {said}" if name in self.down else said,
            pictures=tally.pictures,
            failed=tally.failed,
            spend=tally.spend,
        )


def state_of(state: DeploymentState) -> str:
    if state.probation is Probation.COOLING or state.cooling > 0:
        return f"cooling {state.cooling:.0f} s"
    return str(state.probation.value)


def _fullest(deployment: ResolvedDeployment, state: DeploymentState) -> tuple[int, int | None, str]:
    """Used and limit of the quota that is nearest to its limit, in words; before any was claimed, of the first."""
    if state.quotas:
        fullest = max(state.quotas.values(), key=lambda quota: quota.used / quota.learned if quota.learned else 1.0)
        return fullest.used, fullest.learned, _WORDS[fullest.unit]
    if deployment.quotas:
        return 0, deployment.quotas[0].limit, _WORDS[deployment.quotas[0].unit]
    return 0, None, ""
