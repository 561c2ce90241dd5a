"""The state that the routers of a fleet share, and what each step on it promises.

A store knows nothing of providers and requests: it is shown what an attempt would take (an ``Offer`` for each
candidate, in order of preference), takes all of the first that has room, and is told how it ended (a ``Report``).
Durations are passed as seconds, never as moments: the store counts by its own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Literal, Protocol, TypeAlias

from pixelrelay.images import NOTHING
from pixelrelay.quotas import Claim, Quota, SeenLimit, Unit


@dataclass(frozen=True, slots=True)
class Offer:
    """What one attempt on one deployment would take."""

    deployment: str
    claims: tuple[Claim, ...] = ()
    """On quotas of its account."""
    expected: float = 0.0
    """Seconds that the attempt is thought to last, which is how long it holds its concurrent slots."""
    least: float = 0.0
    """Seconds that it lasts at the least: where not even these are left, it is not begun."""
    ours: tuple[Claim, ...] = ()
    """On limits of our own: budgets, and what its caller may use."""

    @property
    def all_claims(self) -> tuple[Claim, ...]:
        return self.claims + self.ours if self.ours else self.claims


@dataclass(frozen=True, slots=True)
class Reservation:
    """All of one offer's claims, taken. It is settled once; until then its concurrent slots are held."""

    id: str
    index: int
    """Which of the offers."""
    offer: Offer
    probe: bool = False
    """Whether this is the one request that finds out if a deployment is well again."""
    degraded: bool = False
    """Whether it was granted by this process alone, the shared store being away."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the queue: ``wait`` on it becomes a reservation, in ``seconds`` by what is known now."""

    id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Shortage:
    """A limit of our own that has too little room."""

    quota: Quota
    amount: int
    """What was asked of it."""
    used: int
    """Of it, with what attempts under way have reserved."""


@dataclass(frozen=True, slots=True)
class Full:
    """Nothing was taken and no place was kept."""

    seconds: float | None
    """When the first of the offers would have room for this, those already waiting served first.
    ``None`` if never: an offer asks for more than a quota holds."""
    shortage: Shortage | None = None
    """What that offer waits for, where it is a limit of our own and nothing else takes longer."""


class Verdict(Enum):
    """What an attempt says about the health of its deployment."""

    WELL = "well"
    ILL = "ill"
    SILENT = "silent"
    """Nothing either way: moderation, an invalid request, a full quota, a caller who left."""


@dataclass(frozen=True, slots=True)
class Report:
    """How an attempt ended, as far as the shared state cares."""

    verdict: Verdict
    used: Mapping[Unit, int] | None = None
    """What it used of each quota, which replaces what was reserved. ``None``: what was reserved.
    A unit that is missing stays as reserved. Concurrent slots are always given back."""
    ours: Mapping[Unit, int] | None = None
    """The same of limits of our own."""
    cooldown: float = 0.0
    """Seconds to be left alone whatever the health: the quotas that ``rejected`` is about, else the deployment.
    A longer one that runs already stays."""
    grows: bool = False
    """Whether a deployment's cooldown doubles with each relapse, the provider having named no time itself."""
    rejected: frozenset[Unit] | None = None
    """On a 429: the quotas it speaks of, which learn from it; empty where the provider named none (all learn).
    ``None`` on anything else."""
    seen_limits: tuple[SeenLimit, ...] = ()
    first_cooldown: float | None = None
    """Seconds of the first cooldown of a deployment that is found ill by this; ``None``: as of all others."""

    def used_of(self, claim: Claim) -> int:
        """What takes the place of ``claim``."""
        used = self.ours if claim.quota.ours else self.used
        return claim.amount if used is None else used.get(claim.quota.unit, claim.amount)


UNUSED = Report(Verdict.SILENT, used=dict.fromkeys(Unit, 0), ours=dict.fromkeys(Unit, 0))
"""As if it had never been reserved."""


class Probation(Enum):
    """The health of a deployment, counted and not timed."""

    WELL = "well"
    COOLING = "cooling"
    """Left alone for a while after failures."""
    PROBING = "probing"
    """Its time is up: one request finds out, the others go elsewhere."""


@dataclass(frozen=True, slots=True)
class QuotaState:
    """One quota as it stands now."""

    unit: Unit
    used: int
    """In the last window, or at this moment for concurrent slots."""
    limit: int
    """As configured."""
    learned: int
    """What is admitted in its place, by what the provider's answers taught; the same where they taught nothing."""
    stated: int | None = None
    """The limit that the provider's answers name, where they do; ``None`` for concurrent slots."""
    age: float = field(default=0.0, compare=False)
    """Seconds since it stood so, where somebody else counts."""


@dataclass(frozen=True, slots=True)
class BudgetState:
    """One budget as it stands now, in its quota's whole amounts."""

    used: int = 0
    """What counts against it: what was spent in its window and what is reserved."""
    reserved: int = 0
    """Of that, what attempts under way may yet cost."""
    frees: float | None = None
    """Seconds until some of what is used counts no more; ``None`` where nothing is used."""
    age: float = field(default=inf, compare=False)
    """Seconds since it stood so, where somebody else counts; infinity where nothing was heard of it yet."""


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """One deployment as the store last saw it."""

    in_flight: int = 0
    probation: Probation = Probation.WELL
    cooling: float = 0.0
    """Seconds until it may be tried again; 0 if it may be now."""
    quotas: Mapping[str, QuotaState] = field(default=NOTHING)
    """By quota key, of the quotas of its account that have been claimed for it."""
    age: float = field(default=inf, compare=False)
    """Seconds since it stood so, where somebody else counts; infinity where nothing was heard of it yet."""

    @property
    def utilisation(self) -> float:
        """The share used of its fullest quota, from 0 to 1; 0 for a deployment without quotas."""
        return max(
            (state.used / state.learned if state.learned else 1.0 for state in self.quotas.values()), default=0.0
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody sees who looks at the shared state from outside, and takes nothing."""

    deployments: Mapping[str, DeploymentState]
    processes: tuple[str, ...] = ()
    """Those that share the state and are alive, by the names they gave themselves."""
    budgets: Mapping[str, BudgetState] = field(default=NOTHING)
    """By quota key, of those that were asked for."""


class Store(Protocol):
    """Every method is one atomic step."""

    @property
    def degraded(self) -> bool:
        """Whether quotas are counted by this process alone although they should be shared."""

    async def reserve(
        self,
        offers: Sequence[Offer],
        *,
        patience: float = 0.0,
        within: float = float("inf"),
        priority: int = 0,
        panic: bool = False,
    ) -> Reservation | Ticket | Full:
        """Take all claims of the first offer that has room; else keep a place in the queue; else neither.

        A place is kept if the soonest offer has room in at most ``patience`` seconds, and early enough that the least
        it lasts ends ``within`` as many seconds from now. Nobody overtakes a request that waits for the
        same deployment, unless by a higher ``priority``. Cooling deployments have no room; one whose cooldown has
        ended has room for a single probe. With ``panic``, where failures (not a provider's own word) keep every offer
        cooling, the one that ends first may be probed at once.
        """

    async def wait(self, ticket: Ticket) -> Reservation | Full:
        """The reservation, when its turn has come; ``Full``, with the place given up, once it cannot be in time.

        The time may have moved either way since the ticket was written. Cancelling it gives the place back.
        """

    async def cancel(self, held: Ticket | Reservation) -> None:
        """Give back a place or everything reserved, as if it had never been asked for."""

    async def settle(self, reservation: Reservation, report: Report) -> None:
        """Replace what was reserved by what was used, and let quotas and health learn.

        It never waits, so that it is done even where its caller has been cancelled: whom else it concerns is told in
        the background. Settling again changes nothing.
        """

    def state(self, deployment: str) -> DeploymentState:
        """What is known here of a deployment, without asking anybody."""

    def in_flight(self, deployment: str) -> int:
        """The part of ``state`` that is wanted for many candidates of each request."""

    def utilisation(self, deployment: str) -> float:
        """As ``state(deployment).utilisation``, and as quick as ``in_flight``."""

    def budget(self, quota: Quota) -> BudgetState:
        """What is known here of a budget, without asking anybody."""

    async def look(self, offers: Sequence[Offer], budgets: Sequence[Quota] = ()) -> Sight:
        """How the deployments of ``offers``, and ``budgets``, stand. Nothing is taken, booked or made by looking.

        ``StoreLostError`` if nobody can say.
        """

    def listen(self, listener: Callable[[Notice], None]) -> None:
        """Tell ``listener`` of every change in health, cooldown and learned limits that this process makes.

        And, of a store that is shared, how it answers and when it is lost and found again.
        """

    async def aclose(self) -> None:
        """Let go of connections. Reservations that are open stay open."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a settlement changed beyond its own reservation."""

    deployment: str
    probation: Probation | None = None
    cooling: float | None = None
    """Seconds, where a cooldown began or ended (0)."""
    quota: str | None = None
    limit: int | None = None
    learned: int | None = None
    """Where a quota's learned limit moved."""


class Mode(Enum):
    """How quotas are counted at present."""

    SHARED = "shared"
    """With all other processes."""
    SHARE = "share"
    """Alone, the shared store being away: with the limits divided by the last known number of processes."""
    OPEN = "open"
    """Alone, with the whole limits."""
    CLOSED = "closed"
    """Not at all: nothing is served until the shared store is back."""


OnLoss: TypeAlias = Literal["share", "closed", "open"]
"""What to do without the shared store: go on with this process's part of the limits, refuse, or go on with all."""


@dataclass(frozen=True, slots=True)
class ModeChange:
    """The shared store was lost, or found again."""

    mode: Mode
    reason: str
    """In words, and without any credential."""
    processes: int
    """That are known to share the quotas, this one among them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One round trip to a shared store."""

    step: str
    seconds: float
    error: str | None = None
    """A short word for what went wrong: ``timeout``, ``connection``, ``readonly``, ``memory``, ``loading`` …"""


Notice: TypeAlias = Change | ModeChange | Asked


class StoreLostError(Exception):
    """The shared store is away, and nothing is to be served without it."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds
        """After which it is worth asking again."""
