"""The plan: who may serve a request, group by group, before anything is reserved or spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from pixelrelay.errors import UnknownModelError
from pixelrelay.images import NOTHING, ImageRequest
from pixelrelay.router.candidates import Candidate, Candidates, Group
from pixelrelay.router.limits import Limit


@dataclass(frozen=True, slots=True)
class Leg:
    """One group, or one deployment named as a fallback, with those of its candidates that fit."""

    name: str
    group: Group
    candidates: Candidates
    """In no order: the strategy orders them each time they are asked."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The legs of a request in the order of its fallbacks. No deployment stands in two of them."""

    group: str
    legs: tuple[Leg, ...]
    moderated: tuple[Leg, ...]
    """Where to turn after moderation has refused, instead of the legs that are left."""
    unfit: Mapping[str, Sequence[str]] = field(default=NOTHING)
    """Of every deployment that was left out, what it lacks."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All groups of one configuration; replaced as a whole when the configuration is."""

    groups: Mapping[str, Group]
    aliases: Mapping[str, str] = field(default=NOTHING)
    """Further names, and what each stands for."""

    def named(self, name: str) -> str:
        """What ``name`` stands for: itself, unless it is an alias."""
        return self.aliases.get(name, name)

    def group(self, name: str) -> Group:
        """The group of that name, or one of its own for a deployment of that name. ``UnknownModelError`` if neither."""
        name = self.named(name)
        if name in self.groups:
            return self.groups[name]
        for group in self.groups.values():
            for candidate in group.candidates:
                if candidate.name == name:
                    return alone(group, candidate)
        known = sorted({*self.groups, *self.aliases})
        closest = get_close_matches(name, known, n=1)
        raise UnknownModelError(name, known, closest[0] if closest else None)

    def candidates(self) -> Iterator[Candidate]:
        for group in self.groups.values():
            yield from group.candidates


def alone(group: Group, candidate: Candidate) -> Group:
    """A single deployment in the place of a group: with the group's ways, without its fallbacks."""
    config = group.config.model_copy(update={"fallbacks": (), "content_rejected_fallbacks": ()})
    return Group(candidate.name, config, Candidates([candidate]))


def plan(
    fleet: Fleet,
    request: ImageRequest,
    model: str,
    *,
    images: int = 1,
    fallbacks: Sequence[str] | None = None,
    tags: frozenset[str] = frozenset(),
    region: str | None = None,
    without: frozenset[str] = frozenset(),
    limits: Sequence[Limit] = (),
) -> Plan:
    """The plan for ``request`` with ``images`` pictures in one call.

    ``fallbacks`` replaces the configured ones, and theirs; empty, there is nowhere else to go, after moderation
    either. ``without`` names deployments to leave out; ``limits`` are those of our own that the request falls under.
    Raises ``UnknownModelError`` for a model, or a fallback of the call's own, that does not exist.
    """
    asked = fleet.group(model)
    deep = fallbacks is None
    chain = _chain(fleet, asked, asked.config.fallbacks if fallbacks is None else fallbacks, deep=deep)
    nowhere = fallbacks is not None and not fallbacks
    refused = () if nowhere else asked.config.content_rejected_fallbacks
    unfit: dict[str, Sequence[str]] = {}

    def legs(groups: Sequence[Group]) -> Iterator[Leg]:
        taken = set(without)
        for group in groups:
            fit, lacking = group.fit(request, images, tags, region, limits)
            unfit.update(lacking)
            fresh = Candidates(c for c in fit if c.name not in taken) if taken else fit
            if len(groups) > 1:
                taken.update(candidate.name for candidate in fresh)
            if fresh:
                yield Leg(group.name, group, fresh)

    return Plan(
        group=asked.name,
        legs=tuple(legs(chain)),
        moderated=tuple(legs(_chain(fleet, asked, refused, deep=False)[1:])),
        unfit=unfit,
    )


def _chain(fleet: Fleet, asked: Group, fallbacks: Sequence[str], *, deep: bool) -> list[Group]:
    """The group, its fallbacks in order, then theirs if ``deep``; each once, so that it never runs in a circle."""
    chain, names = [asked], {asked.name}
    waiting = list(fallbacks)
    while waiting:
        name = waiting.pop(0)
        if name not in names:
            names.add(name)
            chain.append(fleet.group(name))
            waiting.extend(chain[-1].config.fallbacks if deep else ())
    return chain
