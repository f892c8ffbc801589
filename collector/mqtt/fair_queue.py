"""Messages that wait to be stored, by device: each device has its turn, so a backlog of one holds up no other.

Within a device the order stays. What a batch may hold is bounded in messages and in bytes, because a large message
costs as much as many small ones.
"""

from collections import deque

from collector.mqtt.connection import Message


class Turns:
    """A queue per device, served one message at a time in rotation."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Message]] = {}  # the device whose turn it is comes first
        self.messages = 0
        self.bytes = 0

    def add(self, arrival: Message) -> None:
        """At the end of its device's queue."""
        device, _, _channel = arrival.topic.rpartition("/")
        self._queues.setdefault(device, deque()).append(arrival)
        self.messages += 1
        self.bytes += len(arrival.payload)

    def take(self, messages_max: int, bytes_max: int) -> list[Message]:
        """The next batch: at least one message where any wait, and no further one beyond the bounds."""
        taken: list[Message] = []
        size = 0
        while self._queues and len(taken) < messages_max:
            device, waiting = next(iter(self._queues.items()))
            size += len(waiting[0].payload)
            if taken and size > bytes_max:
                break
            taken.append(waiting.popleft())
            del self._queues[device]
            if waiting:
                self._queues[device] = waiting
        self.messages -= len(taken)
        self.bytes -= sum(len(arrival.payload) for arrival in taken)
        return taken

    def clear(self) -> None:
        """Forget all; the broker sends again what was not acknowledged."""
        self._queues.clear()
        self.messages = self.bytes = 0
