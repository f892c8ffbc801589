"""Messages that wait to be stored, in one queue per device; devices take turns.

A backlog of one device delays no other. Messages of one device keep their order. A batch is limited in messages and in
bytes, because a large message costs as much as many small ones.
"""

from collections import deque

from collector.mqtt.connection import Message


class FairQueue:
    """One queue per device; `take` removes one message of each device in rotation."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Message]] = {}  # the device whose turn it is stands first
        self.messages = 0
        self.bytes = 0

    def add(self, message: Message) -> None:
        """Append to the queue of the message's device."""
        device, _, _channel = message.topic.rpartition("/")
        self._queues.setdefault(device, deque()).append(message)
        self.messages += 1
        self.bytes += len(message.payload)

    def take(self, messages_max: int, bytes_max: int) -> list[Message]:
        """Remove the next batch: within both limits, but at least one message where any wait."""
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
        self.bytes -= sum(len(message.payload) for message in taken)
        return taken

    def clear(self) -> None:
        """Remove all; the broker sends again what was not acknowledged."""
        self._queues.clear()
        self.messages = self.bytes = 0
