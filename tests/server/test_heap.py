"""What is freed is given back to the system, when there is enough of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from pixelrelay.server.heap import GROWN, Heap

MB = 1 << 20


class Machine:
    """On which a process has so much memory each time it is looked at, and keeps so little when it gives back."""

    def __init__(self, at_first: int, keeps: int) -> None:
        self.resident, self.keeps, self.given_back = at_first, keeps, 0

    def give_back(self, _: int) -> None:
        self.given_back += 1
        self.resident = self.keeps

    def seen(self, sizes: Iterable[int], heap: Heap) -> Iterator[int]:
        """How often it has given back, after each look."""
        for self.resident in sizes:
            heap.tidy()
            yield self.given_back


@pytest.mark.parametrize(
    ("sizes", "given_back"),
    [
        ([70, 75, 80, 85], [0, 0, 0, 0]),
        ([70, 70 + GROWN // MB, 75, 80], [0, 1, 1, 1]),
        ([500, 500, 500], [1, 2, 3]),
        ([60, 75, 76], [0, 0, 1]),
    ],
    ids=["while it grows little", "once it has grown", "each time it has grown again", "from the least that it had"],
)
def test_memory_is_given_back_once_a_process_has_grown(sizes: list[int], given_back: list[int]) -> None:
    machine = Machine(70 * MB, keeps=72 * MB)
    heap = Heap(machine.give_back, lambda: machine.resident)
    assert list(machine.seen([size * MB for size in sizes], heap)) == given_back


def test_nothing_is_tried_again_and_again_where_what_has_grown_is_in_use() -> None:
    machine = Machine(70 * MB, keeps=300 * MB)
    heap = Heap(machine.give_back, lambda: machine.resident)
    assert list(machine.seen([300 * MB] * 4, heap)) == [1, 1, 1, 1]
