"""How long requests have to wait for quotas at the very least.

A limit of Q in any 60 seconds is Q servers, each of which a call keeps busy for 60 seconds; quotas that any request may
use are one queue before all their servers. So it is known what no router can do better: for random requests by a
formula, for those of one run by serving each as soon as any server is free.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapreplace
from math import inf, sqrt


def mean_wait(servers: int, busy: float, a_second: float) -> float:
    """Seconds that a request waits on average in the long run (M/D/c); ``inf`` where more comes than can be served.

    The mean wait of M/M/c by Erlang's formulas, turned into that of M/D/c by G. P. Cosmetatos, "Approximate explicit
    formulae for the average queueing time in the processes (M/D/r) and (D/M/r)", INFOR 13 (1975), 328-331,
    which is exact for a single server: with load r, W = W_MMc / 2 * (1 + (1-r) (c-1) (sqrt(4+5c) - 2) / (16 r c)).
    """
    offered = a_second * busy
    if not offered:
        return 0.0
    load = offered / servers
    if load >= 1:
        return inf
    blocked = 1.0  # Erlang B, a server at a time
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    waits = blocked / (1 - load * (1 - blocked))  # Erlang C
    random_wait = waits * busy / (servers - offered)
    correction = 1 + (1 - load) * (servers - 1) * (sqrt(4 + 5 * servers) - 2) / (16 * load * servers)
    return random_wait / 2 * correction


def least_waits(arrivals: Iterable[float], servers: int, busy: float) -> list[float]:
    """Seconds that each waits, in order of arrival, if all are served, first come first served, by free servers."""
    free, waits = [-inf] * servers, list[float]()
    for arrival in sorted(arrivals):
        begins = max(arrival, free[0])
        heapreplace(free, begins + busy)
        waits.append(begins - arrival)
    return waits
