"""Synthetic gestures: what a three-axis accelerometer in a wand reads while a hand draws a figure in the air.

A figure is a path in an upright plane. It is drawn corner to corner with minimum-jerk motions, smoothed as a hand
would, differentiated twice, and turned into the wand's frame together with gravity. Size, proportions, tempo, place
in the window, tilt, wobble, tremor, offset and noise all vary. Everything is drawn from one numpy Generator.
"""

import numpy as np

SAMPLE_RATE_HZ = 25
WINDOW = 128
GRAVITY = 9.81
FULL_SCALE_G = 2.0
INPUT_SCALE = np.float32(FULL_SCALE_G / 128)  # int8 0 is 0 g

UNKNOWN, WING, RING, SLOPE = range(4)
LABELS = ("unknown", "wing", "ring", "slope")

OVERSAMPLING = 10
_FINE_DT = 1.0 / (SAMPLE_RATE_HZ * OVERSAMPLING)
_FINE_COUNT = WINDOW * OVERSAMPLING

_WING = np.array([(0.0, 1.0), (0.25, 0.0), (0.5, 0.9), (0.75, 0.0), (1.0, 1.0)])
_SLOPE = np.array([(0.6, 1.0), (0.0, 0.0), (1.0, 0.0)])


def windows(rng, kind, count, avoid_slope=False):
    """`count` windows of one kind, quantised: int8 [count, WINDOW, 3, 1].

    UNKNOWN is everything else a hand does, two-legged strokes in any direction included; `avoid_slope` leaves out
    those that come near to SLOPE, for a model which knows that one.
    """
    readings = np.stack([_window(rng, kind, avoid_slope) for _ in range(count)])
    return np.clip(np.round(readings / INPUT_SCALE), -128, 127).astype(np.int8)[..., np.newaxis]


def _window(rng, kind, avoid_slope):
    motion = _unknown(rng, avoid_slope) if kind == UNKNOWN else _stroke(rng, _figure(rng, kind))
    return _sense(rng, motion)


# --- motions: acceleration in m/s^2, [_FINE_COUNT, 3], x right, y away, z up ---


def _figure(rng, kind):
    """Where the hand is at even steps of its own time: [n, 2] in units of the figure's size."""
    if kind == RING:
        turn = 2 * np.pi * rng.uniform(0.9, 1.1)
        angle = np.pi / 2 + rng.uniform(-0.4, 0.4) - turn * _ease(np.linspace(0, 1, 400), rng.uniform(0.2, 0.8))
        return 0.5 * np.stack([np.cos(angle) * rng.uniform(0.75, 1.25), np.sin(angle)], axis=1)
    corners = {WING: _WING, SLOPE: _SLOPE}[kind]
    return _polyline(rng, corners + rng.normal(0, 0.06, corners.shape))


def _ease(t, share):
    """From 0 to 1: a share of minimum jerk, the rest at even speed."""
    return share * (10 * t**3 - 15 * t**4 + 6 * t**5) + (1 - share) * t


def _polyline(rng, corners):
    legs = np.diff(corners, axis=0)
    times = np.sqrt(np.linalg.norm(legs, axis=1)) * rng.uniform(0.85, 1.15, len(legs))
    steps = np.maximum(2, np.round(400 * times / times.sum()).astype(int))
    share = rng.uniform(0.6, 1.0)
    pieces = [start + leg * _ease(np.linspace(0, 1, n, endpoint=False), share)[:, np.newaxis]
              for start, leg, n in zip(corners, legs, steps)]
    return np.concatenate(pieces + [corners[-1:]])


def _stroke(rng, figure):
    """Draws the figure at some size and tempo, somewhere in the window."""
    size = rng.uniform(0.25, 0.55) * np.array([rng.uniform(0.8, 1.25), 1.0])
    count = int(rng.uniform(1.1, 2.4) / _FINE_DT)
    start = int(rng.uniform(0.15, 0.85) * (_FINE_COUNT - count))
    at = np.clip((np.arange(_FINE_COUNT) - start) / count, 0, 1) * (len(figure) - 1)
    path = np.zeros((_FINE_COUNT, 3))
    for axis, column in ((0, 0), (2, 1)):
        path[:, axis] = np.interp(at, np.arange(len(figure)), figure[:, column]) * size[column]
    # The plane is never quite upright, nor quite across.
    path[:, 1] = rng.normal(0, 0.15) * path[:, 0] + rng.normal(0, 0.15) * path[:, 2]
    return _acceleration(path, rng.uniform(0.035, 0.07))


def _acceleration(path, smoothing_s):
    return np.gradient(np.gradient(_smooth(path, smoothing_s), _FINE_DT, axis=0), _FINE_DT, axis=0)


def _smooth(signal, width_s):
    reach = int(3 * width_s / _FINE_DT)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _FINE_DT / width_s) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(signal, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, i], kernel, mode="valid") for i in range(signal.shape[1])], axis=1)


# --- everything else a hand does ---


def _unknown(rng, avoid_slope):
    families = (_rest, _rest, _walk, _wander, _swipe, _two_legs, _two_legs, _three_legs, _shake, _turn)
    family = families[rng.integers(len(families))]
    return family(rng, avoid_slope) if family is _two_legs else family(rng)


def _rest(rng):
    return np.zeros((_FINE_COUNT, 3))


def _walk(rng):
    t = np.arange(_FINE_COUNT)[:, np.newaxis] * _FINE_DT
    step = 2 * np.pi * rng.uniform(1.5, 2.2) * t
    return sum(rng.uniform(0.2, 2.0, 3) * np.sin(harmonic * step + rng.uniform(0, 2 * np.pi, 3))
               for harmonic in (0.5, 1, 2))


def _wander(rng):
    path = np.cumsum(_smooth(rng.normal(0, 1, (_FINE_COUNT, 3)), rng.uniform(0.1, 0.4)), axis=0)
    path *= rng.uniform(0.1, 0.4) / np.ptp(path)
    return _acceleration(path, 0.05)


def _direction(rng):
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _legs(rng, directions):
    lengths = rng.uniform(0.6, 1.2, len(directions))[:, np.newaxis]
    return _stroke(rng, _polyline(rng, np.concatenate([np.zeros((1, 2)), np.cumsum(directions * lengths, axis=0)])))


def _swipe(rng):
    return _legs(rng, np.array([_direction(rng)]))


def _two_legs(rng, avoid_slope):
    slope = np.diff(_SLOPE, axis=0)
    slope /= np.linalg.norm(slope, axis=1, keepdims=True)
    while True:
        directions = np.array([_direction(rng), _direction(rng)])
        near_slope = np.all(np.sum(directions * slope, axis=1) > np.cos(np.radians(50)))
        if not (avoid_slope and near_slope):
            return _legs(rng, directions)


def _three_legs(rng):
    return _legs(rng, np.array([_direction(rng) for _ in range(3)]))


def _shake(rng):
    t = np.arange(_FINE_COUNT) * _FINE_DT
    middle, width = rng.uniform(1.5, WINDOW / SAMPLE_RATE_HZ - 1.5), rng.uniform(0.3, 1.0)
    envelope = np.exp(-0.5 * ((t - middle) / width) ** 2) * rng.uniform(3, 12)
    direction = rng.normal(0, 1, 3)
    direction /= np.linalg.norm(direction)
    return (envelope * np.sin(2 * np.pi * rng.uniform(2, 6) * t))[:, np.newaxis] * direction


def _turn(rng):
    """The wand is turned in place: only gravity moves. Given as acceleration, since _sense tilts but a little."""
    t = np.arange(_FINE_COUNT) * _FINE_DT
    angle = rng.uniform(0.5, 1.8) / (1 + np.exp(-(t - rng.uniform(1.5, 3.5)) / rng.uniform(0.1, 0.3)))
    heading = rng.uniform(0, 2 * np.pi)
    sideways = np.sin(angle)[:, np.newaxis] * np.array([np.cos(heading), np.sin(heading), 0])
    return GRAVITY * (sideways + (np.cos(angle) - 1)[:, np.newaxis] * np.array([0, 0, 1.0]))


# --- the sensor ---


def _sense(rng, motion):
    """What the sensor reads, in g: [WINDOW, 3]."""
    tilt = rng.normal(0, np.radians([12, 12, 10]))
    wobble = _smooth(rng.normal(0, 1, (_FINE_COUNT, 3)), 0.25)
    wobble *= np.radians(rng.uniform(0, 4)) / (wobble.std() + 1e-9)
    angles = tilt + wobble
    tremor = _smooth(rng.normal(0, 1, (_FINE_COUNT, 3)), 0.02)
    tremor *= rng.uniform(0.05, 0.4) / (tremor.std() + 1e-9)
    world = motion + tremor + np.array([0, 0, GRAVITY])
    # Each sample is the mean over its period, as the sensor's own filter makes it.
    readings = _turned(world, angles).reshape(WINDOW, OVERSAMPLING, 3).mean(axis=1) / GRAVITY
    return readings * rng.normal(1, 0.02, 3) + rng.normal(0, 0.03, 3) + rng.normal(0, 0.015, (WINDOW, 3))


def _turned(vectors, angles):
    """Rotates each vector about x, then y, then z, by that sample's angles."""
    result = vectors.copy()
    for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        cosine, sine = np.cos(angles[:, axis]), np.sin(angles[:, axis])
        a, b = result[:, i].copy(), result[:, j].copy()
        result[:, i], result[:, j] = cosine * a - sine * b, sine * a + cosine * b
    return result
