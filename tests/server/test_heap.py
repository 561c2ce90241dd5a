"""What is freed is given back to the system, when there is enough of it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from pixelrelay.server.heap import Heap

MB = 1 << 20


class Machine:
    """On which a process uses some megabytes, and has those besides that it used before and has not given back."""

    def __init__(self) -> None:
        self.in_use = self.resident = 70 * MB
        self.given_back = 0

    def use(self, megabytes: int) -> None:
        self.in_use = megabytes * MB
        self.resident = max(self.resident, self.in_use)

    def give_back(self, _: int) -> None:
        self.given_back += 1
        self.resident = self.in_use


@pytest.mark.parametrize(
    ("used", "left"),
    [
        ([75, 80, 72], [75, 80, 80]),
        ([300, 70], [300, 70]),
        ([300, 290, 200, 75], [300, 290, 200, 75]),
    ],
    ids=["of little growth nothing", "a crowd that is over", "a crowd that goes by and by"],
)
def test_what_was_freed_is_given_back_at_the_next_look(used: list[int], left: list[int]) -> None:
    machine = Machine()
    heap = Heap(machine.give_back, lambda: machine.resident)

    def seen(megabytes: int) -> int:
        machine.use(megabytes)
        heap.tidy()
        return machine.resident // MB

    assert [seen(megabytes) for megabytes in used] == left


def test_nothing_is_tried_where_a_process_is_as_it_was_at_first() -> None:
    machine = Machine()
    heap = Heap(machine.give_back, lambda: machine.resident)
    for _ in range(9):
        heap.tidy()
    assert machine.given_back == 0


LOOK = """
from pixelrelay.server.heap import Heap
heap = Heap.of_this_process()
if heap is not None:
    heap.tidy()
print("none" if heap is None else "tidy")
"""


def test_a_process_has_a_heap_to_look_after_where_the_c_library_is_glibc() -> None:
    found = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ("tidy" if platform.libc_ver()[0] == "glibc" else "none")
