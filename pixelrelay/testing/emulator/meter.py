"""What the emulated providers would have put on the bill, and for which requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock

SUBMISSIONS = frozenset({"generate", "edit"})


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that reached a provider."""

    number: int
    """Counted over the fleet, from 1; it is written on the picture."""
    time: float
    """When it arrived, in seconds since the fleet began."""
    deployment: str
    operation: str
    """``generate``, ``edit``, ``poll``, ``download`` or ``ask``."""
    status: int | None
    """The status it was answered with; ``None`` while it is not, or where no answer was given."""
    billed: int
    """Pictures that were drawn and billed for it."""
    dollars: Decimal
    prompt: str | None
    size: tuple[int, int] | None
    """Of the pictures, in pixels."""
    request_id: str
    """The provider's name of the request, as its answer tells it."""
    fault: str | None
    """The fault that struck it."""
    phases: tuple[tuple[str, float], ...]
    """What became of it, and when: ``received``, ``read``, ``admitted``, ``drawn``, ``answered`` or ``cut``."""


@dataclass(frozen=True, slots=True)
class Billed:
    """The bill of one deployment, or of all."""

    pictures: int = 0
    dollars: Decimal = Decimal(0)
    requests: int = 0
    """Submissions that arrived, whatever became of them; polls and downloads are not among them."""
    rejected: int = 0
    """Of these, how many were answered with 429."""

    def __add__(self, other: Billed) -> Billed:
        return Billed(
            self.pictures + other.pictures,
            self.dollars + other.dollars,
            self.requests + other.requests,
            self.rejected + other.rejected,
        )


@dataclass(slots=True)
class Entry:
    """A request under way; the app that serves it writes it on."""

    number: int
    time: float
    deployment: str
    operation: str
    request_id: str
    status: int | None = None
    billed: int = 0
    dollars: Decimal = Decimal(0)
    prompt: str | None = None
    size: tuple[int, int] | None = None
    fault: str | None = None
    phases: list[tuple[str, float]] = field(default_factory=list)

    def record(self) -> RequestRecord:
        return RequestRecord(
            number=self.number,
            time=self.time,
            deployment=self.deployment,
            operation=self.operation,
            status=self.status,
            billed=self.billed,
            dollars=self.dollars,
            prompt=self.prompt,
            size=self.size,
            request_id=self.request_id,
            fault=self.fault,
            phases=tuple(self.phases),
        )


class Meter:
    """Read from any thread while the emulator runs."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = Lock()

    def open(self, deployment: str, operation: str, request_id: str, now: float) -> Entry:
        with self._lock:
            entry = Entry(len(self._entries) + 1, now, deployment, operation, request_id)
            entry.phases.append(("received", now))
            self._entries.append(entry)
        return entry

    def bill(self, entry: Entry, pictures: int, dollars: Decimal) -> None:
        """Put pictures on the bill, now that they are made."""
        with self._lock:
            entry.billed += pictures
            entry.dollars += dollars

    def spent(self, deployment: str) -> Decimal:
        with self._lock:
            return sum((e.dollars for e in self._entries if e.deployment == deployment), Decimal(0))

    def requests(self) -> tuple[RequestRecord, ...]:
        with self._lock:
            return tuple(entry.record() for entry in self._entries)

    def billed(self, deployment: str) -> Billed:
        with self._lock:
            own = [entry for entry in self._entries if entry.deployment == deployment]
            submitted = [entry for entry in own if entry.operation in SUBMISSIONS]
            return Billed(
                pictures=sum(entry.billed for entry in own),
                dollars=sum((entry.dollars for entry in own), Decimal(0)),
                requests=len(submitted),
                rejected=sum(entry.status == 429 for entry in submitted),
            )
