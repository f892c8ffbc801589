"""From the outbox to a connection: which letters go out now, and what became of them.

1. A letter that is larger than the broker takes (its Maximum Packet Size) is not published: it is set aside in the
   outbox and counted there. An alert loses its picture first. A broker that takes more gets it after all.
2. Letters of a former name that the broker has refused for ten minutes are set aside, too. Every hour, and on the next
   connection, one of them is tried; where it is taken, the others wait again.
3. A letter at which the broker ends every connection without a word is set aside, too. Every six hours one of these is
   tried again; where it is taken, all of them wait again: the cause was the broker's.
4. What the outbox cannot note, because its disk fails, is remembered until it can, and passed by the others.

Reads and writes the outbox; WorkError of it is told as the trouble `outbox`.
"""

from collections.abc import Callable

import msgspec

from edge.delivery.connection import Message, packet_bytes
from edge.delivery.courier import Courier
from edge.delivery.letter import Letter, kind_of
from edge.delivery.outbox import Outbox
from edge.errors import WorkError
from edge.wire.topics import topic_of

TAKEN_BACK = 50
"""Letters set aside that are looked at each time: whoever counts waits for the outbox meanwhile."""
BLAMED_MAX = 1_000
PROBE_MS = 3_600_000
"""From one letter of a former name that is refused to the next that is tried."""
BLAMED_PROBE_MS = 6 * PROBE_MS
"""The same of letters at which the broker ends the connection: each try costs one connection."""
NO_PICTURE = "the picture is larger than the broker takes"


class Dispatch:
    """The letters of one device on its connections; `trouble(what, sentence)` takes what people have to know."""

    def __init__(
        self, outbox: Outbox, courier: Courier, *, name: str, root: str, trouble: Callable[[str, str], None]
    ) -> None:
        self.packet_max: int | None = None
        """What the broker takes, in bytes; None: anything."""
        self._outbox = outbox
        self._courier = courier
        self._name = name
        self._root = root
        self._trouble = trouble
        self._generation = outbox.generation
        self._unnoted: set[int] = set()  # acknowledged letters that the outbox does not know of yet
        self._too_large: set[int] = set()  # the same of letters to be set aside
        self._aside: list[str] = []  # addresses whose letters set aside are yet to be looked at
        self._aside_after = 0  # the letter up to which those of the first address were
        self._barred: dict[str, int] = {}  # address of a former name -> when one of its letters is tried
        self._probing: set[str] = set()  # addresses of which one is
        self._blamed: dict[int, str] = {}  # letters at which the broker ends the connection, and their addresses
        self._blamed_due_ms = 0  # when the next of these is tried
        self._tried: int | None = None  # whose turn it is

    @property
    def outdated(self) -> bool:
        """Whether another outbox lies in the place of the one whose letters are in flight."""
        return self._outbox.generation != self._generation

    def begin_with_another_file(self) -> None:
        """What is known of letters is of a file that is gone."""
        self._generation = self._outbox.generation
        self._unnoted.clear()
        self._too_large.clear()
        self._aside.clear()
        self._barred.clear()
        self._probing.clear()
        self._blamed.clear()
        self._tried = None

    def begin(self) -> None:
        """On a new connection, whose `packet_max` is known: letters that were too large for another broker may fit."""
        self._aside_after = 0
        self._barred = dict.fromkeys(self._barred, 0)
        try:
            self._aside = [one for one in self._outbox.addresses(set_aside=True) if one not in self.barred]
        except WorkError as error:
            self._trouble("outbox", str(error))

    @property
    def tried(self) -> int | None:
        """The letter at which the broker ended connections, and which is tried again on this one."""
        return self._tried

    def blame(self, letter: Letter, now_ms: int) -> None:
        """The broker ends every connection at this one: it is set aside, and tried again later."""
        self._blamed.pop(letter.number, None)
        self._blamed[letter.number] = letter.address
        while len(self._blamed) > BLAMED_MAX:
            del self._blamed[next(iter(self._blamed))]
        self._blamed_due_ms = now_ms + BLAMED_PROBE_MS
        self._tried = None
        kinds = kind_of(letter.address)
        self._trouble("blamed", f"the broker ends the connection without a word at {kinds} letters: set aside")

    def _try_blamed(self, now_ms: int) -> None:
        """Once it is time, let the letter wait again whose turn it is; one that is gone since ends its turn by time."""
        if self._blamed and now_ms >= self._blamed_due_ms:
            self._blamed_due_ms = now_ms + BLAMED_PROBE_MS
            self._tried = next(iter(self._blamed))
            self._blamed[self._tried] = self._blamed.pop(self._tried)  # the last in turn from now on
            self._aside.append(self._blamed[self._tried])

    @property
    def barred(self) -> set[str]:
        """Addresses of former names whose letters are set aside, because the broker refuses them."""
        return {*self._barred, *self._probing}

    def refused(self, letter: Letter, now_ms: int) -> None:
        """The broker refused it."""
        if not letter.address.startswith(f"{self._name}/") and self._courier.is_barred(letter.address):
            self._probing.discard(letter.address)
            self._barred[letter.address] = now_ms + PROBE_MS

    def taken(self, letter: Letter) -> None:
        """The broker acknowledged it: those to the same address that were set aside wait again."""
        if letter.address in self.barred:
            self._probing.discard(letter.address)
            self._barred.pop(letter.address, None)
            self._aside.append(letter.address)
        if letter.number == self._tried:
            self._tried = None
            self._aside.extend(dict.fromkeys(self._blamed.values()))
            self._blamed.clear()
            self._trouble("blamed", "")

    def _put_barred_aside(self, now_ms: int) -> None:
        for address, due_ms in list(self._barred.items()):
            try:
                if due_ms <= now_ms:
                    self._outbox.take_letters_back(lambda _: True, address=address, after=0, limit=1)
                    del self._barred[address]
                    self._probing.add(address)
                    continue
                letters = self._outbox.pending(TAKEN_BACK, address=address, skip=self._courier.in_flight)
                if letters:
                    self._outbox.set_letters_aside([one.number for one in letters], generation=self._generation)
            except WorkError as error:
                self._trouble("outbox", str(error))

    @property
    def taking_back(self) -> bool:
        """Whether letters that were set aside are still to be looked at."""
        return bool(self._aside)

    def _take_back(self) -> None:
        """Look at some of them."""
        if not self._aside:
            return
        try:
            last = self._outbox.take_letters_back(
                lambda letter: self._fitting(letter) is not None,
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

    def due(self, now_ms: int, *, busy: int) -> list[tuple[Letter, Message]]:
        """What to publish now; `busy` counts what else is in flight."""
        self._try_blamed(now_ms)
        self._take_back()
        self._put_barred_aside(now_ms)
        waiting = []
        for letter in self.waiting(now_ms):
            if self._fitting(letter) is None:
                self._too_large.add(letter.number)
            else:
                waiting.append(letter)
        self.note()
        if self.outdated:
            return []
        offered = self._courier.offer(waiting, now_ms, busy=busy)
        return [(letter, message) for letter in offered if (message := self._fitting(letter)) is not None]

    def waiting(self, now_ms: int) -> list[Letter]:
        """Of each address the oldest letters that wait, in flight or not, and are not passed by the others."""
        skip = {*self._unnoted, *self._too_large, *self._courier.passed(now_ms)}
        try:
            return [
                letter
                for address in self._outbox.addresses()
                for letter in self._outbox.pending(self._courier.window, address=address, skip=skip)
            ]
        except WorkError as error:
            self._trouble("outbox", str(error))
            return []

    def acknowledged(self, numbers: list[int]) -> None:
        """The broker has these."""
        self._unnoted.update(numbers)
        self.note()

    def note(self) -> None:
        """Tell the outbox what became of its letters."""
        if not self._unnoted and not self._too_large:
            return
        try:
            if self._unnoted:
                self._outbox.sent(sorted(self._unnoted), generation=self._generation)
                self._unnoted.clear()
            if self._too_large:
                self._outbox.set_letters_aside(sorted(self._too_large), generation=self._generation)
                self._too_large.clear()
        except WorkError as error:
            self._trouble("outbox", str(error))
        else:
            self._trouble("outbox", "")

    def fits(self, message: Message) -> bool:
        """Whether the broker takes a packet of this size."""
        return self.packet_max is None or packet_bytes(message) <= self.packet_max

    def _fitting(self, letter: Letter) -> Message | None:
        """As it is published; None where it is too large."""
        if letter.number in self._blamed and letter.number != self._tried:
            return None
        topic = topic_of(*letter.address.split("/", 2), root=self._root)
        message = Message(topic, letter.payload)
        if self.fits(message):
            return message
        if kind_of(letter.address) != "alert":
            return None
        message = Message(topic, _without_picture(letter.payload))
        return message if self.fits(message) else None


def _without_picture(payload: bytes) -> bytes:
    said = msgspec.json.decode(payload)
    if not isinstance(said, dict) or not said.get("jpeg"):
        return payload
    return msgspec.json.encode(said | {"jpeg": "", "reason": f"{said.get('reason')} ({NO_PICTURE})"}, order="sorted")
