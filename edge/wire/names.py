"""Types of names, words and numbers of the wire contract."""

from typing import Annotated

import msgspec

SCHEMA = 1


NAME = r"[a-z0-9-]{1,64}"


NAME_RULE = "1 to 64 characters of a-z, 0-9 and -"


REPLAY = "replay-"
"""What the name of a replay's run, which is also that of its journal, begins with."""


RANGES_MAX = 100
"""Of one `resend`, and of what one `response` says is gone."""


_END = r"$(?!\n)"  # Python's $ alone also matches before a last newline


Name = Annotated[str, msgspec.Meta(pattern=f"^{NAME}{_END}")]


UNSEEN = r"\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""In a class of a pattern: control characters, what turns the direction of the text around it, and what is not seen."""


Word = Annotated[str, msgspec.Meta(pattern=f"^[^{UNSEEN}]{{1,64}}{_END}")]
"""What a person calls a direction or a class: `outbound`, `a_to_b`, `truck`."""


MaybeWord = Annotated[str, msgspec.Meta(pattern=f"^[^{UNSEEN}]{{0,64}}{_END}")]
"""The same, empty where it is not known."""


Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
"""Vehicles in one bucket; the bound keeps every sum far inside 64 bits."""


Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=366 * 86_400_000)]


SequenceNumber = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


Amount = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


Ranges = Annotated[list[tuple[SequenceNumber, SequenceNumber]], msgspec.Meta(max_length=RANGES_MAX)]
"""Spans of `seq`, first and last included."""


Numbered = Annotated[list[tuple[SequenceNumber, Name]], msgspec.Meta(max_length=RANGES_MAX)]
"""Numbers of reports, each with the run that counted it."""


Transaction = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}" + _END)]
"""What the asker calls a command, to know the response by."""
