"""An entry of the outbox."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A payload, its place in the outbox, and where it goes: `site/device/channel`, the topic without its root."""

    number: int
    address: str
    payload: bytes


def kind_of(address: str) -> str:
    """The channel of an address or topic, its last part: `report`, `alert`, `crossing`."""
    return address.rsplit("/", 1)[-1]
