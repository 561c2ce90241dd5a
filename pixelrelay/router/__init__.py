"""The engine: plan, decide, reserve, call, settle."""

from pixelrelay.router.limits import Limits
from pixelrelay.router.router import Router
from pixelrelay.router.sync import SyncRouter

__all__ = ["Limits", "Router", "SyncRouter"]
