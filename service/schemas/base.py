"""The strict base of every schema, and the bounded numbers they are made of."""

from typing import Annotated, Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Schema(BaseModel):
    """A frozen record that refuses unknown fields, loose types, NaN and infinity."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Stored(Schema):
    """A record that is kept, and read by later versions than the one that wrote it."""

    LATER: ClassVar[dict[str, Any]] = {}
    """What stands for fields that earlier versions did not write."""

    @classmethod
    def completed(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Returns the record with the fields that earlier versions did not write."""
        return {**cls.LATER, **record}

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, record: object) -> object:
        if isinstance(record, dict):
            return cls.completed(cast("dict[str, Any]", record))
        return record


Width = Annotated[int, Field(ge=1, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Seed = Annotated[int, Field(ge=0, le=2**53 - 1)]
Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Nonnegative = Annotated[float, Field(ge=0.0, le=1e12)]
Positive = Annotated[float, Field(gt=0.0, le=1e12)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
OpenFraction = Annotated[float, Field(gt=0.0, lt=1.0)]

TensorName = Annotated[
    str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_.\-/]+$")
]
FileId = Annotated[str, Field(pattern=r"^file_[0-9a-f]{32}$")]
JobId = Annotated[str, Field(pattern=r"^job_[0-9a-f]{32}$")]
