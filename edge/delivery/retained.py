"""The retained messages of a device, and which of them have to be published now. Pure; time is an argument.

1. On every connection all of them are published: the broker may have lost them, or be another one.
2. A changed message is published; one in flight is not published twice.
3. What another client publishes on these topics (the last will of an earlier connection of this device) is replaced, at
   most once in `again_ms`: two devices of one name must not do so in a loop.
4. What the broker refuses is published again on the next connection, not on this one.
"""

from edge.delivery.connection import Message


class RetainedMessages:
    """Retained topics of one device and their payloads. Times are milliseconds of one clock that never steps."""

    def __init__(self, *, again_ms: int = 5_000) -> None:
        self._again_ms = again_ms
        self._payloads: dict[str, bytes] = {}
        self._due_ms: dict[str, int] = {}  # topic -> when it is due
        self._in_flight: dict[int, str] = {}  # token -> topic
        self._received_ms: dict[str, int] = {}

    def set(self, topic: str, payload: bytes) -> None:
        """Retain this payload from now on."""
        if self._payloads.get(topic) != payload:
            self._payloads[topic] = payload
            self._due_ms[topic] = 0

    def connected(self) -> None:
        """A new connection: publish everything."""
        self._in_flight.clear()
        self._due_ms = dict.fromkeys(self._payloads, 0)

    def lost(self) -> None:
        """The connection is gone, with the messages in flight."""
        self._in_flight.clear()

    def due(self, now_ms: int) -> list[Message]:
        """What to publish now."""
        return [
            Message(topic, self._payloads[topic], retain=True)
            for topic, due_ms in self._due_ms.items()
            if due_ms <= now_ms
        ]

    def skip(self, topic: str) -> None:
        """It cannot be published on this connection."""
        self._due_ms.pop(topic, None)

    def published(self, token: int, message: Message) -> None:
        """It was published as `token`."""
        self._due_ms.pop(message.topic, None)
        self._in_flight[token] = message.topic

    def acknowledged(self, token: int) -> str | None:
        """The broker acknowledged or refused it; returns the topic, or None for another token."""
        return self._in_flight.pop(token, None)

    def received(self, topic: str, payload: bytes, now_ms: int) -> None:
        """A message arrived on one of these topics; the echo of our own is ignored."""
        wanted = self._payloads.get(topic)
        if wanted is None or payload == wanted or topic in self._due_ms:
            return
        self._due_ms[topic] = max(now_ms, self._received_ms.get(topic, now_ms - self._again_ms) + self._again_ms)
        self._received_ms[topic] = self._due_ms[topic]

    @property
    def in_flight(self) -> int:
        """How many publications of these are unacknowledged."""
        return len(self._in_flight)

    @property
    def quiet(self) -> bool:
        """Nothing is due and nothing is in flight."""
        return not self._in_flight and not self._due_ms
