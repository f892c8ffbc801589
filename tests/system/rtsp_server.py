"""An RTSP server on GStreamer: the pictures of a raw file, coded once when it starts, over and over to whoever asks.

    /usr/bin/python3 rtsp_server.py ADDRESS PORT FILE WIDTH HEIGHT RATE LOSS

Debian's Python runs it, for that has python3-gi; it knows nothing of the rest of the tests. FILE holds WIDTH x HEIGHT
pictures in BGR. LOSS is the share of RTP packets that never leave, as if lost on the way. Says `ready` once it listens.
"""

import sys
from itertools import cycle
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402, F401  # GstApp: the methods of appsink

H264 = "video/x-h264,stream-format=byte-stream,alignment=au"


def coded(file, width, height, rate):
    """The access units, the first one with a key picture, and one a second."""
    pipeline = Gst.parse_launch(
        f"filesrc location={file} ! rawvideoparse format=bgr width={width} height={height} framerate={rate}/1 ! "
        "videoconvert ! video/x-raw,format=I420 ! "
        f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={rate} ! "
        f"h264parse config-interval=-1 ! {H264} ! appsink name=sink sync=false"
    )
    pipeline.set_state(Gst.State.PLAYING)
    sink = pipeline.get_by_name("sink")
    units = []
    while (sample := sink.pull_sample()) is not None:
        buffer = sample.get_buffer()
        units.append(buffer.extract_dup(0, buffer.get_size()))
    pipeline.set_state(Gst.State.NULL)
    return units


def serve(address, port, units, rate, loss):
    server = GstRtspServer.RTSPServer()
    server.set_address(address)
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    lost = f" ! identity name=pay0 drop-probability={loss}" if float(loss) else ""
    factory.set_launch(
        f"( appsrc name=source is-live=true format=time do-timestamp=true caps={H264},framerate={rate}/1 ! "
        f"h264parse ! rtph264pay {'' if lost else 'name=pay0 '}pt=96 config-interval=1{lost} )"
    )
    factory.set_shared(True)

    def begin(_, media):
        source = media.get_element().get_by_name("source")
        following = cycle(units)
        over = []
        media.connect("unprepared", over.append)

        def push():
            if over:
                return False
            source.emit("push-buffer", Gst.Buffer.new_wrapped(next(following)))
            return True

        GLib.timeout_add(round(1000 / rate), push)

    factory.connect("media-configure", begin)
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)


if __name__ == "__main__":
    Gst.init(None)
    given_address, given_port, given_file, given_width, given_height, given_rate, given_loss = sys.argv[1:]
    given_units = coded(Path(given_file), given_width, given_height, int(given_rate))
    serve(given_address, given_port, given_units, int(given_rate), given_loss)
    print("ready", flush=True)  # noqa: T201
    GLib.MainLoop().run()
