"""From the outbox to a connection: which entries go out now, and what became of them.

1. An entry that is larger than the broker takes (its Maximum Packet Size) is not published: it is set aside in the
   outbox and counted there. An alert loses its picture first. A broker that takes more gets it after all.
2. Entries of a former name that the broker has refused for ten minutes are set aside, too. Every hour, and on the next
   connection, one of them is tried; where it is taken, the others wait again.
3. An entry at which the broker ends every connection without a reason (a poison message) is set aside, too. Every six
   hours one of these is tried again; where it is taken, all of them wait again: the cause was the broker's.
4. What the outbox cannot record, because its disk fails, is remembered until it can.

A WorkError of the outbox becomes the trouble `outbox`.
"""

from collections.abc import Callable

import msgspec

from edge.delivery.connection import Message, packet_bytes
from edge.delivery.courier import Courier
from edge.delivery.entry import Entry, kind_of
from edge.delivery.outbox import Outbox
from edge.errors import WorkError
from edge.wire.topics import topic_of

TAKEN_BACK = 50
"""Entries set aside that are tested at a time: the thread that counts waits for the outbox meanwhile."""
BLAMED_MAX = 1_000
PROBE_MS = 3_600_000
"""Between two attempts with entries of a former name that are refused."""
BLAMED_PROBE_MS = 6 * PROBE_MS
"""The same for poison messages: each attempt costs one connection."""
NO_PICTURE = "the picture is larger than the broker takes"


class Dispatch:
    """The entries of one device on its connections; `trouble(what, sentence)` sets a reason for being degraded."""

    def __init__(
        self, outbox: Outbox, courier: Courier, *, name: str, root: str, trouble: Callable[[str, str], None]
    ) -> None:
        self.packet_max: int | None = None
        """Largest packet that the broker accepts, in bytes; None: any."""
        self._outbox = outbox
        self._courier = courier
        self._name = name
        self._root = root
        self._trouble = trouble
        self._generation = outbox.generation
        self._unnoted: set[int] = set()  # acknowledged entries, not yet recorded in the outbox
        self._too_large: set[int] = set()  # entries to be set aside, not yet recorded
        self._aside: list[str] = []  # addresses whose entries set aside are yet to be tested
        self._aside_after = 0  # the entry up to which those of the first address were
        self._barred: dict[str, int] = {}  # address of a former name -> when one of its entries is tried
        self._probing: set[str] = set()  # addresses of which one is
        self._blamed: dict[int, str] = {}  # entries at which the broker ends the connection, and their addresses
        self._blamed_due_ms = 0  # when the next poison message is tried
        self._tried: int | None = None  # the poison message that is tried on this connection

    @property
    def outdated(self) -> bool:
        """Whether the outbox was replaced since the entries in flight were read."""
        return self._outbox.generation != self._generation

    def begin_with_another_file(self) -> None:
        """Forget all that is known of the entries of a file that is gone."""
        self._generation = self._outbox.generation
        self._unnoted.clear()
        self._too_large.clear()
        self._aside.clear()
        self._barred.clear()
        self._probing.clear()
        self._blamed.clear()
        self._tried = None

    def begin(self) -> None:
        """On a new connection, whose `packet_max` is known: entries that were too large for another broker may fit."""
        self._aside_after = 0
        self._barred = dict.fromkeys(self._barred, 0)
        try:
            self._aside = [one for one in self._outbox.addresses(set_aside=True) if one not in self.barred]
        except WorkError as error:
            self._trouble("outbox", str(error))

    @property
    def tried(self) -> int | None:
        """The poison message that is tried again on this connection."""
        return self._tried

    def blame(self, entry: Entry, now_ms: int) -> None:
        """Set a poison message aside; it is tried again later."""
        self._blamed.pop(entry.number, None)
        self._blamed[entry.number] = entry.address
        while len(self._blamed) > BLAMED_MAX:
            del self._blamed[next(iter(self._blamed))]
        self._blamed_due_ms = now_ms + BLAMED_PROBE_MS
        self._tried = None
        kinds = kind_of(entry.address)
        self._trouble("blamed", f"the broker ends the connection without a word at {kinds} letters: set aside")

    def _try_blamed(self, now_ms: int) -> None:
        """Once it is due, make the next poison message pending; one that is gone ends its turn by time."""
        if self._blamed and now_ms >= self._blamed_due_ms:
            self._blamed_due_ms = now_ms + BLAMED_PROBE_MS
            self._tried = next(iter(self._blamed))
            self._blamed[self._tried] = self._blamed.pop(self._tried)  # the last in turn from now on
            self._aside.append(self._blamed[self._tried])

    @property
    def barred(self) -> set[str]:
        """Addresses of former names whose entries are set aside, because the broker refuses them."""
        return {*self._barred, *self._probing}

    def refused(self, entry: Entry, now_ms: int) -> None:
        """The broker refused it."""
        if not entry.address.startswith(f"{self._name}/") and self._courier.is_barred(entry.address):
            self._probing.discard(entry.address)
            self._barred[entry.address] = now_ms + PROBE_MS

    def taken(self, entry: Entry) -> None:
        """The broker acknowledged it: those to the same address that were set aside wait again."""
        if entry.address in self.barred:
            self._probing.discard(entry.address)
            self._barred.pop(entry.address, None)
            self._aside.append(entry.address)
        if entry.number == self._tried:
            self._tried = None
            self._aside.extend(dict.fromkeys(self._blamed.values()))
            self._blamed.clear()
            self._trouble("blamed", "")

    def _put_barred_aside(self, now_ms: int) -> None:
        for address, due_ms in list(self._barred.items()):
            try:
                if due_ms <= now_ms:
                    self._outbox.retry_entries(lambda _: True, address=address, after=0, limit=1)
                    del self._barred[address]
                    self._probing.add(address)
                    continue
                entries = self._outbox.pending(TAKEN_BACK, address=address, skip=self._courier.in_flight)
                if entries:
                    self._outbox.set_entries_aside([one.number for one in entries], generation=self._generation)
            except WorkError as error:
                self._trouble("outbox", str(error))

    @property
    def taking_back(self) -> bool:
        """Whether entries that were set aside are still to be looked at."""
        return bool(self._aside)

    def _take_back(self) -> None:
        """Test some of them."""
        if not self._aside:
            return
        try:
            last = self._outbox.retry_entries(
                lambda entry: self._fitting(entry) is not None,
                address=self._aside[0],
                after=self._aside_after,
                limit=TAKEN_BACK,
            )
        except WorkError as error:
            self._trouble("outbox", str(error))
            return
        self._aside_after = last or 0
        if last is None:
            del self._aside[0]

    def due(self, now_ms: int, *, busy: int) -> list[tuple[Entry, Message]]:
        """What to publish now; `busy` counts what else is in flight."""
        self._try_blamed(now_ms)
        self._take_back()
        self._put_barred_aside(now_ms)
        waiting = []
        for entry in self.waiting(now_ms):
            if self._fitting(entry) is None:
                self._too_large.add(entry.number)
            else:
                waiting.append(entry)
        self.note()
        if self.outdated:
            return []
        offered = self._courier.offer(waiting, now_ms, busy=busy)
        return [(entry, message) for entry in offered if (message := self._fitting(entry)) is not None]

    def waiting(self, now_ms: int) -> list[Entry]:
        """Of each address the oldest entries that wait, in flight or not, and are not passed by the others."""
        skip = {*self._unnoted, *self._too_large, *self._courier.passed(now_ms)}
        try:
            return [
                entry
                for address in self._outbox.addresses()
                for entry in self._outbox.pending(self._courier.window, address=address, skip=skip)
            ]
        except WorkError as error:
            self._trouble("outbox", str(error))
            return []

    def acknowledged(self, numbers: list[int]) -> None:
        """The broker has these."""
        self._unnoted.update(numbers)
        self.note()

    def note(self) -> None:
        """Record in the outbox what became of its entries."""
        if not self._unnoted and not self._too_large:
            return
        try:
            if self._unnoted:
                self._outbox.sent(sorted(self._unnoted), generation=self._generation)
                self._unnoted.clear()
            if self._too_large:
                self._outbox.set_entries_aside(sorted(self._too_large), generation=self._generation)
                self._too_large.clear()
        except WorkError as error:
            self._trouble("outbox", str(error))
        else:
            self._trouble("outbox", "")

    def fits(self, message: Message) -> bool:
        """Whether the broker takes a packet of this size."""
        return self.packet_max is None or packet_bytes(message) <= self.packet_max

    def _fitting(self, entry: Entry) -> Message | None:
        """The message to publish; None where it is too large."""
        if entry.number in self._blamed and entry.number != self._tried:
            return None
        topic = topic_of(*entry.address.split("/", 2), root=self._root)
        message = Message(topic, entry.payload)
        if self.fits(message):
            return message
        if kind_of(entry.address) != "alert":
            return None
        message = Message(topic, _without_picture(entry.payload))
        return message if self.fits(message) else None


def _without_picture(payload: bytes) -> bytes:
    alert = msgspec.json.decode(payload)
    if not isinstance(alert, dict) or not alert.get("jpeg"):
        return payload
    return msgspec.json.encode(alert | {"jpeg": "", "reason": f"{alert.get('reason')} ({NO_PICTURE})"}, order="sorted")
