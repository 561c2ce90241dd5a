"""What people may write: groups, deployments, their limits, and how requests are treated.

The models check what one value can tell; ``checks`` compares them with each other and with the providers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    SkipValidation,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pixelrelay._transport.timeouts import Timeouts
from pixelrelay.config.base import (
    STRICT,
    Ambiguous,
    AtLeastOne,
    GroupName,
    Name,
    NotNegative,
    Positive,
    StoreTimeout,
    mapping_of_options,
    not_empty,
    number,
)
from pixelrelay.config.budgets import BudgetConfig
from pixelrelay.config.checks import Reading, prepared
from pixelrelay.config.origin import Origin
from pixelrelay.config.problems import findings_of, report
from pixelrelay.config.server import ServerConfig
from pixelrelay.config.store import StoreUrl, read_store, valid_prefix
from pixelrelay.cost.listed import price_like
from pixelrelay.cost.prices import Price
from pixelrelay.cost.rows import PriceRow
from pixelrelay.errors import ConfigError
from pixelrelay.images import parse_size
from pixelrelay.providers.adapting import NOT_DEFAULTABLE, Adaptable
from pixelrelay.providers.base import ProviderOptions
from pixelrelay.quotas import Shape


class Settings(BaseModel):
    model_config: ClassVar[ConfigDict] = STRICT


class Limits(Settings):
    """What an account may use. What is left out is not limited by it."""

    requests_per_minute: AtLeastOne | None = None
    """Calls in a minute."""
    images_per_minute: AtLeastOne | None = None
    """Pictures in a minute."""
    megapixels_per_minute: Positive | None = None
    """Millions of pixels drawn in a minute."""
    concurrent: AtLeastOne | None = None
    """Calls, or jobs, under way at a time."""
    shape: Shape | None = None
    """How a minute is counted: `rolling` (no 60 seconds hold more), `sliced` (nor 10 seconds more than a sixth),
    `paced` (spread evenly) or `fixed` (by the wall clock's minutes). Left out: as the provider is known to count."""
    counts_rejected: bool | None = None
    """Whether calls that were answered with 429 count as well. Left out: as the provider is known to count."""
    guard: NotNegative | None = None
    """Seconds added to each window. Left out: the `guard` of the whole file."""


class PoolConfig(Limits):
    """Limits that several deployments share, each of them naming the pool in its `pools`."""

    @model_validator(mode="after")
    def _limits_something(self) -> PoolConfig:
        if all(getattr(self, name) is None for name in LIMITS):
            raise ValueError(f"limits nothing: give at least one of {', '.join(LIMITS)}")
        return self


LIMITS = ("requests_per_minute", "images_per_minute", "megapixels_per_minute", "concurrent")


class PriceConfig(PriceRow):
    """What a call costs here, in dollars: so much a picture, a megapixel or a token, or the sum of these.

    Or what the lists of published prices say, multiplied by a `factor`.
    """

    @model_validator(mode="after")
    def _says_something(self) -> PriceConfig:
        if self.like is None and not self.terms and "factor" not in self.model_fields_set:
            raise ValueError("names no price: give image, megapixel, tokens, like or factor; an image at 0 means free")
        if self.like is not None and self.terms:
            raise ValueError("like: says the whole price; give nothing else of it but a factor")
        if self.like is not None and price_like(self.like) is None:
            raise ValueError(f"like: no list has a price of {self.like!r}; write it as openai/gpt-image-2")
        return self

    def over(self, listed: Price | None) -> Price | None:
        """This price, where it names its own; else ``listed``, or that of the model that it is like, by its factor."""
        if self.terms:
            return Price(self.terms, self.factor, self.source or "the configuration", self.day)
        known = price_like(self.like) if self.like is not None else listed
        if known is None:
            return None
        return replace(known.times(self.factor), source=self.source or known.source, day=self.day or known.day)


class TimeoutsConfig(Settings):
    """How long the parts of one attempt may take, in seconds."""

    connect: Positive = 5.0
    """For name, connection and TLS together."""
    first_byte: Positive = 180.0
    """From the last byte sent to the first of the answer, and between any two reads after it."""
    total: Positive = 600.0
    """For the whole attempt: submitting, polling and downloading."""

    def over(self, general: TimeoutsConfig | None = None) -> Timeouts:
        """These, and for what was left out here those of ``general``."""
        own = self if general is None else general.model_copy(update=self.model_dump(exclude_unset=True))
        return Timeouts(connect=own.connect, first_byte=own.first_byte, total=own.total)


class RetryBudgetConfig(Settings):
    """How many further attempts there may be, so that an outage is not multiplied."""

    share: NotNegative = 0.2
    """Retries and failovers for each request, on average."""
    floor: Annotated[int, Field(ge=0), BeforeValidator(number)] = 60
    """Further attempts that are always allowed in a minute: as many as the calls that one region may lose at once."""


class HealthConfig(Settings):
    """When a deployment counts as ill and is left alone for a while."""

    consecutive: AtLeastOne = 3
    """Failures in a row that suffice."""
    of: AtLeastOne = 10
    """How many of the last outcomes are looked at."""
    failed: AtLeastOne = 5
    """Failures among them that suffice."""
    cooldown: Positive = 30.0
    """Seconds of the first cooldown; each relapse doubles it."""
    longest: Positive = 600.0
    """Seconds that no cooldown exceeds, unless a deployment's own is longer."""

    @model_validator(mode="after")
    def _can_come_true(self) -> HealthConfig:
        if self.failed > self.of:
            raise ValueError(f"failed: {self.failed} of the last {self.of} outcomes can never fail")
        if self.consecutive > self.of:
            raise ValueError(f"consecutive: {self.consecutive} of the last {self.of} outcomes can never fail")
        if self.longest < self.cooldown:
            raise ValueError("longest: must be at least as long as cooldown")
        return self


class Leniency(Settings):
    """What may be done to a request that a model cannot serve as it is. What is left out is as it is one level up."""

    adapt: tuple[Adaptable, ...] | None = None
    """Fields that may be brought to the nearest that the model can do; each change stands in `.route.adaptations`.
    Those without a nearest (`output_compression`, `style`, `seed`) are left out then."""
    drop_params: bool | tuple[str, ...] | None = None
    """What may be left out where the model does not know it: parameters by name, or `true` for all that only adorn."""


class DeploymentConfig(Limits, Leniency):
    """One way to reach one model: a provider, a model there, an account, its limits and prices.

    What only its provider knows (`endpoint`, `tier` …) stands beside these keys.
    """

    name: Name
    """Unique in the whole file; it appears in routes, metrics and logs."""
    provider: str
    """The API and its dialect."""
    model: Annotated[str, StringConstraints(min_length=1)]
    """The provider's own name of the model, or of what was deployed there."""
    api_key: SecretStr | None = None
    """The key of the account, best as `"${NAME}"`."""
    pools: tuple[str, ...] = ()
    """The shared limits that hold for it besides its own."""
    price: PriceConfig | None = None
    """What a picture costs here, where that differs from the provider's list or is not known. Left out: what the list
    has, if it is asked at its provider's own address; what another server charges, nobody knows."""
    timeouts: TimeoutsConfig | None = None
    """Where they differ from those of the whole file; what is left out is as there."""
    weight: Positive = 1.0
    """Its share under the strategy `weighted`."""
    order: Annotated[int, BeforeValidator(number)] = 0
    """Its place under the strategy `ordered`: the lowest first."""
    cooldown: Positive | None = None
    """Seconds of its first cooldown, where that differs from `health.cooldown`."""
    region: str | None = None
    """A label to filter by. Where requests go is an option of the provider."""
    tags: tuple[str, ...] = ()
    """Labels to filter by."""
    defaults: dict[str, Any] = {}
    """What is asked of it where a call says nothing: `quality`, `output_format` …, or parameters of its provider's.
    What does not suit a request, as where only edits know it, is left out of it."""
    extra_headers: dict[str, str] = {}
    """Sent with every request, below those of the call."""
    extra_body: dict[str, Any] = {}
    """Merged into every body as it is, unchecked, below that of the call."""
    options: Annotated[
        ProviderOptions | Mapping[str, Any], SkipValidation, BeforeValidator(mapping_of_options), Field(repr=False)
    ] = {}
    """What only its provider knows, for those who write Python; in a file it stands beside the other keys."""

    @model_validator(mode="before")
    @classmethod
    def _gathers_options(cls, data: Any) -> Any:
        """Keys that are not known here are for the provider to judge, once it is known which one it is."""
        if not isinstance(data, Mapping) or (extra := data.keys() - cls.model_fields.keys()) == set():
            return data
        options = data.get("options", {})
        if not isinstance(options, Mapping):
            raise PydanticCustomError("mapping_type", "options must be a mapping where there are further keys")
        common = {key: value for key, value in data.items() if key not in extra}
        return {**common, "options": {**options, **{key: data[key] for key in extra}}}

    @field_validator("defaults")
    @classmethod
    def _can_be_asked(cls, value: dict[str, Any]) -> dict[str, Any]:
        if fixed := sorted(value.keys() & NOT_DEFAULTABLE):
            raise ValueError(f"{', '.join(fixed)}: only a call can say that")
        parse_size(value.get("size"))
        return value

    @field_validator("api_key", mode="before")
    @classmethod
    def _blank_is_none(cls, value: Any) -> Any:
        written = value.get_secret_value() if isinstance(value, SecretStr) else value
        return None if isinstance(written, str) and not written.strip() else value


class GroupConfig(Leniency):
    """A model group: the name that callers ask for, and the deployments that may answer to it."""

    strategy: Literal["least-busy", "usage", "latency", "cost", "weighted", "ordered"] = "least-busy"
    """What puts its deployments in order."""
    fallbacks: tuple[str, ...] = ()
    """Groups, or deployments of others, to turn to in this order when no deployment of this one can serve."""
    content_rejected_fallbacks: tuple[str, ...] = ()
    """Groups or deployments to turn to after moderation has refused; it goes nowhere unless named here."""
    patience: NotNegative = 5.0
    """Seconds to wait for a place here while a fallback would have one sooner."""
    deadline: Positive | None = None
    """Where it differs from that of the whole file."""
    on_ambiguous: Ambiguous | None = None
    """Where it differs from that of the whole file."""
    deployments: Annotated[tuple[DeploymentConfig, ...], AfterValidator(not_empty)]
    """At least one."""


class RelayConfig(Leniency):
    """All of a configuration, checked: what it names exists, and its providers accept it.

    Written wrongly, as keyword arguments or in a file, it raises one ``ConfigError`` that lists everything.
    """

    models: Annotated[dict[GroupName, GroupConfig], AfterValidator(not_empty)]
    """The model groups, by name."""
    aliases: dict[GroupName, str] = {}
    """Further names for groups or deployments, each with the name that it stands for."""
    pools: dict[Name, PoolConfig] = {}
    """Limits that several deployments share, by name."""
    budgets: dict[Name, BudgetConfig] = {}
    """Caps on what is spent, by name. All that a call falls under must have room."""
    user_secret: SecretStr | None = None
    """Mixed into the names under which end users are counted, so that the store does not tell who they are; the same in
    all processes. Left out: the password of the `store`."""
    store: Annotated[StoreUrl | None, BeforeValidator(read_store)] = None
    """Where quotas and health are kept: `memory`, which is this process's alone, or the address of a Redis (or Valkey)
    that all processes of a fleet share."""
    store_timeout: StoreTimeout = 0.25
    """Seconds that a request waits for an answer of the shared store, at most 10; then the store counts as lost."""
    on_store_loss: Literal["share", "closed", "open"] = "share"
    """What each process does while the shared store is lost: `share`, go on with the limits divided by the number of
    processes; `closed`, serve nothing until it is back; `open`, go on with the whole limits."""
    store_prefix: Annotated[str, AfterValidator(valid_prefix)] = "pixelrelay"
    """What the names of all keys in the shared store begin with. Those that have one prefix are one fleet, and share
    their quotas."""
    store_batches: bool = False
    """Whether to take shares of large quotas from the shared store in small batches, to ask it less often."""
    deadline: Positive = 180.0
    """Seconds for a request, with all its waiting and attempts."""
    on_ambiguous: Ambiguous = "rebuy"
    """After an attempt that may have been billed and brought nothing: `rebuy` allows one further attempt, `fail`
    none."""
    max_attempts: AtLeastOne = 6
    """Attempts for one picture at most, whatever the reason of each."""
    retry_budget: RetryBudgetConfig = RetryBudgetConfig()
    """How many further attempts there may be in all."""
    timeouts: TimeoutsConfig = TimeoutsConfig()
    """How long the parts of one attempt may take."""
    health: HealthConfig = HealthConfig()
    """When a deployment is left alone for a while."""
    guard: NotNegative = 0.3
    """Seconds added to each window of a quota: how much later one call may be counted than another."""
    fetch_images: bool = False
    """Whether callers may give input images as addresses, which are then fetched from here."""
    max_input_bytes: AtLeastOne = 50_000_000
    """The size of an input image at most."""
    max_reply_bytes: AtLeastOne = 268_435_456
    """The size of a provider's answer, or of a picture fetched from it, at most."""
    server: ServerConfig = ServerConfig()
    """What `pixelrelay serve` is told; the router does without."""

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def origin(self) -> Origin:
        """Where it was read from; two that say the same are equal wherever they come from."""
        return self._origin

    @property
    def store_url(self) -> str | None:
        """The address of the shared store with its password, which is not to be shown; ``None`` for memory."""
        return None if self.store is None else self.store.get_secret_value()

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_report(
        cls, data: Any, handler: ModelWrapValidatorHandler[RelayConfig], info: ValidationInfo
    ) -> RelayConfig:
        if isinstance(data, RelayConfig):
            return handler(data)
        reading = info.context if isinstance(info.context, Reading) else Reading()
        ready = prepared(data, DeploymentConfig.model_fields.keys() - {"options"}, reading)
        findings, config = list(ready.findings), None
        try:
            config = handler(ready.data)
        except ValidationError as error:
            findings += findings_of(error, RelayConfig)
        wrong = [*reading.findings, *(finding for finding in findings if finding.loc not in reading.missing)]
        if config is None or wrong:
            origin, said = reading.written.origin, reading.written.data
            placed = map(origin.placed, wrong)
            raise ConfigError(
                report(placed, data if said is None else said, ready.secrets | reading.hidden), reading.source
            )
        config._origin = reading.written.origin
        return config
