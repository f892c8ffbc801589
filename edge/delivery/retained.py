"""What the broker keeps about this device (retained messages), and what of it has to be said now. Pure, told the time.

1. On every connection all of it is said: the broker may have lost it, or be another one.
2. What changed is said; what is being said is not said twice.
3. What somebody else says in our place (the last will of a connection of ours that the broker gave up late) is
   contradicted, at most once in `again_ms`: two devices of one name must not shout at each other for ever.
4. What the broker refuses is said again on the next connection, not on this one.
"""

from edge.delivery.connection import Message


class RetainedMessages:
    """Retained topics of one device and their payloads. Times are milliseconds of one clock that never steps."""

    def __init__(self, *, again_ms: int = 5_000) -> None:
        self._again_ms = again_ms
        self._payloads: dict[str, bytes] = {}
        self._due_ms: dict[str, int] = {}  # topic -> from when it may be said
        self._in_flight: dict[int, str] = {}  # token -> topic
        self._received_ms: dict[str, int] = {}

    def set(self, topic: str, payload: bytes) -> None:
        """This is to be retained from now on."""
        if self._payloads.get(topic) != payload:
            self._payloads[topic] = payload
            self._due_ms[topic] = 0

    def connected(self) -> None:
        """A new connection: say everything."""
        self._in_flight.clear()
        self._due_ms = dict.fromkeys(self._payloads, 0)

    def lost(self) -> None:
        """The connection is gone, with what was being said."""
        self._in_flight.clear()

    def due(self, now_ms: int) -> list[Message]:
        """What to publish now."""
        return [
            Message(topic, self._payloads[topic], retain=True)
            for topic, due_ms in self._due_ms.items()
            if due_ms <= now_ms
        ]

    def skip(self, topic: str) -> None:
        """It cannot be said on this connection."""
        self._due_ms.pop(topic, None)

    def published(self, token: int, message: Message) -> None:
        """It is on its way as `token`."""
        self._due_ms.pop(message.topic, None)
        self._in_flight[token] = message.topic

    def acknowledged(self, token: int) -> str | None:
        """The broker acknowledged or refused it: the topic, or None where the token is not one of these."""
        return self._in_flight.pop(token, None)

    def received(self, topic: str, payload: bytes, now_ms: int) -> None:
        """Somebody said this on a topic of ours; an echo of what we say is nobody."""
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
        """Nothing to say, and nothing being said."""
        return not self._in_flight and not self._due_ms
