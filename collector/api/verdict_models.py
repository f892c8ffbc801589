"""Answers and requests of the API about what people say of crossings."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from collector.api.models import Model
from edge.wire.times import milliseconds_of

_Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
_Number = Annotated[int, Field(ge=1, lt=2**53)]


class VerdictInfo(Model):
    """What a person says of one crossing; `truth` is what it is, null where only known is which class it is not."""

    site: str
    device: str
    run: str
    seq: int | None
    line: str
    direction: str
    at: str
    label: str
    said: str
    by: str
    when: str
    alert: int | None
    truth: str | None


class Verdicts(Model):
    """The last said first."""

    now_ms: int
    verdicts: list[VerdictInfo]


class Said(Model):
    """What somebody says: of the vehicle of an alert, or of one that crossed a line at a time, in a run of a device."""

    said: Annotated[str, Field(min_length=1, max_length=64)]
    alert: _Number | None = None
    site: _Name | None = None
    device: _Name | None = None
    run: _Name | None = None
    seq: _Number | None = None
    line: _Name | None = None
    at: Annotated[str, Field(max_length=32)] | None = None

    @model_validator(mode="after")
    def one_crossing(self) -> Self:
        """Either an alert, or all of a crossing."""
        crossing = (self.site, self.device, self.run, self.line, self.at)
        if self.alert is None and None in crossing:
            raise ValueError("say which `alert`, or `site`, `device`, `run`, `line` and `at` of the crossing")
        if self.alert is not None and any(value is not None for value in (*crossing, self.seq)):
            raise ValueError("an `alert` tells its crossing: nothing else of it can be said")
        if self.at is not None:
            milliseconds_of(self.at)
        return self
