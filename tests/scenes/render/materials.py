"""The surfaces: one material for each, coloured by the faces' own tint, so that few shaders are compiled.

An object's colour carries what changes on it: red the rear lamps' strength, green the head lamps', blue its dirt,
alpha an offset that makes its dirt its own. `air` is a group of nodes that fades every surface into the haze.
"""

from dataclasses import dataclass
from typing import Any

import bpy

ROUGHNESS = {  # surface: roughness, metallic, how much dirt sticks
    "paint": (0.32, 0.0, 1.0),
    "matte": (0.7, 0.0, 0.8),
    "rubber": (0.85, 0.0, 1.0),
    "glass": (0.06, 0.0, 0.25),
    "metal": (0.35, 0.85, 0.7),
    "earth": (0.95, 0.0, 0.0),
    "concrete": (0.9, 0.0, 0.0),
    "marking": (0.7, 0.0, 0.0),
    "bank": (0.95, 0.0, 0.0),
    "leaf": (0.8, 0.0, 0.0),
}
DULL = {"matte", "rubber", "earth", "concrete", "marking", "bank", "leaf"}  # purely diffuse: half the cost
LAMPS = {"head": 1, "brake": 0, "tail": 0}  # surface: channel of the object's colour
SURFACES = (*ROUGHNESS, *LAMPS, "amber", "asphalt", "water", "window", "lamp")


@dataclass(frozen=True, slots=True)
class Settings:
    """Sockets whose values the light and the weather set; linear colours."""

    haze: Any
    haze_per_m: Any
    wet: Any
    snow: Any
    lamp_strength: Any
    window_strength: Any


class _Nodes:
    """Short hand for a node tree."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def new(self, kind: str, **values: Any) -> Any:
        """A node with attributes set; values named `i0`, `i1`… or by socket name go to its inputs."""
        node = self.tree.nodes.new(kind)
        for name, value in values.items():
            setattr(node, name, value)
        return node

    def link(self, source: Any, target: Any) -> None:
        self.tree.links.new(source, target)

    def put(self, socket: Any, value: Any) -> None:
        """Link an output, or set a constant."""
        if isinstance(value, bpy.types.NodeSocket):
            self.link(value, socket)
        else:
            socket.default_value = value

    def math(self, operation: str, *values: Any, clamp: bool = False) -> Any:
        node = self.new("ShaderNodeMath", operation=operation, use_clamp=clamp)
        for socket, value in zip(node.inputs, values, strict=False):
            self.put(socket, value)
        return node.outputs[0]

    def mix(self, factor: Any, one: Any, two: Any) -> Any:
        node = self.new("ShaderNodeMix", data_type="RGBA")
        for place, value in ((0, factor), (6, one), (7, two)):
            self.put(node.inputs[place], value)
        return node.outputs[2]

    def noise(self, vector: Any, scale: float, detail: float = 2.0) -> Any:
        node = self.new("ShaderNodeTexNoise")
        self.link(vector, node.inputs["Vector"])
        node.inputs["Scale"].default_value = scale
        node.inputs["Detail"].default_value = detail
        return node.outputs["Fac"]


def _group(name: str, sockets: list[tuple[str, str, str]]) -> Any:
    tree = bpy.data.node_groups.new(name, "ShaderNodeTree")
    for label, way, kind in sockets:
        tree.interface.new_socket(label, in_out=way, socket_type=kind)
    return tree


def _weather_group() -> tuple[Any, tuple[Any, ...]]:
    """Values shared by all materials: haze colour, haze per metre, wet, snow, street lamps, windows."""
    tree = _group(
        "weather",
        [
            ("Haze", "OUTPUT", "NodeSocketColor"),
            *((name, "OUTPUT", "NodeSocketFloat") for name in ("Density", "Wet", "Snow", "Lamp", "Window")),
        ],
    )
    nodes = _Nodes(tree)
    out = nodes.new("NodeGroupOutput")
    colour = nodes.new("ShaderNodeRGB")
    nodes.link(colour.outputs[0], out.inputs["Haze"])
    sockets = [colour.outputs[0]]
    for name in ("Density", "Wet", "Snow", "Lamp", "Window"):
        value = nodes.new("ShaderNodeValue")
        value.outputs[0].default_value = 0.0
        nodes.link(value.outputs[0], out.inputs[name])
        sockets.append(value.outputs[0])
    return tree, tuple(sockets)


def _finish(nodes: _Nodes, weather: Any, shader: Any) -> None:
    """Fade the surface into the haze by its distance from the camera and make it the material's output."""
    out = nodes.new("ShaderNodeOutputMaterial")
    distance = nodes.new("ShaderNodeCameraData").outputs["View Distance"]
    clear = nodes.math(
        "EXPONENT", nodes.math("MULTIPLY", nodes.math("MULTIPLY", distance, weather.outputs["Density"]), -1.0)
    )
    emission = nodes.new("ShaderNodeEmission")
    nodes.link(weather.outputs["Haze"], emission.inputs["Color"])
    mixed = nodes.new("ShaderNodeMixShader")
    seen = nodes.new("ShaderNodeLightPath").outputs["Is Camera Ray"]
    nodes.link(nodes.math("MULTIPLY", nodes.math("SUBTRACT", 1.0, clear), seen), mixed.inputs[0])
    nodes.link(shader, mixed.inputs[1])
    nodes.link(emission.outputs[0], mixed.inputs[2])
    nodes.link(mixed.outputs[0], out.inputs["Surface"])


def _material(name: str, weather_tree: Any) -> tuple[Any, _Nodes, Any, Any]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes.clear()
    material.cycles.emission_sampling = (
        "NONE"  # haze and lamps only have to look lit: sun, sky and spots give the light
    )
    nodes = _Nodes(material.node_tree)
    weather = nodes.new("ShaderNodeGroup")
    weather.node_tree = weather_tree
    tint = nodes.new("ShaderNodeAttribute", attribute_name="tint").outputs["Color"]
    return material, nodes, weather, tint


def _snowed(nodes: _Nodes, weather: Any, colour: Any, amount: float, position: Any) -> Any:
    """The colour, with snow on what faces the sky."""
    up = nodes.new("ShaderNodeSeparateXYZ")
    nodes.link(nodes.new("ShaderNodeNewGeometry").outputs["Normal"], up.inputs[0])
    flat = nodes.math("GREATER_THAN", up.outputs[2], 0.75)
    patch = nodes.math("MULTIPLY_ADD", nodes.noise(position, 0.9, 3.0), 4.0, -2.0 + amount, clamp=True)
    cover = nodes.math("MULTIPLY", nodes.math("MULTIPLY", flat, patch), weather.outputs["Snow"])
    return nodes.mix(cover, colour, (0.75, 0.77, 0.8, 1.0))


def _solid(name: str, tree: Any) -> Any:
    material, nodes, weather, tint = _material(name, tree)
    roughness, metallic, dirt = ROUGHNESS[name]
    dull = name in DULL
    shader = nodes.new("ShaderNodeBsdfDiffuse" if dull else "ShaderNodeBsdfPrincipled")
    colour: Any = tint
    position = nodes.new("ShaderNodeTexCoord").outputs["Object"]
    if dirt:
        info = nodes.new("ShaderNodeObjectInfo")
        parts = nodes.new("ShaderNodeSeparateColor")
        nodes.link(info.outputs["Color"], parts.inputs[0])
        shift = nodes.new("ShaderNodeVectorMath", operation="ADD")
        nodes.link(position, shift.inputs[0])
        nodes.link(info.outputs["Alpha"], shift.inputs[1])
        height = nodes.new("ShaderNodeSeparateXYZ")
        nodes.link(position, height.inputs[0])
        low = nodes.math("MULTIPLY_ADD", height.outputs[2], -0.45, 1.05, clamp=True)
        spots = nodes.math("MULTIPLY_ADD", nodes.noise(shift.outputs[0], 1.7, 4.0), 2.2, -0.75, clamp=True)
        amount = nodes.math("ADD", nodes.math("MULTIPLY", low, 0.75), nodes.math("MULTIPLY", spots, 0.45))
        amount = nodes.math("MULTIPLY", amount, nodes.math("MULTIPLY", parts.outputs[2], dirt), clamp=True)
        colour = nodes.mix(amount, colour, (0.17, 0.14, 0.11, 1.0))
        if name != "glass":
            colour = _snowed(nodes, weather, colour, 0.4, position)
        if not dull:
            nodes.put(shader.inputs["Roughness"], nodes.math("MULTIPLY_ADD", amount, 0.5, roughness))
    elif name in {"concrete", "bank", "earth", "leaf", "marking"}:
        grain = nodes.math("MULTIPLY_ADD", nodes.noise(position, 1.3 if name == "concrete" else 0.5, 4.0), 1.1, 0.45)
        scaled = nodes.new("ShaderNodeVectorMath", operation="SCALE")
        nodes.link(colour, scaled.inputs[0])
        nodes.link(grain, scaled.inputs["Scale"])
        colour = _snowed(nodes, weather, scaled.outputs[0], 0.8 if name != "marking" else -0.2, position)
    nodes.put(shader.inputs["Color" if dull else "Base Color"], colour)
    if not dull:
        shader.inputs["Metallic"].default_value, shader.distribution = metallic, "GGX"
    _finish(nodes, weather, shader.outputs[0])
    return material


def _asphalt(tree: Any) -> Any:
    """Grain, worn and oily wheel tracks, stains, puddles when wet, snow between the tracks."""
    material, nodes, weather, tint = _material("asphalt", tree)
    shader = nodes.new("ShaderNodeBsdfPrincipled")
    place = nodes.new("ShaderNodeNewGeometry").outputs["Position"]
    split = nodes.new("ShaderNodeSeparateXYZ")
    nodes.link(place, split.inputs[0])
    stretch = nodes.new("ShaderNodeVectorMath", operation="MULTIPLY")
    nodes.link(place, stretch.inputs[0])
    stretch.inputs[1].default_value = (0.06, 1.0, 1.0)
    streaks = nodes.noise(stretch.outputs[0], 1.6, 3.0)
    stains = nodes.noise(place, 0.35, 4.0)
    grain = nodes.noise(place, 14.0, 2.0)
    bright = nodes.math("ADD", nodes.math("MULTIPLY", streaks, 0.7), nodes.math("MULTIPLY", stains, 0.7))
    bright = nodes.math("ADD", bright, nodes.math("MULTIPLY_ADD", grain, 0.5, 0.05))
    wet = weather.outputs["Wet"]
    bright = nodes.math("MULTIPLY", bright, nodes.math("MULTIPLY_ADD", wet, -0.5, 1.0))
    scaled = nodes.new("ShaderNodeVectorMath", operation="SCALE")
    nodes.link(tint, scaled.inputs[0])
    nodes.link(bright, scaled.inputs["Scale"])
    white = nodes.math(
        "MULTIPLY_ADD", nodes.math("ADD", streaks, nodes.math("MULTIPLY", stains, 0.6)), 5.0, -3.9, clamp=True
    )
    colour = nodes.mix(
        nodes.math("MULTIPLY", white, weather.outputs["Snow"]), scaled.outputs[0], (0.62, 0.64, 0.68, 1.0)
    )
    nodes.put(shader.inputs["Base Color"], colour)
    puddle = nodes.math("MULTIPLY_ADD", nodes.noise(stretch.outputs[0], 0.8, 2.0), 5.0, -2.1, clamp=True)
    smooth = nodes.math("MULTIPLY", wet, nodes.math("MULTIPLY_ADD", puddle, 0.35, 0.5))
    nodes.put(shader.inputs["Roughness"], nodes.math("SUBTRACT", 0.9, smooth))
    shader.distribution = "GGX"
    dry = nodes.new("ShaderNodeBsdfDiffuse")  # when it is dry, Cycles leaves the costly half out
    nodes.put(dry.inputs["Color"], colour)
    either = nodes.new("ShaderNodeMixShader")
    nodes.link(nodes.math("GREATER_THAN", wet, 0.01), either.inputs[0])
    nodes.link(dry.outputs[0], either.inputs[1])
    nodes.link(shader.outputs[0], either.inputs[2])
    _finish(nodes, weather, either.outputs[0])
    return material


def _water(tree: Any) -> Any:
    material, nodes, weather, tint = _material("water", tree)
    shader = nodes.new("ShaderNodeBsdfPrincipled")
    place = nodes.new("ShaderNodeNewGeometry").outputs["Position"]
    bump = nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = 0.5
    nodes.link(nodes.noise(place, 0.5, 3.0), bump.inputs["Height"])
    nodes.link(bump.outputs[0], shader.inputs["Normal"])
    nodes.link(tint, shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.15
    _finish(nodes, weather, shader.outputs[0])
    return material


def _lit(name: str, tree: Any) -> Any:
    """A lamp: coloured plastic that shines by its object's colour, or with the street lamps."""
    material, nodes, weather, tint = _material(name, tree)
    shader = nodes.new("ShaderNodeBsdfPrincipled")
    nodes.link(tint, shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.15
    strength: Any = 0.0
    glow: Any = tint
    if name in LAMPS:
        parts = nodes.new("ShaderNodeSeparateColor")
        nodes.link(nodes.new("ShaderNodeObjectInfo").outputs["Color"], parts.inputs[0])
        value = parts.outputs[LAMPS[name]]
        if name == "brake":  # bright only when braking: above what the tail lamps have
            value = nodes.math("MULTIPLY_ADD", value, value, nodes.math("MULTIPLY", value, 0.3))
        strength = value
        glow = (1.0, 0.93, 0.8, 1.0) if name == "head" else (1.0, 0.03, 0.015, 1.0)
    elif name == "lamp":
        strength, glow = weather.outputs["Lamp"], (1.0, 0.75, 0.45, 1.0)
    elif name == "window":
        place = nodes.new("ShaderNodeNewGeometry").outputs["Position"]
        some = nodes.math("GREATER_THAN", nodes.noise(place, 0.4, 0.0), 0.55)
        strength, glow = nodes.math("MULTIPLY", weather.outputs["Window"], some), (1.0, 0.7, 0.4, 1.0)
    nodes.put(shader.inputs["Emission Color"], glow)
    nodes.put(shader.inputs["Emission Strength"], strength)
    _finish(nodes, weather, shader.outputs[0])
    return material


def make_materials() -> tuple[dict[str, Any], Settings]:
    """Every surface's material by its name, and what the weather sets."""
    tree, sockets = _weather_group()
    made = {name: _solid(name, tree) for name in ROUGHNESS}
    made |= {name: _lit(name, tree) for name in (*LAMPS, "amber", "window", "lamp")}
    made["asphalt"], made["water"] = _asphalt(tree), _water(tree)
    assert set(made) == set(SURFACES), "every surface has a material"
    return made, Settings(*sockets)
