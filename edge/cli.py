"""The command `crossing-edge`.

Exit codes: 0 done, 1 the work failed, 2 the input is wrong. `--json` prints one object on standard output; progress
and logs go to standard error.
"""

import argparse
import dataclasses
import json
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from edge.errors import CrossingError, InputError

T = TypeVar("T")

EXAMPLES = """examples:
  crossing-edge replay bridge.mp4 --line 0.2,0.7,0.8,0.7 --out result
  crossing-edge evaluate truth/*.json --pictures errors
  crossing-edge compare-models bridge.mp4 --config edge.yaml --from-names none --json > factors.json
  crossing-edge bench bridge.mp4 --threads 1
  crossing-edge setup --config edge.yaml --video bridge.mp4
  crossing-edge annotate bridge.mp4 --line 0.2,0.7,0.8,0.7
  crossing-edge check edge.yaml
  crossing-edge status"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    given = _parser().parse_args(arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is half-written is removed
    try:
        code = given.run(given)
        sys.stdout.flush()
    except CrossingError as error:
        print(f"crossing-edge: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"crossing-edge: {error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="crossing-edge",
        description="Counts the vehicles that cross a line, and those that queue.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('crossing-monitor')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="the service: count what a camera sees, and send it")
    run.add_argument("--config", type=Path, required=True, metavar="edge.yaml")
    run.set_defaults(run=_run)

    status = commands.add_parser(
        "status",
        help="how the running service is, and why nothing arrives",
        description="How the running service is. Exit code 0: it runs and delivers; 1: it does not; 2: wrong input.",
    )
    status.add_argument(
        "--config", type=Path, metavar="edge.yaml", help="its configuration (default: that of the unit)"
    )
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.set_defaults(run=_status)

    replay = commands.add_parser("replay", help="count a recorded video or a tape")
    replay.add_argument(
        "video", type=Path, metavar="VIDEO", help="a video, a tape (.tape, .jsonl), or a folder of still pictures"
    )
    replay.add_argument(
        "--line",
        dest="lines",
        action="append",
        default=[],
        metavar="[NAME=]X1,Y1,X2,Y2",
        help="counting line in pixels, or in fractions of the picture if all are at most 1; may be repeated",
    )
    replay.add_argument("--config", type=Path, metavar="F", help="configuration (YAML) to take lines and the rest from")
    replay.add_argument(
        "--start",
        metavar="T",
        help="when the video begins, e.g. 2026-11-22T06:00:00Z (default: as its name says, or 1970)",
    )
    replay.add_argument(
        "--step",
        dest="step_s",
        type=_seconds,
        metavar="SECONDS",
        help="with --start: from one still of a folder to the next, where neither names nor Exif say when they are of",
    )
    replay.add_argument("--out", type=Path, metavar="DIR", help="write reports, crossings, strips and a summary there")
    replay.add_argument("--video", dest="annotated", type=Path, metavar="OUT.mp4", help="write the annotated video")
    replay.add_argument("--tape", type=Path, metavar="F", help="write the detections as a tape")
    replay.add_argument("--publish", action="store_true", help="publish the reports over MQTT")
    replay.add_argument(
        "--broker", metavar="HOST:PORT", help="broker without TLS, for trying out; over mqtt: of --config"
    )
    replay.add_argument(
        "--outbox",
        type=Path,
        metavar="F",
        help="with --publish: keep the reports there until they are delivered; if cut off, the same command goes on",
    )
    replay.add_argument(
        "--partial", action="store_true", help="count a recording that breaks off as far as it goes; all output says so"
    )
    replay.add_argument("--mark", action="store_true", help="begin CSV with a byte order mark: Excel then reads UTF-8")
    replay.add_argument("--realtime", action="store_true", help="at the pace of the recording")
    replay.add_argument(
        "--bucket", dest="bucket_s", type=int, metavar="SECONDS", help="width of a bucket (default: 60)"
    )
    _add_common(replay)
    replay.set_defaults(run=_replay)

    evaluate = commands.add_parser("evaluate", help="score the counting against truth files")
    evaluate.add_argument("truths", type=Path, nargs="+", metavar="TRUTH.json")
    evaluate.add_argument(
        "--config", type=Path, metavar="F", help="configuration; each truth file brings its own line and zones"
    )
    evaluate.add_argument("--pictures", type=Path, metavar="DIR", help="write each clip's strip, its errors marked")
    evaluate.add_argument(
        "--wrong", type=Path, metavar="DIR", help="write pictures whose numbers of a zone are wrong, the worst first"
    )
    evaluate.add_argument("--tapes", type=Path, metavar="DIR", help="keep detections there and take them from there")
    evaluate.add_argument(
        "--reliability",
        type=Path,
        metavar="F",
        help="draw how sure names are said to be against how often they are right",
    )
    _add_common(evaluate)
    evaluate.set_defaults(run=_evaluate)

    _add_compare(commands)

    _add_bench(commands)

    _add_pages(commands)

    check = commands.add_parser(
        "check",
        help="validate a configuration and print what is in force",
        description="Validate a configuration and print what is in force. Exit code 0: it is in order, and what was"
        " tried works; 1: camera or broker were tried and do not work; 2: something in it is wrong.",
    )
    check.add_argument("config", type=Path, metavar="edge.yaml")
    check.add_argument(
        "--try", dest="try_it", action="store_true", help="open the camera and the broker, and say what was found"
    )
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=_check)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="M", help="name of a model that ships, or path of a manifest")
    parser.add_argument("--threads", type=_threads, metavar="N", help="threads of the detector")
    parser.add_argument("--every", type=_positive, default=1, metavar="N", help="handle each N-th frame only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    bench = commands.add_parser("bench", help="time every stage over a video")
    bench.add_argument("video", nargs="+", type=Path, metavar="VIDEO", help="with --compare several, truth files too")
    bench.add_argument("--compare", action="store_true", help="with the same that looks at every frame")
    bench.add_argument("--line", action="append", default=[], metavar="X1,Y1,X2,Y2", help="default: across the middle")
    bench.add_argument("--config", type=Path, metavar="F")
    _add_common(bench)
    bench.set_defaults(run=_bench)


def _add_compare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    compared = commands.add_parser(
        "compare-models",
        help="what two models name on the same crossings, and the factors from one's counts to the other's",
        description="What two models name on the same crossings, and by which factor a count of each class changes."
        " --json gives what `crossing-collector models --factors` reads.",
    )
    compared.add_argument(
        "recordings",
        type=Path,
        nargs="+",
        metavar="VIDEO",
        help="videos, counted with both models; or two tapes of one video, the first by the first model",
    )
    compared.add_argument("--line", action="append", default=[], metavar="[NAME=]X1,Y1,X2,Y2")
    compared.add_argument("--config", type=Path, metavar="F", help="configuration, whose model is both unless told")
    compared.add_argument("--from", dest="before", metavar="M", help="the first model: one that ships, or a manifest")
    compared.add_argument("--to", dest="after", metavar="M", help="the second model")
    compared.add_argument("--from-names", metavar="M", help="the second look of the first model; none: without one")
    compared.add_argument("--to-names", metavar="M", help="the second look of the second model; none: without one")
    compared.add_argument("--threads", type=_threads, metavar="N", help="threads of the detector")
    compared.add_argument("--every", type=_positive, default=1, metavar="N", help="handle each N-th frame only")
    compared.add_argument("--json", action="store_true", help="print one JSON object")
    compared.set_defaults(run=_compare_models)


def _add_pages(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands that are used in a browser."""
    setup = commands.add_parser("setup", help="draw lines, zones and masks in a browser, and see it count")
    setup.add_argument(
        "--config", type=Path, required=True, metavar="edge.yaml", help="configuration to draw into; begun if absent"
    )
    setup.add_argument("--camera", metavar="URL", help="camera of a new configuration; saved with the drawing")
    setup.add_argument(
        "--time-zone", metavar="ZONE", help="where the bridge is, as Asia/Shanghai; saved with the drawing"
    )
    setup.add_argument("--broker", metavar="HOST[:PORT]", help="MQTT broker that reports go to; saved with the drawing")
    setup.add_argument("--video", type=Path, metavar="FILE", help="play a recording as if it were the camera")
    _add_page(setup)
    setup.set_defaults(run=_setup)

    annotate = commands.add_parser(
        "annotate",
        help="make a truth file of a video in a browser",
        epilog="Classes: pick-ups are cars; panel vans and minibuses of their size are vans; longer minibuses, coaches,"
        " city and school buses are buses; a box body on a van's cab is a truck. docs/classes.md shows them.",
    )
    annotate.add_argument("video", type=Path, metavar="VIDEO")
    annotate.add_argument(
        "--tracks", action="store_true", help="name every vehicle instead, by one key each; --out is then NAMES.jsonl"
    )
    annotate.add_argument("--line", metavar="X1,Y1,X2,Y2", help="the line; not needed to go on with a truth file")
    annotate.add_argument(
        "--out", type=Path, metavar="TRUTH.json", help="truth file, opened again if there (default: beside the video)"
    )
    annotate.add_argument("--model", metavar="M", help="whose count is suggested: a model that ships, or a manifest")
    annotate.add_argument("--threads", type=_threads, metavar="N", help="threads of the detector")
    annotate.add_argument("--every", type=_positive, default=1, metavar="N", help="look at each N-th frame only")
    _add_page(annotate)
    annotate.set_defaults(run=_annotate)


def _add_page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="port of the page (default: a free one)")
    parser.add_argument("--lan", action="store_true", help="let other computers of the network open the page, too")


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed are 0 (a free one) to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed are 1, 2, 3 ...")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) or float(text) <= 0 or float(text) > 86_400:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed are more than 0 and at most 86400 seconds")
    return float(text)


def _threads(text: str) -> int:
    number = _positive(text)
    if number > 64:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed are 1 to 64")
    return number


def _request(kind: type[T], given: argparse.Namespace) -> T:
    """A request with the options of its fields' names."""
    return kind(**{field.name: getattr(given, field.name) for field in dataclasses.fields(kind)})  # type: ignore[arg-type]


def _run(given: argparse.Namespace) -> None:
    from edge.device.run_command import run_service

    run_service(given.config)


def _status(given: argparse.Namespace) -> int:
    from edge.device.status_command import run_status

    return run_status(given.config, as_json=given.json)


def _replay(given: argparse.Namespace) -> None:
    from edge.offline.replay_command import ReplayRequest, run_replay

    run_replay(_request(ReplayRequest, given))


def _evaluate(given: argparse.Namespace) -> None:
    from edge.offline.evaluate_command import EvaluateRequest, run_evaluate

    run_evaluate(_request(EvaluateRequest, given))


def _compare_models(given: argparse.Namespace) -> None:
    from edge.offline import compare_models
    from edge.offline.replay import config_of

    config = config_of(given.recordings[0], given.config, given.line, None, given.threads)
    before = compare_models.with_model(config, given.before, given.from_names)
    after = compare_models.with_model(config, given.after, given.to_names)
    found = compare_models.compare(given.recordings, before, after, every=given.every)
    summary = compare_models.summary_of(found)
    print(json.dumps(summary, sort_keys=True) if given.json else compare_models.table_of(found))


def _bench(given: argparse.Namespace) -> None:
    from edge.offline import bench
    from edge.offline.replay import config_of
    from edge.vision.recording import Recording

    if given.compare:
        from edge.offline import bench_compare

        clips = bench_compare.open_clips(given.video, given.config, given.line, given.model, given.every)
        figures = bench_compare.summary_of(bench_compare.compare(clips))
        print(json.dumps(figures, sort_keys=True) if given.json else bench_compare.table_of(figures))
        return
    video, *others = given.video
    if others:
        raise InputError(f"bench times one video, and {len(given.video)} are given; more are allowed with --compare")
    recording = Recording(video, every=given.every)
    across = [] if given.config else ["0,0.5,1,0.5"]
    config = config_of(video, given.config, given.line or across, given.model, given.threads)
    figures = bench.bench(recording, config)
    print(json.dumps(figures, sort_keys=True) if given.json else bench.table_of(figures))


def _setup(given: argparse.Namespace) -> None:
    try:
        from edge.pages.setup_command import SetupRequest, run_setup
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("ruamel"):
            raise
        raise InputError("setup needs more than is installed: pip install 'crossing-monitor[setup]'") from error

    run_setup(_request(SetupRequest, given))


def _annotate(given: argparse.Namespace) -> None:
    from edge.pages.annotate_command import AnnotateRequest, run_annotate

    run_annotate(_request(AnnotateRequest, given))


def _check(given: argparse.Namespace) -> int:
    from edge.device.check_command import run_check

    return run_check(given.config, as_json=given.json, try_it=given.try_it)


if __name__ == "__main__":
    sys.exit(main())
