"""What a model cannot do made into what it can, where that is allowed, and told.

Nothing is changed by itself. ``adapt`` names the fields that may be brought to the nearest that a model knows
(``size 1792x1024 → 16:9``); ``drop_params`` those that may be left out, a provider's own parameters among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias, get_args

from pixelrelay.images import NOTHING, ImageRequest
from pixelrelay.providers.capabilities import Capabilities, objections
from pixelrelay.providers.mapping import merged

Adaptable: TypeAlias = Literal["size", "quality", "background", "output_format", "output_compression", "style", "seed"]
ADAPTABLE: AbstractSet[str] = frozenset(get_args(Adaptable))
"""Fields that may be brought to the nearest that a model knows."""
NOT_DEFAULTABLE: AbstractSet[str] = frozenset(field.name for field in fields(ImageRequest)) - ADAPTABLE
"""What a deployment's defaults cannot say: it is each call's own."""

QUALITIES: Sequence[str] = ("low", "standard", "medium", "hd", "high", "xhigh", "max")
"""From the least to the best, whoever names them."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A request as one model is asked it."""

    request: ImageRequest
    adaptations: tuple[str, ...] = ()
    """What was changed, for people: ``size 1792x1024 → 16:9``, ``style 'vivid' left out``."""
    lacks: tuple[str, ...] = ()
    """What it still asks that the model cannot do."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the requests to one deployment are treated, by its configuration."""

    adapt: frozenset[str] = frozenset()
    drop_params: frozenset[str] | bool = False
    defaults: Mapping[str, Any] = field(default=NOTHING)
    """Fields of a request, or parameters of the provider's own, where a call says nothing."""
    extra_headers: Mapping[str, str] = field(default=NOTHING)
    extra_body: Mapping[str, Any] = field(default=NOTHING)

    def applied(self, can: Capabilities, request: ImageRequest) -> ImageRequest:
        """``request`` with what this deployment adds to it.

        A default that does not suit the request, as where only edits know it, is left out of it: nobody asked for it.
        """
        if not (self.defaults or self.extra_headers or self.extra_body):
            return request
        asked = replace(
            request,
            extra_headers={**self.extra_headers, **request.extra_headers},
            extra_body=merged(self.extra_body, request.extra_body),
        )
        unsaid = {name: value for name, value in self.defaults.items() if not _says(request, name)}
        if not any(objections(can, whole := _saying(asked, unsaid))):
            return whole
        adapt = self.adapt | request.adapt
        for name, value in unsaid.items():
            more = _saying(asked, {name: value})
            if name in adapt or set(objections(can, more)) <= set(objections(can, asked)):
                asked = more
        return asked

    def fit(self, can: Capabilities, request: ImageRequest, images: int = 1) -> Fit:
        """``request``, for ``images`` pictures in one call, as a model of this deployment can be asked it."""
        adapt = self.adapt | request.adapt
        drop = _either(self.drop_params, request.drop_params)
        return fit(can, self.applied(can, request), images, adapt=adapt, drop=drop)


def _either(one: frozenset[str] | bool, other: frozenset[str] | bool) -> frozenset[str] | bool:
    """What one of two permissions to leave out allows."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is True or other is True or one or other
    return one | other


def _says(request: ImageRequest, name: str) -> bool:
    return getattr(request, name) is not None if name in ADAPTABLE else name in request.parameters


def _saying(request: ImageRequest, wishes: Mapping[str, Any]) -> ImageRequest:
    """``request`` with further fields, or parameters of the provider's own."""
    common = {name: value for name, value in wishes.items() if name in ADAPTABLE}
    own = {name: value for name, value in wishes.items() if name not in ADAPTABLE}
    return replace(request, **common, parameters={**request.parameters, **own})


def why_never(can: Capabilities, name: str, value: Any) -> str | None:
    """Why no request to a model can have this default; ``None`` if some can."""
    why = None
    for operation in sorted(can.operations, key=lambda each: each.value):
        asked = _saying(ImageRequest(operation, ""), {name: value})
        why = next((objection.why for objection in objections(can, asked) if objection.field == name), None)
        if why is None:
            return None
    return why


PLAIN = Manner()


def fit(
    can: Capabilities,
    request: ImageRequest,
    images: int = 1,
    *,
    adapt: AbstractSet[str] = frozenset(),
    drop: AbstractSet[str] | bool = False,
) -> Fit:
    """``request``, for ``images`` pictures in one call, as a model can be asked it.

    What is in the way and in ``adapt`` is brought to the nearest; what is in ``drop``, or with ``True`` anything that
    only adorns, is left out. The rest is lacking.
    """
    found = tuple(objections(can, request, images))
    if not found or not (adapt or drop):
        return Fit(request, lacks=tuple(objection.why for objection in found))
    told: list[str] = []
    looked_at: set[str] = set()
    # One change may answer several objections, so they are raised anew after each.
    while (objection := next((one for one in found if one.field not in looked_at), None)) is not None:
        looked_at.add(objection.field)
        change = next(_changes(can, request, objection.field, adapt, drop), None)
        if change is not None:
            request, said = change
            told.append(said)
            found = tuple(objections(can, request, images))
    return Fit(request, tuple(told), tuple(objection.why for objection in found))


Change: TypeAlias = tuple[ImageRequest, str]


def _changes(
    can: Capabilities,
    request: ImageRequest,
    name: str,
    adapt: AbstractSet[str],
    drop: AbstractSet[str] | bool,
) -> Iterator[Change]:
    """What may be done about the field, or parameter, called ``name``, the least first."""
    may_go = drop if isinstance(drop, bool) else name in drop
    if name in adapt and name in _NEAREST:
        yield from _NEAREST[name](can, request)
    if name in request.parameters:
        if may_go:
            kept = {key: value for key, value in request.parameters.items() if key != name}
            yield replace(request, parameters=kept), f"{name} left out"
    elif name in ADAPTABLE and _says(request, name) and (name in adapt or may_go):
        yield _without(request, name)


def _without(request: ImageRequest, name: str) -> Change:
    nothing: dict[str, Any] = {name: None}
    return replace(request, **nothing), f"{name} {getattr(request, name)} left out"


def _size(can: Capabilities, request: ImageRequest) -> Iterator[Change]:
    sizes = can.sizes_for(request.operation)
    if request.size is not None and (drawn := sizes.nearest(request.size)) is not None:
        yield replace(request, size=drawn), f"size {request.size} → {sizes.as_told(drawn)}"


def _quality(can: Capabilities, request: ImageRequest) -> Iterator[Change]:
    """The nearest by rank; of two equally near the lesser, which costs less."""
    ranks = {name: QUALITIES.index(name) for name in can.qualities if name in QUALITIES}
    if request.quality not in QUALITIES or not ranks:
        return
    rank = QUALITIES.index(request.quality)
    nearest = min(ranks, key=lambda name: (abs(ranks[name] - rank), ranks[name]))
    yield replace(request, quality=nearest), f"quality {request.quality} → {nearest}"


def _background(can: Capabilities, request: ImageRequest) -> Iterator[Change]:
    if "opaque" in can.backgrounds and request.background == "transparent":
        yield replace(request, background="opaque"), "background transparent → opaque"


def _output_format(can: Capabilities, request: ImageRequest) -> Iterator[Change]:
    """``png`` where the model has it, which loses nothing."""
    known = can.formats & (can.transparent_formats if request.background == "transparent" else can.formats)
    preferred = next((name for name in ("png", "webp", "jpeg", "svg") if name in known), None)
    if preferred is not None:
        yield replace(request, output_format=preferred), f"output_format {request.output_format} → {preferred}"


_NEAREST: Mapping[str, Callable[[Capabilities, ImageRequest], Iterator[Change]]] = {
    "size": _size,
    "quality": _quality,
    "background": _background,
    "output_format": _output_format,
}
"""Of the other fields there is no nearest: they are left out."""
