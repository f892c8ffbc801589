"""The courier: decides which letters go out next and when to try again. It does no I/O and is told the time.

1. A letter is sent when the broker has acknowledged it, and at no other moment.
2. The oldest unacknowledged letters go first, at most `in_flight_max` of them at a time, and never more than
   the broker said it can take (its Receive Maximum).
3. A connection that ends takes its letters in flight with it: on the next one they are offered again. Nobody
   else resends, so a letter is in flight once.
4. A letter that the broker refuses is not lost and not hurried: it waits `refused_wait_ms`, or until the next
   connection.
5. Attempts to connect are apart by a wait that doubles up to a ceiling, jittered; a connection that lasted as
   long as the ceiling starts the doubling anew.
6. A broker that acknowledges nothing for `stall_ms` while letters are in flight is not worth staying with.
"""

from collections.abc import Sequence

from edge.delivery.letter import Letter


class Courier:
    """The state of one device's delivery. Times are milliseconds of one clock that never steps.

    A `token` is what the connection calls a letter in flight (the MQTT packet identifier).
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
        self._in_flight: dict[int, Letter] = {}  # by token
        self._refused: dict[int, int] = {}  # number -> when it may go again
        self.window = in_flight_max

    @property
    def in_flight(self) -> frozenset[int]:
        """The `number` of every letter that the broker has and has not acknowledged."""
        return frozenset(letter.number for letter in self._in_flight.values())

    def retry_wait_ms(self, now_ms: int) -> int:
        """How long until the next attempt to connect is due; 0 means now."""
        return 0 if self._retry_at_ms is None else max(0, self._retry_at_ms - now_ms)

    def connected(self, now_ms: int, *, receive_max: int | None = None) -> None:
        """The broker has accepted a new connection; `receive_max` is what it said it can take at a time."""
        assert not self._in_flight, "a fresh connection has nothing in flight"
        self._connected_ms = now_ms
        self._progress_ms = now_ms
        self._refused.clear()
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

    def offer(self, pending: Sequence[Letter], now_ms: int, *, busy: int = 0) -> list[Letter]:
        """Which of `pending` (the oldest `window` unacknowledged letters) to publish now.

        `busy` counts what else is in flight on this connection (status, info).
        """
        if self._connected_ms is None:
            return []
        flying = self.in_flight
        self._refused = {number: due_ms for number, due_ms in self._refused.items() if due_ms > now_ms}
        free = [letter for letter in pending if letter.number not in flying and letter.number not in self._refused]
        return free[: max(0, self.window - len(flying) - busy)]

    def published(self, token: int, letter: Letter, now_ms: int) -> None:
        """It is on its way as `token`."""
        assert token not in self._in_flight, "a token in flight is not used again"
        assert len(self._in_flight) < self.window, "never more in flight than the window"
        if not self._in_flight:
            self._progress_ms = now_ms
        self._in_flight[token] = letter

    def acknowledged(self, token: int, now_ms: int) -> Letter | None:
        """The broker has it: the letter to mark as sent, or None where the token is not a letter in flight."""
        self._progress_ms = now_ms
        return self._in_flight.pop(token, None)

    def refused(self, token: int, now_ms: int) -> Letter | None:
        """The broker will not have it (no permission, over a quota): the letter, which stays pending."""
        letter = self._in_flight.pop(token, None)
        if letter is not None:
            self._progress_ms = now_ms
            self._refused[letter.number] = now_ms + self._refused_wait_ms
        return letter

    def stalled(self, now_ms: int) -> bool:
        """Whether to give this connection up: letters in flight, and no answer for `stall_ms`."""
        return bool(self._in_flight) and now_ms - self._progress_ms >= self._stall_ms
