"""The length that a video file claims, read from the structure of its container.

FFmpeg's length of a file is that of its longest stream, so a soundtrack that outlasts the pictures would make a whole
recording look cut off. Only what the video stream itself claims can prove that pictures are missing; a length shared by
all streams proves it only together with bytes that are missing at the end of the file.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

_BOXES_MAX = 10_000_000  # two for each picture of a fragmented MP4 of two days; what has more is no claim
_ZEROS_MIN = 4096  # a block that was allotted and never written
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_MKV_SEGMENT = 0x18538067


@dataclass(frozen=True, slots=True)
class Claim:
    """The length of the video by its container.

    `own`: the video stream itself is said to be as long as OpenCV reports, or as `length_ms`, which counts from the
    container's zero; `shown` is the share of its pictures that an edit list presents. `timed`: the header states a
    length, that of the longest stream. `bytes_missing` is how much of what the structure announces lies beyond the end
    of the file or was never written; None where it announces nothing. `index_missing`: an MP4 without the index of its
    pictures; `beginning_missing`: a fragment of one, whose beginning is another file. `followed`: another recording
    stands behind this one in the file, and FFmpeg does not read it, or not all of it.
    """

    container: str
    own: bool = False
    timed: bool = False
    length_ms: float | None = None
    shown: float = 1.0
    bytes_missing: int | None = None
    index_missing: bool = False
    beginning_missing: bool = False
    followed: bool = False


def claim_of(path: Path) -> Claim:
    """Read the claim of a file; one that is damaged or of another kind claims nothing. OSError if it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
        for begins, read in (
            (head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp"}, _mp4),
            (head[:4] == b"RIFF" and head[8:12] == b"AVI ", _avi),
            (head[:4] == b"\x1a\x45\xdf\xa3", _matroska),
            (head[:16] == _ASF, _asf),
            (head[:3] == b"FLV", _flv),
        ):
            if begins:
                try:
                    claim = read(file, size)
                except (ValueError, OverflowError, ZeroDivisionError, struct.error, IndexError):
                    claim = Claim("damaged")
                break
        else:
            claim = Claim(_kind_of(head, size))
        unwritten = _zeros_at_end(file, size)
    return replace(claim, bytes_missing=unwritten + (claim.bytes_missing or 0)) if unwritten else claim


def _kind_of(head: bytes, size: int) -> str:
    """The containers that claim nothing."""
    for packet, offset in ((188, 0), (192, 4), (204, 0)):
        if size > 2 * packet and all(head[n * packet + offset] == 0x47 for n in range(len(head) // packet)):
            return "MPEG-TS"
    return {b"\x00\x00\x01\xba": "MPEG-PS", b"OggS": "Ogg"}.get(head[:4], "kind of")


def _zeros_at_end(file: BinaryIO, size: int) -> int:
    """How many zeros the file ends with, 0 if few: a power failure leaves them in a file that was growing."""
    zeros = 0
    while zeros < size:
        block = min(1 << 20, size - zeros)
        file.seek(size - zeros - block)
        rest = len(file.read(block).rstrip(b"\0"))
        zeros += block - rest
        if rest:
            break
    return zeros if zeros >= _ZEROS_MIN else 0


def _avi(file: BinaryIO, size: int) -> Claim:
    """OpenCV reports the count of the stream's own header: 0 or nonsense where the writer could not go back to it."""
    file.seek(0)
    head = file.read(65_536)
    (count,) = struct.unpack_from("<I", head, head.index(b"strh", head.index(b"vids") - 8) + 40)
    return Claim("AVI", own=0 < count <= size)


def _asf(file: BinaryIO, size: int) -> Claim:
    file.seek(0)
    head = file.read(4096)
    (announced,) = struct.unpack_from("<Q", head, head.index(_ASF_PROPERTIES) + 40)
    return Claim("ASF", timed=True, bytes_missing=_missing(announced, size))


def _flv(file: BinaryIO, size: int) -> Claim:
    file.seek(0)
    head = file.read(4096)
    (announced,) = struct.unpack_from(">d", head, head.index(b"\x00\x08filesize\x00") + 11)
    file.seek(min(max(round(announced), 0), size))
    followed = announced > 0 and file.read(3) == b"FLV"
    return Claim("FLV", timed=True, bytes_missing=_missing(round(announced), size), followed=followed)


def _missing(announced: int, size: int) -> int | None:
    return max(0, announced - size) if announced > 0 else None


# MP4, MOV, 3GP (ISO/IEC 14496-12)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each box; the last end may lie beyond `end`."""
    for _ in range(_BOXES_MAX):
        if end - start < 8:
            return
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,), head = struct.unpack(">Q", file.read(8)), 16
        elif size == 0:
            size = end - start
        if size < head:
            raise ValueError("a box smaller than its header")
        yield kind, start + head, start + size
        start += size


def _full(file: BinaryIO, start: int, narrow: str, wide: str) -> tuple[int, ...]:
    """The fields of a box after its flags, by version 0 or 1."""
    file.seek(start)
    layout = ">" + (wide if file.read(4)[0] == 1 else narrow)
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _mp4(file: BinaryIO, size: int) -> Claim:
    end, index, finished, fragmented, indexes = 0, None, False, False, 0
    for kind, start, end in _boxes(file, 0, size):
        if kind == b"moov":
            index = index or (start, end)
            indexes += 1
        fragmented |= kind == b"moof"
        finished |= kind == b"mfra"  # written when the recorder was stopped
    if index is None:
        return Claim("MP4", index_missing=not fragmented, beginning_missing=fragmented)
    missing = max(0, end - size)
    if fragmented:
        return Claim("fragmented MP4", bytes_missing=missing if missing or finished else None, followed=indexes > 1)
    timescale = 1
    for kind, start, stop in _boxes(file, *index):
        if kind == b"mvhd":
            timescale = _full(file, start, "8xI", "16xI")[0]
        if kind == b"trak":
            track = _mp4_video(file, start, stop, timescale)
            if track is not None:
                made = Claim("MP4", own=True, length_ms=track[0], shown=track[1], bytes_missing=missing)
                return replace(made, followed=indexes > 1)
    return Claim("MP4", bytes_missing=missing, followed=indexes > 1)


def _mp4_video(file: BinaryIO, start: int, end: int, timescale: int) -> tuple[float, float] | None:
    """Length in ms and the share of the pictures that is shown, of a track of video; None for another one."""
    edits: list[tuple[int, int]] = []
    handler, media_ms = b"", 0.0
    for kind, at, stop in _boxes(file, start, end):
        for inner, begin, _ in _boxes(file, at, stop) if kind in {b"edts", b"mdia"} else ():
            if inner == b"elst":
                file.seek(begin)
                version, count = struct.unpack(">B3xI", file.read(8))
                layout = struct.Struct(">Qq4x" if version == 1 else ">Ii4x")
                edits = list(layout.iter_unpack(file.read(layout.size * min(count, 10_000))))
            elif inner == b"hdlr":
                file.seek(begin + 8)
                handler = file.read(4)
            elif inner == b"mdhd":
                ticks, length = _full(file, begin, "8xII", "16xIQ")
                media_ms = 1000.0 * length / ticks
    if handler != b"vide":
        return None
    lengths_ms = [1000.0 * length / timescale for length, _ in edits]
    shown_ms = sum(ms for ms, (_, at) in zip(lengths_ms, edits, strict=True) if at >= 0)
    if not shown_ms:
        return media_ms + sum(lengths_ms), 1.0
    return sum(lengths_ms), min(1.0, shown_ms / media_ms) if media_ms else 1.0


# Matroska and WebM (RFC 9559)


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """Identifier, start and end of the content of each element; the end is None where its size is left open."""
    while start < end:
        file.seek(start)
        head = file.read(12)
        width = 9 - head[0].bit_length()
        identifier = int.from_bytes(head[:width], "big")
        length = 9 - head[width].bit_length()
        if width > 4 or length > 8:
            raise ValueError("no element")
        size = int.from_bytes(head[width : width + length], "big") & ((1 << 7 * length) - 1)
        start += width + length
        stop = None if size == (1 << 7 * length) - 1 else start + size
        yield identifier, start, stop
        if stop is None:
            return
        start = stop


def _matroska(file: BinaryIO, size: int) -> Claim:
    for identifier, _, end in _elements(file, 0, size):
        if identifier != _MKV_SEGMENT:
            continue
        return Claim("Matroska", timed=True, bytes_missing=None if end is None else max(0, end - size))
    raise ValueError("no segment")
