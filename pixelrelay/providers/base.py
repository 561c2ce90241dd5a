"""The seam between dialects and the transport: what an adapter yields, is sent, and returns.

An adapter does no I/O. ``generate`` and ``edit`` are generators: each ``Send`` they yield is carried out by the
transport, which sends back the ``Reply`` to it, whatever its status, or throws a ``ProviderError`` where no whole
answer came. Waiting between polls, and repeating polls and downloads, is the transport's business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Protocol, SupportsBytes, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from pixelrelay._spooled import Spooled
from pixelrelay.errors import ProviderError
from pixelrelay.images import NOTHING, Generation, ImageRequest, StreamEvent
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._cutting import LONG, cut
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.providers.events import ServerEvent
from pixelrelay.quotas import Shape, Unit


class Purpose(Enum):
    """What a ``Send`` is for, which decides whether it may be repeated."""

    SUBMIT = "submit"
    """May buy something: sent once, and never again by the transport."""
    POLL = "poll"
    """Asks after a job. Free; the transport paces it and repeats it when it fails."""
    DOWNLOAD = "download"
    """Fetches a result. Free; repeated when it fails, never carries the credential, may follow redirects."""
    ASK = "ask"
    """A free question about the account; sent once."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a ``multipart/form-data`` body; a file where ``filename`` is given."""

    name: str
    data: bytes | str | Spooled = field(repr=False)
    filename: str | None = None
    media_type: str | None = None


Glimpse: TypeAlias = Callable[[ServerEvent], StreamEvent | None]
"""Reads a partial image, or nothing, out of one server-sent event. It may not raise."""


@dataclass(frozen=True, slots=True)
class Send:
    """One HTTP request to make, without the credential; at most one of ``json``, ``parts`` and ``body`` is given."""

    purpose: Purpose
    method: str
    url: str
    headers: Mapping[str, str] = field(default=NOTHING)
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    parts: tuple[Part, ...] = field(default=(), repr=False)
    body: bytes | SupportsBytes | None = field(default=None, repr=False)
    """Bytes as they are; what they are, ``headers`` must say."""
    glimpse: Glimpse | None = field(default=None, repr=False)
    """On a submission that is answered by server-sent events: what each of them shows of a picture not yet done."""
    job: str | None = None
    """On a poll: the provider's name of the job. The first poll tells that the job was accepted."""
    every: float = 0.0
    """On a poll: seconds that the provider wants between two of a job at least."""
    ended: bool = False
    """On a poll: the job is known to have ended, and this asks how. It is sent at once, and again only after a pause;
    an answer of 5xx may be the job's end, and is the adapter's to judge."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


Exchange: TypeAlias = Generator[Send, Reply, Generation]
"""Yields what to send, is sent the replies, returns the pictures or raises ``ProviderError``."""

Question: TypeAlias = Generator[Send, Reply, str]
"""As an exchange, for a free question; returns the answer as a phrase for people."""


class Credential(Protocol):
    """What proves who is asking. Its ``repr`` shows no secret."""

    signs: ClassVar[bool]
    """Whether it goes by what is sent, so that this has to be written out first."""

    async def headers(self, send: Send) -> Mapping[str, str]:
        """The headers to add to ``send``. Raises ``ProviderError(UNAUTHORISED)`` if none can be had.

        For one that signs, the transport has written ``send`` out by then: its ``body`` is what will be sent to
        the byte, and its ``headers``, in lower case, hold the content type. Of a form, which is sent in pieces,
        ``bytes(send.body)`` joins it: only for those who need it.
        """


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A fixed key in one header."""

    signs: ClassVar[bool] = False

    header: str
    key: SecretStr
    scheme: str = ""
    """What stands before the key, as ``Bearer``; nothing where the header holds the key alone."""

    async def headers(self, send: Send) -> Mapping[str, str]:  # noqa: ARG002 - others sign the request
        key = self.key.get_secret_value()
        return {self.header: f"{self.scheme} {key}" if self.scheme else key}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a deployment's requests go, and as whom. Built once, when the configuration is read."""

    base_url: str
    """Without a trailing slash."""
    model: str
    """The provider's own name of the model."""
    credential: Credential | None
    trusted_hosts: tuple[str, ...]
    """The hosts that may be sent the credential; one that begins with a dot stands for all below it."""
    options: ProviderOptions
    """What the configuration says to this provider alone."""


class ProviderOptions(BaseModel):
    """What a deployment's configuration may say to one provider alone; each adapter extends it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True)
class Terms:
    """How an account with this provider is metered, as far as the provider makes it known."""

    shape: Shape = Shape.ROLLING
    counts_rejected: bool = False
    limits: Mapping[Unit, int] = field(default=NOTHING)
    """Limits that hold where the configuration names none, in whole units."""


class Provider(Protocol):
    """One API and its dialect. Stateless: everything comes from the request and the target."""

    name: str
    options: type[ProviderOptions]
    requires_key: bool
    """Whether ``api_key`` (or what the options put in its place) must be given."""

    def target(self, model: str, api_key: SecretStr | None, options: Any) -> Target:
        """Where and as whom to send. Raises ``ValueError`` that says which option is wrong, and why."""

    def capabilities(self, model: str, options: Any) -> Capabilities:
        """What ``model`` can do. An unknown model gets the most lenient row of its provider."""

    def terms(self, model: str, options: Any) -> Terms:
        """How calls are counted. Raises ``ValueError`` for, say, a tier that the model does not have."""

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        """Draw pictures from the prompt."""

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        """Draw pictures from the prompt and the request's images."""

    def ask(self, target: Target) -> Question:
        """A question that costs nothing and shows whether key, host and model are good."""


class Answer(BaseModel):
    """The base of all models of replies: what is not named is ignored."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore")


AnswerT = TypeVar("AnswerT", bound=Answer)
ValueT = TypeVar("ValueT")


def _or_none(value: Any, read_value: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read_value(value)
    except ValidationError:
        return None


# What stands beside a picture must not cost it, whatever it looks like: the picture is paid for.
Beside = Annotated[ValueT | None, WrapValidator(_or_none)]


def read(reply: Reply, model: type[AnswerT], *, exact: bool = False) -> AnswerT:
    """The body of a successful reply as ``model``; with ``exact``, its fractions are ``Decimal`` to the last digit.

    Raises ``ProviderError`` with ``UNUSABLE``, billed, if it is not one: the provider said that it succeeded.
    The caller has checked the status.
    """
    try:
        if exact:
            # By way of a float, as a body is usually read, an amount of money may lose its last digits.
            return model.model_validate(json.loads(reply.body, parse_float=Decimal))
        return _parsed(reply.body, model)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the body"
        said = f"{where}: {first['msg']}"
    except (ValueError, RecursionError):
        said = "the body: it is no JSON"
    failure = Failure(
        FailureKind.UNUSABLE, f"the answer could not be read: {said}", charge=Charge.BILLED, status=reply.status
    )
    raise ProviderError(failure)


def _parsed(body: bytes, model: type[AnswerT]) -> AnswerT:
    """``body`` as ``model``; a picture for which that has a field of ``Base64`` stays in the body."""
    if len(body) >= LONG and (without := cut(body)).texts:
        try:
            answer = model.model_validate_json(without.body, context=without)
        except ValidationError:
            pass  # what is wrong is told of the body as it came
        else:
            if without.is_whole:
                return answer
    return model.model_validate_json(body)
