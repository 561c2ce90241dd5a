"""What the models of each provider can do, in one table: ``python -m pixelrelay.providers.overview README.md``.

With the name of a file the table there is written anew, between the two comments that mark it; without, it is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pixelrelay.cost.listed import listed
from pixelrelay.images import Operation
from pixelrelay.providers import registry
from pixelrelay.providers.capabilities import Capabilities

BEGIN = (
    "<!-- Made by `python -m pixelrelay.providers.overview README.md`; change the providers' rows, not this table. -->"
)
END = "<!-- The end of what is made. -->"

FEATURES: Mapping[str, Callable[[Capabilities], int]] = {
    "generate": lambda can: Operation.GENERATE in can.operations,
    "edit": lambda can: Operation.EDIT in can.operations,
    "mask": lambda can: can.mask,
    "references": lambda can: can.references,
    "n": lambda can: can.max_images,
    "transparent": lambda can: "transparent" in can.backgrounds,
    "seed": lambda can: can.seed,
}
"""How much of each a model can: so many input images, so many pictures a call, or whether at all."""
PAGES: Mapping[str, str] = {"nscale": "openai-compatible", "xinference": "openai-compatible"}
"""The pages of providers that share one; the others' are named for them."""
COUNTED = frozenset({"references", "n"})
ANY = "*"


def known_models(provider: str) -> Mapping[str, Capabilities]:
    """Those that are known by name; where none is, what is taken to hold of any."""
    rows = registry.models(provider)
    return {model: can for model, can in rows.items() if model != ANY} or rows


def overview() -> str:
    """The table, in Markdown: of each provider the most that one of its models can do."""
    head = ("provider", *FEATURES, "prices known")
    lines = [head, tuple("---" for _ in head), *(_row(name) for name in registry.provider_names())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def written_anew(text: str) -> str:
    """``text`` with the table between its marks. ``ValueError`` if it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"nothing is marked for the table: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{overview()}\n{END}{after}"


def _row(provider: str) -> tuple[str, ...]:
    rows = known_models(provider)
    priced = sum(listed(provider, model) is not None for model in rows if model != ANY)
    named = sum(model != ANY for model in rows)
    page = f"docs/providers/{PAGES.get(provider, provider)}.md"
    return (
        f"[`{provider}`]({page})" if provider in registry.BUILT_IN else f"`{provider}`",
        *_abilities(rows),
        f"{priced} of {named}" if named else "no",
    )


def _abilities(rows: Mapping[str, Capabilities]) -> Iterator[str]:
    for name, able in FEATURES.items():
        most = max((int(able(can)) for can in rows.values()), default=0)
        if not most:
            yield "no"
        elif name in COUNTED:
            yield f"{most}"
        else:
            yield "yes"


def main(arguments: list[str]) -> None:
    if not arguments:
        sys.stdout.write(overview())
    for path in map(Path, arguments):
        path.write_text(written_anew(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
