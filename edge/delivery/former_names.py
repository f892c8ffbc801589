"""Former names of this device: clears what brokers still retain under them.

The outbox notes a name that it had before. Its entries that wait still go out under it, for the counts are of that
place; what is retained of it (status, info, total, and the announcement to Home Assistant) is cleared, once. A last
will that comes late, or a broker that crashed and has old messages again, brings some of it back: so the device listens
to the newest former names, and clears again what names one of its own runs or journals. Another device may have the
name by then: what that says stays. A broker that does not let us speak under the old name says so, and then a person
has to do it.
"""

from collections.abc import Sequence

import msgspec

from edge.delivery.announcement import NOTE as HOME_ASSISTANT
from edge.delivery.connection import Message
from edge.delivery.home_assistant import removal_of
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_journals import FORMER, HAD
from edge.wire.device_messages import Status, encode_self
from edge.wire.topics import parse_topic, topic_of

RETAINED = ("info", "total", "status")
RUNS = "runs-told"
"""The note of the newest runs that brokers were told of."""
RUNS_MAX = 100


class FormerNames:
    """The messages to publish under former names, and their acknowledgements."""

    def __init__(self, outbox: Outbox, *, name: str, run: str, root: str, prefix: str) -> None:
        self.failure = ""
        """A sentence on what the broker refused to clear; empty: nothing."""
        self._outbox = outbox
        self._name = name
        self._run = run
        self._root = root
        self._prefix = prefix
        self._runs: set[str] = set()
        self._generation: int | None = None  # of the outbox in which this run is noted
        self._names: list[tuple[str, str]] = []
        self._in_flight: dict[int, str] = {}  # token -> topic
        self._waiting: set[str] = set()  # topics that are not cleared yet

    def begin(self, since: str) -> list[Message]:
        """On a new connection: the messages that set the last status and then clear everything. May raise WorkError."""
        self._in_flight.clear()
        self._waiting.clear()
        self._runs = {*self._outbox.noted(RUNS).split()} - {self._run}
        former = self._outbox.noted(FORMER).split()
        names = [*former, *self._outbox.noted(HAD).split(), *self._outbox.owners()]
        self._names = [_parted(name) for name in dict.fromkeys(names) if name != self._name]
        messages = []
        for name in former:
            site, device = _parted(name)
            status = Status(state="offline", run=self._run, since=since, reason=f"is called {self._name} now")
            messages.append(Message(topic_of(site, device, "status", root=self._root), encode_self(status)))
            messages += self._clearing(site, device)
        return messages

    def note_run(self) -> None:
        """Store the run before brokers learn of it, once. May raise WorkError; then it has to be called again."""
        if self._generation != self._outbox.generation:
            runs = [run for run in self._outbox.noted(RUNS).split() if run != self._run]
            self._outbox.note(RUNS, " ".join([*runs, self._run][-RUNS_MAX:]))
            self._generation = self._outbox.generation

    def topics(self) -> list[list[str]]:
        """Topic filters by name: commands, since missing reports are asked for under it, and retained messages."""
        return [
            [topic_of(site, device, channel, root=self._root) for channel in ("command/+", *RETAINED)]
            for site, device in self._names
        ]

    def received(self, topic: str, payload: bytes) -> Sequence[Message]:
        """The messages that clear what this shows to be retained of this device. May raise WorkError."""
        address = parse_topic(topic, root=self._root)
        if address is None or address.channel not in RETAINED or (address.site, address.device) not in self._names:
            return ()
        try:
            message = msgspec.json.decode(payload, type=_Retained)
        except msgspec.DecodeError:
            return ()
        counted = not message.ended and self._outbox.owner_of(message.journal) == f"{address.site}/{address.device}"
        return self._clearing(address.site, address.device) if message.run in self._runs or counted else ()

    def published(self, token: int, message: Message) -> None:
        """It was published as `token`."""
        self._in_flight[token] = message.topic if message.retain else ""

    def acknowledged(self, token: int, *, refused: str = "") -> bool:
        """The broker acknowledged or refused it; False where the token is not one of these. May raise WorkError."""
        topic = self._in_flight.pop(token, None)
        if topic is None:
            return False
        if topic:
            sentence = f"what the broker keeps on {topic} of a former name cannot be cleared: "
            if refused:
                self.failure = sentence + refused
            elif self.failure.startswith(sentence):
                self.failure = ""
        self._waiting.discard(topic)
        if not self._waiting and not self._in_flight:
            self._outbox.note(FORMER, "")  # what was refused is heard again, should it still be there
        return True

    @property
    def in_flight(self) -> int:
        """How many publications of these are unacknowledged."""
        return len(self._in_flight)

    def _clearing(self, site: str, device: str) -> list[Message]:
        topics = [topic_of(site, device, channel, root=self._root) for channel in RETAINED]
        prefix = (self._outbox.noted(HOME_ASSISTANT).split() or [self._prefix])[0]
        if prefix:
            topics.insert(0, removal_of(site, device, prefix=prefix).topic)
        self._waiting.update(topics)
        return [Message(topic, b"", retain=True) for topic in topics]


class _Retained(msgspec.Struct):
    run: str = ""
    journal: str = ""
    ended: bool = False


def _parted(name: str) -> tuple[str, str]:
    site, _, device = name.partition("/")
    return site, device
