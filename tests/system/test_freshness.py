"""The camera on a real RTSP server that dies, freezes, changes and sits behind a bad link.

`python -m tests.system.stamp_soak` does the same by the hundred; what must hold is said there.
"""

from collections.abc import Iterator
from statistics import median

import pytest

from tests.system.stamp_soak import LAG_S, Watch, complaints, suffer, watching
from tests.system.stamps import StampingServer, absent, lossy_network

MISSING = absent()
# It measures times, and no machine of a test is so quiet.
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture(scope="module")
def server() -> Iterator[StampingServer]:
    with StampingServer() as served:
        yield served


@pytest.fixture(scope="module")
def watch(server: StampingServer) -> Iterator[Watch]:
    with watching(server) as watched:
        yield watched


@pytest.mark.parametrize(
    ("fault", "down_s", "size"),
    [
        ("killed", 1.0, (320, 180)),
        ("frozen", 6.5, (320, 180)),  # longer than `stall_s`
        ("restarted", 0.0, (320, 180)),
        ("another resolution", 0.5, (640, 360)),
    ],
)
def test_after_a_fault_the_camera_comes_back_and_only_what_was_seen_is_watched(
    server: StampingServer, watch: Watch, fault: str, down_s: float, size: tuple[int, int]
) -> None:
    assert list(complaints(suffer(watch, server, fault, down_s, size))) == []
    assert watch.seen.size == size
    state = watch.camera.state
    assert (state.open, state.reason, (state.width, state.height)) == (True, "", size)


def test_with_a_packet_in_twenty_lost_pictures_go_on_coming_and_are_new() -> None:
    try:
        with (
            lossy_network(5) as network,
            StampingServer(network.address, namespace=network.name) as server,
            watching(server, transport="udp") as watch,
        ):
            before = watch.seen.frames
            watch.run(5.0)
            assert watch.seen.frames - before >= 15
            assert median(watch.seen.lags_ms) < 1000 * LAG_S  # single stamps may be torn unnoticed
            assert watch.camera.state.reopened == 0
    except PermissionError as error:
        pytest.skip(f"no lossy network here: {error}")
