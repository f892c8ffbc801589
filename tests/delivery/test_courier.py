"""The courier's rules, without network, disk or clock."""

from hypothesis import given
from hypothesis import strategies as st

from edge.delivery.courier import PASSED_MAX, PAYLOAD_FORMAT_INVALID, Courier, Refusal
from edge.delivery.entry import Entry

NOT_AUTHORIZED = 0x87


def letters(*seqs: int, kind: str = "report") -> list[Entry]:
    return [Entry(seq, f"s/d/{kind}", b"") for seq in seqs]


def connected(**bounds: int) -> Courier:
    courier = Courier(**bounds)
    courier.connected(0)
    return courier


def send(courier: Courier, pending: list[Entry], now_ms: int = 0) -> list[int]:
    """Publish what is offered; the token of a letter is 1000 + seq."""
    offered = courier.offer(pending, now_ms)
    for letter in offered:
        courier.published(1_000 + letter.number, letter, now_ms)
    return [letter.number for letter in offered]


def test_without_a_connection_nothing_is_offered() -> None:
    assert Courier().offer(letters(1, 2), 0) == []


def test_the_oldest_go_first_and_no_more_than_the_places_of_the_lane() -> None:
    courier = connected(in_flight_max=4)
    assert send(courier, letters(1, 2, 3, 4)) == [1, 2, 3]
    assert send(courier, letters(1, 2, 3, 4)) == []


def test_an_acknowledgement_makes_room_for_the_next() -> None:
    courier = connected(in_flight_max=3)
    send(courier, letters(1, 2, 3))
    assert courier.acknowledged(1_001, 5) == Entry(1, "s/d/report", b"")
    assert send(courier, letters(2, 3)) == [3]


def test_the_broker_may_want_fewer_at_a_time() -> None:
    courier = Courier(in_flight_max=20)
    courier.connected(0, receive_max=4)
    assert courier.window == 4
    assert len(courier.offer(letters(*range(1, 10)), 0, busy=2)) == 2


def test_no_kind_waits_for_another() -> None:
    courier = connected(in_flight_max=64)
    crossings = letters(*range(1, 101), kind="crossing")
    assert send(courier, [*crossings, *letters(*range(101, 300)), *letters(300, kind="alert")]).count(300) == 1
    assert len([number for number in courier.in_flight if number <= 100]) == 8
    assert len([number for number in courier.in_flight if 101 <= number < 300]) == 48


def test_where_the_broker_takes_one_at_a_time_the_kinds_take_turns() -> None:
    courier = Courier()
    courier.connected(0, receive_max=1)
    pending = [*letters(1, 2, 3, kind="crossing"), *letters(4, 5, 6)]
    order = []
    while pending:
        [number] = send(courier, pending)
        courier.acknowledged(1_000 + number, 0)
        order.append(number)
        pending = [letter for letter in pending if letter.number != number]
    assert sorted(order) == [1, 2, 3, 4, 5, 6]
    assert {*order[:2]} in ({1, 4}, {4, 1})


def test_a_lane_that_is_refused_rests_and_tries_one_letter_at_a_time() -> None:
    courier = connected(refused_wait_ms=100)
    crossings, reports = letters(*range(1, 101), kind="crossing"), letters(101, 102)
    for number in send(courier, [*crossings, *reports]):
        if number < 101:
            courier.refused(1_000 + number, 0, code=NOT_AUTHORIZED, reason="Not authorized")
        else:
            courier.acknowledged(1_000 + number, 0)
    assert courier.refusals == [Refusal("crossing", "Not authorized", NOT_AUTHORIZED, times=8, waiting=8)]
    assert send(courier, crossings, 99) == []
    assert send(courier, crossings, 100) == [1]
    assert send(courier, crossings, 1_000) == []
    courier.acknowledged(1_001, 1_000)
    assert len(send(courier, crossings[1:], 1_000)) == 8, "the broker has it again"


def test_a_letter_whose_content_is_refused_waits_long_and_alone() -> None:
    courier = connected(refused_wait_ms=100)
    for number in send(courier, letters(1, 2, 3)):
        courier.refused(1_000 + number, 0, code=PAYLOAD_FORMAT_INVALID, reason="Payload format invalid")
    assert courier.passed(999) == {1, 2, 3}
    assert send(courier, letters(*range(1, 7)), 999) == [4, 5, 6]
    assert send(courier, letters(*range(1, 4)), 1_000) == [1, 2, 3]


def test_a_new_connection_tries_a_refused_lane_at_once_and_with_one_letter() -> None:
    courier = connected(refused_wait_ms=60_000)
    for number in send(courier, letters(1, 2)):
        courier.refused(1_000 + number, 0, code=NOT_AUTHORIZED)
    courier.lost(10, jitter=0.5)
    courier.connected(20)
    assert send(courier, letters(*range(1, 9)), 20) == [3]


def test_so_many_refused_letters_are_passed_and_no_more() -> None:
    courier = connected(in_flight_max=8, refused_wait_ms=1_000)
    waiting = letters(*range(1, PASSED_MAX + 100))
    for _ in range(PASSED_MAX):
        passed = courier.passed(5)
        left = [letter for letter in waiting if letter.number not in passed]
        for number in send(courier, left[:8], 5):
            courier.refused(1_000 + number, 5, code=PAYLOAD_FORMAT_INVALID)
    assert PASSED_MAX <= len(courier.passed(5)) < PASSED_MAX + 8


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
    courier.acknowledged(1_002, 110)
    assert courier.refused(1_001, 110) == letters(1)[0]
    assert send(courier, letters(1), 309) == []
    assert send(courier, letters(1), 310) == [1], "after twice the wait"


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
    for _ in range(100):
        now_ms += 50
        send(courier, pending[: courier.window], now_ms)
        for seq in courier.in_flight:
            courier.acknowledged(1_000 + seq, now_ms)
            pending = [letter for letter in pending if letter.number != seq]
    assert pending == []
