"""What names cost beside detecting on every frame, counted in multiply-accumulates and never in time."""

from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml

from edge.build.stages import build_detector, build_pipeline
from edge.cli import main
from edge.config.loading import parse_config
from edge.config.schema import Config, Line
from edge.config.shapes import counting_lines
from edge.counting.detection import Detection
from edge.counting.parameters import DEFAULT
from edge.offline.bench import TRAFFIC_PER_MINUTE
from edge.vision.fitting import Picture
from edge.vision.frame import Frame
from edge.vision.manifest import load_manifest
from edge.vision.naming import load_naming
from edge.vision.second_look import SecondLook
from edge.vision.tape import read_tape

LOOKS_MAX = DEFAULT.naming.looks_max

TAPE = Path(__file__).parent / "golden" / "free-flow.tape"
FRAMES_PER_SECOND = 10
SHARE_MAX = 0.03


def counted(path: Path) -> float:
    """Multiply-accumulates of convolutions and matrix products for one picture, in millions."""
    model = onnx.load(str(path))
    graph = model.graph
    nodes = [node for node in graph.node if node.op_type in {"Conv", "Gemm", "MatMul"}]
    wanted = dict.fromkeys(name for node in nodes for name in (node.input[1], node.output[0]))
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    del graph.output[:]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in shapes)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    picture = np.zeros([size if isinstance(size, int) else 1 for size in given.shape], np.float32)
    names = [one.name for one in session.get_outputs()]
    shapes |= {name: of.shape for name, of in zip(names, session.run(None, {given.name: picture}), strict=True)}
    total = 0
    for node in nodes:
        weights, made = shapes[node.input[1]], shapes[node.output[0]]
        total += prod(weights) * (prod(made[2:]) if node.op_type == "Conv" else 1)
    return total / 1e6


@pytest.mark.parametrize("name", ["vehicle-nano", "vehicle-names"])
def test_the_work_that_a_manifest_states_is_that_of_the_model(name: str) -> None:
    manifest = load_naming(name) if name == "vehicle-names" else load_manifest(name)
    assert manifest.macs_millions == pytest.approx(counted(manifest.model_path), rel=0.01)


def test_a_zone_that_is_seen_in_two_regions_costs_two_runs_of_the_model_and_check_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zone = [[0.5, 0.7], [0.67, 0.55], [0.73, 0.61], [0.52, 0.83]]
    drawn: dict[str, Any] = {
        "lines": {"deck": {"from": [0.1, 0.9], "to": [0.9, 0.9]}},
        "zones": {"queue": {"polygon": zone}},
    }
    path = tmp_path / "edge.yaml"
    for most, said in ((1, "1 run for each frame of 1920x1080, 718"), (2, "2 runs for each frame of 1920x1080, 1436")):
        path.write_text(yaml.safe_dump(drawn | {"model": {"regions_max": most}}))
        assert main(["check", str(path)]) == 0
        told = capsys.readouterr().err
        assert f"Detector: {said} million multiply-accumulates" in told
        assert ("; 1 to 2 runs once it is known how large vehicles are" in told) == (most == 2)
    detector = build_detector(parse_config(yaml.safe_load(path.read_text())), 1920, 1080)
    assert len(detector.views(1920, 1080)) == 2


class Counter:
    """A namer that counts the vehicles it is shown."""

    def __init__(self) -> None:
        self.shown = 0

    def look(self, image: Picture, boxes: list[Detection]) -> list[tuple[float, ...]]:
        self.shown += len(boxes)
        return [(-3.0, -3.0, -0.1, -3.0, -3.0, -3.0)] * len(boxes)


def test_names_take_less_than_3_percent_of_detecting_on_every_frame() -> None:
    """At ten crossings a minute and ten frames a second; looks are counted over traffic both ways, without pixels."""
    config = Config(lines={"deck": Line(points=((0.5, 1.0), (0.5, 0.0)))})
    header, frames = read_tape(TAPE)
    namer, blank = Counter(), np.zeros((header.height, header.width, 3), np.uint8)
    second = SecondLook(cast(Any, namer), counting_lines(config, header.width, header.height))
    pipeline = build_pipeline(config, header.width, header.height)
    crossings, vehicles = 0, set()
    for detected in frames:
        step = pipeline.update(second.look(Frame(detected.captured_ms, blank), detected))
        second.follow(step.captured_ms, step.tracks)
        vehicles |= {track.id for track in step.tracks}
        crossings += len(step.crossings)
    crossings += len(pipeline.close().crossings)
    assert crossings == 24
    assert crossings < namer.shown <= LOOKS_MAX * len(vehicles) < LOOKS_MAX * 1.2 * crossings

    look, detection = load_naming("vehicle-names").look_macs_millions, load_manifest("vehicle-nano").macs_millions
    assert look is not None
    assert detection is not None
    names_per_minute = TRAFFIC_PER_MINUTE * namer.shown / crossings * look
    assert names_per_minute < SHARE_MAX * 60 * FRAMES_PER_SECOND * detection
