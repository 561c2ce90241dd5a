"""``/v1/models``: the model groups that a caller may ask for, and what each can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pixelrelay.images import Operation
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.router import Router
from pixelrelay.router.candidates import Group
from pixelrelay.server.keys import Caller

OWNER = "pixelrelay"


def models_of(router: Router, caller: Caller, since: int) -> list[dict[str, Any]]:
    """In OpenAI's shape, each by all its names, with ``capabilities`` beside. ``since`` stands for when it was made."""
    listed = {name: _model(group, since) for name, group in router.groups.items() if caller.may_ask(name)}
    aliases = router.config.aliases.items()
    return [*listed.values(), *({**listed[name], "id": alias} for alias, name in aliases if name in listed)]


def _model(group: Group, since: int) -> dict[str, Any]:
    rows = [candidate.deployment.capabilities for candidate in group.candidates]
    return {
        "id": group.name,
        "object": "model",
        "created": since,
        "owned_by": OWNER,
        "capabilities": _capabilities(rows),
        "deployments": len(rows),
        "fallbacks": list(group.config.fallbacks),
    }


def _capabilities(rows: Iterable[Capabilities]) -> Mapping[str, Any]:
    """What at least one deployment of the group can do."""
    rows = list({id(row): row for row in rows}.values())
    edits = [row for row in rows if Operation.EDIT in row.operations]
    return {
        "operations": sorted({operation.value for row in rows for operation in row.operations}),
        "max_images": max(row.max_images for row in rows),
        "input_images": max((row.references for row in edits), default=0),
        "mask": any(row.mask for row in edits),
        "sizes": [row.sizes.model_dump(mode="json", exclude_defaults=True) for row in rows],
        "qualities": _all(row.qualities for row in rows),
        "backgrounds": _all(row.backgrounds for row in rows),
        "output_formats": _all(row.formats for row in rows),
        "styles": _all(row.styles for row in rows),
        "seed": any(row.seed for row in rows),
        "parameters": _all({*row.parameters, *(row.edit_parameters or {})} for row in rows),
    }


def _all(sets: Iterable[Iterable[str]]) -> list[str]:
    return sorted({name for names in sets for name in names})
