"""What the courier carries."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A payload, its place in the outbox, and where it goes: `site/device/channel`, the topic without its root."""

    number: int
    address: str
    payload: bytes


def kind_of(address: str) -> str:
    """The channel that an entry or a message goes to: `report`, `alert`, `crossing`; the last part of the topic."""
    return address.rsplit("/", 1)[-1]
