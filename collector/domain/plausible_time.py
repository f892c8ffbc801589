"""Between which times a report is plausible."""

SKEW_MS = 300_000
"""A report that begins more than this after the collector's now is ahead of its clock; less is clock skew."""
EARLIEST_MS = 1_451_606_400_000
"""2016-01-01: a report that begins earlier comes from a device whose clock was not set."""
