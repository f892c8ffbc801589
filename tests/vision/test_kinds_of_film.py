"""The table of docs/recordings.md: every kind of film in it is made here and read as the table says."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.errors import InputError
from edge.vision.recording import BrokenOff, Recording
from tests.films import EVENLY, H264, STEP_MS, copied, cut, film, output, run, unwritten

DOCUMENT = Path(__file__).parents[2] / "docs" / "recordings.md"
H265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0:pools=1")
HOUR_MS = 3_600_000

KNOWN, UNKNOWN, BROKEN, REFUSED = "known", "not known", "breaks off", "refused"


@dataclass(frozen=True)
class Kind:
    """How to make a film in a folder, the times that its frames must have, and what can be known of its end."""

    make: Callable[[Path], Path]
    end: str = KNOWN
    times_ms: Sequence[int] = tuple(EVENLY)
    size: tuple[int, int] = (64, 48)
    part: bool = False  # only some of the pictures are there
    whole: bool = False  # all of those of the first film are


def coded(name: str, *options: str, sound_s: int = 0, rate: str = "10") -> Callable[[Path], Path]:
    return lambda folder: film(folder / name, *options, sound_s=sound_s, rate=rate)


def damaged_stamp(name: str, ticks_per_s: int, codec: tuple[str, ...] = H264) -> Callable[[Path], Path]:
    """The timestamp of picture 9 is an hour late, all others are right."""
    late = rf"setts=pts=if(eq(N\,9)\,PTS+{3600 * ticks_per_s}\,PTS)"
    return lambda folder: film(folder / name, *codec, "-bsf:v", late)


def all_stamps_lost(name: str, ticks_per_s: int) -> Callable[[Path], Path]:
    """From picture 9 on, the recorder's own clock is an hour late and stands."""
    late = rf"setts=ts=if(eq(N\,9)\,TS+{3600 * ticks_per_s}\,TS)"
    return lambda folder: film(folder / name, *H264, "-bsf:v", late)


def at_times(name: str, times_s: str, *options: str) -> Callable[[Path], Path]:
    """Picture N is taken at this time, in seconds."""
    return lambda folder: film(folder / name, *H264, "-vf", f"settb=1/1000,setpts=1000*({times_s})", *options)


def shortened(folder: Path, *, sound_s: int = 0) -> Path:
    """Cut without coding anew: an edit list skips the pictures before 0.75 s."""
    whole = film(folder / "whole.mp4", *H264, "-g", "20", sound_s=sound_s)
    return copied(whole, folder / "edited.mp4", before=("-ss", "0.75"))


def joined(*begin_s: float, size: str = "64x48") -> Callable[[Path], Path]:
    """Transport streams end to end, whose clocks begin at these times; the last one's pictures have that size."""

    def make(folder: Path) -> Path:
        path = folder / "joined.ts"
        for begins in begin_s:
            of_last: dict[str, Any] = {"size": size} if begins == begin_s[-1] else {}
            part = film(folder / "part.ts", *H264, "-muxdelay", "0", "-output_ts_offset", str(begins), **of_last)
            path.write_bytes((path.read_bytes() if path.exists() else b"") + part.read_bytes())
        return path

    return make


def end_to_end(name: str, *options: str) -> Callable[[Path], Path]:
    """The same film twice in one file, as `cat` joins them."""

    def make(folder: Path) -> Path:
        path = film(folder / name, *options)
        path.write_bytes(2 * path.read_bytes())
        return path

    return make


def piped(name: str, *options: str) -> Callable[[Path], Path]:
    """Written to a pipe: the writer could not go back to finish the header."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(output("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-frames:v", "20", *options, "-"))
        return path

    return make


def without_index(folder: Path) -> Path:
    path = film(folder / "a.avi", *MJPEG)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"idx1")])
    return path


def hls(name: str) -> Callable[[Path], Path]:
    """The playlist (.m3u8), one segment alone (1.m4s), or all of them joined (joined.mp4)."""

    def make(folder: Path) -> Path:
        whole = film(folder / "a.mkv", *H264, "-g", "5")
        parts = ["-hls_time", "0.5", "-hls_list_size", "0", "-hls_segment_filename", str(folder / "%d.m4s")]
        run("-i", str(whole), "-c", "copy", "-f", "hls", "-hls_segment_type", "fmp4", *parts, str(folder / "list.m3u8"))
        pieces = [folder / "init.mp4", *(folder / f"{n}.m4s" for n in range(4))]
        (folder / "joined.mp4").write_bytes(b"".join(piece.read_bytes() for piece in pieces))
        return folder / name

    return make


def two_pictures(name: str, *options: str) -> Callable[[Path], Path]:
    """A film with a second stream of pictures, which is larger and longer."""

    def make(folder: Path) -> Path:
        first, second = film(folder / "1.mkv", *H264), film(folder / "2.mkv", *H264, size="128x96", frames=40)
        return copied(first, folder / name, "-map", "0", "-map", "1", *options, inputs=("-i", str(second)))

    return make


def with_cover(folder: Path) -> Path:
    run("-f", "lavfi", "-i", "testsrc=size=320x240", "-frames:v", "1", str(folder / "cover.jpg"))
    cover = ("-map", "1", "-map", "0", "-disposition:v:0", "attached_pic")
    whole = film(folder / "a.mp4", *H264)
    return copied(whole, folder / "covered.mp4", *cover, inputs=("-i", str(folder / "cover.jpg")))


def sound_first(name: str) -> Callable[[Path], Path]:
    """Four seconds of sound before the first picture."""

    def make(folder: Path) -> Path:
        sound, streams = ("-f", "lavfi", "-i", "sine=duration=8"), ("-map", "0:v", "-map", "1:a", "-c:a", "aac")
        whole = film(folder / "a.mkv", *H264)
        return copied(whole, folder / name, *streams, before=("-itsoffset", "4"), inputs=sound)

    return make


def written_as(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def a_folder(folder: Path) -> Path:
    (folder / "a.mp4").mkdir()
    return folder / "a.mp4"


def turned(degrees: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        whole = film(folder / "whole.mp4", *H264)
        return copied(whole, folder / "phone.mp4", "-metadata:s:v:0", f"rotate={degrees}")

    return make


def killed(folder: Path) -> Path:
    """What a recorder leaves that wrote to a pipe: a segment without a size."""
    whole = film(folder / "whole.mkv", *H264)
    path = folder / "live.mkv"
    path.write_bytes(b"")
    run("-i", str(whole), "-c", "copy", "-f", "matroska", "-live", "1", str(path))
    return cut(path, 0.7)


def half(made: Callable[[Path], Path]) -> Callable[[Path], Path]:
    return lambda folder: cut(made(folder), 0.5)


def named(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return film(folder / "film.mp4", *H264).rename(folder / name)

    return make


def by_opencv(name: str, codec: str) -> Callable[[Path], Path]:
    """What OpenCV writes by itself, and so other people's scripts."""

    def make(folder: Path) -> Path:
        path = folder / name
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 10.0, (64, 48))
        for n in range(20):
            writer.write(np.full((48, 64, 3), 10 * n, np.uint8))
        writer.release()
        return path

    return make


MJPEG = ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
KEY = "00112233445566778899aabbccddeeff"
TWICE = [STEP_MS * n for n in range(40)]
EVERY_25TH = [40 * n for n in range(20)]
KINDS = {
    # containers and codecs
    "MP4, H.264": Kind(coded("a.mp4", *H264)),
    "MP4, H.264 with B-frames": Kind(coded("a.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2")),
    "MP4, H.265": Kind(coded("a.mp4", *H265)),
    "MP4, H.265 of 10 bits": Kind(coded("a.mp4", *H265, "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1")),
    "MP4, MPEG-4 Part 2": Kind(by_opencv("a.mp4", "mp4v")),
    "MP4, VP9": Kind(by_opencv("a.mp4", "vp09")),
    "MP4, AV1": Kind(coded("a.mp4", "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"), REFUSED),
    "MP4 with its index at the front": Kind(coded("a.mp4", *H264, "-movflags", "faststart")),
    "MP4 in fragments": Kind(coded("a.mp4", *H264, "-g", "5", "-movflags", "frag_keyframe+empty_moov")),
    "MP4 in fragments, written to a pipe": Kind(
        piped("a.mp4", *H264, "-f", "mp4", "-movflags", "frag_keyframe+empty_moov")
    ),
    "MP4, encrypted": Kind(
        coded("a.mp4", *H264, "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY, "-encryption_kid", KEY),
        REFUSED,
    ),
    "HLS, its playlist": Kind(hls("list.m3u8"), UNKNOWN),
    "HLS, its MP4 segments joined": Kind(hls("joined.mp4"), UNKNOWN),
    "HLS, an MP4 segment alone": Kind(hls("1.m4s"), REFUSED),
    "MOV, Motion JPEG": Kind(coded("a.mov", *MJPEG)),
    "MOV, ProRes": Kind(coded("a.mov", "-c:v", "prores_ks")),
    "3GP, H.263": Kind(coded("a.3gp", "-c:v", "h263", "-s", "128x96"), size=(128, 96)),
    "MKV, H.264": Kind(coded("a.mkv", *H264)),
    "MKV, H.264 of 10 bits": Kind(coded("a.mkv", *H264, "-pix_fmt", "yuv420p10le")),
    "MKV, FFV1": Kind(coded("a.mkv", "-c:v", "ffv1")),
    "MKV that states no length": Kind(piped("a.mkv", *H264, "-f", "matroska", "-live", "1"), UNKNOWN),
    "WebM, VP8": Kind(by_opencv("a.webm", "VP80")),
    "WebM, VP9": Kind(by_opencv("a.webm", "VP90")),
    "AVI, Motion JPEG": Kind(by_opencv("a.avi", "MJPG")),
    "AVI, Xvid": Kind(by_opencv("a.avi", "XVID")),
    "AVI, H.264": Kind(coded("a.avi", *H264)),
    "AVI, uncompressed": Kind(coded("a.avi", "-c:v", "rawvideo", "-pix_fmt", "yuv420p")),
    "AVI without its index": Kind(without_index),
    "AVI whose header was never finished": Kind(piped("a.avi", *MJPEG, "-f", "avi"), UNKNOWN),
    "TS, H.264": Kind(coded("a.ts", *H264), UNKNOWN),
    "TS, H.265": Kind(coded("a.ts", *H265), UNKNOWN),
    "TS, MPEG-2 interlaced": Kind(
        coded("a.ts", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", rate="25"), UNKNOWN, EVERY_25TH
    ),
    "M2TS, H.264": Kind(coded("a.m2ts", *H264), UNKNOWN),
    "MPG, MPEG-1": Kind(coded("a.mpg", "-c:v", "mpeg1video", rate="25"), UNKNOWN, EVERY_25TH),
    "VOB, MPEG-2 interlaced": Kind(
        coded("a.vob", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", rate="25"), UNKNOWN, EVERY_25TH
    ),
    "FLV, H.264": Kind(coded("a.flv", *H264)),
    "WMV": Kind(coded("a.wmv", "-c:v", "wmv2")),
    "OGV, Theora": Kind(coded("a.ogv", "-c:v", "libtheora"), UNKNOWN),
    "MXF, MPEG-2": Kind(coded("a.mxf", "-c:v", "mpeg2video", rate="25"), UNKNOWN, EVERY_25TH),
    "DV": Kind(
        coded("a.dv", "-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-s", "720x576", rate="25"),
        UNKNOWN,
        EVERY_25TH,
        (720, 576),
    ),
    "GIF": Kind(coded("a.gif"), UNKNOWN),
    "WebP, animated": Kind(coded("a.webp", "-c:v", "libwebp"), REFUSED),
    "H.264 without a container": Kind(coded("a.h264", *H264, rate="25"), UNKNOWN, EVERY_25TH),
    "H.265 without a container": Kind(coded("a.h265", *H265, rate="25"), UNKNOWN, EVERY_25TH),
    "Motion JPEG without a container": Kind(coded("a.mjpeg", "-c:v", "mjpeg", rate="25"), UNKNOWN, EVERY_25TH),
    # several streams
    "MP4 with two streams of pictures": Kind(two_pictures("a.mp4")),
    "MKV with two streams of pictures": Kind(
        two_pictures("a.mkv", "-disposition:v:0", "0", "-disposition:v:1", "default")
    ),
    "MP4 with a picture as its cover": Kind(with_cover),
    # sound
    "MKV whose sound goes on after the pictures": Kind(coded("a.mkv", *H264, sound_s=6)),
    "WebM whose sound goes on after the pictures": Kind(
        coded("a.webm", "-c:v", "libvpx", "-deadline", "realtime", sound_s=6)
    ),
    "TS whose sound goes on after the pictures": Kind(coded("a.ts", *H264, sound_s=6), UNKNOWN),
    "MP4 whose sound goes on after the pictures": Kind(coded("a.mp4", *H264, sound_s=6)),
    "MP4 in fragments whose sound goes on after the pictures": Kind(
        coded("a.mp4", *H264, "-movflags", "frag_keyframe+delay_moov", sound_s=6)
    ),
    "FLV whose sound goes on after the pictures": Kind(coded("a.flv", *H264, sound_s=6)),
    "WMV whose sound goes on after the pictures": Kind(coded("a.wmv", "-c:v", "wmv2", sound_s=6)),
    "MPG whose sound goes on after the pictures": Kind(
        coded("a.mpg", "-c:v", "mpeg1video", rate="25", sound_s=6), UNKNOWN, EVERY_25TH
    ),
    "MKV whose sound begins before the pictures": Kind(sound_first("b.mkv")),
    "MP4 whose sound begins before the pictures": Kind(sound_first("b.mp4")),
    "TS whose sound begins before the pictures": Kind(sound_first("b.ts"), UNKNOWN),
    # edit lists, rates
    "MP4 whose edit list skips its first pictures": Kind(shortened, times_ms=EVENLY[:12]),
    "MP4 with sound whose edit list skips its first pictures": Kind(
        lambda folder: shortened(folder, sound_s=6), times_ms=EVENLY[:12]
    ),
    "MP4 whose pictures begin later than its zero": Kind(coded("a.mp4", *H264, "-output_ts_offset", "3", sound_s=1)),
    "1 picture per second": Kind(coded("a.mp4", *H264, rate="1"), times_ms=[1000 * n for n in range(20)]),
    "1 picture per minute": Kind(
        at_times("a.mkv", "60*N", "-fps_mode", "vfr"), times_ms=[60_000 * n for n in range(20)]
    ),
    "23.976 pictures per second": Kind(
        coded("a.mp4", *H264, rate="24000/1001"), times_ms=[round(1001 * n / 24) for n in range(20)]
    ),
    "50 pictures per second": Kind(coded("a.mp4", *H264, rate="50"), times_ms=[20 * n for n in range(20)]),
    "59.94 pictures per second": Kind(
        coded("a.mp4", *H264, rate="60000/1001"), times_ms=[int(1001 * n / 60 + 0.5) for n in range(20)]
    ),
    "29.97 pictures per second": Kind(
        coded("a.mp4", *H264, rate="30000/1001"), times_ms=[int(1001 * n / 30 + 0.5) for n in range(20)]
    ),
    "60 pictures per second": Kind(
        coded("a.mp4", *H264, rate="60"), times_ms=[round(1000 * n / 60) for n in range(20)]
    ),
    "A variable rate, as of phones": Kind(
        at_times("a.mp4", "N/10+0.03*mod(N\\,3)", "-fps_mode", "vfr", "-enc_time_base", "1/1000"),
        times_ms=[100 * n + 30 * (n % 3) for n in range(20)],
    ),
    "A gap of an hour": Kind(
        at_times("a.mkv", "N/10+if(gt(N\\,9)\\,3600)", "-fps_mode", "vfr"),
        times_ms=[100 * n + (HOUR_MS if n > 9 else 0) for n in range(20)],
    ),
    # timestamps
    "MP4 with one damaged timestamp": Kind(damaged_stamp("a.mp4", 10_240)),
    "MKV with one damaged timestamp": Kind(damaged_stamp("a.mkv", 1000)),
    "TS with one damaged timestamp": Kind(damaged_stamp("a.ts", 90_000), UNKNOWN),
    "MP4 whose timestamps stand from one on": Kind(all_stamps_lost("a.mp4", 10_240)),
    "MKV whose timestamps stand from one on": Kind(all_stamps_lost("a.mkv", 1000)),
    "TS whose timestamps stand from one on": Kind(
        coded("a.ts", *H264, "-bsf:v", r"setts=ts=if(gt(N\,9)\,0\,TS)"), UNKNOWN
    ),
    "TS joined of two": Kind(joined(0, 0), UNKNOWN, TWICE),
    "TS joined of two, whose second clock is behind": Kind(joined(7_200, 0), UNKNOWN, TWICE),
    "TS whose clock wraps": Kind(coded("a.ts", *H264, "-output_ts_offset", "95442"), UNKNOWN),
    "TS whose clock wraps too early, at 32 bits": Kind(joined(47_719.8, 0), UNKNOWN, TWICE),
    # cut off
    "AVI cut off": Kind(half(coded("a.avi", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")), BROKEN),
    "MKV cut off": Kind(half(coded("a.mkv", *H264)), BROKEN),
    "MKV with longer sound, cut off": Kind(half(coded("a.mkv", *H264, sound_s=6)), BROKEN),
    "WebM cut off": Kind(half(by_opencv("a.webm", "VP80")), BROKEN),
    "MP4 with its index at the front, cut off": Kind(
        lambda folder: cut(film(folder / "a.mp4", *H264, "-movflags", "faststart"), 0.6), BROKEN
    ),
    "MP4 in fragments, cut off": Kind(
        half(coded("a.mp4", *H264, "-g", "5", "-movflags", "frag_keyframe+empty_moov")), BROKEN
    ),
    "MP4 with its index at the end, cut off": Kind(half(coded("a.mp4", *H264)), REFUSED),
    "FLV cut off": Kind(half(coded("a.flv", *H264)), BROKEN),
    "WMV cut off": Kind(half(coded("a.wmv", "-c:v", "wmv2")), BROKEN),
    "MP4, two end to end": Kind(end_to_end("a.mp4", *H264), BROKEN, whole=True),
    "FLV, two end to end": Kind(end_to_end("a.flv", *H264), BROKEN, whole=True),
    "MKV, two end to end": Kind(end_to_end("a.mkv", *H264), times_ms=TWICE),
    "AVI, two end to end": Kind(end_to_end("a.avi", *MJPEG), times_ms=TWICE),
    "MP4 in fragments, two end to end": Kind(
        end_to_end("a.mp4", *H264, "-g", "5", "-movflags", "frag_keyframe+empty_moov"), BROKEN, whole=True
    ),
    "TS cut off": Kind(half(coded("a.ts", *H264)), UNKNOWN, part=True),
    "TS whose end was never written": Kind(lambda folder: unwritten(film(folder / "a.ts", *H264), 0.5), BROKEN),
    "MKV whose end was never written": Kind(lambda folder: unwritten(film(folder / "a.mkv", *H264), 0.5), BROKEN),
    "MKV of a recorder that was killed": Kind(killed, UNKNOWN, part=True),
    # pictures and names
    "A picture that a phone turned": Kind(turned(90), size=(48, 64)),
    "A picture that was turned by half": Kind(turned(180)),
    "A picture of 4K, upright": Kind(coded("a.mp4", *H264, "-s", "2160x3840"), size=(2160, 3840)),
    "A picture whose size changes": Kind(joined(0, 2, size="128x96"), UNKNOWN, TWICE),
    "A picture of odd size": Kind(coded("a.mkv", "-c:v", "mjpeg", "-s", "63x47"), size=(63, 47)),
    "Grey pictures": Kind(coded("a.mp4", *H264, "-pix_fmt", "gray")),
    "No picture, but text": Kind(written_as("a.mp4", b"not a film\n" * 100), REFUSED),
    "An empty file": Kind(written_as("a.mp4", b""), REFUSED),
    "A folder": Kind(a_folder, REFUSED),
    "A name with colons": Kind(named("2017-09-14T14:22:00.mp4")),
    "A name that begins like a protocol": Kind(named("http:14:22.mp4")),
    "A name with a percent sign": Kind(named("50%d.mp4")),
    "A name that begins with a dash": Kind(named("-a.mp4")),
    "A name without an ending, in two lines": Kind(named("a\nb")),
    "A name of another kind of file": Kind(named("a.jpg")),
    "A name in Chinese": Kind(named("大桥 14时22分.mp4")),
    "A name that is no UTF-8": Kind(named("\udcb4\udcf3\udcc7\udcc5.mp4")),
}

SLOW = {
    "MP4 with two streams of pictures",
    "MP4 with a picture as its cover",
    "MKV whose sound begins before the pictures",
    "MKV that states no length",
    "A picture whose size changes",
    "MKV, two end to end",
    "MP4 in fragments, two end to end",
    "TS joined of two, whose second clock is behind",
    "MP4, H.265 of 10 bits",
    "MP4 in fragments, written to a pipe",
    "MP4, encrypted",
    "HLS, its playlist",
    "HLS, its MP4 segments joined",
    "AVI without its index",
    "FLV, two end to end",
    "AVI, two end to end",
    "TS, MPEG-2 interlaced",
    "MXF, MPEG-2",
    "DV",
    "GIF",
    "WebP, animated",
    "MKV with two streams of pictures",
    "MP4 whose sound begins before the pictures",
    "TS whose sound begins before the pictures",
    "23.976 pictures per second",
    "50 pictures per second",
    "59.94 pictures per second",
    "A picture that was turned by half",
    "A picture of 4K, upright",
    "A name that begins with a dash",
    "A name without an ending, in two lines",
    "A name of another kind of file",
    "MP4, AV1",
    "MOV, ProRes",
    "3GP, H.263",
    "MKV, H.264 of 10 bits",
    "MKV, FFV1",
    "AVI, H.264",
    "AVI, uncompressed",
    "TS, H.265",
    "M2TS, H.264",
    "VOB, MPEG-2 interlaced",
    "WMV",
    "OGV, Theora",
    "H.265 without a container",
    "Motion JPEG without a container",
    "FLV whose sound goes on after the pictures",
    "WMV whose sound goes on after the pictures",
    "MPG whose sound goes on after the pictures",
    "29.97 pictures per second",
    "60 pictures per second",
    "FLV cut off",
    "WMV cut off",
    "MKV whose timestamps stand from one on",
    "MKV whose end was never written",
    "Grey pictures",
    "MP4, VP9",
    "WebM, VP9",
}
"""Not in every run of the tests, which must be short: others of their sort are."""


def rows() -> dict[str, str]:
    """Name and last column of each row of the document's tables of kinds."""
    found = re.findall(
        r"^\| ([^|\n]+) \|(?:[^|\n]*\|)* (known|not known|breaks off|refused) \|$", DOCUMENT.read_text(), re.M
    )
    return {name.strip(): end for name, end in found}


def test_the_document_has_a_row_for_each_kind_and_the_reverse() -> None:
    assert rows() == {name: kind.end for name, kind in KINDS.items()}
    assert list(rows()) == list(KINDS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in KINDS])
def test_a_film_is_read_as_the_table_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    kind = KINDS[name]
    monkeypatch.chdir(tmp_path)
    path = kind.make(tmp_path).relative_to(tmp_path)  # as people give it: by its name, in its own folder
    if kind.end == REFUSED:
        with pytest.raises(InputError, match=re.escape(str(path))):
            Recording(path)
        return
    recording = Recording(path, start_ms=1_000_000)
    assert (recording.width, recording.height) == kind.size
    times_ms: list[int] = []
    if kind.end == BROKEN:
        with pytest.raises(BrokenOff, match=f"^{re.escape(str(path))} breaks off after"):
            times_ms.extend(frame.captured_ms - 1_000_000 for frame in recording)
        assert 3 <= len(times_ms) < 20 or kind.whole
        assert times_ms[:3] == EVENLY[:3]
    else:
        times_ms.extend(frame.captured_ms - 1_000_000 for frame in recording)
        assert times_ms == list(kind.times_ms)[: len(times_ms) if kind.part else None]
        assert (3 <= len(times_ms) < 20) or not kind.part
    assert (recording.length_unknown != "") == (kind.end == UNKNOWN)
