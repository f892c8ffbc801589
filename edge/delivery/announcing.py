"""Keeps Home Assistant's idea of this device right over restarts: what was announced is noted in the outbox.

A sensor that is no more is removed by one announcement, and the next leaves it out; a device that is told to announce
itself no more, or elsewhere, takes its announcement back.
"""

from edge.delivery.home_assistant import announcement, farewell, topic_for
from edge.delivery.outbox import Outbox
from edge.delivery.presence import Presence
from edge.delivery.status import Info

NOTE = "home-assistant"  # the prefix, then the keys that were announced


class Announcing:
    """What to retain for Home Assistant under `prefix`; empty: nothing."""

    def __init__(self, outbox: Outbox, *, site: str, device: str, root: str, prefix: str) -> None:
        self._outbox = outbox
        self._site = site
        self._device = device
        self._root = root
        self._prefix = prefix
        self._taken_back: dict[str, str] = {}  # topic -> the prefix of an announcement that is being taken back
        self._keys: tuple[str, ...] = ()

    def begin(self, info: Info | None, presence: Presence) -> None:
        """On a new connection, before anything is said. Raises WorkError where the outbox fails."""
        prefix, *before = self._outbox.noted(NOTE).split() or [""]
        if prefix not in ("", self._prefix):
            gone = farewell(self._site, self._device, prefix=prefix)
            presence.want(gone.topic, gone.payload)
            self._taken_back[gone.topic] = prefix
            before = []
        self._announce(info, presence, before)

    def acknowledged(self, topic: str, info: Info | None, presence: Presence) -> None:
        """The broker retains it. Raises WorkError where the outbox fails."""
        noted = self._outbox.noted(NOTE)
        if topic in self._taken_back and noted.split(" ", 1)[0] == self._taken_back.pop(topic):
            self._outbox.note(NOTE, "")
        elif self._prefix and topic == topic_for(self._site, self._device, self._prefix):
            note = " ".join((self._prefix, *self._keys))
            if note != noted:
                self._outbox.note(NOTE, note)
            self._announce(info, presence, [])  # without what was removed by the one before

    def _announce(self, info: Info | None, presence: Presence, before: list[str]) -> None:
        if self._prefix and info is not None:
            said = announcement(info, self._site, self._device, root=self._root, prefix=self._prefix, before=before)
            presence.want(said.topic, said.payload)
            self._keys = said.keys
