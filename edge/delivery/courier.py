"""The courier: decides which entries go out next and when to try again. No I/O; time is an argument.

1. An entry is sent when the broker has acknowledged it, and at no other moment.
2. At most `in_flight_max` entries are in flight, and never more than the broker said it can take (its Receive
   Maximum). Each address (a lane) has its own places: three quarters of the window are for reports, an eighth for each
   other lane, and one at least. In a lane the oldest go first. Lanes take turns, so that none waits for another.
3. A connection that ends takes its entries in flight with it: on the next one they are offered again. Nobody
   else resends, so an entry is in flight once.
4. An entry that the broker refuses is not lost: it waits, and later ones overtake it. It waits
   `refused_wait_ms`, twice as long each time up to ten times that; if its content was refused, ten times
   that at once. After two refusals in a row, or with PASSED_MAX entries that wait so, the lane rests: one entry each
   `refused_wait_ms`, or on the next connection, until one is acknowledged.
5. Attempts to connect are apart by a wait that doubles up to a ceiling, jittered; a connection that lasted as
   long as the ceiling starts the doubling anew.
6. After BREAKS connections that broke soon after entries went out, one entry at a time goes out, until a connection
   lasts: an entry that was in flight alone at BREAKS such ends is the cause.
7. A connection without an acknowledgement for `stall_ms` while entries are in flight is given up.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edge.delivery.entry import Entry, kind_of

PASSED_MAX = 1_000
"""Refused entries of a lane that later ones overtake; beyond it the lane rests."""
WAITS_MAX = 10  # times refused_wait_ms
BARRED_WAITS = 10  # times refused_wait_ms, after which a lane that is refused everything is barred
BREAKS, BROKE_MS = 3, 10_000
"""Connections in a row, each broken within that time after the last progress."""
PAYLOAD_FORMAT_INVALID, PACKET_TOO_LARGE = 0x99, 0x95
ABOUT_THE_LETTER = (PAYLOAD_FORMAT_INVALID, PACKET_TOO_LARGE)
"""Reason codes of MQTT 5 that are about this entry alone."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the broker refused of one kind of entries: how often since the start, how many of them wait, and why."""

    kind: str
    reason: str
    code: int
    times: int
    waiting: int


@dataclass(slots=True)
class _Passed:
    """A refused entry: later ones overtake it until `due_ms`."""

    address: str
    due_ms: int
    times: int


@dataclass(slots=True)
class _Lane:
    """The refusals of one address."""

    in_a_row: int = 0
    since_ms: int = 0
    barred: bool = False
    resting: bool = False
    rests_until_ms: int = 0


class Courier:
    """The state of one device's delivery. Times are milliseconds of one clock that never steps.

    A `token` is what the connection calls an entry in flight (the MQTT packet identifier).
    """

    def __init__(
        self,
        *,
        in_flight_max: int = 64,
        retry_wait_ms_min: int = 1_000,
        retry_wait_ms_max: int = 60_000,
        refused_wait_ms: int = 60_000,
        stall_ms: int = 60_000,
    ) -> None:
        self._in_flight_max = in_flight_max
        self._retry_wait_ms_min = retry_wait_ms_min
        self._retry_wait_ms_max = retry_wait_ms_max
        self._refused_wait_ms = refused_wait_ms
        self._stall_ms = stall_ms
        self._connected_ms: int | None = None
        self._attempts = 0
        self._retry_at_ms: int | None = None  # None: at once
        self._progress_ms = 0
        self._in_flight: dict[int, Entry] = {}  # by token
        self._passed: dict[int, _Passed] = {}  # by number
        self._lanes: dict[str, _Lane] = {}  # by address; those that were refused something
        self._times = Counter[str]()  # refusals by kind
        self._why: dict[str, tuple[int, str]] = {}  # by kind, the code and the reason of the last one
        self._breaks = 0
        self._strikes = Counter[int]()  # by number
        self._turn = 0
        self.window = in_flight_max

    @property
    def in_flight(self) -> frozenset[int]:
        """The `number` of every entry that the broker has and has not acknowledged."""
        return frozenset(entry.number for entry in self._in_flight.values())

    @property
    def refusals(self) -> list[Refusal]:
        """What the broker refuses at present, by kind."""
        waiting = Counter(kind_of(one.address) for one in self._passed.values())
        resting = {kind_of(address) for address, lane in self._lanes.items() if lane.resting}
        return [
            Refusal(kind, self._why[kind][1], self._why[kind][0], self._times[kind], waiting[kind])
            for kind in sorted(self._why)
            if waiting[kind] or kind in resting
        ]

    @property
    def refused_times(self) -> dict[str, int]:
        """How often the broker refused an entry since the start, by kind."""
        return dict(self._times)

    def is_barred(self, address: str) -> bool:
        """Whether the broker has refused everything to this address for BARRED_WAITS."""
        return address in self._lanes and self._lanes[address].barred

    def passed(self, now_ms: int) -> Collection[int]:
        """The numbers of refused entries that wait now."""
        return {number for number, one in self._passed.items() if one.due_ms > now_ms}

    def retry_wait_ms(self, now_ms: int) -> int:
        """How long until the next attempt to connect is due; 0 means now."""
        return 0 if self._retry_at_ms is None else max(0, self._retry_at_ms - now_ms)

    def connected(self, now_ms: int, *, receive_max: int | None = None) -> None:
        """The broker has accepted a new connection; `receive_max` is what it said it can take at a time."""
        assert not self._in_flight, "a fresh connection has nothing in flight"
        self._connected_ms = now_ms
        self._progress_ms = now_ms
        for lane in self._lanes.values():
            lane.rests_until_ms = now_ms
        self.window = min(self._in_flight_max, receive_max or self._in_flight_max)

    def lost(self, now_ms: int, *, jitter: float, taken_over: bool = False) -> None:
        """The connection ended, or the attempt failed; `jitter` is a random number in 0..1."""
        assert 0.0 <= jitter <= 1.0, "jitter is a share of the wait"
        if self._connected_ms is not None and now_ms - self._connected_ms >= self._retry_wait_ms_max:
            self._attempts = 0
        self._connected_ms = None
        self._in_flight.clear()
        wait_ms = min(self._retry_wait_ms_max, self._retry_wait_ms_min * 2 ** min(self._attempts, 30))
        if taken_over:
            wait_ms = self._retry_wait_ms_max
        self._attempts += 1
        self._retry_at_ms = now_ms + round(wait_ms * (0.5 + jitter / 2))

    @property
    def cautious(self) -> bool:
        """Whether only one entry at a time, and nothing transient, is published."""
        return self._breaks >= BREAKS

    def broke(self, now_ms: int, *, alone: bool, suspect: int | None = None) -> Entry | None:
        """The connection broke without a reason; call before `lost`. Returns the entry that caused it, once that is
        known.

        `alone`: nothing but entries was in flight. One break is enough for `suspect`, which was found before.
        """
        if not self._in_flight or now_ms - self._progress_ms > BROKE_MS:
            return None
        self._breaks += 1
        if not alone or len(self._in_flight) > 1:
            return None
        [entry] = self._in_flight.values()
        self._strikes[entry.number] += 1
        if self._strikes[entry.number] < BREAKS and entry.number != suspect:
            return None
        del self._strikes[entry.number]
        return entry

    def offer(self, pending: Sequence[Entry], now_ms: int, *, busy: int = 0) -> list[Entry]:
        """Which of `pending` (of each address the oldest `window` entries that are not `passed`) to publish now.

        `busy` counts what else is in flight on this connection (status, info).
        """
        if self._connected_ms is None:
            return []
        if now_ms - self._connected_ms >= self._retry_wait_ms_max:
            self._breaks = 0
            self._strikes.clear()
        long_ago_ms = now_ms - WAITS_MAX * self._refused_wait_ms  # dropped meanwhile, or never its turn
        self._passed = {number: one for number, one in self._passed.items() if one.due_ms > long_ago_ms}
        flying, passed = self.in_flight, self.passed(now_ms)
        places = Counter(entry.address for entry in self._in_flight.values())
        queues: dict[str, list[Entry]] = {}
        for entry in pending:
            if entry.number not in flying and entry.number not in passed:
                queues.setdefault(entry.address, []).append(entry)
        offered: list[Entry] = []
        room = (1 if self.cautious else self.window) - len(flying) - busy
        addresses = sorted(queues)
        for address in addresses:
            del queues[address][max(0, self._places(address, now_ms) - places[address]) :]
        self._turn += 1
        while len(offered) < room and any(queues.values()):
            for turn in range(len(addresses)):
                queue = queues[addresses[(self._turn + turn) % len(addresses)]]
                if queue and len(offered) < room:
                    offered.append(queue.pop(0))
        return offered

    def _places(self, address: str, now_ms: int) -> int:
        """How many entries to an address may be in flight."""
        lane = self._lanes.get(address)
        if lane is not None and lane.resting:
            return 1 if now_ms >= lane.rests_until_ms else 0
        return max(1, self.window * (6 if kind_of(address) == "report" else 1) // 8)

    def published(self, token: int, entry: Entry, now_ms: int) -> None:
        """It was published as `token`."""
        assert token not in self._in_flight, "a token in flight is not used again"
        assert len(self._in_flight) < self.window, "never more in flight than the window"
        if not self._in_flight:
            self._progress_ms = now_ms
        self._in_flight[token] = entry

    def acknowledged(self, token: int, now_ms: int) -> Entry | None:
        """The broker has it: the entry to mark as sent, or None where the token is not an entry in flight."""
        self._progress_ms = now_ms
        entry = self._in_flight.pop(token, None)
        if entry is not None:
            self.forget(entry)
            self._strikes.pop(entry.number, None)
            self._lanes.pop(entry.address, None)
        return entry

    def forget(self, entry: Entry) -> None:
        """Forget that it was refused."""
        self._passed.pop(entry.number, None)

    def refused(self, token: int, now_ms: int, *, code: int = 0, reason: str = "") -> Entry | None:
        """The broker refused it (no permission, over a quota); returns the entry, which stays pending."""
        entry = self._in_flight.pop(token, None)
        if entry is None:
            return None
        self._progress_ms = now_ms
        kind, about_the_letter = kind_of(entry.address), code in ABOUT_THE_LETTER
        self._times[kind] += 1
        self._why[kind] = code, reason
        before = self._passed.get(entry.number)
        times = before.times + 1 if before else 1
        waits = WAITS_MAX if about_the_letter else min(WAITS_MAX, 1 << min(times - 1, 30))
        self._passed[entry.number] = _Passed(entry.address, now_ms + waits * self._refused_wait_ms, times)
        lane = self._lanes.setdefault(entry.address, _Lane(since_ms=now_ms))
        lane.in_a_row += not about_the_letter
        lane.barred = lane.in_a_row >= 2 and now_ms - lane.since_ms >= BARRED_WAITS * self._refused_wait_ms
        crowded = sum(one.address == entry.address for one in self._passed.values()) >= PASSED_MAX
        if lane.in_a_row >= 2 or crowded:
            lane.resting, lane.rests_until_ms = True, now_ms + self._refused_wait_ms
        return entry

    def stalled(self, now_ms: int) -> bool:
        """Whether to give this connection up: entries in flight, and no answer for `stall_ms`."""
        return bool(self._in_flight) and now_ms - self._progress_ms >= self._stall_ms
