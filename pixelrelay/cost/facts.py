"""What a price may depend on, of one call: as it is asked, and as it was drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from pixelrelay.images import Generation, ImageRequest, Operation, Size

Word: TypeAlias = str | Size
"""What is said of one thing: a word in small letters, or a size."""

OWN = frozenset({"operation", "quality", "size"})
"""What every request has a place for; anything else that a price goes by is a provider's own parameter."""


class Facts(NamedTuple):
    """What is known of one call. ``None`` leaves a choice to the provider."""

    pictures: int = 1
    operation: Operation = Operation.GENERATE
    size: Size | None = None
    quality: str | None = None
    inputs: tuple[Size | None, ...] = ()
    """Of each input image its size; ``None`` where nobody knows it."""
    prompt: int = 0
    """Bytes of it in UTF-8, of which there are never fewer than tokens."""
    partials: int = 0
    """Unfinished pictures to be shown besides each picture."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Those of a provider's own that the price goes by; ``given`` for what is no plain value."""

    def said(self, names: Iterable[str]) -> Word | None:
        """What the call says of the first of ``names`` that it says anything of; ``None`` if it says nothing."""
        return next((said for name in names if (said := self._of(name)) is not None), None)

    def _of(self, name: str) -> Word | None:
        match name:
            case "size":
                return self.size
            case "quality":
                return self.quality
            case "operation":
                return self.operation.value
            case _:
                return next((value for known, value in self.parameters if known == name), None)

    def drawn(self, generation: Generation) -> Facts:
        """The same call after it: the pictures that came, as large and as good as the provider says they are."""
        return self._replace(
            pictures=len(generation.images),
            size=generation.size or self.size,
            quality=_chosen(generation.quality) or self.quality,
        )


def asked(request: ImageRequest, names: Collection[str] = ()) -> Facts:
    """The facts of ``request``, ``names`` being the parameters that the price goes by."""
    over, prompt = request.extra_body, request.prompt
    quality = over.get("quality", request.quality) if over else request.quality
    return Facts(
        pictures=request.n,
        operation=request.operation,
        size=request.size,
        quality=_chosen(quality),
        inputs=tuple([image.size for image in request.images]) if request.images else (),
        prompt=len(prompt) if prompt.isascii() else len(prompt.encode()),
        partials=request.partial_images,
        parameters=tuple(_parameters(request, names)) if names else (),
    )


def _parameters(request: ImageRequest, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        value = request.extra_body.get(name, request.parameters.get(name))
        if value is not None:
            yield name, _word(value)


def _chosen(quality: Any) -> str | None:
    return None if quality is None or quality == "auto" else _word(quality)


def _word(value: Any) -> str:
    return str(value).casefold() if isinstance(value, str | int | float) else "given"
