"""Makes a clip with its truth from rendered frames: `python -m tests.scenes.clips SCENE.yaml --frames DIR --out DIR`.

Camera, weather on the lens and noise are put on here, and ffmpeg, a program of its own, encodes H.264 as the scene
says.
"""

import argparse
import subprocess
from pathlib import Path

import cv2
import numpy as np

from tests.scenes.description import Scene, load_scene
from tests.scenes.spoil import Spoiler, spoiling_of
from tests.scenes.traffic import drive, frame_times_ms
from tests.scenes.truth import truth_of, write_truth


def main() -> None:
    """Write OUT/NAME.mp4 and OUT/truth/NAME.json."""
    parser = argparse.ArgumentParser(prog="tests.scenes.clips", description="Makes a clip with its truth from frames.")
    parser.add_argument("scene", type=Path, metavar="SCENE.yaml")
    parser.add_argument("--frames", type=Path, required=True, help="folder of NNNNN.png")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    scene = load_scene(options.scene)
    (options.out / "truth").mkdir(parents=True, exist_ok=True)
    encode(scene, options.frames, options.out / f"{scene.name}.mp4")
    truth = truth_of(scene, drive(scene), f"../{scene.name}.mp4")
    write_truth(options.out / "truth" / f"{scene.name}.json", truth)


def encode(scene: Scene, frames: Path, out: Path) -> None:
    """All frames, spoiled, in one H.264 file. FileNotFoundError names the first frame that is missing."""
    camera = scene.view.camera
    spoiler = Spoiler(spoiling_of(scene), camera.width, camera.height, scene.seed)
    command = [
        *("ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "bgr24"),
        *("-s", f"{camera.width}x{camera.height}", "-r", str(scene.frames_per_second), "-i", "-"),
        *("-c:v", "libx264", "-preset", "slow", "-crf", str(scene.picture.crf), "-pix_fmt", "yuv420p"),
        *("-threads", "1", "-movflags", "+faststart", "-bitexact", str(out)),
    ]
    encoder = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert encoder.stdin is not None, "frames are written to it"
    for number in range(len(frame_times_ms(scene))):
        path = frames / f"{number:05d}.png"
        image = cv2.imread(str(path))
        if image is None:
            encoder.kill()
            raise FileNotFoundError(f"{path} is missing: render the whole scene first")
        encoder.stdin.write(spoiler.spoil(image.astype(np.uint8, copy=False), number).tobytes())
    encoder.stdin.close()
    if encoder.wait():
        raise RuntimeError(f"ffmpeg could not write {out}")


if __name__ == "__main__":
    main()
