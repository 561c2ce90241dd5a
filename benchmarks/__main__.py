"""``python -m benchmarks [--quick] [name ...]``: run them, show what they say, and write it to ``RESULTS.md``."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from rich.console import Console

from benchmarks.contest import Stage
from benchmarks.environments import versions
from benchmarks.tables import Section, replaced

NAMES = ("pick", "call", "payload", "gateway", "quota", "failover", "scale", "store")
RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Results

Written by `scripts/bench`. All contenders of a table took part in one run, in turn (A B A B …). A ratio is of a round;
what stands before the parentheses is the median of all rounds, in them the least and the most. Compare figures within
a table, not between machines: what is told of one machine in milliseconds is true of that machine.
"""


def main() -> int:
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    console = Console(width=max(120, Console().width))
    sections = []
    for name in options.names or NAMES:
        section = _section(name)
        section.show = lambda table: table.show(console)
        console.rule(name)
        began = time.monotonic()
        with Stage(section, quick=options.quick, rounds=options.rounds) as stage:
            import_module(f"benchmarks.{name}").run(stage)
        for who, why in section.missing.items():
            console.print(f"not measured here: {who}: {why}", style="yellow", markup=False, highlight=False)
        console.print(f"{name} took {time.monotonic() - began:.0f} s", highlight=False)
        sections.append(section)
    if options.output:
        _write(options.output, sections)
        console.print(f"written to {options.output}", highlight=False)
    # Quick runs ask those alone who have to be there.
    return 1 if options.quick and any(section.missing for section in sections) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="What pixelrelay costs, beside others.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument(
        "--quick", action="store_true", help="seconds each, to see that all works; the figures mean nothing"
    )
    parser.add_argument("--rounds", type=int, help="how often each plays at most; some times by default")
    parser.add_argument("--output", type=Path, help="where to write (benchmarks/RESULTS.md; nowhere if quick)")
    options = parser.parse_args()
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no benchmark {name!r}, only {', '.join(NAMES)}")
    if options.output is None and not options.quick:
        options.output = RESULTS
    return options


def _leave(number: int, frame: object) -> None:  # noqa: ARG001
    """By an exception, so that whatever was started is ended."""
    raise SystemExit(128 + number)


def _section(name: str) -> Section:
    return Section(name, (import_module(f"benchmarks.{name}").__doc__ or "").strip())


def _write(path: Path, sections: list[Section]) -> None:
    measured = f"Measured on {datetime.now(UTC):%d %B %Y}, on {machine()}; {', '.join(versions())}."
    document = path.read_text() if path.exists() else HEAD
    path.write_text(replaced(document, {one.name: one.markdown(measured) for one in sections}, NAMES))


def machine() -> str:
    """The machine as far as figures depend on it."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith(("model name", "Model"))
    ]
    cores = len(os.sched_getaffinity(0))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cores} cores of {models[0] if models else platform.machine()}, {platform.system()}, {python}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
