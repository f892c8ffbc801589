"""What the courier carries."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """A payload, its number, and where it goes: `site/device/channel`, the topic without its root."""

    seq: int
    address: str
    payload: bytes
