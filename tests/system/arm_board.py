"""The Debian package on an emulated ARM board, reporting to a broker of this machine: `make arm-board`.

The board installs the package and starts the unit as it ships. It counts a clip of bright squares with a small model
that an emulated processor can keep up with, is hung, is restarted by its watchdog, and counts the clip again; then the
detector that ships looks at what the kernel's virtual camera (`vivid`) shows, and counts the beginning of a real clip
frame by frame. Every count is compared with what truly crossed, the first two as a Mosquitto on loopback here was told.
The transcript goes to standard output, the summary ends it; exit 0 if everything that is looked for was seen.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from deploy import deb
from tests.bright_squares import Square, write_clip, write_model
from tests.ports import free_port
from tests.system import board, machine

ROOT = Path(__file__).parents[2]
Counts = Counter[tuple[str, str]]
"""By direction and class."""
TRUTH = ROOT / "tests/clips/truth/day.json"
SQUARES = tuple(Square(120 + 20 * number, 10 + 36 * (number % 4), 1 if number % 4 else -1) for number in range(12))
"""What crosses in a run: one every 2 s after 12 s, in which the detector is loaded; those of one lane in four drive up,
and all so slowly that two frames a second suffice."""
SQUARES_FRAMES = 500
CLIP_S = 70
"""Until all of them crossed and the last bucket is reported."""
LOOK_S = 120
"""For the detector that ships, which here takes 10 s a frame."""
REAL_FRAMES = 32
"""Of the clip of a real road; see `truth_of_the_part`."""
HEALTH = ("frames_per_second", "inference_ms_p50", "cpu_share", "memory_mb", "outbox_unsent")
SEEN = (
    "board up",
    "installed, dpkg says 0",
    "service active",
    "camera /opt/squares.mp4 gives frames",
    "watchdog restarted it",
    "camera /dev/video0 gives frames",
    "service stopped within 5 s",
    "end",
)
EDGE_YAML = """\
site: bridge
device: board
camera: {{url: /opt/squares.mp4, loop: false, width: 320, height: 180}}
model: {{name: /opt/squares.yaml, threads: 2}}
lines: {{deck: {{from: [0, 0.5], to: [1, 0.5], a_to_b: down, b_to_a: up}}}}
report: {{every_s: 5}}
mqtt: {{host: {host}, port: {port}, tls: false, username: bridge/board, password_credential: mqtt-password}}
"""


def main() -> int:
    """Make the board, boot it, watch it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deb", type=Path, help="a package that is there already; else one is built")
    parser.add_argument("--seconds", type=int, default=2_400, help="after so long the board is switched off")
    arguments = parser.parse_args()
    if why := machine.missing("mosquitto", *board.PROGRAMS):
        print(f"no board can be emulated here: {why}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="crossing-board-") as name:
        folder = Path(name)
        package = arguments.deb or deb.build("arm64", "12", None, folder)
        port = free_port()
        made = board.make_board(folder, lambda root: fill(root, package, port))
        configuration = folder / "mosquitto.conf"
        configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
        broker = subprocess.Popen(["mosquitto", "-c", str(configuration)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            listener = Listener(port)
            began = time.monotonic()
            transcript: list[str] = []

            def hear(line: str) -> None:
                transcript.append(line)
                print(line, flush=True)

            board.watch(made, ["-smp", "2", "-accel", "tcg,thread=multi"], arguments.seconds, hear)
            took_s = time.monotonic() - began
            listener.stop()
        finally:
            broker.terminate()
            broker.wait()
        return summary(transcript, listener.messages, package, took_s)


def fill(root: Path, package: Path, port: int) -> None:
    """The package, what it counts, and what is done with it; the broker is at `port`."""
    shutil.copy(package, root / "root/crossing-monitor.deb")
    write_model(root / "opt")
    write_clip(root / "opt/squares.mp4", list(SQUARES), SQUARES_FRAMES, rough=True)
    write_part(ROOT / "tests/clips/day.mp4", root / "opt/day.mp4")
    given = f"CLIP_S={CLIP_S} LOOK_S={LOOK_S} LINE={line_of_the_part()}\n"
    harness = Path(__file__).with_name("board_harness.sh").read_text(encoding="utf-8")
    (root / "root/harness.sh").write_text(harness.replace("# GIVEN\n", given), encoding="utf-8")
    (root / "root/edge.yaml").write_text(EDGE_YAML.format(host=board.HOST, port=port), encoding="utf-8")


def write_part(video: Path, path: Path) -> None:
    """The first REAL_FRAMES of a clip."""
    source = cv2.VideoCapture(str(video))
    size = (int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    part = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), source.get(cv2.CAP_PROP_FPS), size)
    for _ in range(REAL_FRAMES):
        read, image = source.read()
        assert read, f"{video} is longer than that"
        part.write(image)
    part.release()


def line_of_the_part() -> str:
    """As the command line takes it."""
    return ",".join(
        f"{number:g}" for point in json.loads(TRUTH.read_text(encoding="utf-8"))["line"] for number in point
    )


def truth_of_the_part() -> Counts:
    """What people saw cross in it: two trucks and a motorcycle."""
    crossings = json.loads(TRUTH.read_text(encoding="utf-8"))["crossings"]
    return Counter((one["direction"], one["class"]) for one in crossings if one["frame"] < REAL_FRAMES)


class Listener:
    """What the broker heard of the board."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, Any]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("crossing/v1/bridge/board/#", qos=1)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _hear(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            self.messages.append((message.topic.split("/", 4)[-1], json.loads(message.payload)))
        except ValueError:
            self.messages.append((message.topic.split("/", 4)[-1], None))  # pictures

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def summary(transcript: list[str], messages: list[tuple[str, Any]], package: Path, took_s: float) -> int:
    """Print what was seen and what was not; 0 if nothing is missing."""
    said = [line.partition("=== ")[2] for line in transcript if "=== " in line]
    unseen = [what for what in SEEN if not any(what in line for line in said)]
    print(f"\nSummary, after {took_s:.0f} s; {package.name}, {package.stat().st_size / 1e6:.1f} MB")
    print("\n".join(f"  {line}" for line in said))
    channels = Counter(channel for channel, _ in messages)
    print(f"  broker: {', '.join(f'{count} {channel}' for channel, count in channels.most_common())}")
    for channel, message in messages:
        if channel == "health":
            print(f"  health of {message['run']}: " + ", ".join(f"{key} {message[key]}" for key in HEALTH))

    reports = [message for channel, message in messages if channel == "report"]
    counted: list[Counts] = []
    watched_since = False  # after the last run that counted
    for run in dict.fromkeys(report["run"] for report in reports):
        mine = [report for report in reports if report["run"] == run]
        counts = Counter[tuple[str, str]]()
        for report in mine:
            for direction, by_class in (report["lines"] or {"deck": {}})["deck"].items():
                counts.update({(direction, label): count for label, count in by_class.items() if count})
        watched_s = sum(report["watched_ms"] for report in mine) / 1000
        states = dict(Counter(report["state"] for report in mine))
        print(f"  {run}: {len(mine)} reports, {states}, watched {watched_s:.1f} s, counted {shown(counts)}")
        if counts:
            counted.append(counts)
        watched_since = (watched_since or watched_s > 0) and not counts
    truth = Counter(("down" if square.speed > 0 else "up", "truck") for square in SQUARES)
    if counted != [truth, truth]:
        unseen.append(f"reports of two runs, before the hang and after it, that counted {shown(truth)} each")
    if not watched_since:
        unseen.append("reports of a run after them that watched: vivid")
    numbers = sorted({report["seq"] for report in reports})
    if numbers != list(range(1, len(numbers) + 1)):
        unseen.append("reports without a gap")

    of_clip: Any = {"line": {}}
    for line in transcript:
        if line.startswith("=counted= {"):
            of_clip = json.loads(line.removeprefix("=counted= "))["lines"]
    real = Counter({(way, label): count for way, by in of_clip["line"].items() for label, count in by.items() if count})
    print(f"  a real clip: counted {shown(real)}, people saw {shown(truth_of_the_part())}")
    if real != truth_of_the_part():
        unseen.append("the detector that ships counting what people saw")
    print(f"  NOT SEEN: {', '.join(unseen)}" if unseen else "  everything that is looked for was seen")
    return 1 if unseen else 0


def shown(counts: Counts) -> str:
    """For people."""
    return ", ".join(f"{count} {label} {direction}" for (direction, label), count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
