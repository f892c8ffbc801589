"""The time of frames goes on whatever happens to the clock of the machine, and what happened can be asked for."""

from dataclasses import dataclass

from edge.clock import SystemClock
from edge.vision.clock import FrameClock, kernel_synced

UTC_MS = 1_795_600_020_000


@dataclass
class Machine:
    """A clock that is set by hand."""

    real: int = UTC_MS
    monotonic: int = 5_000

    def real_ms(self) -> int:
        return self.real

    def monotonic_ms(self) -> int:
        return self.monotonic

    def sleep(self, seconds: float) -> None:
        raise AssertionError("the time of frames never waits")


def test_it_begins_with_the_time_of_the_machine() -> None:
    clock = FrameClock(Machine())
    assert (clock.captured_ms(), clock.offset_ms()) == (UTC_MS, 0)


def test_a_step_of_the_real_clock_moves_no_frame() -> None:
    machine = Machine()
    clock = FrameClock(machine)
    for step_ms in (3_600_000, -7_200_000):
        before_ms, offset_ms = clock.captured_ms(), clock.offset_ms()
        machine.real += step_ms + 100
        machine.monotonic += 100
        assert clock.captured_ms() == before_ms + 100
        assert clock.offset_ms() == offset_ms + step_ms


def test_a_slew_shows_as_an_offset_that_grows() -> None:
    machine = Machine()
    clock = FrameClock(machine)
    offsets = []
    for _ in range(10):
        machine.monotonic += 60_000
        machine.real += 60_030  # 500 parts in a million, the most that adjtimex does
        offsets.append(clock.offset_ms())
    assert offsets == list(range(30, 330, 30))
    assert clock.captured_ms() == UTC_MS + 600_000


def test_a_suspend_stops_the_time_of_frames() -> None:
    machine = Machine()
    clock = FrameClock(machine)
    machine.real += 28_800_000
    assert (clock.captured_ms(), clock.offset_ms()) == (UTC_MS, 28_800_000)


def test_whether_the_clock_is_right_is_asked_every_time() -> None:
    answers = [False, True]
    clock = FrameClock(Machine(), synced=lambda: answers.pop(0))
    assert (clock.synced(), clock.synced()) == (False, True)


def test_the_kernel_answers_and_nothing_is_set() -> None:
    machine = SystemClock()
    clock = FrameClock(machine)
    assert kernel_synced() is clock.synced()
    assert abs(clock.offset_ms()) < 1_000
