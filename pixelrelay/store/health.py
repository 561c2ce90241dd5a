"""Whether a deployment is well, judged by counts: at six calls a minute no span of time fills with samples.

Two clocks can keep a deployment from being asked. *Told*: its provider named a time, or an account is refused; it is
obeyed. *Ill*: it failed three times running, or five of its last ten; it cools for a while that grows with each
relapse, then one single request, the probe, finds out whether it is well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixelrelay.store.base import Probation, Verdict


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When a deployment counts as ill, and for how long it is left alone."""

    consecutive: int = 3
    """Failures in a row that suffice."""
    of: int = 10
    """How many of the last outcomes are looked at."""
    failed: int = 5
    """Failures among them that suffice."""
    cooldown: float = 30.0
    """Seconds of the first cooldown; each relapse doubles it."""
    longest: float = 600.0
    settled: int = 5
    """Successes after which a relapse counts as a first illness again."""

    def beginning(self, first: float | None) -> HealthPolicy:
        """The same with another first cooldown, which may be longer than the longest; ``None`` changes nothing."""
        return self if first is None else replace(self, cooldown=first, longest=max(self.longest, first))


@dataclass(frozen=True, slots=True)
class Health:
    """The health of one deployment; ``told`` and ``judged`` return the next one."""

    outcomes: tuple[bool, ...] = ()
    """The last ones since it was last ill, oldest first; ``True`` is well."""
    relapses: int = 0
    ill_until: float | None = None
    """When it may be probed; ``None`` while it is well."""
    told_until: float = float("-inf")
    probe: str | None = None
    """The reservation that is finding out."""

    def probation(self, now: float) -> Probation:
        if self.told_until > now:
            return Probation.COOLING
        if self.ill_until is None:
            return Probation.WELL
        return Probation.PROBING if self.ill_until <= now or self.probe else Probation.COOLING

    def is_open(self, now: float) -> bool:
        """Whether a request may be sent: it is well, or it is time for a probe and none is under way."""
        if self.told_until > now:
            return False
        return self.ill_until is None or (self.ill_until <= now and self.probe is None)

    def free_at(self, now: float) -> float:
        """When it may be asked, as far as is known now: a probe under way may end sooner."""
        ill = self.ill_until if self.ill_until is not None else now
        return max(now, self.told_until, ill)

    def told(self, reservation: str, now: float, seconds: float, policy: HealthPolicy, *, grows: bool) -> Health:
        """After an attempt that says by itself how long to stay away; a probe follows. ``grows``: with each relapse."""
        health = replace(self, probe=None) if self.probe == reservation else self
        length = min(policy.longest, seconds * 2.0**health.relapses) if grows else seconds
        if now + length <= health.told_until:
            return health
        relapses = (
            min(health.relapses + 1, 30)
            if health.ill_until is not None and health.ill_until <= now
            else health.relapses
        )
        until = now + length
        ill_until = until if health.ill_until is None else max(until, health.ill_until)
        return replace(health, outcomes=(), relapses=max(1, relapses), told_until=until, ill_until=ill_until)

    def judged(self, verdict: Verdict, reservation: str, now: float, policy: HealthPolicy, spread: float) -> Health:
        """After an attempt ended. ``spread``, about 1, keeps a fleet's probes from falling on one moment."""
        probing = self.probe == reservation
        health = replace(self, probe=None) if probing else self
        match verdict:
            case Verdict.SILENT:
                return health
            case Verdict.WELL if health.ill_until is None or probing:
                outcomes = (*health.outcomes, True)[-policy.of :]
                relapses = 0 if outcomes[-policy.settled :] == (True,) * policy.settled else health.relapses
                if (outcomes, relapses) == (health.outcomes, health.relapses) and health.ill_until is None:
                    return health  # as nearly always
                return replace(health, outcomes=outcomes, relapses=relapses, ill_until=None)
            case Verdict.ILL if health.ill_until is None or probing:
                return health._failed(now, policy, spread, probing)
            case _:
                return health  # it was sent before the cooldown began, and tells nothing that is not known

    def _failed(self, now: float, policy: HealthPolicy, spread: float, probing: bool) -> Health:
        outcomes = (*self.outcomes, False)[-policy.of :]
        running = outcomes[-policy.consecutive :] == (False,) * policy.consecutive
        if not (probing or running or outcomes.count(False) >= policy.failed):
            return replace(self, outcomes=outcomes)
        seconds = min(policy.longest, policy.cooldown * 2.0**self.relapses) * spread
        return replace(self, outcomes=(), relapses=min(self.relapses + 1, 30), ill_until=now + seconds)
