"""The bytes of a still picture: whether they are a whole JPEG or PNG of a size that a camera has, and what it shows."""

import struct
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import WorkError

PIXELS_MAX = 50_000_000  # a decoded picture takes three bytes for each
PNG = b"\x89PNG\r\n\x1a\n"
OTHERS = {b"GIF8": "a GIF", b"RIFF": "a WebP or AVI file", b"BM": "a BMP", b"%PDF": "a PDF", b"II*\x00": "a TIFF"}
START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


@dataclass(frozen=True, slots=True)
class _Jpeg:
    """What the segments of a JPEG say; `exif` is its Exif block, empty without one."""

    width: int = 0
    height: int = 0
    exif: bytes = b""
    whole: bool = False


def decode_picture(body: bytes, kind: str = "") -> NDArray[np.uint8]:
    """(H, W, 3) uint8 BGR; WorkError, whose sentence goes on after a name, where it is no whole picture.

    `kind` is what a server calls it, if one gave it.
    """
    if not body:
        raise WorkError("is empty")
    if body.startswith(b"\xff\xd8"):
        jpeg = _jpeg_of(body)
        width, height, whole = jpeg.width, jpeg.height, jpeg.whole
    elif body.startswith(PNG):
        width, height = struct.unpack(">II", body[16:24]) if len(body) >= 24 else (0, 0)
        whole = b"IEND" in body[-16:]
    else:
        raise WorkError(f"is {_what(body, kind)} and no picture; a JPEG or a PNG is expected")
    if width * height > PIXELS_MAX:
        raise WorkError(f"is a picture of {width} x {height} pixels; allowed are {PIXELS_MAX}")
    if not whole:
        raise WorkError(f"is a picture that breaks off after {len(body)} bytes")
    image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR) if width and height else None
    if image is None:
        raise WorkError("is a picture that cannot be decoded")
    return np.asarray(image, np.uint8)


def jpeg_of(picture: NDArray[np.uint8], quality: int, width_max: int | None = None) -> bytes:
    """A (H, W, 3) BGR picture as JPEG of that quality (0..100), shrunk to a width of at most `width_max` pixels."""
    height, width = picture.shape[:2]
    if width_max is not None and width > width_max:
        size = width_max, round(height * width_max / width)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    encoded, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert encoded, "a uint8 picture can be encoded"
    return jpeg.tobytes()


def exif_of(body: bytes) -> bytes:
    """The Exif block of a JPEG; empty where it has none."""
    return _jpeg_of(body).exif if body.startswith(b"\xff\xd8") else b""


def _jpeg_of(body: bytes) -> _Jpeg:
    """Walk the segments to the first scan; the end of the picture lies behind it, that of a thumbnail before."""
    at, width, height, exif = 2, 0, 0, b""
    while at + 4 <= len(body) and body[at] == 0xFF:
        marker = body[at + 1]
        if marker == 0xFF or marker in ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack(">H", body[at + 2 : at + 4])
        segment = body[at + 4 : at + 2 + length]
        if marker in START_OF_FRAME and len(segment) >= 5:
            height, width = struct.unpack(">HH", segment[1:5])
        elif marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            exif = segment[6:]
        elif marker == 0xDA:  # in a scan, FF D9 stands for nothing but the end
            return _Jpeg(width, height, exif, body.find(b"\xff\xd9", at) >= 0)
        at += 2 + length
    return _Jpeg(width, height, exif)


def _what(body: bytes, kind: str) -> str:
    """What these bytes are, for people."""
    text = body[:200].lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")) or kind == "text/html":
        return "a web page (HTML)"
    known = next((name for start, name in OTHERS.items() if body.startswith(start)), "")
    if known or not kind:
        return known or "something unknown"
    return f"something called {kind[:60]}"
