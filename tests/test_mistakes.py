"""Mistakes that people make in configurations and with models: each gets its one sentence and the exit code 2.

A sentence names the key, the value and what is allowed. `{file}` stands for the path of the configuration or the
manifest, `{model}` for that of the model.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper

import collector.cli
import edge.cli
from tests.vision.small_models import HEIGHT, WIDTH, constant_model, end_to_end, yolox

LINE = "lines: {deck: {from: [0.1, 0.6], to: [0.9, 0.6]}}\n"
BROKER = "mqtt: {host: broker.example}\n"
HOST_RULE = "allowed is a name or an address alone, such as broker.example: no mqtt:// before it, no :port after it"

EDGE: dict[str, tuple[str, str]] = {
    "a key misspelt": (LINE + "devise: mast-1\n", "{file}: devise is not known; did you mean 'device'?"),
    "a key twice": (
        LINE + "site: a\nsite: b\n",
        "{file}: 'site' stands twice, in line 2 and in line 3; once is allowed",
    ),
    "a line twice": (
        "lines:\n  deck: {from: [0, 0.5], to: [1, 0.5]}\n  deck: {from: [0, 0.6], to: [1, 0.6]}\n",
        "{file}: 'deck' stands twice, in line 2 and in line 3; once is allowed",
    ),
    "a key twice in braces": (
        "lines: {deck: {from: [0.1, 0.6], to: [0.9, 0.6], to: [0.8, 0.6]}}\n",
        "{file}: 'to' stands twice, in line 1; once is allowed",
    ),
    "no line": (
        "site: bridge\n",
        "{file}: lines and zones are missing; one counting line or one zone at least is needed",
    ),
    "lines left empty": ("lines:\nsite: bridge\n", "{file}: lines is empty; allowed is keys and values, not nothing"),
    "a tab": (
        "lines:\n\tdeck: {from: [0.1, 0.6], to: [0.9, 0.6]}\n",
        "{file} is not YAML: found character '\\t' that cannot start any token (line 2, column 1)",
    ),
    "a bracket left open": (
        "lines: {deck: {from: [0.1, 0.6], to: [0.9, 0.6]}\n",
        "{file} is not YAML: expected ',' or '}}', but got '<stream end>' (line 2, column 1)",
    ),
    "a colon in a text": (
        LINE + "camera:\n  url: rtsp://viewer:s3cr3t@192.0.2.7/a: b\n",
        "{file} is not YAML: mapping values are not allowed here (line 3, column 40)",
    ),
    "an anchor that is not there": (
        LINE + "zones: {queue: *road}\n",
        "{file} is not YAML: found undefined alias 'road' (line 2, column 16)",
    ),
    "a list": ("- lines\n", "{file}: keys and values are expected, not ['lines']"),
    "an empty file": ("", "{file}: keys and values are expected, not empty"),
    "nested too deep": ("[" * 3000, "{file} is not YAML that can be read: it is nested too deep"),
    "a date that is none": (LINE + "site: 2026-13-45\n", "{file} is not YAML: month must be in 1..12"),
    "pixels": (
        "lines: {deck: {from: [128, 432], to: [1152, 432]}}\n",
        "{file}: lines.deck.from[0] is 128; allowed is a number <= 1.0: a fraction of the picture, not a pixel",
    ),
    "a point of one number": (
        "lines: {deck: {from: [0.1], to: [0.9, 0.6]}}\n",
        "{file}: lines.deck.from is [0.1]; 2 of them are allowed",
    ),
    "one end": (
        "lines: {deck: {from: [0.1, 0.6]}}\n",
        "{file}: lines.deck: either from and to, or points, must be given",
    ),
    "a line of no length": (
        "lines: {deck: {from: [0.1, 0.6], to: [0.100001, 0.6]}}\n",
        "{file}: lines.deck: its length is 1e-06 of the picture; at least 0.02 is needed for a vehicle to cross it",
    ),
    "a line that crosses itself": (
        "lines: {deck: {points: [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]}}\n",
        "{file}: lines.deck: it crosses itself (its 1st segment and its 3rd), so a vehicle would cross it twice; draw two lines",
    ),
    "a line that turns back": (
        "lines: {deck: {points: [[0.1, 0.6], [0.9, 0.6], [0.4, 0.6]]}}\n",
        "{file}: lines.deck: it crosses itself (its 1st segment and its 2nd), so a vehicle would cross it twice; draw two lines",
    ),
    "directions alike": (
        "lines: {deck: {from: [0.1, 0.6], to: [0.9, 0.6], a_to_b: out, b_to_a: out}}\n",
        "{file}: lines.deck: a_to_b and b_to_a are both 'out'; two words are needed",
    ),
    "a name with capitals": (
        "lines: {The Deck: {from: [0.1, 0.6], to: [0.9, 0.6]}}\n",
        "{file}: lines names 'The Deck'; allowed are 1 to 64 characters of a-z, 0-9 and -",
    ),
    "a zone of two corners": (
        LINE + "zones: {queue: {polygon: [[0.1, 0.3], [0.5, 0.3]]}}\n",
        "{file}: zones.queue.polygon is [[0.1, 0.3], [0.5, 0.3]]; at least 3 of them are allowed",
    ),
    "a zone like a bow tie": (
        LINE + "zones: {queue: {polygon: [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.5]]}}\n",
        "{file}: zones.queue.polygon crosses itself (its 1st segment and its 3rd); the corners of a region, in order, are expected",
    ),
    "a mask that crosses itself": (
        LINE + "masks: {sky: [[0.0, 0.0], [0.9, 0.3], [0.9, 0.0], [0.1, 0.2]]}\n",
        "{file}: masks.sky crosses itself (its 1st segment and its 3rd); the corners of a region, in order, are expected",
    ),
    "a site that is a word of YAML": (
        LINE + "site: no\n",
        "{file}: site is false; allowed is a text, not true or false (in quotes, if it is meant as one)",
    ),
    "a site that is a number": (
        LINE + "site: 17\n",
        "{file}: site is 17; allowed is a text, not a whole number (in quotes, if it is meant as one)",
    ),
    "a site with capitals": (
        LINE + "site: Friendship Bridge\n",
        "{file}: site is 'Friendship Bridge'; allowed are 1 to 64 characters of a-z, 0-9 and -",
    ),
    "a time zone of no place": (
        LINE + "time_zone: Peking\n",
        "{file}: time_zone is 'Peking'; a name such as Asia/Shanghai is allowed",
    ),
    "a class that is none": (
        LINE + "alerts: {classes: [lorry]}\n",
        "{file}: alerts.classes[0] is 'lorry'; allowed are car, van, truck, bus, motorcycle, bicycle",
    ),
    "a choice that is none": (
        LINE + "counting: {ground: top}\n",
        "{file}: counting.ground is 'top'; allowed are bottom, centre",
    ),
    "a text for a number": (
        LINE + "report: {every_s: '60'}\n",
        "{file}: report.every_s is '60'; allowed is a whole number, not a text",
    ),
    "a number too small": (
        LINE + "report: {every_s: 1}\n",
        "{file}: report.every_s is 1; allowed is a whole number >= 5",
    ),
    "true for a number": (
        LINE + "keep: {reports_days: yes}\n",
        "{file}: keep.reports_days is true; allowed is a whole number, not true or false",
    ),
    "mqtt:// before the host": (
        LINE + "mqtt: {host: 'mqtt://broker.example'}\n",
        "{file}: mqtt.host is 'mqtt://broker.example'; " + HOST_RULE,
    ),
    "the port after the host": (
        LINE + "mqtt: {host: 'broker.example:8883'}\n",
        "{file}: mqtt.host is 'broker.example:8883'; " + HOST_RULE,
    ),
    "a port that is none": (
        LINE + "mqtt: {host: broker.example, port: 88830}\n",
        "{file}: mqtt.port is 88830; allowed is a whole number <= 65535",
    ),
    "a password file without a name": (
        LINE + "mqtt: {host: broker.example, password_file: /run/secret}\n",
        "{file}: mqtt has a password and no username; say whose it is",
    ),
    "a password file that is not there": (
        LINE + "mqtt: {host: broker.example, username: a, password_file: /run/no-such-file}\n",
        "mqtt.password_file is '/run/no-such-file'; a file that exists is allowed",
    ),
    "a camera of another scheme": (
        LINE + "camera: {url: 'rtmp://192.0.2.7/live'}\n",
        "{file}: camera.url is 'rtmp://192.0.2.7/live'; allowed are rtsp://, rtsps://, http:// and https:// with a host",
    ),
    "one slash too few": (
        LINE + "camera: {url: 'rtsp:/192.0.2.7/live'}\n",
        "{file}: camera.url is 'rtsp:/192.0.2.7/live'; allowed are rtsp://, rtsps://, http:// and https:// with a host",
    ),
    "a slash in the password": (
        LINE + "camera: {url: 'rtsp://viewer:a/s3cr3t@192.0.2.7/live'}\n",
        "{file}: camera.url is 'rtsp://viewer:***@192.0.2.7/live'; its port is none: a number from 1 to 65535 is allowed, and %40, %2F, %3A for @, / and : of a password",
    ),
    "no scheme before the camera": (
        LINE + "camera: {url: 192.0.2.7/stream2}\n",
        "camera.url is '192.0.2.7/stream2', which is no file; allowed are rtsp://..., http://..., /dev/video0, csi:0 and the path of a video",
    ),
    "a camera that is a text": (
        LINE + "camera: 'rtsp://viewer:my s3cr3t@192.0.2.7/live'\n",
        "{file}: camera is 'rtsp://viewer:***@192.0.2.7/live'; allowed is keys and values or nothing, not a text",
    ),
    "a model of no name": (
        LINE + "model: {name: yolo}\n",
        "no model is called 'yolo'; allowed are the path of a manifest (.yaml) or one of: vehicle-names, vehicle-nano",
    ),
}

COLLECTOR: dict[str, tuple[str, str]] = {
    "a key misspelt": ("stor: a\n" + BROKER, "{file}: stor is not known; did you mean 'store'?"),
    "a key twice": (
        "store: a\n" + BROKER + "store: b\n",
        "{file}: 'store' stands twice, in line 1 and in line 3; once is allowed",
    ),
    "a key twice below": (
        "store: a\nmqtt: {host: a, host: b}\n",
        "{file}: 'host' stands twice, in line 2; once is allowed",
    ),
    "no store": (BROKER, "{file}: store is missing"),
    "another database": (
        "store: mysql://a@db/crossing\n" + BROKER,
        "{file}: store is mysql://...; allowed are a file and postgresql://...",
    ),
    "mqtt:// before the host": (
        "store: a\nmqtt: {host: 'mqtts://broker.example'}\n",
        "{file}: mqtt.host is 'mqtts://broker.example'; " + HOST_RULE,
    ),
    "the port after the host": (
        "store: a\nmqtt: {host: 'broker.example:8883'}\n",
        "{file}: mqtt.host is 'broker.example:8883'; " + HOST_RULE,
    ),
    "a text for a port": (
        "store: a\nmqtt: {host: b, port: eighty}\n",
        "{file}: mqtt.port is 'eighty'; allowed is a whole number, not a text",
    ),
    "a scheme before the name of a page": (
        "store: a\n" + BROKER + "http: {names: ['https://counts.example']}\n",
        "{file}: http.names[0] is 'https://counts.example'; " + HOST_RULE,
    ),
    "a site with capitals": (
        "store: a\n" + BROKER + "sites: {My Bridge: {time_zone: Asia/Shanghai}}\n",
        "{file}: sites names 'My Bridge'; allowed are 1 to 64 characters of a-z, 0-9 and -",
    ),
    "a time zone of no place": (
        "store: a\n" + BROKER + "sites: {bridge: {time_zone: Peking}}\n",
        "{file}: sites.bridge: time_zone: there is no time zone 'Peking'; it must be one such as Asia/Shanghai or UTC",
    ),
    "a key of a site misspelt": (
        "store: a\n" + BROKER + "sites: {bridge: {time_zon: Asia/Shanghai}}\n",
        "{file}: sites.bridge.time_zon is not known; did you mean 'time_zone'?",
    ),
    "half of a place": (
        "store: a\n" + BROKER + "sites: {bridge: {latitude: 22.5}}\n",
        "{file}: sites.bridge: `latitude` and `longitude` go together",
    ),
    "a line without its device": (
        "store: a\n" + BROKER + "sites: {bridge: {same_lines: {deck: [deck]}}}\n",
        "{file}: sites.bridge.same_lines.deck[0] is 'deck'; allowed is device/line, such as mast-1/deck",
    ),
    "a holiday that is no date": (
        "store: a\n" + BROKER + "alerts: {history: {holidays: [tomorrow]}}\n",
        "{file}: alerts.history.holidays[0] is 'tomorrow'; allowed is a date such as 2026-11-22",
    ),
    "a rule misspelt": (
        "store: a\n" + BROKER + "alerts: {serge: {enabled: true}}\n",
        "{file}: alerts.serge is not known; did you mean 'surge'?",
    ),
    "a list": ("- store\n", "{file} must hold keys and values, beginning with `store` and `mqtt`"),
}


def said(main: Callable[[list[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the one sentence on standard error."""
    code = main(arguments)
    out, err = capsys.readouterr()
    assert out == ""
    sentences = [line for line in err.splitlines() if not line.startswith(("INFO", "WARNING"))]
    assert len(sentences) == 1, err
    return code, sentences[0]


def test_mistakes_in_the_configuration_of_a_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, (mistake, (text, sentence)) in enumerate(EDGE.items()):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        wanted = f"crossing-edge: {sentence.format(file=path)}"
        assert said(edge.cli.main, ["check", str(path)], capsys) == (2, wanted), mistake


def test_mistakes_in_the_configuration_of_the_collector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, (mistake, (text, sentence)) in enumerate(COLLECTOR.items()):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        wanted = f"crossing-collector: configuration {sentence.format(file=path)}"
        assert said(collector.cli.main, ["totals", "--config", str(path)], capsys) == (2, wanted), mistake


def manifest(folder: Path, changes: dict[str, Any], inputs: Any = None, outputs: Any = None) -> Path:
    """A model that takes pictures and answers in YOLOX's shape, and its manifest, but for what is changed."""
    model = folder / "small.onnx"
    if not model.exists():
        constant_model(model, yolox([]) if outputs is None else outputs, inputs)
    document = {
        "name": "small",
        "version": "1",
        "licence": "Apache-2.0",
        "file": "small.onnx",
        "input": {"height": HEIGHT, "width": WIDTH},
        "head": {"kind": "yolox"},
        "labels": ["person", "car", "truck"],
    } | changes
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in document.items() if value is not None}))
    return path


def picture(*shape: int | str, kind: int = TensorProto.FLOAT) -> dict[str, Any]:
    """The only input of a model."""
    return {"images": (kind, list(shape))}


def lists() -> bytes:
    """A model whose answer is a sequence of tensors, as some export their boxes."""
    node = helper.make_node("SequenceConstruct", ["images"], ["boxes"])
    taken = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])
    given = helper.make_tensor_sequence_value_info("boxes", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "lists", [taken], [given])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(made.SerializeToString())


NHWC = picture(1, HEIGHT, WIDTH, 3)
MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "a pointer of Git LFS": (
        {"content": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"},
        "{file}: file is small.onnx, but {model} is a pointer of Git LFS and not the model itself: `git lfs pull` brings it; an ONNX model is expected",
    ),
    "an empty file": ({"content": b""}, "{file}: file is small.onnx, but {model} is empty; an ONNX model is expected"),
    "a web page": (
        {"content": b"<!DOCTYPE html><title>404</title>"},
        "{file}: file is small.onnx, but {model} is a web page or XML, as a download that failed or OpenVINO leave it; an ONNX model is expected",
    ),
    "a model of PyTorch": (
        {"content": b"PK\x03\x04archive/data.pkl"},
        "{file}: file is small.onnx, but {model} is a ZIP archive, as PyTorch (.pt) and Keras write them: export it to ONNX, or unpack it; an ONNX model is expected",
    ),
    "a model of TensorFlow Lite": (
        {"content": b"\x1c\x00\x00\x00TFL3"},
        "{file}: file is small.onnx, but {model} is a model of TensorFlow Lite: convert it with tf2onnx; an ONNX model is expected",
    ),
    "a model of Keras": (
        {"content": b"\x89HDF\r\n"},
        "{file}: file is small.onnx, but {model} is HDF5, as Keras writes it: convert it with tf2onnx; an ONNX model is expected",
    ),
    "a packed model": (
        {"content": b"\x1f\x8b\x08"},
        "{file}: file is small.onnx, but {model} is packed with gzip: unpack it; an ONNX model is expected",
    ),
    "weights alone": (
        {"content": (2).to_bytes(8, "little") + b'{"w": {}}'},
        "{file}: file is small.onnx, but {model} holds weights without a model (safetensors): export the model to ONNX; an ONNX model is expected",
    ),
    "a model for another processor": (
        {"content": b"RKNN\0\0\0\0"},
        "{file}: file is small.onnx, but {model} is compiled for RKNN, TensorRT or NCNN: take the ONNX model that it was made of; an ONNX model is expected",
    ),
    "answers that are no numbers": (
        {"outputs": {"output": np.full((1, 126, 8), np.nan, np.float32)}},
        "{file}: {model} failed: its answer is no number (NaN)",
    ),
    "an answer that is a list": ({"content": lists()}, "{file}: the model has no output of numbers (a tensor)"),
    "a model that is cut": (
        {"content": b"\x08\x08\x12\x05small:\xff\xff"},
        "{file}: file is {model}, no ONNX model that runs: ",
    ),
    "no file": ({"changes": {"file": "other.onnx"}}, "{file}: file is other.onnx, but "),
    "another file": (
        {"changes": {"sha256": "0" * 64}},
        "{file}: sha256 is 0000000000000000000000000000000000000000000000000000000000000000, but that of {model} is ",
    ),
    "a sum that is none": (
        {"changes": {"sha256": "abc"}},
        "{file}: sha256 is 'abc'; allowed are 64 digits 0-9 and a-f, as sha256sum prints them",
    ),
    "colours last": (
        {"inputs": NHWC},
        "{file}: input 'images' is [1, 64, 96, 3], colours last (NHWC); allowed is (1, 3, height, width), colours first: export the model so, or convert it with tf2onnx --inputs-as-nchw",
    ),
    "another size": ({"inputs": picture(1, 3, 32, 32)}, "{file}: input.height is 64; the model allows 32"),
    "several pictures": (
        {"inputs": picture(8, 3, HEIGHT, WIDTH)},
        "{file}: input 'images' is [8, 3, 64, 96]; allowed is (1, 3, height, width): a colour picture",
    ),
    "grey pictures": (
        {"inputs": picture(1, 1, HEIGHT, WIDTH)},
        "{file}: input 'images' is [1, 1, 64, 96]; allowed is (1, 3, height, width): a colour picture",
    ),
    "bytes for numbers": (
        {"inputs": picture(1, 3, HEIGHT, WIDTH, kind=TensorProto.UINT8)},
        "{file}: input 'images' is tensor(uint8); allowed is tensor(float)",
    ),
    "half precision": (
        {"inputs": picture(1, 3, HEIGHT, WIDTH, kind=TensorProto.FLOAT16)},
        "{file}: input 'images' is tensor(float16); allowed is tensor(float)",
    ),
    "another name of the input": (
        {"changes": {"input": {"height": HEIGHT, "width": WIDTH, "name": "input"}}},
        "{file}: input.name is 'input'; the model has 'images'",
    ),
    "a second input": (
        {"inputs": picture(1, 3, HEIGHT, WIDTH) | {"mask": (TensorProto.FLOAT, [1])}},
        "{file}: the model has further inputs 'mask'; this head allows none",
    ),
    "another head": (
        {"outputs": end_to_end([])},
        "{file}: head.kind does not fit the model: the output is (1, 10, 6); its strides allow (1, 126, 5 + classes)",
    ),
    "a head of no name": (
        {"changes": {"head": {"kind": "ssd"}}},
        "{file}: head.kind is 'ssd'; allowed are yolox, nanodet, ultralytics, end_to_end, detr, detr_decoded",
    ),
    "a key of another head": (
        {"changes": {"head": {"kind": "yolox", "bins": 8}}},
        "{file}: head.bins is not known; allowed are strides, decoded",
    ),
    "fewer labels": (
        {"changes": {"labels": ["car", "truck"]}},
        "{file}: head.kind does not fit the model: the model scores 3 classes, but labels names 2",
    ),
    "labels of other things": (
        {"changes": {"labels": ["cat", "dog", "bird"]}},
        "{file}: labels is bird, cat, dog; one of ours is needed (by name or through classes): car, van, truck, bus, motorcycle, bicycle, with ids from 0",
    ),
    "a class of no name": (
        {"changes": {"classes": {"car": "auto"}}},
        "{file}: classes.car is 'auto'; allowed are car, van, truck, bus, motorcycle, bicycle",
    ),
    "no licence": ({"changes": {"licence": None}}, "{file}: licence is missing"),
    "a key twice": (
        {"text": "name: small\nname: large\n"},
        "{file}: 'name' stands twice, in line 1 and in line 2; once is allowed",
    ),
}
"""What is done to manifest (`changes`), model (`inputs`, `outputs`) or the model's file (`content`)."""


def test_mistakes_with_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, (mistake, (made, sentence)) in enumerate(MODELS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        if "content" in made:
            (folder / "small.onnx").write_bytes(made["content"])
        path = manifest(folder, made.get("changes", {}), made.get("inputs"), made.get("outputs"))
        if "text" in made:
            path.write_text(made["text"])
        configuration = folder / "edge.yaml"
        configuration.write_text(f"{LINE}model: {{name: {path}}}\n")
        code, told = said(edge.cli.main, ["check", str(configuration)], capsys)
        wanted = sentence.format(file=path, model=folder / "small.onnx")
        assert code == 2, mistake
        assert told.startswith(f"crossing-edge: {wanted}"), (mistake, told)


NAMES = {"labels": ["car", "van", "truck", "bus", "motorcycle", "bicycle"]}
SECOND_LOOKS: dict[str, tuple[dict[str, Any], str]] = {
    "colours last": (
        {"inputs": picture("n", HEIGHT, WIDTH, 3)},
        "{file}: input 'images' is ['n', 64, 96, 3], colours last (NHWC); allowed is (n, 3, height, width), colours first: export the model so, or convert it with tf2onnx --inputs-as-nchw",
    ),
    "one picture at a time": (
        {"inputs": picture(1, 3, HEIGHT, WIDTH)},
        "{file}: input 'images' is [1, 3, 64, 96]; allowed is (n, 3, height, width): colour pictures, whose number n is left open",
    ),
    "another size": ({"inputs": picture("n", 3, 32, 32)}, "{file}: input.height is 64; the model allows 32"),
    "bytes for numbers": (
        {"inputs": picture("n", 3, HEIGHT, WIDTH, kind=TensorProto.UINT8)},
        "{file}: input 'images' is tensor(uint8); allowed is tensor(float)",
    ),
    "a second input": (
        {"inputs": picture("n", 3, HEIGHT, WIDTH) | {"mask": (TensorProto.FLOAT, [1])}},
        "{file}: the model has further inputs mask; allowed is 'images'",
    ),
    "a detector": (
        {"inputs": picture("n", 3, HEIGHT, WIDTH)},
        "{file}: the model gives (1, 126, 8); allowed is one number for each of the labels",
    ),
    "a detector's manifest": ({"changes": {"head": {"kind": "yolox"}}}, "{file}: head is not known; allowed are "),
    "fewer labels": (
        {"changes": {"labels": ["car", "truck"]}},
        "{file}: labels is car, truck; each of car, van, truck, bus, motorcycle, bicycle is needed, once",
    ),
}
"""The same of the model of the second look."""


def test_mistakes_with_the_second_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, (mistake, (made, sentence)) in enumerate(SECOND_LOOKS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = manifest(folder, {"head": None, **NAMES, **made.get("changes", {})}, made.get("inputs"))
        configuration = folder / "edge.yaml"
        configuration.write_text(f"{LINE}model: {{names: {path}}}\n")
        code, told = said(edge.cli.main, ["check", str(configuration)], capsys)
        assert code == 2, mistake
        assert told.startswith(f"crossing-edge: {sentence.format(file=path)}"), (mistake, told)
