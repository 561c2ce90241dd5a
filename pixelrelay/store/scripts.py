"""The shared store's steps, as one Lua script: each runs as a whole or not at all, and by the server's clock.

It is asked for with one key, the prefix in braces, from which all other keys are made: so all of them lie in one slot
of a cluster. What is asked and answered is JSON; what is asked of a reserve has the offers behind it, each on a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha1
from importlib.resources import files

SCHEMA = 1
"""What is kept, and how. Part of every key's name, so that two versions never misread each other."""
COMMON = {
    "common": "Common",
    "rules": "Rules",
    "health": "Health",
    "rates": "Rate",
    "records": "Records",
    "books": "Books",
    "offers": "Offers",
    "line": "Line",
    "steps": "Steps",
}
"""What every step needs: by file, the table that it fills."""
FREQUENT = {"settling": "Settling", "slots": "Slots", "plans": "Plans"}
"""What many steps need."""
RARE = {
    "minutes": "Fixed",
    "budgets": "Budget",
    "ahead": "Ahead",
    "places": "Places",
    "waiting": "Waiting",
    "learning": "Learning",
    "fleet": "Fleet",
    "joining": "Joining",
    "phantoms": "Phantoms",
    "log": "Rate",
    "specs": "Records",
    "turns": "Line",
    "upkeep": "Steps",
}
"""What few need: the steps of those who wait, come or go, and what is seldom asked of a part that all need."""


def _assembled() -> str:
    folder = files("pixelrelay.store") / "scripts"

    def text(name: str) -> str:
        return folder.joinpath(f"{name}.lua").read_text("utf-8")

    def fills(parts: Mapping[str, str]) -> list[str]:
        return [f"fills[{table}] = function()\n{text(name)}end" for name, table in parts.items()]

    later = {*FREQUENT.values(), *RARE.values()}
    tables = [
        f"local {table} = {'part()' if table in later else '{}'}"
        for table in dict.fromkeys([*COMMON.values(), *FREQUENT.values(), *RARE.values()])
    ]
    rare = ["make_rare = function()", *fills(RARE), "end"]
    common = ["local function make_common()", *(f"do\n{text(name)}end" for name in COMMON), "end", "make_common()"]
    begin = f"-- pixelrelay: the shared store, schema {SCHEMA}"
    return "\n".join([begin, text("prelude"), *tables, *fills(FREQUENT), *rare, *common, text("run")])


SCRIPT = _assembled()
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


def inbox(base: str, process: str) -> str:
    """The list in which messages are left for a process. ``base`` is the prefix with its braces."""
    return f"{base}:{SCHEMA}:in:{process}"
