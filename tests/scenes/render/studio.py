"""Blender's side: a bridge with vehicles on it, lit and seen, as a picture. One studio at a time in a process."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from math import radians
from pathlib import Path
from typing import Any

import bpy
import cv2
import mathutils
import numpy as np
from numpy.typing import NDArray

from tests.scenes.camera import Camera
from tests.scenes.description import Bridge
from tests.scenes.moment import Placed
from tests.scenes.render.light import Light
from tests.scenes.render.livery import livery_of
from tests.scenes.render.materials import make_materials
from tests.scenes.render.shape import Shape
from tests.scenes.render.surroundings import surroundings
from tests.scenes.render.vehicles import shapes_of

SAMPLES = 6  # denoised afterwards: more cost time and change little at these sizes


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Blender writes its progress to file descriptor 1."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


class Studio:
    """Build it, then for each picture: `set_light`, `place`, `set_camera`, `picture`."""

    def __init__(self, bridge: Bridge, seed: str, threads: int = 1, samples: int = SAMPLES) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = bpy.context.scene
        self._target = Path(tempfile.gettempdir()) / f"studio-{os.getpid()}.png"
        if Path("/dev/shm").is_dir():
            self._target = Path("/dev/shm") / self._target.name
        self._engine(threads, samples)
        self._materials, self._weather = make_materials()
        self._make_world()
        standing = surroundings(bridge, seed)
        self._add(standing.shape, "bridge")
        self._lamps = [self._spot(f"lamp {n}", place) for n, place in enumerate(standing.lamps)]
        for lamp in self._lamps:
            lamp.data.spot_size, lamp.data.spot_blend, lamp.data.shadow_soft_size = radians(150), 0.6, 0.25
        self._parked: dict[tuple[str, int], list[Any]] = {}
        self._light: Light | None = None

    def _engine(self, threads: int, samples: int) -> None:
        scene = self._scene
        scene.render.engine = "CYCLES"
        cycles = scene.cycles
        cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
        cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
        cycles.denoising_prefilter, cycles.denoising_quality = "FAST", "FAST"
        cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 2
        cycles.transmission_bounces = cycles.volume_bounces = cycles.transparent_max_bounces = 0
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.use_fast_gi, cycles.fast_gi_method, cycles.ao_bounces_render = True, "REPLACE", 1
        cycles.sample_clamp_indirect, cycles.sample_clamp_direct = 3.0, 0.0
        cycles.use_auto_tile = False
        scene.render.use_persistent_data = True
        scene.render.threads_mode, scene.render.threads = "FIXED", threads
        scene.render.use_motion_blur = False
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGB"
        scene.render.image_settings.compression = 0
        scene.render.filepath = str(self._target)
        scene.view_settings.view_transform = "Filmic"
        scene.view_settings.look = "High Contrast"
        lens = bpy.data.cameras.new("camera")
        lens.sensor_fit, lens.clip_start, lens.clip_end = "HORIZONTAL", 0.2, 2_000.0
        self._camera = bpy.data.objects.new("camera", lens)
        scene.collection.objects.link(self._camera)
        scene.camera = self._camera

    def _make_world(self) -> None:
        world = bpy.data.worlds.new("world")
        self._scene.world = world
        world.use_nodes = True
        world.cycles.sampling_method = "NONE"
        world.light_settings.distance = 4.0
        tree = world.node_tree
        background = tree.nodes["Background"]
        place = tree.nodes.new("ShaderNodeTexCoord")
        split = tree.nodes.new("ShaderNodeSeparateXYZ")
        tree.links.new(place.outputs["Generated"], split.inputs[0])
        rise = tree.nodes.new("ShaderNodeMath")
        rise.operation, rise.use_clamp = "POWER", True
        limit = tree.nodes.new("ShaderNodeClamp")
        tree.links.new(split.outputs[2], limit.inputs[0])
        tree.links.new(limit.outputs[0], rise.inputs[0])
        rise.inputs[1].default_value = 0.5
        mix = tree.nodes.new("ShaderNodeMix")
        mix.data_type = "RGBA"
        tree.links.new(rise.outputs[0], mix.inputs[0])
        tree.links.new(mix.outputs[2], background.inputs[0])
        self._horizon, self._zenith = mix.inputs[6], mix.inputs[7]
        sun = bpy.data.lights.new("sun", "SUN")
        self._sun = bpy.data.objects.new("sun", sun)
        self._scene.collection.objects.link(self._sun)

    def _spot(self, name: str, place: tuple[float, float, float]) -> Any:
        light = bpy.data.objects.new(name, bpy.data.lights.new(name, "SPOT"))
        light.location = place
        self._scene.collection.objects.link(light)
        return light

    def _add(self, shape: Shape, name: str) -> Any:
        """One object with all of a shape's faces."""
        mesh = bpy.data.meshes.new(name)
        points = shape.all_vertices()
        sizes = np.fromiter((len(face) for face in shape.faces), np.int32, len(shape.faces))
        corners = np.fromiter((k for face in shape.faces for k in face), np.int32, int(sizes.sum()))
        mesh.vertices.add(len(points))
        mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
        mesh.loops.add(len(corners))
        mesh.loops.foreach_set("vertex_index", corners)
        mesh.polygons.add(len(sizes))
        mesh.polygons.foreach_set("loop_start", np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32))
        used = sorted(set(shape.surfaces))
        for surface in used:
            mesh.materials.append(self._materials[surface])
        places = {surface: place for place, surface in enumerate(used)}
        mesh.polygons.foreach_set("material_index", np.array([places[s] for s in shape.surfaces], np.int32))
        mesh.polygons.foreach_set("use_smooth", np.array(shape.smooth, bool))
        tints = mesh.attributes.new("tint", "FLOAT_COLOR", "FACE")
        rgba = np.ones((len(sizes), 4), np.float32)
        rgba[:, :3] = np.array(shape.tints)
        tints.data.foreach_set("color", rgba.ravel())
        mesh.update(calc_edges=True)
        placed = bpy.data.objects.new(name, mesh)
        self._scene.collection.objects.link(placed)
        return placed

    def set_light(self, light: Light) -> None:
        """Sky, sun, lamps, haze, wetness, snow."""
        self._light = light
        self._horizon.default_value = (*light.horizon, 1.0)
        self._zenith.default_value = (*light.zenith, 1.0)
        self._sun.data.energy = light.sun_strength
        self._sun.data.color = light.sun_colour
        self._sun.data.angle = radians(light.sun_size_deg)
        self._sun.rotation_euler = mathutils.Vector(light.towards_sun).to_track_quat("Z", "Y").to_euler()
        self._sun.hide_render = light.sun_strength <= 0.0
        for lamp in self._lamps:
            lamp.data.energy = light.street_w * 10.0
            lamp.data.color = light.street_colour
            lamp.hide_render = light.street_w <= 0.0
        weather = self._weather
        weather.haze.default_value = (*light.haze, 1.0)
        weather.haze_per_m.default_value = light.haze_per_m
        weather.wet.default_value, weather.snow.default_value = light.wet, light.snow
        weather.lamp_strength.default_value = 30.0 if light.street_w > 0 else 0.0
        weather.window_strength.default_value = 1.5 if light.tail_lamps > 0 and light.sun_strength <= 0 else 0.0
        self._scene.view_settings.exposure = light.exposure

    def place(self, vehicles: Sequence[Placed]) -> None:
        """Put the vehicles where they are; those of the picture before that are gone are hidden."""
        light = self._light
        assert light is not None, "the light is set before vehicles are placed: their lamps depend on it"
        seen = set()
        for vehicle in vehicles:
            key = (vehicle.body.variant, vehicle.livery)
            seen.add(key)
            if key not in self._parked:
                shapes = shapes_of(vehicle.body, vehicle.livery)
                self._parked[key] = [self._add(shape, f"{key} {n}") for n, shape in enumerate(shapes)]
                self._parked[key].append(self._beam(vehicle))
            *objects, beam = self._parked[key]
            livery = livery_of(vehicle.livery)
            rear = light.tail_lamps + (light.brake_lamps if vehicle.braking else 0.0)
            for thing, (_, x, y, heading) in zip(objects, vehicle.parts(), strict=True):
                thing.location, thing.rotation_euler = (x, y, 0.0), (0.0, 0.0, heading)
                thing.color = (rear, light.head_lamps, livery.dirt, float(vehicle.livery % 97))
                thing.hide_render = False
            beam.hide_render = light.beams_w <= 0.0
            beam.data.energy = light.beams_w * 25.0
        for key, things in self._parked.items():
            if key not in seen:
                for thing in things:
                    thing.hide_render = True

    def _beam(self, vehicle: Placed) -> Any:
        """The head lamps' light on the road, as one wide lamp ahead of the vehicle."""
        beam = self._spot(f"beam {vehicle.body.variant} {vehicle.livery}", (vehicle.body.front_m + 0.15, 0.0, 0.8))
        beam.data.spot_size, beam.data.spot_blend, beam.data.shadow_soft_size = radians(75), 0.7, 0.3
        beam.data.color = (1.0, 0.9, 0.75)
        beam.rotation_euler = mathutils.Vector((-1.0, 0.0, 0.13)).to_track_quat("Z", "Y").to_euler()
        beam.scale = (1.0, 1.0, 1.0)
        beam.parent = self._parked[vehicle.body.variant, vehicle.livery][0]
        return beam

    def set_camera(self, camera: Camera) -> None:
        """Look through it from now on."""
        right, down, depth = camera.axes
        turn = mathutils.Matrix(np.stack([right, -down, -depth], axis=1).tolist())
        self._camera.matrix_world = mathutils.Matrix.Translation(camera.position) @ turn.to_4x4()
        self._camera.data.angle = radians(camera.view_deg)
        self._scene.render.resolution_x, self._scene.render.resolution_y = camera.width, camera.height

    def set_samples(self, samples: int) -> None:
        """Paths per pixel from now on."""
        self._scene.cycles.samples = samples

    def picture(self) -> NDArray[np.uint8]:
        """(height, width, 3) BGR as the lens would see it, before the sensor spoils it."""
        with _silence():
            bpy.ops.render.render(write_still=True)
        image = cv2.imread(str(self._target))
        assert image is not None, "Blender wrote the picture"
        return np.asarray(image, np.uint8)

    def close(self) -> None:
        """Leave no file behind."""
        self._target.unlink(missing_ok=True)
