"""A network camera on GStreamer's RTSP server: the road of road.py as it is at this moment, to whoever asks.

    /usr/bin/python3 rtsp_server.py ADDRESS PORT WIDTH HEIGHT RATE

Debian's Python runs it, for that has python3-gi. H.264 over RTP with a key picture a second; the path is /camera. Says
`ready` once it listens.
"""

import sys
import time
from typing import Any

import gi
from road import picture  # beside it: whoever runs a script finds its neighbours

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  # the versions first


def serve(address: str, port: str, width: int, height: int, rate: int) -> None:
    """Until the process is ended."""
    Gst.init(None)
    caps = f"video/x-raw,format=I420,width={width},height={height},framerate={rate}/1"
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( appsrc name=source is-live=true do-timestamp=true format=time caps={caps} ! "
        f"x264enc tune=zerolatency speed-preset=ultrafast threads=1 bitrate=500 key-int-max={rate} ! "
        "rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    factory.set_shared(True)

    def begin(_: Any, media: Any) -> None:
        source = media.get_element().get_by_name("source")
        over: list[Any] = []
        media.connect("unprepared", over.append)

        def push() -> bool:
            if over:
                return False  # and the timer ends
            now = picture(width, height, time.monotonic_ns() // 1_000_000)
            source.emit("push-buffer", Gst.Buffer.new_wrapped(now))
            return True

        GLib.timeout_add(1000 // rate, push)

    factory.connect("media-configure", begin)
    server = GstRtspServer.RTSPServer()
    server.set_address(address)
    server.set_service(port)
    server.get_mount_points().add_factory("/camera", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} of {address} is taken")
    print("ready", flush=True)  # noqa: T201  # whoever started it waits for this
    GLib.MainLoop().run()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
