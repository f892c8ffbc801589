"""A road whose traffic is known at every moment: bright squares in three lanes, driven by the monotonic clock.

Whoever knows that clock knows what a camera on it sees and when who crosses the line, whether a server shows it or is
dead at that moment: the world does not wait. It belongs to the RTSP server, which Debian's Python runs, and to the
tests; so it needs nothing but Python. Lengths are in pixels of a picture of WIDTH x HEIGHT, the size for which
tests/bright_squares.py makes its detector.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

WIDTH, HEIGHT = 160, 128
SIDE = 24
LINE = 64
"""How far down the counting line lies; it runs across the whole picture."""
BITS = 32
DARK, BRIGHT = 0x10, 0xEB  # in the luma of video


@dataclass(frozen=True, slots=True)
class Lane:
    """Squares with their left edge at `x`, one every `every_ms`; `speed` in pixels a second, downwards positive."""

    x: int
    speed: int
    every_ms: int

    @property
    def direction(self) -> str:
        """In the words of the tests' configuration."""
        return "down" if self.speed > 0 else "up"

    def bottoms(self, now_ms: int) -> Iterator[float]:
        """Of each square in the picture: how far down its lower edge is, where it touches the ground."""
        reach_ms = 1000 * (HEIGHT + SIDE) // abs(self.speed)
        for number in range((now_ms - reach_ms) // self.every_ms, (now_ms + reach_ms) // self.every_ms + 1):
            bottom = LINE + self.speed * (now_ms - number * self.every_ms) / 1000
            if 0 < bottom < HEIGHT + SIDE:
                yield bottom


LANES = (Lane(16, 40, 6_000), Lane(68, -40, 7_000), Lane(120, 10, 17_000))
"""The number of a square in its lane is its crossing's time by the monotonic clock, in units of `every_ms`."""


def picture(width: int, height: int, now_ms: int, lanes: tuple[Lane, ...] = LANES) -> bytes:
    """The road at that moment, in I420.

    Its upper rows are BITS black or white blocks, the clock's milliseconds, and below them the same inverted, so that a
    torn picture is known by it.
    """
    luma = bytearray(_empty_road(width, height))
    scale = width / WIDTH
    for lane in lanes:
        left, right = round(lane.x * scale), round((lane.x + SIDE) * scale)
        for bottom in lane.bottoms(now_ms):
            for row in range(max(round((bottom - SIDE) * scale), 0), min(round(bottom * scale), height)):
                luma[row * width + left : row * width + right] = bytes([BRIGHT]) * (right - left)
    block = width // BITS
    bits = [now_ms >> i & 1 for i in range(BITS)]
    for row, wanted in ((0, 1), (block, 0)):
        stamp = b"".join(bytes([BRIGHT if bit == wanted else DARK]) * block for bit in bits).ljust(width, b"\x10")
        luma[row * width : (row + block) * width] = stamp * block
    return bytes(luma) + b"\x80" * (width * height // 2)


@lru_cache(maxsize=4)
def _empty_road(width: int, height: int) -> bytes:
    """Its surface has some detail, or a camera on it would be called covered."""
    scale = width / WIDTH
    rows = [bytes(40 + (int(x / scale) // 4 + row) % 5 * 18 for x in range(width)) for row in range(5)]
    return b"".join(rows[int(y / scale) // 8 % 5] for y in range(height))
