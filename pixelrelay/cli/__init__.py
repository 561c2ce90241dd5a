"""The command line. Needs the extra ``cli``."""

from __future__ import annotations

import logging
import sys

NEEDED = frozenset({"typer", "rich"})


def main() -> None:
    """Run ``pixelrelay`` with the arguments of this process; it ends by ``SystemExit``."""
    try:
        from pixelrelay.cli.app import app
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in NEEDED:
            raise
        print(f"the command line needs {missing.name!r}: pip install 'pixelrelay[cli]'", file=sys.stderr)
        sys.exit(2)
    # What the router warns of in a log, the commands tell themselves.
    logging.getLogger("pixelrelay").setLevel(logging.ERROR)
    app(prog_name="pixelrelay")
