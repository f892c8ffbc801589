"""The courier's rules, without network, disk or clock."""

from hypothesis import given
from hypothesis import strategies as st

from edge.delivery.courier import Courier
from edge.delivery.letter import Letter


def letters(*seqs: int) -> list[Letter]:
    return [Letter(seq, "s/d/report", b"") for seq in seqs]


def connected(**bounds: int) -> Courier:
    courier = Courier(**bounds)
    courier.connected(0)
    return courier


def send(courier: Courier, pending: list[Letter], now_ms: int = 0) -> list[int]:
    """Publish what is offered; the token of a letter is 1000 + seq."""
    offered = courier.offer(pending, now_ms)
    for letter in offered:
        courier.published(1_000 + letter.number, letter, now_ms)
    return [letter.number for letter in offered]


def test_without_a_connection_nothing_is_offered() -> None:
    assert Courier().offer(letters(1, 2), 0) == []


def test_the_oldest_go_first_and_no_more_than_the_window() -> None:
    courier = connected(in_flight_max=2)
    assert send(courier, letters(1, 2, 3)) == [1, 2]
    assert send(courier, letters(1, 2, 3)) == []


def test_an_acknowledgement_makes_room_for_the_next() -> None:
    courier = connected(in_flight_max=2)
    send(courier, letters(1, 2, 3))
    assert courier.acknowledged(1_001, 5) == Letter(1, "s/d/report", b"")
    assert send(courier, letters(2, 3)) == [3]


def test_the_broker_may_want_fewer_at_a_time() -> None:
    courier = Courier(in_flight_max=20)
    courier.connected(0, receive_max=3)
    assert courier.window == 3
    assert len(courier.offer(letters(*range(1, 10)), 0, busy=2)) == 1


def test_an_acknowledgement_of_an_unknown_token_is_passed_over() -> None:
    courier = connected()
    send(courier, letters(1))
    assert courier.acknowledged(7, 0) is None
    assert courier.in_flight == {1}


def test_a_lost_connection_offers_all_that_was_in_flight_again() -> None:
    courier = connected()
    send(courier, letters(1, 2))
    courier.lost(10, jitter=1.0)
    assert courier.in_flight == frozenset()
    assert courier.acknowledged(1_001, 11) is None, "of the connection before: it counts for nothing"
    courier.connected(2_000)
    assert send(courier, letters(1, 2)) == [1, 2]


def test_a_refused_letter_waits_and_lets_the_others_pass() -> None:
    courier = connected(refused_wait_ms=100)
    send(courier, letters(1))
    assert courier.refused(1_001, 10) == letters(1)[0]
    assert courier.refused(1_001, 10) is None
    assert send(courier, letters(1, 2), 109) == [2]
    assert send(courier, letters(1, 2), 110) == [1]


def test_attempts_are_apart_by_a_wait_that_doubles_up_to_a_ceiling() -> None:
    courier = Courier(retry_wait_ms_min=100, retry_wait_ms_max=500)
    assert courier.retry_wait_ms(0) == 0
    waits = []
    for _ in range(5):
        courier.lost(0, jitter=1.0)
        waits.append(courier.retry_wait_ms(0))
    assert waits == [100, 200, 400, 500, 500]
    assert courier.retry_wait_ms(499) == 1
    assert courier.retry_wait_ms(10_000) == 0


@given(st.floats(0, 1), st.integers(1, 200))
def test_the_wait_is_never_under_half_and_never_over_the_ceiling(jitter: float, failures: int) -> None:
    courier = Courier(retry_wait_ms_min=100, retry_wait_ms_max=500)
    for _ in range(failures):
        courier.lost(0, jitter=jitter)
        assert 50 <= courier.retry_wait_ms(0) <= 500


def test_only_a_connection_that_lasted_starts_the_waits_anew() -> None:
    courier = Courier(retry_wait_ms_min=100, retry_wait_ms_max=500)
    for lasted_ms, wait_ms in ((0, 100), (10, 200), (499, 400), (500, 100)):
        courier.connected(0)
        courier.lost(lasted_ms, jitter=1.0)
        assert courier.retry_wait_ms(lasted_ms) == wait_ms


def test_a_broker_that_says_nothing_is_given_up() -> None:
    courier = connected(stall_ms=100)
    assert not courier.stalled(5_000), "nothing is in flight"
    send(courier, letters(1, 2), 5_000)
    assert not courier.stalled(5_099)
    courier.acknowledged(1_001, 5_099)
    assert not courier.stalled(5_100)
    assert courier.stalled(5_199)


@given(st.integers(1, 8), st.data())
def test_everything_pending_is_delivered_and_never_more_in_flight_than_allowed(
    window: int, data: st.DataObject
) -> None:
    """Acknowledgements, refusals and losses in any order; then a quiet time, in which all arrives."""
    courier = connected(in_flight_max=window, refused_wait_ms=50)
    pending = letters(*range(1, 13))
    now_ms = 0
    for _ in range(data.draw(st.integers(0, 40))):
        now_ms += 10
        send(courier, pending[: courier.window], now_ms)
        assert len(courier.in_flight) <= window
        fate = data.draw(st.sampled_from(("acknowledged", "refused", "lost")))
        flying = sorted(courier.in_flight)
        if fate == "lost":
            courier.lost(now_ms, jitter=0.5)
            courier.connected(now_ms)
        elif flying:
            seq = data.draw(st.sampled_from(flying))
            if fate == "acknowledged":
                assert courier.acknowledged(1_000 + seq, now_ms) == letters(seq)[0]
                pending = [letter for letter in pending if letter.number != seq]
            else:
                assert courier.refused(1_000 + seq, now_ms) == letters(seq)[0]
    for _ in range(40):
        now_ms += 10
        send(courier, pending[: courier.window], now_ms)
        for seq in courier.in_flight:
            courier.acknowledged(1_000 + seq, now_ms)
            pending = [letter for letter in pending if letter.number != seq]
    assert pending == []
