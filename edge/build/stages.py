"""Builds the stages from the configuration; they get plain values and never see it.

Live, replay, evaluate and bench run these same stages.
"""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from edge.config.schema import Camera, Config
from edge.config.shapes import convoy_rules, counting_lines, masks_of, queue_zones
from edge.counting.buckets import BucketCounter
from edge.counting.class_tail import Tail
from edge.counting.convoys import ConvoyWatcher
from edge.counting.crossing import LineWatcher
from edge.counting.masks import Masks
from edge.counting.occlusion import WholeBoxes
from edge.counting.occupancy import ZoneWatcher
from edge.counting.pipeline import Pipeline
from edge.counting.sizes import SiteSizes
from edge.counting.stills import StillPipeline, StillTime
from edge.counting.tracking import Tracker
from edge.errors import InputError
from edge.vision import frame_selection, motion_gate, scene
from edge.vision.detector import REVISION, OnnxDetector
from edge.vision.frame_selection import Needs
from edge.vision.manifest import Manifest, load_manifest
from edge.vision.naming import NamingManifest, OnnxNamer, load_naming
from edge.vision.region import Region, regions_around
from edge.vision.scale import CARS_SURE, LearnedScale
from edge.vision.second_look import SecondLook, StillLook
from edge.vision.still_camera import LATE_STEPS

USUAL = (1920, 1080)
"""Width and height of a camera's picture."""

COMPARE_STEPS = 2.5
"""A still is compared with the one before if that is no older than so many steps: one may be missing ..."""
COMPARE_MS_MAX = 600_000
"""... and no older than this: a vehicle that was not there then may have stood since."""

NOMINAL_SIZE = (1280, 720)
"""Of the picture, until there is one: blind buckets need none, lines are fractions."""


def still_time(camera: Camera | None) -> StillTime | None:
    """The times of a still camera; None for a stream of frames."""
    if camera is None or camera.every_s is None:
        return None
    step_ms = 1000 * camera.every_s
    compare_ms = min(round(COMPARE_STEPS * step_ms), COMPARE_MS_MAX)
    return StillTime(camera.vouches_ms, compare_ms, round(LATE_STEPS * step_ms))


def build_pipeline(
    config: Config, width: int, height: int, stills: StillTime | None = None
) -> Pipeline | StillPipeline:
    """Masks, tracker, watchers and bucket counter for a picture of that size; with `stills` those that work on
    stills."""
    lines = counting_lines(config, width, height)
    zones = queue_zones(config, width, height)
    counting, rules = config.counting, convoy_rules(config)
    if stills is not None:
        return StillPipeline(
            zones,
            BucketCounter(
                (),
                zones=[zone.name for zone in zones],
                width_ms=config.report.every_s * 1000,
                gap_ms=stills.vouches_ms,
                stills=True,
            ),
            stills,
            Masks(masks_of(config, width, height), ground=counting.ground) if config.masks else None,
            picture=(width, height),
            share_min=counting.class_share_min,
            ground=counting.ground,
        )
    return Pipeline(
        Tracker(),
        LineWatcher(
            lines, reach_share=counting.reach_share, share_min=counting.class_share_min, ground=counting.ground
        ),
        BucketCounter(
            [line.name for line in lines],
            zones=[zone.name for zone in zones],
            width_ms=config.report.every_s * 1000,
            gap_ms=counting.gap_ms,
        ),
        ZoneWatcher(
            zones,
            share_min=counting.class_share_min,
            ground=counting.ground,
            gap_ms=counting.gap_ms,
        )
        if zones
        else None,
        Masks(masks_of(config, width, height), ground=counting.ground) if config.masks else None,
        whole_boxes=WholeBoxes((width, height)) if counting.ground == "bottom" else None,
        sizes=SiteSizes((width, height)),
        convoys=ConvoyWatcher(rules) if rules else None,
    )


def build_detector(config: Config, width: int, height: int) -> OnnxDetector:
    """The detector for a picture of that size."""
    manifest = load_manifest(config.model.name)
    scale = None
    if config.zones and config.model.region == "lines":  # one region around lines alone is no larger than tracks need
        scale = LearnedScale((width, height), lambda sizes: regions_of(config, manifest, width, height, sizes))
    return OnnxDetector(
        manifest,
        threads=config.model.threads,
        score_min=config.model.score_min,
        regions=regions_of(config, manifest, width, height),
        scale=scale,
    )


def needs_of(config: Config, width: int, height: int) -> Needs | None:
    """What frame selection needs; None where the detector is run on every frame, as on stills."""
    if config.model.look == "every-frame" or still_time(config.camera) is not None:
        return None
    whole = msgspec.structs.replace(config, model=msgspec.structs.replace(config.model, regions_max=1))
    [region] = regions_of(whole, load_manifest(config.model.name), width, height) or ((0, 0, width, height),)
    return Needs(counting_lines(config, width, height), region)


def build_second_look(config: Config, width: int, height: int, *, stills: bool = False) -> SecondLook | None:
    """The second look for a picture of that size; None where the configuration wants none."""
    if not config.model.second_look or not (stills or config.lines):  # in frames it looks at vehicles near lines
        return None
    manifest = load_naming(config.model.second_look)
    namer = OnnxNamer(manifest, threads=config.model.threads)
    known: dict[str, Any] = {
        "macs_millions": manifest.look_macs_millions,
        "tails": tails_of(manifest),
        "model": manifest.words,
    }
    if stills:
        return StillLook(namer, queue_zones(config, width, height), **known)
    return SecondLook(namer, counting_lines(config, width, height), **known)


def tails_of(naming: NamingManifest) -> dict[str, Tail]:
    """The tails of rare classes in a manifest. InputError where they are inconsistent."""
    try:
        return {label: msgspec.convert(tail, Tail) for label, tail in naming.tail.items()}
    except msgspec.ValidationError as error:
        raise InputError(f"{naming.path}: tail: {error}") from error


def regions_of(
    config: Config, manifest: Manifest, width: int, height: int, sizes: SiteSizes | None = None
) -> tuple[Region, ...]:
    """The regions of the picture for the detector; none where it is all of it. `sizes` are learned on site."""
    lines = [line.points for line in counting_lines(config, width, height)]
    zones = [zone.polygon for zone in queue_zones(config, width, height)]
    if config.model.region == "picture" or not (lines or zones):  # none while a configuration is being drawn
        return ()
    seen = manifest.input.width, manifest.input.height
    car_side = sizes.car_side if sizes is not None else None
    return regions_around(lines, zones, (width, height), seen, config.model.regions_max, car_side=car_side)


def explain_cost(config: Config, picture: tuple[int, int] | None = None) -> str:
    """What detecting costs in a picture of that width and height, for people; of the usual size where none is known."""
    if picture is None:
        camera = config.camera
        picture = (camera.width, camera.height) if camera is not None and camera.width and camera.height else USUAL
    manifest = load_manifest(config.model.name)
    runs = len(regions_of(config, manifest, *picture)) or 1
    sentence = f"Detector: {runs} {'run' if runs == 1 else 'runs'} for each frame of {picture[0]}x{picture[1]}"
    macs, most = manifest.macs_millions, config.model.regions_max
    if macs is not None:
        sentence += f", {runs * macs:.0f} million multiply-accumulates"
    if config.zones and config.model.region == "lines" and most > 1:
        sentence += f"; 1 to {most} runs once it is known how large vehicles are"
    return sentence


def check_files(config: Config) -> None:
    """InputError if a file that the configuration names is missing, the model's included."""
    load_manifest(config.model.name)
    if config.model.second_look:
        tails_of(load_naming(config.model.second_look))
    if config.camera is not None:
        for key in ("password_file", "ca_file"):
            if path := getattr(config.camera, key):
                _check_file(f"camera.{key}", path)
    if config.mqtt is not None:
        for key in ("password_file", "ca_file", "certificate_file", "key_file"):
            if path := getattr(config.mqtt, key):
                _check_file(f"mqtt.{key}", path)


def _check_file(key: str, path: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{key} is {path!r}; a file that exists is allowed")


def looks_of(config: Config) -> str:
    """A fingerprint of all that decides detections: model, manifest, threshold, region, and the revision of the
    code."""
    manifest = load_manifest(config.model.name)
    lines = msgspec.to_builtins(config.lines) if config.model.region == "lines" else None
    zones = [zone.polygon for zone in config.zones.values()] if config.model.region == "lines" else []
    looks = (
        manifest.sha256,
        manifest.path.read_text(encoding="utf-8"),
        config.model.score_min,
        config.model.region,
        config.model.regions_max if zones else 1,
        lines,
        REVISION,
        scene.REVISION,
        *((CARS_SURE, *zones) if zones else ()),
    )
    if config.model.second_look:  # which vehicles are looked at depends on where the lines are
        naming = load_naming(config.model.second_look)
        looks = (*looks, naming.sha256, naming.around, naming.mirrored, msgspec.to_builtins(config.lines))
    if config.model.look == "as-needed":  # which frames are looked at depends on all that is followed
        drawn = (config.lines, config.zones, config.masks, config.counting)
        looks = (*looks, frame_selection.REVISION, motion_gate.REVISION, msgspec.to_builtins(drawn))
    return hashlib.sha256(repr(looks).encode()).hexdigest()
