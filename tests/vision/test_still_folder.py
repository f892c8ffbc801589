"""A folder of stills: the time of each is that of its name, its Exif or a stated step; what has none is refused."""

import struct
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import InputError
from edge.vision.still_folder import StillFolder, time_in_exif, time_in_name
from edge.wire.times import rfc3339
from tests.still_server import jpeg_of, png_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


def picture(number: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8)


def exif(tags: dict[int, str], order: str = "<") -> bytes:
    """A block whose Exif directory has these texts."""
    head = {"<": b"II*\x00", ">": b"MM\x00*"}[order] + struct.pack(f"{order}I", 8)
    first = struct.pack(f"{order}HHHII", 1, 0x8769, 4, 1, 26) + struct.pack(f"{order}I", 0)
    directory, texts = struct.pack(f"{order}H", len(tags)), b""
    at = 26 + 2 + 12 * len(tags) + 4
    for tag, text in tags.items():
        raw = text.encode() + b"\0"
        if len(raw) <= 4:
            directory += struct.pack(f"{order}HHI", tag, 2, len(raw)) + raw.ljust(4, b"\0")
        else:
            directory += struct.pack(f"{order}HHII", tag, 2, len(raw), at + len(texts))
            texts += raw
    return head + first + directory + struct.pack(f"{order}I", 0) + texts


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    body = b"Exif\0\0" + block
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("2026-11-22_06-00-31", "2026-11-21T22:00:31Z"),
        ("bridge_2026-11-22T06:00:31", "2026-11-21T22:00:31Z"),
        ("20261122T060031Z", "2026-11-22T06:00:31Z"),
        ("20261122060031", "2026-11-21T22:00:31Z"),
        ("cam7-20261122-060031.250", "2026-11-21T22:00:31.250Z"),
        ("2026-11-22T06-00-31+0900", "2026-11-21T21:00:31Z"),
        ("2026-01-22__camera_2701_00-24-52", "2026-01-21T16:24:52Z"),
        ("2026-01-23__camera_2701_2026-01-23_09-01-56", "2026-01-23T01:01:56Z"),
        ("still-1795600020", "2026-11-25T09:47:00Z"),
        ("1795600020123", "2026-11-25T09:47:00.123Z"),
        ("camera_2701", None),
        ("2026-11-22", None),
        ("2026-02-31_06-00-31", None),
        ("IMG_0042", None),
    ],
)
def test_the_time_in_a_name(name: str, time: str | None) -> None:
    found = time_in_name(name, SHANGHAI)
    assert (None if found is None else rfc3339(found)) == time


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_time_in_exif(order: str) -> None:
    taken = {0x9003: "2026:11:22 06:00:31"}
    assert time_in_exif(exif(taken, order), SHANGHAI) == 1_795_298_431_000
    assert time_in_exif(exif(taken | {0x9011: "+00:00", 0x9291: "25"}, order), SHANGHAI) == 1_795_327_231_250
    assert time_in_exif(exif({0x9003: "0000:00:00 00:00:00"}, order), SHANGHAI) is None
    for cut in range(len(exif(taken, order))):
        time_in_exif(exif(taken, order)[:cut], SHANGHAI)  # whatever is missing is no error


def test_pictures_come_in_the_order_of_time_and_what_was_taken_is_said(tmp_path: Path) -> None:
    (tmp_path / "b_2026-11-22_06-00-00.jpg").write_bytes(jpeg_of(picture(1)))
    (tmp_path / "a_2026-11-22_06-01-00.PNG").write_bytes(png_of(picture(2)))
    (tmp_path / "c.jpg").write_bytes(with_exif(jpeg_of(picture(3)), exif({0x9003: "2026:11:22 06:02:00"})))
    (tmp_path / "2026-11-22_06-03-00.jpg").write_bytes(jpeg_of(picture(4))[:-300])
    (tmp_path / "notes.txt").write_text("no picture")
    folder = StillFolder(tmp_path, UTC)
    assert folder.note == (
        "4 pictures from 2026-11-22T06:00:00Z to 2026-11-22T06:03:00Z; times: 3 by file names, 1 by Exif"
    )
    assert [rfc3339(frame.captured_ms)[11:16] for frame in folder] == ["06:00", "06:01", "06:02"]
    assert folder.unreadable[0].startswith(f"{tmp_path}/2026-11-22_06-03-00.jpg is a picture that breaks off after")
    assert (folder.width, folder.height, folder.step_ms) == (64, 48, 60_000)


def test_pictures_without_a_time_need_a_start_and_a_step(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"IMG_{number}.jpg").write_bytes(jpeg_of(picture(number)))
    with pytest.raises(InputError) as caught:
        StillFolder(tmp_path, UTC)
    assert str(caught.value) == (
        f"{tmp_path}/IMG_0.jpg has no time, neither in its name (such as 2026-11-22_06-00-31) nor in Exif; with --start"
        " and --step all pictures get one, in the order of their names"
    )
    folder = StillFolder(tmp_path, UTC, start_ms=1_000, step_ms=30_000)
    assert [frame.captured_ms for frame in folder] == [1_000, 31_000, 61_000]


def test_two_cameras_in_one_folder_are_refused(tmp_path: Path) -> None:
    for camera in (1, 2):
        (tmp_path / f"camera{camera}_2026-11-22_06-00-00.jpg").write_bytes(jpeg_of(picture(camera)))
    with pytest.raises(InputError, match="are of the same time; the pictures of one camera are expected"):
        StillFolder(tmp_path, UTC)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no pictures; files that end in \.jpeg, \.jpg, \.png are expected"):
        StillFolder(tmp_path, UTC)
