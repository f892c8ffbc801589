"""Between which times a report is believed."""

SKEW_MS = 300_000
"""A report that begins more than this after the centre's now is ahead of the centre's clock; less is clock skew."""


EARLIEST_MS = 1_451_606_400_000
"""2016: a report that begins before it was made by a clock that was not set."""
