"""An RTSP camera for tests, run with the system's Python: every picture says when it was made.

    /usr/bin/python3 tests/system/stamping_server.py ADDRESS PORT WIDTH HEIGHT FRAMES_PER_SECOND

The upper rows of a picture are 32 black or white blocks, the monotonic clock's milliseconds when it was made, and below
them the same inverted, so that a torn picture is known by it. H.264 over RTP, a key frame a second, the path is /cam.
"""

import sys
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  # the versions first

BITS = 32


def picture(width: int, height: int, now_ms: int) -> bytes:
    """I420; a bar runs through it below the stamp."""
    block = width // BITS
    bits = [now_ms >> i & 1 for i in range(BITS)]
    margin = bytes(width - block * BITS)
    stamp = b"".join((b"\xeb" if bit else b"\x10") * block for bit in bits) + margin
    inverse = b"".join((b"\x10" if bit else b"\xeb") * block for bit in bits) + margin
    bar = now_ms // 10 % (width - 8)
    row = b"\x60" * bar + b"\xb0" * 8 + b"\x60" * (width - 8 - bar)
    return stamp * block + inverse * block + row * (height - 2 * block) + b"\x80" * (width * height // 2)


def serve(address: str, port: str, width: int, height: int, frames_per_second: int) -> None:
    """Until the process is ended."""
    Gst.init(None)
    caps = f"video/x-raw,format=I420,width={width},height={height},framerate={frames_per_second}/1"
    encoder = f"x264enc tune=zerolatency speed-preset=ultrafast threads=1 bitrate=500 key-int-max={frames_per_second}"
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( appsrc name=source is-live=true do-timestamp=true format=time caps={caps} ! {encoder} "
        "! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    factory.set_shared(True)

    def configured(_: Any, media: Any) -> None:
        source = media.get_element().get_by_name("source")

        def push() -> bool:
            made = picture(width, height, time.monotonic_ns() // 1_000_000)
            pushed: bool = source.emit("push-buffer", Gst.Buffer.new_wrapped(made)) == Gst.FlowReturn.OK
            return pushed  # False once nobody watches any more, and then the timer ends

        GLib.timeout_add(1000 // frames_per_second, push)

    factory.connect("media-configure", configured)
    server = GstRtspServer.RTSPServer()
    server.set_address(address)
    server.set_service(port)
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} of {address} is taken")
    print("ready", flush=True)  # noqa: T201  # whoever started it waits for this
    GLib.MainLoop().run()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
