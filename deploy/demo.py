"""`make demo`: the path of a count on one machine, from a recorded clip to the collector's totals.

Starts a broker and a collector on the loopback, replays the clip in real time through the detector while publishing,
queries the collector's totals, and compares them with the clip's truth file if there is one. Everything it starts ends
with it, and no files stay.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from collector.mqtt.demo_broker import demo_broker
from deploy.ending import end_at_signals, running
from edge.counting.buckets import COUNTED_CLASSES as CLASSES

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "tests" / "clips" / "day.mp4"
STORED_WAIT_S_MAX = 20.0


def main() -> int:
    """Run the demonstration; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description="Count a clip, publish, compare with the truth.")
    parser.add_argument("--video", type=Path, default=CLIP)
    parser.add_argument("--line", help="x1,y1,x2,y2 in pixels or fractions; default: the truth's, else the middle")
    given = parser.parse_args()
    if not given.video.is_file():
        print(
            f"{given.video} does not exist; make demo VIDEO=clip.mp4 LINE=x1,y1,x2,y2 takes any clip",
            file=sys.stderr,
        )
        return 2
    truth = _truth_of(given.video)
    line = given.line or (_line_of(truth) if truth else "0,0.6,1,0.6")
    end_at_signals()
    with tempfile.TemporaryDirectory(prefix="crossing-demo-") as folder, demo_broker() as port:
        say(f"broker on 127.0.0.1:{port}")
        store = Path(folder) / "store.sqlite"
        configuration = Path(folder) / "collector.yaml"
        configuration.write_text(
            f"store: {store}\nmqtt: {{host: 127.0.0.1, port: {port}, tls: false}}\n", encoding="utf-8"
        )
        command = [*_command("collector"), "run", "--config", str(configuration)]
        with running(command, stderr=subprocess.PIPE) as collector:
            if not _pass_on(collector, until="subscribed at"):
                return 1
            threading.Thread(target=_pass_on, args=(collector,), daemon=True).start()
            say(f"counting {given.video.name} over the line {line}, at its own pace")
            command = [*_command("edge"), "replay", str(given.video), "--line", line, "--realtime", "--bucket", "5"]
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())  # otherwise of 1970, which totals leave out
            command += ["--start", now, "--publish", "--broker", f"127.0.0.1:{port}", "--json"]
            with running(command, stdout=subprocess.PIPE) as replay:
                try:
                    answer, _ = replay.communicate()
                except KeyboardInterrupt:
                    return 130
            if replay.returncode:
                return replay.returncode
            counted = json.loads(answer)
            stored = _wait_for(store, len(counted["crossings"]))
    _compare(stored, truth if given.line is None else None)
    if stored != _counts_of(counted):
        print("the collector has not what the replay counted", file=sys.stderr)
        return 1
    return 0


def say(text: str) -> None:
    """Print progress on standard error."""
    print(f"--- {text}", file=sys.stderr, flush=True)


def _pass_on(process: "subprocess.Popen[str]", until: str | None = None) -> bool:
    """Print what the process says, up to the line that holds `until`; whether that line came."""
    assert process.stderr is not None, "its standard error is ours"
    for line in process.stderr:
        sys.stderr.write(line)
        if until is not None and until in line:
            return True
    return False


def _command(name: str) -> list[str]:
    return [str(Path(sys.executable).with_name(f"crossing-{name}"))]


def _truth_of(video: Path) -> dict[str, Any] | None:
    path = video.parent / "truth" / f"{video.stem}.json"
    if not path.is_file():
        return None
    truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return truth


def _line_of(truth: dict[str, Any]) -> str:
    return ",".join(str(value) for point in truth["line"] for value in point)


def _wait_for(store: Path, crossings: int) -> Counter[tuple[str, str]]:
    """What the collector has, once it has everything or no longer waits for it."""
    deadline = time.monotonic() + STORED_WAIT_S_MAX
    while True:
        answer = subprocess.run(
            [*_command("collector"), "totals", "--store", str(store), "--json"],
            capture_output=True, check=False,
        )  # fmt: skip
        stored = _stored_in(json.loads(answer.stdout)) if answer.returncode == 0 else Counter()
        if stored.total() >= crossings or time.monotonic() > deadline:
            return stored
        time.sleep(0.2)


def _stored_in(answer: dict[str, Any]) -> Counter[tuple[str, str]]:
    """(direction, class) -> vehicles, as the collector says."""
    stored: Counter[tuple[str, str]] = Counter()
    for total in answer["totals"]:
        for label, number in (total["counts"] or {}).items():
            stored[total["direction"], label] += number
    return stored


def _counts_of(counted: dict[str, Any]) -> Counter[tuple[str, str]]:
    return Counter((crossing["direction_word"], crossing["class"]) for crossing in counted["crossings"])


def _compare(stored: Counter[tuple[str, str]], truth: dict[str, Any] | None) -> None:
    """The collector's totals, and the truth beside them where it is known."""
    certain = [c for c in truth["crossings"] if not c.get("uncertain")] if truth else []
    true = Counter((c["direction"], c["class"]) for c in certain)
    doubtful = len(truth["crossings"]) - len(certain) if truth else 0
    print(f"\n{'direction':<12}{'class':<14}{'collector':>10}" + (f"{'truth':>8}" if truth else ""))
    for direction in ("a_to_b", "b_to_a"):
        for label in (*CLASSES, "all"):
            cells = []
            for counts in (stored, true):
                of_label = counts[direction, label]
                cells.append(of_label if label != "all" else sum(n for (d, _), n in counts.items() if d == direction))
            if label == "all" or any(cells):
                beside = f"{cells[1]:>8}" if truth else ""
                print(f"{direction:<12}{label:<14}{cells[0]:>10}{beside}")
    if doubtful:
        print(f"\n{doubtful} further crossings of this clip are marked uncertain in its truth file and not listed.")


if __name__ == "__main__":
    sys.exit(main())
