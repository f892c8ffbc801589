"""What the broker keeps about this device (retained messages), and what of it has to be said now. Pure, told the time.

1. On every connection all of it is said: the broker may have lost it, or be another one.
2. What changed is said; what is being said is not said twice.
3. What somebody else says in our place (the last will of a connection of ours that the broker gave up late) is
   contradicted, at most once in `again_ms`: two devices of one name must not shout at each other for ever.
4. What the broker refuses is said again on the next connection, not on this one.
"""

from edge.delivery.connection import Message


class Presence:
    """Retained topics of one device and their payloads. Times are milliseconds of one clock that never steps."""

    def __init__(self, *, again_ms: int = 5_000) -> None:
        self._again_ms = again_ms
        self._wanted: dict[str, bytes] = {}
        self._unsaid: dict[str, int] = {}  # topic -> from when it may be said
        self._saying: dict[int, str] = {}  # token -> topic
        self._heard_ms: dict[str, int] = {}

    def want(self, topic: str, payload: bytes) -> None:
        """This is to be retained from now on."""
        if self._wanted.get(topic) != payload:
            self._wanted[topic] = payload
            self._unsaid[topic] = 0

    def connected(self) -> None:
        """A new connection: say everything."""
        self._saying.clear()
        self._unsaid = dict.fromkeys(self._wanted, 0)

    def lost(self) -> None:
        """The connection is gone, with what was being said."""
        self._saying.clear()

    def due(self, now_ms: int) -> list[Message]:
        """What to publish now."""
        return [
            Message(topic, self._wanted[topic], retain=True)
            for topic, due_ms in self._unsaid.items()
            if due_ms <= now_ms
        ]

    def leave_out(self, topic: str) -> None:
        """It cannot be said on this connection."""
        self._unsaid.pop(topic, None)

    def said(self, token: int, message: Message) -> None:
        """It is on its way as `token`."""
        self._unsaid.pop(message.topic, None)
        self._saying[token] = message.topic

    def settled(self, token: int) -> str | None:
        """The broker acknowledged or refused it: the topic, or None where the token is not one of these."""
        return self._saying.pop(token, None)

    def heard(self, topic: str, payload: bytes, now_ms: int) -> None:
        """Somebody said this on a topic of ours; an echo of what we say is nobody."""
        wanted = self._wanted.get(topic)
        if wanted is None or payload == wanted or topic in self._unsaid:
            return
        self._unsaid[topic] = max(now_ms, self._heard_ms.get(topic, now_ms - self._again_ms) + self._again_ms)
        self._heard_ms[topic] = self._unsaid[topic]

    @property
    def in_flight(self) -> int:
        """How many publications of these are unacknowledged."""
        return len(self._saying)

    @property
    def quiet(self) -> bool:
        """Nothing to say, and nothing being said."""
        return not self._saying and not self._unsaid
