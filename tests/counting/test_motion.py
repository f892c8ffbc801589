"""Where a box goes: what comes near grows, and ever faster."""

from edge.counting.motion import BoxMotion

HORIZON_PX = 50.0


def coming(metres: float) -> tuple[float, float, float, float]:
    """Across, bottom, width and height of a vehicle so far before the camera."""
    size = 2_000.0 / metres
    return 500.0, HORIZON_PX + 3.0 * size, size, size


def test_a_vehicle_that_comes_at_a_steady_speed_is_expected_where_it_comes_to() -> None:
    """At 10 m/s and 10 frames/s from 40 m to 20 m, and then unseen for half a second."""
    across, bottom, width, height = coming(40.0)
    motion = BoxMotion((across - width / 2, bottom - height, across + width / 2, bottom))
    for step in range(1, 21):
        motion.predict(0.1)
        motion.correct(*coming(40.0 - step))
    speed = motion.bottom.speed
    for _ in range(5):
        motion.predict(0.1)
    _, true, _, _ = coming(15.0)
    assert abs(motion.box[3] - true) < 0.15 * motion.height.value
    _, before, _, _ = coming(20.0)
    assert before + 0.5 * speed < true - 0.2 * motion.height.value, "at the same speed in the picture it falls behind"


def test_a_box_that_trembles_does_not_grow() -> None:
    motion = BoxMotion((100.0, 100.0, 200.0, 200.0))
    for step in range(50):
        motion.predict(0.1)
        motion.correct(150.0, 200.0, 100.0 + 6.0 * (-1) ** step, 100.0 + 6.0 * (-1) ** (step // 2))
    for _ in range(5):
        motion.predict(0.1)
    x1, y1, x2, y2 = motion.box
    assert 90.0 < x2 - x1 < 110.0
    assert 90.0 < y2 - y1 < 110.0
