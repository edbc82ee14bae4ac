"""Runs an int8 `model.Model` over a batch with the arithmetic of TensorFlow Lite's reference kernels, bit for bit.

Sums are exact integers (float64 holds them: a product is below 2^15, and there are far fewer than 2^38), and
rescaling rounds twice, as the reference does. reference_test.py compares it with recorded outputs of the real one.
"""

import math

import numpy as np

import tflite_schema as schema

INT32_MAX = 2**31 - 1


def run(model, inputs):
    """`inputs`: int8, [batch, ...]. Returns the output tensor's bytes as int8, [batch, ...]."""
    values = {model.inputs[0]: inputs.reshape((len(inputs),) + tuple(model.tensors[model.inputs[0]].shape[1:]))}
    for operation in model.operations:
        values[operation.outputs[0]] = _KERNELS[operation.operator](model, operation, values)
    return values[model.outputs[0]]


# --- rescaling ---


def quantise_multiplier(real):
    """A positive real as a 31-bit mantissa and an exponent: real = mantissa * 2^(exponent - 31)."""
    if real == 0:
        return 0, 0
    mantissa, exponent = math.frexp(real)
    mantissa = math.floor(mantissa * 2**31 + 0.5)
    if mantissa == 2**31:
        mantissa, exponent = mantissa // 2, exponent + 1
    return (0, 0) if exponent < -31 else (mantissa, exponent)


def doubling_high_multiply(a, b):
    """The high word of 2ab, rounded to nearest, ties away from zero (by truncating division)."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    # An arithmetic shift rounds down; the reference divides, which rounds toward zero.
    high = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    return np.minimum(high, INT32_MAX)


def rounding_shift_right(x, exponent):
    """x / 2^exponent to nearest, ties away from zero."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def rescale(x, mantissa, exponent):
    left, right = np.maximum(exponent, 0), np.maximum(np.negative(exponent), 0)
    return rounding_shift_right(doubling_high_multiply(x << left, mantissa), right)


def _requantise(sums, multipliers, output, activation):
    pairs = [quantise_multiplier(real) for real in multipliers]
    mantissas, exponents = (np.array(column, np.int64) for column in zip(*pairs))
    scaled = rescale(sums.astype(np.int64), mantissas, exponents) + output.zero_point
    return np.clip(scaled, _activation_low(output, activation), 127).astype(np.int8)


def _activation_low(output, activation):
    return max(-128, output.zero_point) if activation == schema.RELU else -128


# --- kernels ---


def _windows(x, height, width, options, fill):
    """Sliding windows: [batch, rows, columns, height, width, channels]."""
    pads, strides = [], (options["stride_h"], options["stride_w"])
    for size, filter_size, stride in zip(x.shape[1:3], (height, width), strides):
        total = max((math.ceil(size / stride) - 1) * stride + filter_size - size, 0)
        total = total if options["padding"] == schema.SAME else 0
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    return windows[:, ::strides[0], ::strides[1]].transpose(0, 1, 2, 4, 5, 3)


def _bias(model, operation):
    present = len(operation.inputs) > 2 and operation.inputs[2] >= 0
    return model.tensors[operation.inputs[2]].data if present else 0


def _conv(model, operation, values):
    source, weights, output = (model.tensors[i] for i in (*operation.inputs[:2], operation.outputs[0]))
    count, height, width, _ = weights.shape
    x = values[operation.inputs[0]].astype(np.float64) - source.zero_point
    windows = _windows(x, height, width, operation.options, 0)
    flat = windows.reshape(*windows.shape[:3], -1)
    sums = flat @ weights.data.reshape(count, -1).T.astype(np.float64) + _bias(model, operation)
    return _requantise(sums, _per_channel(source, weights, output, count), output, operation.options["activation"])


def _depthwise(model, operation, values):
    source, weights, output = (model.tensors[i] for i in (*operation.inputs[:2], operation.outputs[0]))
    _, height, width, count = weights.shape
    x = values[operation.inputs[0]].astype(np.float64) - source.zero_point
    x = np.repeat(x, count // x.shape[3], axis=3)
    windows = _windows(x, height, width, operation.options, 0)
    sums = np.einsum("brchwk,hwk->brck", windows, weights.data[0].astype(np.float64)) + _bias(model, operation)
    return _requantise(sums, _per_channel(source, weights, output, count), output, operation.options["activation"])


def _per_channel(source, weights, output, count):
    scales = np.broadcast_to(weights.scale, (count,))
    return [float(source.scale[0]) * float(scale) / float(output.scale[0]) for scale in scales]


def _fully_connected(model, operation, values):
    source, weights, output = (model.tensors[i] for i in (*operation.inputs[:2], operation.outputs[0]))
    x = values[operation.inputs[0]]
    x = x.reshape(len(x), -1).astype(np.float64) - source.zero_point
    sums = x @ weights.data.T.astype(np.float64) + _bias(model, operation)
    # The reference multiplies these two scales as float32 here, though not for convolutions.
    multiplier = float(source.scale[0] * weights.scale[0]) / float(output.scale[0])
    return _requantise(sums, [multiplier], output, operation.options["activation"])


def _average_pool(model, operation, values):
    options, output = operation.options, model.tensors[operation.outputs[0]]
    x = values[operation.inputs[0]].astype(np.int64)
    shape = (options["filter_h"], options["filter_w"])
    sums = _windows(x, *shape, options, 0).sum(axis=(3, 4))
    counts = _windows(np.ones_like(x), *shape, options, 0).sum(axis=(3, 4))
    magnitude = (np.abs(sums) + counts // 2) // counts
    return np.clip(np.sign(sums) * magnitude, _activation_low(output, options["activation"]), 127).astype(np.int8)


def _max_pool(model, operation, values):
    options, output = operation.options, model.tensors[operation.outputs[0]]
    highest = _windows(values[operation.inputs[0]], options["filter_h"], options["filter_w"], options, -128)
    return np.maximum(highest.max(axis=(3, 4)), _activation_low(output, options["activation"])).astype(np.int8)


def _reshape(model, operation, values):
    x = values[operation.inputs[0]]
    return x.reshape((len(x),) + tuple(model.tensors[operation.outputs[0]].shape[1:]))


# --- softmax: fixed point with 5 integer bits for differences and 12 for their sum ---

DIFFERENCE_BITS, SUM_BITS = 5, 12


def _softmax(model, operation, values):
    x = values[operation.inputs[0]].astype(np.int64)
    source = model.tensors[operation.inputs[0]]
    real = min(operation.options["beta"] * float(source.scale[0]) * 2**(31 - DIFFERENCE_BITS), INT32_MAX)
    mantissa, exponent = quantise_multiplier(real)
    radius = math.floor((2**DIFFERENCE_BITS - 1) * 2.0**(31 - DIFFERENCE_BITS) / 2.0**exponent)

    difference = x - x.max(axis=-1, keepdims=True)
    counted = difference >= -radius
    exps = _exp_negative(rescale(np.where(counted, difference, 0), mantissa, exponent))
    total = np.where(counted, rounding_shift_right(exps, SUM_BITS), 0).sum(axis=-1, keepdims=True)
    reciprocal, unit_bits = _reciprocal(total)
    outputs = rounding_shift_right(doubling_high_multiply(reciprocal, exps), unit_bits + 31 - 8) - 128
    return np.where(counted, np.clip(outputs, -128, 127), -128).astype(np.int8)


def _exp_negative(a):
    """exp(a) in Q0.31 for a <= 0 in Q5.26: a Taylor polynomial on [-1/4, 0), then one factor for each bit above."""
    fraction_bits = 31 - DIFFERENCE_BITS
    quarter = 1 << (fraction_bits - 2)
    remainder = (a & (quarter - 1)) - quarter
    result = _exp_on_quarter(remainder << DIFFERENCE_BITS)
    whole = remainder - a
    factors = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)  # exp(-2^-2) .. exp(-2^4)
    for exponent, factor in zip(range(-2, 5), factors):
        result = np.where(whole & (1 << (fraction_bits + exponent)), doubling_high_multiply(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def _exp_on_quarter(a):
    x = a + (1 << 28)
    x2 = doubling_high_multiply(x, x)
    x3 = doubling_high_multiply(x2, x)
    x4 = doubling_high_multiply(x2, x2)
    quartic = rounding_shift_right(x4, 2)
    tail = rounding_shift_right(doubling_high_multiply(quartic + x3, 715827883) + x2, 1)
    return 1895147668 + doubling_high_multiply(1895147668, x + tail)


def _reciprocal(total):
    """1 / total of a Q12.19 sum: a Q0.31 mantissa, and the bits of `total` above one."""
    leading_zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    shifted = (total << leading_zeros) - (np.int64(1) << 31)
    return _one_over_one_plus(shifted), SUM_BITS - leading_zeros


def _one_over_one_plus(a):
    """1 / (1 + a) for a in [0, 1), Q0.31: three Newton-Raphson steps in Q2.29."""
    total = a + INT32_MAX
    half_denominator = np.where(total >= 0, (total + 1) // 2, 0)
    x = 1515870810 + doubling_high_multiply(half_denominator, -1010580540)
    for _ in range(3):
        product = doubling_high_multiply(half_denominator, x)
        correction = (1 << 29) - product
        x = x + _saturating_shift_left(doubling_high_multiply(x, correction), 2)
    return _saturating_shift_left(x, 1)


def _saturating_shift_left(x, bits):
    return np.clip(x << bits, -2**31, INT32_MAX)


_KERNELS = {
    schema.CONV_2D: _conv,
    schema.DEPTHWISE_CONV_2D: _depthwise,
    schema.FULLY_CONNECTED: _fully_connected,
    schema.AVERAGE_POOL_2D: _average_pool,
    schema.MAX_POOL_2D: _max_pool,
    schema.RESHAPE: _reshape,
    schema.SOFTMAX: _softmax,
}
