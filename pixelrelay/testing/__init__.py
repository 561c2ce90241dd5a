"""For tests and trials without a key or a cent: emulated providers, and loops with clocks of their own.

Needs the extra ``testing``.
"""

try:
    from pixelrelay.testing.clocks import FastLoop, VirtualLoop
    from pixelrelay.testing.emulator.deployment import EmulatedDeployment
    from pixelrelay.testing.emulator.faults import FORBIDDEN, UNSEEMLY, Fault, FaultKind, RetryAfter, Stage
    from pixelrelay.testing.emulator.fleet import Fleet, emulated_fleet, serving
    from pixelrelay.testing.emulator.latency import Latency
    from pixelrelay.testing.emulator.memory import MemoryEngine
    from pixelrelay.testing.emulator.meter import Billed, RequestRecord
    from pixelrelay.testing.emulator.quotas import Enforcement
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] == "pixelrelay":
        raise
    raise ImportError(
        f"pixelrelay.testing needs {missing.name!r}, which is not installed: pip install 'pixelrelay[testing]'"
    ) from missing

__all__ = [
    "FORBIDDEN",
    "UNSEEMLY",
    "Billed",
    "EmulatedDeployment",
    "Enforcement",
    "FastLoop",
    "Fault",
    "FaultKind",
    "Fleet",
    "Latency",
    "MemoryEngine",
    "RequestRecord",
    "RetryAfter",
    "Stage",
    "VirtualLoop",
    "emulated_fleet",
    "serving",
]
