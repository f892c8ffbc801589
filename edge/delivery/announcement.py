"""The announcement to Home Assistant, kept right over restarts: what was announced is noted in the outbox.

A sensor that is no more is removed by one announcement, and the next leaves it out; a device that is told to announce
itself no more, or elsewhere, takes its announcement back. Where the broker takes no message as large as the
announcement of the device, each sensor is announced by itself, and the other form is taken back.
"""

from collections.abc import Callable

from edge.delivery.connection import Message
from edge.delivery.home_assistant import announcement, component_topic, components_of, removal_of, topic_for
from edge.delivery.outbox import Outbox
from edge.delivery.retained import RetainedMessages
from edge.wire.device_messages import Info

NOTE = "home-assistant"  # the prefix, APART where each sensor is announced by itself, then the keys that were announced
APART = "+"


class HomeAssistantAnnouncer:
    """Sets the retained announcement under `prefix`; empty: none."""

    def __init__(self, outbox: Outbox, *, site: str, device: str, root: str, prefix: str) -> None:
        self._outbox = outbox
        self._site = site
        self._device = device
        self._root = root
        self._prefix = prefix
        self._taken_back: dict[str, str] = {}  # topic -> the prefix of an announcement that is being taken back
        self._keys: tuple[str, ...] = ()
        self._fits: Callable[[Message], bool] = lambda _: True

    def begin(
        self, info: Info | None, retained: RetainedMessages, *, fits: Callable[[Message], bool] = lambda _: True
    ) -> None:
        """On a new connection, before anything is said. Raises WorkError where the outbox fails."""
        self._fits = fits
        prefix, *before = self._outbox.noted(NOTE).split() or [""]
        were_apart = before[:1] == [APART]
        keys = before[1:] if were_apart else before
        if prefix not in ("", self._prefix):
            self._take_back(retained, prefix, keys if were_apart else [])
            were_apart, keys = False, []
        self._announce(info, retained, keys, were_apart=were_apart)

    def acknowledged(self, topic: str, info: Info | None, retained: RetainedMessages) -> None:
        """The broker retains it. Raises WorkError where the outbox fails."""
        noted = self._outbox.noted(NOTE)
        if topic in self._taken_back and noted.split(" ", 1)[0] == self._taken_back.pop(topic):
            self._outbox.note(NOTE, "")
        elif self._prefix and topic == topic_for(self._site, self._device, self._prefix):
            note = " ".join((self._prefix, *self._keys))
            if not self._keys:
                return  # it was taken back, each sensor is announced by itself
            if note != noted:
                self._outbox.note(NOTE, note)
            self._announce(info, retained, [], were_apart=False)  # without what was removed by the one before

    def _take_back(self, retained: RetainedMessages, prefix: str, keys: list[str]) -> None:
        gone = removal_of(self._site, self._device, prefix=prefix)
        retained.set(gone.topic, gone.payload)
        self._taken_back[gone.topic] = prefix
        for key in keys:
            retained.set(component_topic(self._site, self._device, key, prefix), b"")

    def _announce(self, info: Info | None, retained: RetainedMessages, before: list[str], *, were_apart: bool) -> None:
        if not self._prefix or info is None:
            return
        known = [] if were_apart else before
        message = announcement(info, self._site, self._device, root=self._root, prefix=self._prefix, before=known)
        if self._fits(Message(message.topic, message.payload, retain=True)):
            if were_apart:
                self._outbox.note(NOTE, " ".join((self._prefix, *message.keys)))
                for key in before:
                    retained.set(component_topic(self._site, self._device, key, self._prefix), b"")
            retained.set(message.topic, message.payload)
            self._keys = message.keys
            return
        if before and not were_apart:
            retained.set(message.topic, b"")  # else each sensor would be there twice
        components = components_of(info, self._site, self._device, root=self._root)
        self._outbox.note(NOTE, " ".join((self._prefix, APART, *components)))
        self._keys = ()
        for key in dict.fromkeys((*before, *components)) if were_apart else components:
            payload = components.get(key, b"")
            retained.set(component_topic(self._site, self._device, key, self._prefix), payload)
