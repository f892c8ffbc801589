"""Fails before crossing.diff, passes after it: belongs to tests/counting/test_crossing.py."""

from math import cos, pi, sin

from hypothesis import assume, given
from hypothesis import strategies as st

from edge.counting.crossing import CountingLine, Point
from tests.counting.test_crossing import ELBOW, points, walk, ways

HAIRPIN = CountingLine("hairpin", ((200.0, 300.0), (600.0, 300.0), (200.0, 400.0)))


def test_level_with_a_segment_but_beyond_its_vertex_is_the_side_of_the_other() -> None:
    assert ways([(300, 200), (600, 200)], ELBOW) == ["a_to_b"]
    assert ways([(600, 200), (300, 200)], ELBOW) == ["b_to_a"]


@given(points, st.floats(0.0, 2 * pi), st.floats(-1.2, 1.2), st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
def test_a_path_through_the_very_vertex_counts_once(
    vertex: Point, turned: float, first: float, second: float, heading: float
) -> None:
    """The vertex need not be a round number, and neither neighbour may claim or leave it alone."""

    def away(angle: float, distance: float) -> Point:
        return vertex[0] + distance * cos(turned + angle), vertex[1] + distance * sin(turned + angle)

    bent = CountingLine("bent", (away(pi / 2 + first, 300.0), vertex, away(-pi / 2 + second, 300.0)))
    ahead, behind = away(heading, 100.0), away(heading + pi, 100.0)
    inside = pi / 2 + first > heading > -pi / 2 + second
    outside = pi / 2 + first < heading + pi < 3 * pi / 2 + second
    assume(inside and outside)
    assume(min(abs(bent.distance(ahead)), abs(bent.distance(behind))) > 20.0)
    assert len(walk([behind, ahead], bent)) == 1


def test_beyond_the_tip_of_a_hairpin_is_outside() -> None:
    """From the fold out over its second segment, past the tip and up to where the first segment is nearest."""
    assert ways([(400, 325), (590, 301), (640, 304), (640, 302)], HAIRPIN) == ["b_to_a"]
