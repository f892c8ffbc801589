"""When a recording begins is read from `--start`, or from the names that cameras give."""

from pathlib import Path

import pytest

from edge.offline.recording_start import Start, local_time, named_time, start_of

NOON_MS = 1_505_395_320_000  # 2017-09-14 13:22 UTC, 14:22 in London
NAMES = {
    "2017-09-14T14:22:00": "2017-09-14T14:22:00",
    "2017-09-14T14-22-00": "2017-09-14T14:22:00",
    "20170914T142200Z": "2017-09-14T14:22:00+00:00",
    "2017-09-14T14:22:00+02:00": "2017-09-14T14:22:00+02:00",
    "2017-09-14 14-22-00": "2017-09-14T14:22:00",  # OBS
    "2017-09-14_14.22.00": "2017-09-14T14:22:00",
    "cam_2017-09-14_14-22": "2017-09-14T14:22:00",
    "Recording 2017-09-14 at 02.22.00 PM": "2017-09-14T14:22:00",
    "VID_20170914_142200": "2017-09-14T14:22:00",  # Android
    "PXL_20170914_142200123": "2017-09-14T14:22:00.123000+00:00",  # Pixel phones, in UTC
    "2017_0914_142200_001": "2017-09-14T14:22:00",  # dashboard cameras
    "DJI_20170914142200_0001_D": "2017-09-14T14:22:00",
    "192.168.1.64_01_20170914142200123": "2017-09-14T14:22:00.123000",  # Hikvision
    "RLC-410_01_20170914142200": "2017-09-14T14:22:00",  # Reolink
    "20170914_142200_1234": "2017-09-14T14:22:00",  # Axis
    "MDalarm_20170914_142200": "2017-09-14T14:22:00",  # Foscam
    "01-20170914142200": "2017-09-14T14:22:00",  # motion
    "cam1.20170914_142200": "2017-09-14T14:22:00",  # Blue Iris
    "Garage-20170914-142200-1505399": "2017-09-14T14:22:00",  # Synology
    "vlc-record-2017-09-14-14h22m00s-x": "2017-09-14T14:22:00",
    "NVR_ch1_main_20170914142200_20170914143000": "2017-09-14T14:22:00",  # from and to
    "tfl_a13_625_201709141422": "2017-09-14T14:22:00",
    "2017-09-14/14:22:00": "2017-09-14T14:22:00",
    "2017-09-14/14-22-00": "2017-09-14T14:22:00",  # motionEye
    "2017-09-14/001/dav/14/14.22.00-14.27.00[M][0@0][0]": "2017-09-14T14:22:00",  # Dahua
    "2017/09/14/14.22.00": "2017-09-14T14:22:00",
    "20170914/14/22": "2017-09-14T14:22:00",  # Wyze
    "2017091414/22M00S_1505399320": "2017-09-14T14:22:00",  # Xiaomi
    # no time, or none that is sure
    "clip": None,
    "IMG_1234": None,
    "14:22:00": None,
    "20170914": None,
    "20170914_0001": None,
    "20171314_142200": None,
    "20170231_142200": None,
    "14-09-2017 14-22-00": None,
    "1505399320": None,
    "2017-09-14/10.10.10.5": None,
    "123e4567-e89b-12d3-a456-426614174000": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_start_is_read_from_names_that_begin_with_the_year(name: str) -> None:
    time = named_time(Path("/films") / f"{name}.mp4")
    assert (time and time.isoformat()) == NAMES[name]


def test_what_is_said_wins_and_a_local_time_is_of_the_configured_zone() -> None:
    path = Path("/films/2017-09-14T14:22:00.mp4")
    assert start_of(path, None, "Europe/London") == Start(NOON_MS, "name")
    assert start_of(path, "2026-03-01T06:00:00Z", "Europe/London") == Start(1_772_344_800_000, "--start")
    assert start_of(Path("/films/clip.mp4"), None, "Europe/London") == Start()


def test_the_hour_that_comes_twice_and_the_one_that_never_comes_are_told() -> None:
    twice = start_of(Path("/films/20171029_013000.mp4"), None, "Europe/London")
    assert twice.at_ms == 1_509_237_000_000
    assert "came twice in Europe/London" in twice.note
    assert "the second is --start 2017-10-29T01:30:00+00:00" in twice.note
    never = start_of(Path("/films/clip.mp4"), "2017-03-26T01:30", "Europe/London")
    assert "never came in Europe/London" in never.note
    assert "2017-03-26T02:30:00+01:00" in never.note
    assert start_of(Path("/films/clip.mp4"), "2017-10-29T01:30Z", "Europe/London").note == ""


def test_local_times_say_their_offset() -> None:
    assert local_time(NOON_MS, "UTC") == "2017-09-14T13:22:00Z"
    assert local_time(NOON_MS, "Europe/London") == "2017-09-14T14:22:00+01:00"
    assert local_time(NOON_MS + 40, "Asia/Kathmandu") == "2017-09-14T19:07:00.040+05:45"
