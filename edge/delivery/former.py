"""Former names of this device: what brokers still keep under them is taken back.

The outbox notes a name that it had before. Its letters that wait still go out under it, for the counts are of that
place; what is retained of it (status, info, total, and the announcement to Home Assistant) is cleared. A broker that
does not let us speak under the old name says so, and then a person has to do it.
"""

from edge.delivery.announcing import NOTE as HOME_ASSISTANT
from edge.delivery.connection import Message
from edge.delivery.home_assistant import farewell
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_journals import FORMER
from edge.delivery.report import topic_of
from edge.delivery.status import Status, encode_self

RETAINED = ("status", "info", "total")


class FormerNames:
    """What has to be said under former names on a connection, and what came of it."""

    def __init__(self, outbox: Outbox, *, name: str, run: str, root: str, prefix: str) -> None:
        self.failure = ""
        """What the broker did not let us clear."""
        self._outbox = outbox
        self._name = name
        self._run = run
        self._root = root
        self._prefix = prefix
        self._saying: dict[int, str] = {}  # token -> topic
        self._waiting: set[str] = set()  # topics that are not cleared yet

    def names(self) -> list[tuple[str, str]]:
        """Site and device of every former name under which something is left to do. May raise WorkError."""
        former = [*self._outbox.noted(FORMER).split(), *self._outbox.owners()]
        return [
            (site, device)
            for name in dict.fromkeys(former)
            if name != self._name
            for site, _, device in [name.partition("/")]
        ]

    def farewells(self, since: str) -> list[Message]:
        """What to publish on a new connection: the last status, and then nothing that is kept. May raise WorkError."""
        self._saying.clear()
        self._waiting.clear()
        messages = []
        prefix = (self._outbox.noted(HOME_ASSISTANT).split() or [self._prefix])[0]
        for name in self._outbox.noted(FORMER).split():
            site, _, device = name.partition("/")
            status = Status(state="offline", run=self._run, since=since, reason=f"is called {self._name} now")
            messages.append(Message(topic_of(site, device, "status", root=self._root), encode_self(status)))
            topics = [topic_of(site, device, channel, root=self._root) for channel in RETAINED]
            if prefix:
                topics.append(farewell(site, device, prefix=prefix).topic)
            messages += [Message(topic, b"", retain=True) for topic in topics]
            self._waiting.update(topics)
        return messages

    def said(self, token: int, message: Message) -> None:
        """It is on its way as `token`."""
        self._saying[token] = message.topic if message.retain else ""

    def settled(self, token: int, *, refused: str = "") -> bool:
        """The broker acknowledged or refused it; False where the token is not one of these. May raise WorkError."""
        topic = self._saying.pop(token, None)
        if topic is None:
            return False
        if refused and topic:
            self.failure = f"what the broker keeps on {topic} of a former name cannot be cleared: {refused}"
        self._waiting.discard(topic)
        if not self._waiting and not self._saying:
            self._outbox.note(FORMER, "")  # what was refused now is refused the next time, too
        return True

    @property
    def in_flight(self) -> int:
        """How many publications of these are unacknowledged."""
        return len(self._saying)
