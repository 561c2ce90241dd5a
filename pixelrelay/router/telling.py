"""What happens, told to all who listen."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pixelrelay.cost.spend import Ledger, Spending
from pixelrelay.events import Event, Observer

log = logging.getLogger("pixelrelay")


class Telling:
    """The observers of one router, and its ledger before all of them."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._ledger = Ledger()
        self._observers = list(observers)

    @property
    def observed(self) -> bool:
        """Whether anybody listens besides the ledger, which wants to know no more than how things begin and end."""
        return bool(self._observers)

    def add(self, observer: Observer) -> None:
        self._observers.append(observer)

    def spending(self) -> Spending:
        """What the ledger has counted so far."""
        return self._ledger.spending()

    def __call__(self, event: Event) -> None:
        self._ledger(event)
        for observer in self._observers:
            try:
                observer(event)
            except Exception:
                log.exception("an observer failed at %s; the request goes on", type(event).__name__)
