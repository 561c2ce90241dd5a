"""Amounts by what a call says: one for all, or a table by quality, size, or a parameter of the provider's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from pixelrelay.cost.facts import OWN, Facts, Word
from pixelrelay.images import Size


@dataclass(frozen=True, slots=True)
class Level:
    """Branches of a table, each under the words that lead to it."""

    branches: tuple[tuple[tuple[str, ...], Decimal | Level], ...]


Branch: TypeAlias = Decimal | Level

EDGES: Mapping[str, int] = {
    "0.5k": 512,
    "512": 512,
    "768sq": 768,
    "1k": 1024,
    "1.5k": 1536,
    "2k": 2048,
    "4k": 4096,
}
"""The edge of a square in each class of sizes that vendors name."""


@dataclass(frozen=True, slots=True)
class Table:
    """Amounts, each under what a call has to say for it.

    A size belongs to the smallest class of the table (``1K`` …) that has room for it, a quarter more pixels than its
    square being the same class: vendors' ratios differ that much. ``*`` stands for anything else.
    """

    amounts: Branch
    by: tuple[tuple[str, ...], ...] = ()
    """What each level goes by: of several names the first that the call says anything of."""
    unsaid: tuple[tuple[str, str], ...] = ()
    """By the first name of a level, what the provider is known to take where a call says nothing."""

    @property
    def names(self) -> frozenset[str]:
        """The parameters of a provider's own that it goes by."""
        return frozenset(name for level in self.by for name in level) - OWN

    def of(self, facts: Facts) -> Decimal | None:
        """The amount for ``facts``: where they leave something open, the dearest that it can come to.

        ``None`` where the table does not know what is asked for.
        """
        return self._picked(self.amounts, self.by, facts)

    def each(self, change: Callable[[Decimal], Decimal]) -> Table:
        """The same table of changed amounts."""
        return Table(_changed(self.amounts, change), self.by, self.unsaid)

    def leaves(self) -> list[Decimal]:
        """All amounts in it."""
        return list(_leaves(self.amounts))

    def _picked(self, branch: Branch, by: tuple[tuple[str, ...], ...], facts: Facts) -> Decimal | None:
        if isinstance(branch, Decimal):
            return branch
        said = facts.said(by[0])
        if said is None:
            said = next((word for name, word in self.unsaid if name == by[0][0]), None)
        if said is None:
            return dearest(self._picked(below, by[1:], facts) for _, below in branch.branches)
        found = _under(branch.branches, said)
        return None if found is None else self._picked(found, by[1:], facts)


def dearest(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The highest that is known; ``None`` if none is."""
    return max((amount for amount in amounts if amount is not None), default=None)


def _under(branches: tuple[tuple[tuple[str, ...], Branch], ...], said: Word) -> Branch | None:
    word = str(said)
    exact = next((below for words, below in branches if word in words), None)
    if exact is None and isinstance(said, Size):
        classes = sorted((EDGES[each], at) for at, (words, _) in enumerate(branches) for each in words if each in EDGES)
        at = next((at for edge, at in classes if said.pixels * 4 <= edge * edge * 5), None)
        exact = None if at is None else branches[at][1]
    return exact if exact is not None else next((below for words, below in branches if "*" in words), None)


def _changed(branch: Branch, change: Callable[[Decimal], Decimal]) -> Branch:
    if isinstance(branch, Decimal):
        return change(branch)
    return Level(tuple((words, _changed(below, change)) for words, below in branch.branches))


def _leaves(branch: Branch) -> Iterable[Decimal]:
    if isinstance(branch, Decimal):
        yield branch
    else:
        for _, below in branch.branches:
            yield from _leaves(below)
