"""The bases of every JSON document of ours: frozen, camelCase outside, snake_case inside."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """A frozen value with a JSON form in camelCase; unknown keys are an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class StatusDocument(Document, extra="ignore"):
    """A document of ours that a newer operator may have written: its further keys are dropped."""
