"""Sky, sun, street lamps and air for each light and weather of a scene."""

from dataclasses import dataclass
from math import cos, radians, sin
from random import Random

from tests.scenes.render.shape import Colour


@dataclass(frozen=True, slots=True)
class Light:
    """What the studio sets. Strengths are relative: `exposure` (stops) makes a picture of them."""

    sun_elevation_deg: float
    sun_azimuth_deg: float
    sun_strength: float
    sun_colour: Colour
    sun_size_deg: float
    zenith: Colour
    horizon: Colour
    exposure: float
    head_lamps: float
    """How brightly head lamps look; 0 is off."""
    tail_lamps: float
    brake_lamps: float
    street_w: float
    """Power of each street lamp, W; 0 is off."""
    street_colour: Colour
    beams_w: float
    haze: Colour
    haze_per_m: float
    wet: float
    snow: float

    @property
    def towards_sun(self) -> tuple[float, float, float]:
        """Unit vector of the world."""
        up, round_ = radians(self.sun_elevation_deg), radians(self.sun_azimuth_deg)
        return cos(up) * cos(round_), cos(up) * sin(round_), sin(up)


def _scaled(colour: Colour, by: float) -> Colour:
    return colour[0] * by, colour[1] * by, colour[2] * by


def light_of(light: str, weather: str, seed: str) -> Light:
    """The light of a scene by its names; the seed moves the sun and shades the sky."""
    chance = Random(f"light {seed}")
    azimuth = chance.uniform(0, 360)
    warm = (1.0, 0.75, 0.45) if chance.random() < 0.6 else (0.9, 0.95, 1.0)
    elevation, sun, sun_colour, size = chance.uniform(28, 65), 4.0, (1.0, 0.95, 0.87), 0.6
    zenith, horizon, exposure = (0.24, 0.36, 0.66), (0.6, 0.7, 0.82), chance.uniform(0.15, 0.75)
    head = tail = street = beams = 0.0
    brake = 6.0
    if light == "overcast" or (weather != "clear" and light in {"day", "low-sun"}):
        shade = chance.uniform(0.85, 1.1)
        sun, size = chance.choice((0.0, 0.25, 0.6)), 25.0
        zenith, horizon = _scaled((0.75, 0.8, 0.88), shade), _scaled((0.7, 0.73, 0.78), shade)
        exposure = chance.uniform(0.7, 1.3)
    elif light == "low-sun":
        elevation, sun = chance.uniform(6, 16), chance.uniform(2.5, 4.0)
        sun_colour, size = (1.0, 0.68, 0.38), 0.7
        zenith, horizon, exposure = (0.16, 0.26, 0.5), (0.75, 0.58, 0.42), chance.uniform(0.5, 1.2)
    elif light == "dusk":
        sun = 0.0
        zenith, horizon, exposure = (0.05, 0.08, 0.19), (0.2, 0.16, 0.18), chance.uniform(2.0, 2.6)
        street, beams, head, tail = 250.0, 12.0, 14.0, 0.7
    elif light == "night":
        sun = 0.0
        glow = chance.uniform(0.5, 2.0)
        zenith, horizon = _scaled((0.002, 0.003, 0.006), glow), _scaled((0.009, 0.008, 0.007), glow)
        exposure, street, beams = chance.uniform(1.6, 2.4), chance.uniform(250, 600), chance.uniform(15, 50)
        head, tail = 25.0, 0.8
        if chance.random() < 0.12:
            street = 0.0
    wet = snow = 0.0
    haze_per_m = chance.uniform(0.0002, 0.0015)
    if weather == "rain":
        wet, haze_per_m = chance.uniform(0.7, 1.0), chance.uniform(0.0008, 0.005)
    elif weather == "fog":
        wet, haze_per_m = chance.uniform(0.0, 0.4), chance.uniform(0.009, 0.03)
    elif weather == "snow":
        wet, snow, haze_per_m = 0.3, chance.uniform(0.5, 1.0), chance.uniform(0.003, 0.01)
    if weather != "clear" and light in {"day", "low-sun", "overcast"} and chance.random() < 0.5:
        head, tail, beams = 6.0, 0.6, 0.0
    haze = horizon
    if light == "night":
        haze = _scaled((0.05, 0.042, 0.035), chance.uniform(0.3, 1.0)) if weather != "clear" else horizon
    return Light(
        sun_elevation_deg=elevation,
        sun_azimuth_deg=azimuth,
        sun_strength=sun,
        sun_colour=sun_colour,
        sun_size_deg=size,
        zenith=zenith,
        horizon=horizon,
        exposure=exposure,
        head_lamps=head,
        tail_lamps=tail,
        brake_lamps=brake if light != "night" else 5.0,
        street_w=street,
        street_colour=warm,
        beams_w=beams,
        haze=haze,
        haze_per_m=haze_per_m,
        wet=wet,
        snow=snow,
    )
