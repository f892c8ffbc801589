"""A broker as brokers are: it keeps sessions and retained messages, until it crashes and has what it saved last.

A PUBACK of it is no delivery: it drops silently beyond its queue, forgets what came since its last save, redelivers,
hands on in another order, publishes a last will late, and refuses at times. What ours use of
MQTT 5, at QoS 0 and 1.
"""

from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.network import Wire
from tests.simulation.world import World

TAKEN_OVER = "taken over"
TOO_LARGE = "packet too large"


@dataclass(frozen=True, slots=True)
class Said:
    """A publication."""

    topic: str
    payload: bytes
    qos: int
    retain: bool = False


@dataclass(slots=True)
class Session:
    """What the broker keeps of a client."""

    client_id: str
    lasting: bool
    filters: list[str] = field(default_factory=list)
    queue: deque[Said] = field(default_factory=deque)
    flying: dict[int, Said] = field(default_factory=dict)
    next_id: int = 1
    receive_max: int = 20


class Client:
    """What a client of the broker hears; the two kinds of clients of ours implement it."""

    wire: Wire

    def _send(self, what: str, *given: Any) -> None:
        """Up the wire, to whom the broker has there when it arrives."""

        def arrive() -> None:
            end = self.wire.server
            if isinstance(end, BrokerEnd):
                getattr(end, what)(*given)

        self.wire.up.send(arrive)

    def accepted(self, *, resumed: bool, receive_max: int | None) -> None:
        """CONNACK."""
        raise NotImplementedError

    def acknowledged(self, token: int, *, refused: str) -> None:
        """PUBACK; `refused` is the reason, if it is."""
        raise NotImplementedError

    def subscribed(self) -> None:
        """SUBACK."""
        raise NotImplementedError

    def arrived(self, number: int, said: Said) -> None:
        """PUBLISH."""
        raise NotImplementedError

    def ended(self, reason: str) -> None:
        """The broker says goodbye, or the wire broke."""
        raise NotImplementedError


class BrokerEnd:
    """The broker's side of one connection."""

    def __init__(self, broker: "SimulatedBroker", wire: Wire, client: Client, session: Session, will: Said) -> None:
        self._broker = broker
        self.wire = wire
        self.client = client
        self.session = session
        self.will: Said | None = will
        self.gone = False

    def broken(self) -> None:
        """The wire is dead: the will is published."""
        self._broker.leave(self)

    # What the client sends; called when it arrives.

    def publish(self, said: Said, token: int) -> None:
        """PUBLISH of a client."""
        if self.gone:
            return
        if self._broker.is_too_large(self, said):
            self.wire.down.send(self.client.ended, TOO_LARGE)
            self._broker.leave(self)
            return
        refused = self._broker.refuses(self, said)
        if not refused:
            self._broker.route(said)
        if said.qos:
            self.wire.down.send(self.client.acknowledged, token, refused)

    def subscribe(self, filters: list[str]) -> None:
        """SUBSCRIBE, and the retained messages that match."""
        if self.gone:
            return
        self.session.filters = sorted({*self.session.filters, *filters})
        self.wire.down.send(self.client.subscribed)
        for topic, said in self._broker.retained.items():
            if any(matches(one, topic) for one in filters if not one.startswith("$share/")):
                self.session.queue.append(said)
        self.flow()

    def acknowledge(self, number: int) -> None:
        """PUBACK of a client."""
        if not self.gone:
            self.session.flying.pop(number, None)
            self.flow()

    def disconnect(self) -> None:
        """A polite end: no will."""
        self.will = None
        self._broker.leave(self)

    def flow(self) -> None:
        """Send what the client can take."""
        session = self.session
        while session.queue and len(session.flying) < session.receive_max and not self.gone:
            if len(session.queue) > 1 and self._broker.world.happens(self._broker.disorder):
                session.queue.rotate(-1)
            said = session.queue.popleft()
            number = session.next_id
            session.next_id = session.next_id % 65_535 + 1
            if said.qos:
                session.flying[number] = said
            self.wire.down.send(self.client.arrived, number, said)
            if said.qos and self._broker.world.happens(self._broker.duplication):
                self.wire.down.send(self.client.arrived, number, said)


class SimulatedBroker:
    """One broker. `queue_max` messages wait for a client, more are dropped without a word."""

    def __init__(self, world: World, *, queue_max: int, receive_max: int | None) -> None:
        self.world = world
        self.up = True
        self.queue_max = queue_max
        self.receive_max = receive_max
        self.disorder = 0.02
        self.duplication = 0.02
        self.refusing: Callable[[Said], bool] = lambda _: False
        self.barred: Container[tuple[str, ...]] = ()
        """Site and device under which nobody may say anything."""
        self.packet_max: int | None = None
        self.says_packet_max = True
        self.crossings: set[bytes] = set()
        """All that it took on a topic `crossing`."""
        self.retained: dict[str, Said] = {}
        self.dropped = 0
        self._sessions: dict[str, Session] = {}
        self._ends: dict[str, BrokerEnd] = {}
        self._saved: tuple[dict[str, Said], dict[str, Session]] = ({}, {})
        self._turn = 0

    def connect(
        self, wire: Wire, client: Client, client_id: str, will: Said | None, *, lasting: bool, receive_max: int
    ) -> None:
        """CONNECT of a client; a client of the same name is thrown out."""
        if not self.up or wire.up.cut:
            return
        other = self._ends.get(client_id)
        if other is not None:
            other.wire.down.send(other.client.ended, TAKEN_OVER)
            self.leave(other)
        session = self._sessions.get(client_id) if lasting else None
        resumed = session is not None
        if session is None:
            session = self._sessions[client_id] = Session(client_id, lasting)
        session.receive_max = receive_max
        session.queue.extendleft(reversed(session.flying.values()))
        session.flying.clear()
        end = BrokerEnd(self, wire, client, session, will) if will else BrokerEnd(self, wire, client, session, _NOTHING)
        if will is None:
            end.will = None
        wire.server = end
        self._ends[client_id] = end
        wire.down.send(lambda: client.accepted(resumed=resumed, receive_max=self.receive_max))
        end.flow()

    def leave(self, end: BrokerEnd) -> None:
        """A connection is over."""
        if end.gone:
            return
        end.gone = True
        if self._ends.get(end.session.client_id) is end:
            del self._ends[end.session.client_id]
            if not end.session.lasting:
                self._sessions.pop(end.session.client_id, None)
        if end.will is not None and self.up:
            self.route(end.will)

    def refuses(self, end: BrokerEnd, said: Said) -> str:
        """Why this client may not say this now; empty if it may."""
        assert end.session.client_id, "every client has a name"
        barred = tuple(said.topic.split("/")[2:4]) in self.barred
        return "Not authorized" if said.qos and (barred or (not self.world.calm and self.refusing(said))) else ""

    def is_too_large(self, end: BrokerEnd, said: Said) -> bool:
        """Whether a device says more at once than we take."""
        return self.packet_max is not None and not end.session.lasting and len(said.payload) > self.packet_max

    def route(self, said: Said) -> None:
        """Hand a publication to everybody who asked for it; of a shared subscription, to one."""
        if said.topic.endswith("/crossing"):
            self.crossings.add(said.payload)
        if said.retain:
            if said.payload:
                self.retained[said.topic] = said
            else:
                self.retained.pop(said.topic, None)
        shared: dict[str, list[Session]] = {}
        for session in list(self._sessions.values()):
            for one in session.filters:
                if not matches(one, said.topic):
                    continue
                if one.startswith("$share/"):
                    shared.setdefault(one, []).append(session)
                else:
                    self._hand_to(session, said)
        for members in shared.values():
            present = [one for one in members if one.client_id in self._ends] or members
            self._turn += 1
            self._hand_to(present[self._turn % len(present)], said)

    def _hand_to(self, session: Session, said: Said) -> None:
        end = self._ends.get(session.client_id)
        if end is None and not session.lasting:
            return
        if len(session.queue) >= self.queue_max and not self.world.calm:
            self.dropped += 1
            return
        session.queue.append(said)
        if end is not None:
            end.flow()

    @property
    def idle(self) -> bool:
        """Nothing waits for anybody."""
        return not any(session.queue or session.flying for session in self._sessions.values())

    def save(self) -> None:
        """Write what is held to disk."""
        if not self.world.calm:
            self._saved = (dict(self.retained), _copied(self._sessions))

    def crash(self, *, down_ms: int) -> None:
        """All connections are gone, and all since the last save; it comes back later."""
        self.world.tell("broker crashes")
        self.up = False
        for end in list(self._ends.values()):
            end.gone = True
            end.wire.break_down(client_ms=self.world.chance.randrange(2_000), server_ms=0)
        self._ends.clear()
        retained, sessions = self._saved
        self.retained, self._sessions = dict(retained), _copied(sessions)
        self.world.after(down_ms, self._rise)

    def _rise(self) -> None:
        self.up = True
        self.world.tell("broker is up")

    def lose_everything(self) -> None:
        """Its disk is gone with it."""
        self._saved = ({}, {})


def _copied(sessions: dict[str, Session]) -> dict[str, Session]:
    """Those that last, as they are now."""
    return {
        name: replace(one, filters=list(one.filters), queue=deque(one.queue), flying=dict(one.flying))
        for name, one in sessions.items()
        if one.lasting
    }


_NOTHING = Said("", b"", 0)


def matches(asked: str, topic: str) -> bool:
    """Whether a topic is what a subscription asked for."""
    if asked.startswith("$share/"):
        asked = asked.split("/", 2)[2]
    ours, theirs = asked.split("/"), topic.split("/")
    for place, level in enumerate(ours):
        if level == "#":
            return True
        if place >= len(theirs) or level not in ("+", theirs[place]):
            return False
    return len(ours) == len(theirs)
