"""A camera (MJPEG over HTTP) that wants a password and notes what it is told; the standard library suffices to run it.

python guarded_camera.py PORT PICTURE.jpg NOTES
"""

import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def guarded_camera(port: int, picture: bytes, note: Callable[[str], object]) -> ThreadingHTTPServer:
    """On loopback, not serving yet; every `Authorization` goes to `note`, empty where there is none."""

    class Guard(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = self.headers.get("Authorization", "")
            note(told)
            if not told:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\n\r\n" + picture + b"\r\n")
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            return

    return ThreadingHTTPServer(("127.0.0.1", port), Guard)


if __name__ == "__main__":
    with Path(sys.argv[3]).open("a", encoding="utf-8", buffering=1) as notes:
        guarded_camera(
            int(sys.argv[1]), Path(sys.argv[2]).read_bytes(), lambda told: notes.write(f"{told}\n")
        ).serve_forever()
