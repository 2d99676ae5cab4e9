"""A connection's options and secrets, typed by its vendor's module; what is wrong is said in one sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plumbing.errors import Misconfigured

if TYPE_CHECKING:
    from plumbing.limits import Allowance
    from plumbing.settings import Connection

Model = TypeVar("Model", bound=BaseModel)


class VendorOptions(BaseModel):
    """Options that every vendor has.

    Attributes:
        allowance: factor on the vendor's documented limits, where an account was granted more than the standard.
        concurrency: calls at once that are ours, where no factor gives the number; `allowance` still raises the rest.
        shares_limits_with: connections that name the same word draw on one account's limits; default: the connection alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    allowance: int = Field(default=1, ge=1)
    concurrency: int | None = Field(default=None, ge=1)
    shares_limits_with: str | None = Field(default=None, min_length=1)

    def limits(self, documented: Allowance) -> Allowance:
        """What the account may do."""
        raised = documented.times(self.allowance)
        return raised if self.concurrency is None else replace(raised, concurrency=self.concurrency)


class VendorSecrets(BaseModel):
    """Secrets of one vendor; fields are `SecretStr`. More may be stored than one vendor needs."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def options_of(connection: Connection, model: type[Model]) -> Model:
    """The connection's options as the vendor's model.

    Raises:
        Misconfigured: naming the first option that is missing, unknown or of the wrong kind.
    """
    try:
        return model.model_validate(connection.options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "options"
        known = ", ".join(model.model_fields)
        what = {"missing": f"lacks the option {name}", "extra_forbidden": f"has an unknown option {name}"}.get(
            first["type"], f"has a wrong option {name}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        )
        raise Misconfigured(
            f"Connection {connection.name} ({connection.system}) {what}.",
            system=connection.system,
            connection=connection.name,
            remedy=f"Options under [connections.{connection.name}.options] are: {known}.",
        ) from None


def secrets_of(connection: Connection, model: type[Model]) -> Model:
    """The connection's secrets as the vendor's model; the first that is missing is named, with where to set it."""
    values = {
        name: connection.secret(name) if field.is_required() else connection.secrets.get(name)
        for name, field in model.model_fields.items()
    }
    return model.model_validate(values)


def require_path(connection: Connection, ending: str) -> None:
    """Raise `Misconfigured` where the base address lacks the path that the vendor's addresses begin with."""
    if not connection.base_url.endswith(ending):
        raise Misconfigured(
            f"The base_url of connection {connection.name} does not end in {ending}: {connection.base_url}.",
            system=connection.system,
            connection=connection.name,
            remedy=f"Write the address up to and with {ending}.",
        )
