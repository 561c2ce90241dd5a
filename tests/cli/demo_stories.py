"""Stories of demos that never took place, for what is made from them."""

from __future__ import annotations

from decimal import Decimal

from pixelrelay.cli.demo.recording import Call, Span
from pixelrelay.cli.demo.story import Lane, Outage, Outcome, Picture, Story
from pixelrelay.cli.demo.traffic import Order
from pixelrelay.images import Image, Images
from pixelrelay.outcomes import Attempt, Charge, Failure, FailureKind, Route
from pixelrelay.testing import RequestRecord

FOUR_CENTS = Decimal("0.04")
CUT = Failure(FailureKind.TIMEOUT, "connection reset by peer", charge=Charge.UNKNOWN)
REFUSED = Failure(FailureKind.CONNECTION, "connection refused")


def attempt(
    deployment: str, started: float = 0.0, duration: float = 8.0, failure: Failure | None = None, waited: float = 0.0
) -> Attempt:
    doubtful = failure is not None and failure.charge is not Charge.NONE
    return Attempt(
        deployment=deployment,
        provider="azure-foundry",
        group="flux",
        started=started,
        duration=duration,
        waited=waited,
        failure=failure,
        images=0 if failure else 1,
        cost=Decimal(0) if failure else FOUR_CENTS,
        at_risk=FOUR_CENTS if doubtful else Decimal(0),
    )


def outcome(number: int, *attempts: Attempt, prompt: str | None = None, fallbacks: tuple[str, ...] = ()) -> Outcome:
    """A request that was served by the last of its attempts."""
    asked, last = float(number), attempts[-1]
    route = Route(
        request_id=f"pr_{number}",
        group="flux",
        deployment=last.deployment,
        provider=last.provider,
        attempts=attempts,
        waited=sum(each.waited for each in attempts),
        duration=last.started + last.duration,
        cost=last.cost,
        at_risk=sum((each.at_risk or Decimal(0) for each in attempts), Decimal(0)),
        fallbacks=fallbacks,
    )
    return Outcome(
        Order(number, asked, "flux", prompt or f"a fox, no. {number}", "512x512", output_format="jpeg"),
        asked=asked,
        ended=asked + route.duration,
        result=Images(created=0, data=(Image(data=b"...", deployment=last.deployment),), route=route),
        attempts=attempts,
        pictures=(Picture(f"pictures/{number:04}.jpg", 512, 512, last.deployment),),
    )


def record(
    prompt: str, deployment: str = "eastus", billed: int = 1, status: int | None = 200, fault: str | None = None
) -> RequestRecord:
    return RequestRecord(
        number=1,
        time=0.0,
        deployment=deployment,
        operation="generate",
        status=status,
        billed=billed,
        dollars=FOUR_CENTS * billed,
        prompt=prompt,
        size=(512, 512),
        request_id="req",
        fault=fault,
        phases=(),
    )


def story_of(*outcomes: Outcome, records: tuple[RequestRecord, ...] = (), outage: Outage | None = None) -> Story:
    calls = [
        Call(a.deployment, o.asked + a.started, o.asked + a.started + a.duration, f"pr_{o.order.number}", a)
        for o in outcomes
        for a in o.attempts
    ]
    return Story(
        lanes=[Lane("eastus", "FLUX.2-pro, us"), Lane("westus", "FLUX.2-pro, us")],
        outcomes=outcomes,
        calls=calls,
        crowd=[(1.0, 1), (2.0, 2), (5.0, 0)],
        length=60.0,
        real_seconds=3.0,
        speed=20.0,
        rests={"westus": [Span(10.0, 90.0)]},
        fallbacks={"flux-bfl": 1},
        outage=outage,
        records=records,
        offered=380.0,
        reachable=317.0,
    )
