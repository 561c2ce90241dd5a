"""The shared store's steps, as one Lua script: each runs as a whole or not at all, and by the server's clock.

It is asked for with one key, the prefix in braces, from which all other keys are made: so all of them lie in one slot
of a cluster. What is asked and answered is JSON.
"""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files

SCHEMA = 1
"""What is kept, and how. Part of every key's name, so that two versions never misread each other."""
PARTS = {
    "common": "Common",
    "rules": "Rules",
    "health": "Health",
    "plans": "Plans",
    "rates": "Rate",
    "minutes": "Fixed",
    "slots": "Slots",
    "budgets": "Budget",
    "records": "Records",
    "books": "Books",
    "ahead": "Ahead",
    "line": "Line",
    "places": "Places",
    "waiting": "Waiting",
    "settling": "Settling",
    "learning": "Learning",
    "fleet": "Fleet",
    "joining": "Joining",
    "phantoms": "Phantoms",
    "steps": "Steps",
}
"""By file, the table that it fills."""


def _assembled() -> str:
    folder = files("pixelrelay.store") / "scripts"

    def text(name: str) -> str:
        return folder.joinpath(f"{name}.lua").read_text("utf-8")

    parts = (f"fills[{table}] = function()\n{text(name)}end" for name, table in PARTS.items())
    return "\n".join([f"-- pixelrelay: the shared store, schema {SCHEMA}", text("prelude"), *parts, text("run")])


SCRIPT = _assembled()
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


def inbox(base: str, process: str) -> str:
    """The list in which messages are left for a process. ``base`` is the prefix with its braces."""
    return f"{base}:{SCHEMA}:in:{process}"
