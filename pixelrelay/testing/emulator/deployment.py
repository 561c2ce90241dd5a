"""One emulated deployment: what it is, what its account may use, and what goes wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from pixelrelay.testing.emulator.faults import Fault
from pixelrelay.testing.emulator.latency import Latency, typical
from pixelrelay.testing.emulator.providers import EMULATED
from pixelrelay.testing.emulator.quotas import Account, Enforcement, Limit, Slots


@dataclass(frozen=True, slots=True)
class EmulatedDeployment:
    """One account at one provider, with one model."""

    name: str
    """Letters, digits and hyphens; it is also the host's name where no socket is opened."""
    provider: str
    """As pixelrelay names it: ``openai``, ``azure-foundry`` …"""
    model: str
    """The provider's name of the model; on Azure also of the deployment, unless ``azure_deployment`` says other."""
    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    concurrent: int | None = None
    """Calls, or at Black Forest Labs active tasks, at a time."""
    enforcement: Enforcement | str | None = None
    """``rolling``, ``fixed`` or ``sliced``; ``None`` for what the provider is known to do."""
    counts_rejected: bool | None = None
    """Whether calls answered with 429 count all the same; ``None`` for what the provider is known to do."""
    latency: Latency | float | None = None
    """A law, or seconds for every call; ``None`` for what the model typically takes."""
    api_key: str = field(default="", repr=False)
    """The one key that is let in; made up from the name where none is given."""
    entra_token: str | None = field(default=None, repr=False)
    """On Azure, a bearer token that is let in besides."""
    azure_deployment: str = ""
    """The name of the deployment within its Azure resource; the model's where none is given."""
    region: str = "East US 2"
    price: Decimal | None = None
    """Dollars a picture; ``None`` for the provider's own price list."""
    credit: Decimal | None = None
    """Dollars on the account; once they are spent it is out of credit. ``None`` for no end of them."""
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        if self.provider not in EMULATED:
            raise ValueError(f"{self.name}: no provider is named {self.provider!r}; there are {', '.join(EMULATED)}")
        if not self.name.replace("-", "").isalnum():
            raise ValueError(f"{self.name!r}: a deployment's name has letters, digits and hyphens only")
        if not self.api_key:
            object.__setattr__(self, "api_key", f"emulated-key-of-{self.name}")
        if not self.azure_deployment:
            object.__setattr__(self, "azure_deployment", self.model)

    @property
    def is_azure(self) -> bool:
        return self.provider.startswith("azure-")

    def law(self) -> Latency:
        if isinstance(self.latency, Latency):
            return self.latency
        if self.latency is None:
            return typical(self.model)
        return Latency(self.latency, constant=True)

    def account(self) -> Account:
        """The account's quotas, empty as yet."""
        known = EMULATED[self.provider]
        enforcement = Enforcement(self.enforcement) if self.enforcement is not None else known.enforcement
        limits = {"requests": self.requests_per_minute, "images": self.images_per_minute}
        counts_rejected = known.counts_rejected if self.counts_rejected is None else self.counts_rejected
        return Account(
            {name: Limit(limit, enforcement) for name, limit in limits.items() if limit is not None},
            Slots(self.concurrent) if self.concurrent is not None else None,
            counts_rejected,
        )
