"""How much work the detector is for a 64-bit ARM processor.

    python -m tests.system.board_instructions [--deb PACKAGE]

Seconds of an emulated processor say nothing of a real one, the number of its instructions does. QEMU lets the board's
clock go on by 1 ns for every instruction (`-icount shift=0`), so the board's own clock counts them. It needs root and
takes some minutes.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy import deb
from tests.system import board, machine

ROOT = Path(__file__).parents[2]
COUNT = """\
import sys, time
sys.path.insert(0, "/usr/lib/crossing-monitor")
began = time.process_time_ns()
def tell(what):
    global began
    print(f"=== {what}: {(time.process_time_ns() - began) / 1e6:.0f} million instructions", flush=True)
    began = time.process_time_ns()
import edge.device.run_command
tell("the program is loaded")
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.manifest import load_manifest
import cv2
detector = OnnxDetector(load_manifest("vehicle-nano"), threads=1)
tell("the detector is loaded and tried once")
_, image = cv2.VideoCapture("/opt/day.mp4").read()
tell("a video is opened")
for number in range(3):
    detector.detect(Frame(number, image))
    tell("a frame is looked at")
"""


def main() -> int:
    """Print what the board counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deb", type=Path, help="a package that is there already; else one is built")
    arguments = parser.parse_args()
    if why := machine.missing(*board.PROGRAMS):
        print(f"no board can be emulated here: {why}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="crossing-board-") as name:
        folder = Path(name)
        package = arguments.deb or deb.build("arm64", "12", None, folder)

        def fill(root: Path) -> None:
            subprocess.run(["dpkg-deb", "--extract", str(package), str(root)], check=True)
            shutil.copy(ROOT / "tests/clips/day.mp4", root / "opt/day.mp4")
            (root / "root/count.py").write_text(COUNT, encoding="utf-8")
            script = "/usr/bin/python3 /root/count.py\nsystemctl poweroff --no-block\n"
            (root / "root/harness.sh").write_text(script, encoding="utf-8")

        lines: list[str] = []
        processor = ["-smp", "1", "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=on"]
        board.watch(board.make_board(folder, fill), processor, 1_800, lines.append)
    counted = [line.partition("=== ")[2] for line in lines if "=== " in line]
    print("\n".join(counted or lines))
    return 0 if len(counted) == 6 else 1


if __name__ == "__main__":
    sys.exit(main())
