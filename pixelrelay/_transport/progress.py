"""How far an attempt has come, as the engine above may read it at any time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pixelrelay.images import StreamEvent
from pixelrelay.outcomes import Phase

_ORDER: Final = tuple(Phase)


@dataclass(slots=True)
class Progress:
    """One attempt's way, kept up to date by the transport; it outlives a cancelled ``drive``."""

    phase: Phase = Phase.NOT_SENT
    job: str | None = None
    """The provider's name of the job, once it was accepted."""
    polls: int = 0
    """Polls sent, the failed ones too."""
    provider_request_id: str | None = None
    """Of the answer to the submission."""
    listener: Callable[[Progress], None] | None = None
    """Called after each change of ``phase``; it may not raise."""
    watcher: Callable[[StreamEvent], None] | None = None
    """Called with each partial image; it may not raise. Without it none is looked for."""
    has_shown: bool = False
    """Whether a partial image was shown."""

    def show(self, partial: StreamEvent) -> None:
        """Tell the watcher of a partial image."""
        if self.watcher is not None:
            self.has_shown = True
            self.watcher(partial)

    def reach(self, phase: Phase) -> None:
        """Move forward to ``phase``; a phase already passed changes nothing."""
        if _ORDER.index(phase) > _ORDER.index(self.phase):
            self.phase = phase
            if self.listener is not None:
                self.listener(self)
