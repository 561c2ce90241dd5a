"""The reference of the configuration, made from its models: ``python -m pixelrelay.config.reference``."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from textwrap import dedent
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from pixelrelay.config.budgets import BudgetConfig
from pixelrelay.config.models import (
    DeploymentConfig,
    GroupConfig,
    HealthConfig,
    PoolConfig,
    PriceConfig,
    RelayConfig,
    RetryBudgetConfig,
    TimeoutsConfig,
)
from pixelrelay.config.server import FilesConfig, KeyConfig, ServerConfig, UploadsConfig
from pixelrelay.config.store import StoreUrl
from pixelrelay.cost.rows import MegapixelRow, StepsRow, TokensRow
from pixelrelay.cost.tables import Table
from pixelrelay.providers import registry

INTRODUCTION = """\
# Configuration

<!-- Made by `python -m pixelrelay.config.reference > docs/configuration.md`; change the models, not this file. -->

A configuration is one YAML or TOML file, told apart by its extension, or the same data in Python. All that is wrong
with it is reported at once, each mistake with its path (`models.flux.deployments[1].tier`); a key that is not known
is an error, not ignored.

```yaml
models:
  flux:
    fallbacks: [flux-bfl]
    deployments:
      - name: eastus
        provider: azure-foundry
        model: FLUX.2-pro
        endpoint: https://contoso.services.ai.azure.com
        api_key: ${AZURE_KEY}
        tier: high
        region: us
        price: {megapixel: 0.03}
      - name: kontext
        provider: azure-foundry
        model: FLUX.1-Kontext-pro
        endpoint: https://contoso.services.ai.azure.com
        api_key: ${AZURE_KEY}
  flux-bfl:
    deployments:
      - {name: bfl, provider: black-forest-labs, model: flux-2-pro, api_key: "${BFL_API_KEY}", pools: [bfl-account]}
pools:
  bfl-account: {concurrent: 24}
budgets:
  everything: {dollars: 200, window: day}
deadline: 120
```

## Variables

In any text, `${NAME}` is replaced by the environment variable `NAME`, and `${NAME:-default}` by `default` where the
variable is empty or not set. `${NAME@url}` is `NAME` as it stands in an address, where `/` and `@` have a meaning. A
text that is `os.environ/NAME` and nothing else is replaced as well. `$${` stands for `${` itself. A variable that is
needed and not there is an error.

A `config.yaml` of LiteLLM's is read as it is: see [Coming from LiteLLM](from-litellm.md).

## In Python

`load("relay.yaml")` reads a file, and `load({"models": …})` takes the same data; both fill in variables.
`RelayConfig(models=…)` takes what it is given as it is. What only a provider knows stands beside the other keys of a
deployment in a file, and under `options` where a `DeploymentConfig` is built in Python.

## One store for a fleet

Where `store` is left out, each process counts for itself. Several processes that draw on the same accounts name one
Redis (`store: redis://cache.internal:6379/0`) and count together, all that have one `store_prefix`. What that promises,
and what happens while it is away, is told in [One fleet, many processes](redis.md).

| `store` | |
|---|---|
| `redis://USER:PASSWORD@HOST:6379/0` | one server, and the number of its database; `rediss://` with TLS |
| `unix:///run/redis/redis.sock?db=0` | the same by a Unix socket |
| `redis+sentinel://HOST:26379,HOST2:26379/SERVICE/0` | the server these Sentinels name; `rediss+sentinel://` with TLS |
| `redis+cluster://HOST:6379,HOST2:6379` | a cluster, by any of its nodes; `rediss+cluster://` with TLS |

User and password may be left out, and so may ports and databases. A password alone is written `:PASSWORD@`, best as
`:${NAME}@`; what has a meaning in an address stands in it by its code (`/` is `%2F`, `@` is `%40`, `%` is `%25`). No
password is ever shown. Behind a `?` may stand, with TLS, `ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile` (paths),
`ssl_check_hostname` (`true` or `false`) and `ssl_cert_reqs` (`required` or `none`); with Sentinels, the
`sentinel_username` and `sentinel_password` that they themselves ask for.

## Which limits hold

What a deployment says outranks what its provider makes known, unit by unit: `azure-foundry` knows its requests a
minute by `tier`, `black-forest-labs` its jobs at a time. The limits of its pools hold besides. A pool that does not
say how its minute is counted takes the strictest way among its members.

## Budgets

What may be spent by the hour, the day, the month or in any so many hours; what is counted, and when, is told in
[Budgets](budgets.md).
"""

SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("The file", RelayConfig),
    ("`models.<name>`", GroupConfig),
    ("`models.<name>.deployments[]`", DeploymentConfig),
    ("`price` of a deployment", PriceConfig),
    ("`price.megapixel`", MegapixelRow),
    ("`price.tokens`", TokensRow),
    ("`price.steps`", StepsRow),
    ("`pools.<name>`", PoolConfig),
    ("`budgets.<name>`", BudgetConfig),
    ("`timeouts`", TimeoutsConfig),
    ("`health`", HealthConfig),
    ("`retry_budget`", RetryBudgetConfig),
    ("`server`", ServerConfig),
    ("`server.keys.<name>`", KeyConfig),
    ("`server.uploads`", UploadsConfig),
    ("`server.files`", FilesConfig),
)


def reference() -> str:
    """The whole page, in Markdown."""
    parts = [INTRODUCTION]
    for title, model in SECTIONS:
        parts += [f"## {title}\n", f"{_paragraph(model.__doc__)}\n", _table(model, leave_out={"options"})]
    parts.append("## What a provider knows besides\n")
    for name in registry.BUILT_IN:
        parts += [f"### `{name}`\n", _table(registry.provider(name).options, leave_out=set())]
    return "\n".join(parts)


def _table(model: type[BaseModel], leave_out: set[str]) -> str:
    said = _docstrings(model)
    rows = ["| key | value | if left out | |", "|---|---|---|---|"]
    inherited = [name for name in model.model_fields if name not in model.__annotations__]
    for name, info in sorted(model.model_fields.items(), key=lambda item: item[0] in inherited):
        if name not in leave_out:
            value = _value(info.annotation).replace("|", "\\|")
            rows.append(f"| `{name}` | {value} | {_default(info)} | {_paragraph(said.get(name))} |")
    return "\n".join(rows) + "\n"


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """What stands below each attribute. Read here rather than by pydantic, which would do so at every import."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _below_attributes(base)
    return found


def _below_attributes(model: type) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(dedent(inspect.getsource(model))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for statement, following in pairwise(body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, text


def _paragraph(text: str | None) -> str:
    return " ".join((text or "").split()).replace("``", "`")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "*required*"
    value = info.get_default(call_default_factory=True, validated_data={})
    match value:
        case None | () | BaseModel():
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case dict():
            return ""
        case float():
            return f"`{value:g}`"
        case _:
            return f"`{value}`"


_PLAIN: dict[Any, str] = {
    bool: "true or false",
    date: "a day",
    Decimal: "an amount",
    float: "a number",
    int: "a whole number",
    SecretStr: "text, kept secret",
    StoreUrl: "`memory`, or an address as `redis://HOST:6379/0`, kept secret",
    Table: "an amount, or a table of them",
    str: "text",
}


def _value(annotation: Any) -> str:
    """What may be written there, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None and annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    if origin is Annotated:
        return _value(arguments[0])
    if origin in {Union, UnionType}:
        return " or ".join(_value(part) for part in arguments if part is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        return "a list of texts" if arguments[0] is str else f"a list: {_value(arguments[0])}"
    if origin is dict:
        return f"by name: {_value(arguments[1])}"
    title = next((title for title, model in SECTIONS if model is annotation), None)
    return f"see {title}" if title else "a Python object"


if __name__ == "__main__":
    sys.stdout.write(reference())
