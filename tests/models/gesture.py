"""The gesture recogniser: its layers, and its quantised form.

    [1,128,3,1] -> conv 5x3, 16 -> max 2 -> depthwise 5 -> conv 1, 32 -> max 2 -> conv 3, 48 -> max 2
                -> conv 3, 64 -> average 3 -> reshape 320 -> dense 32 -> dense (a score per label) -> softmax
"""

import numpy as np

import network
import tflite_schema as schema
from model import Model, Operation, Tensor
from strokes import INPUT_SCALE, WINDOW

FEATURES, HIDDEN = 5 * 64, 32
_NONE = np.array([], np.float32)


def backbone(rng):
    return [
        network.Conv(rng, 5, 3, 16, same=False),
        network.MaxPool(2),
        network.Depthwise(rng, 5, 16),
        network.Conv(rng, 1, 16, 32),
        network.MaxPool(2),
        network.Conv(rng, 3, 32, 48),
        network.MaxPool(2),
        network.Conv(rng, 3, 48, 64),
        network.AveragePool(3),
        network.Flatten(),
    ]


def head(rng, label_count):
    return [network.Dense(rng, FEATURES, HIDDEN, relu=True), network.Dense(rng, HIDDEN, label_count, relu=False)]


def to_float(windows):
    """int8 [n, 128, 3, 1] to what the float network reads, in g."""
    return windows[..., 0].astype(np.float32) * INPUT_SCALE


def quantise(layers, calibration, description):
    """The int8 model of trained layers; `calibration` are the windows that set the ranges of the activations."""
    build = _Build(description)
    x = to_float(calibration)
    for layer in layers:
        x = layer.forward(x)
        build.add(layer, x)
    return build.finish()


class _Build:
    def __init__(self, description):
        self.model = Model([], [], [], [], description)
        self.count = 0
        self.last = self._tensor(Tensor("window", (1, WINDOW, 3, 1), schema.INT8, _one(INPUT_SCALE), 0))
        self.model.inputs = [self.last]

    def add(self, layer, reached):
        """Appends `layer`; `reached` is its float output over the calibration windows."""
        adders = {network.Conv: self._conv, network.Depthwise: self._depthwise, network.Dense: self._dense,
                  network.MaxPool: self._pool, network.AveragePool: self._pool, network.Flatten: self._flatten}
        adders[type(layer)](layer, reached)

    def finish(self):
        scores = self.model.tensors[self.last]
        output = Tensor("probabilities", scores.shape, schema.INT8, _one(1 / 256), -128)
        self._operate(schema.SOFTMAX, [], output, {"beta": 1.0})
        self.model.outputs = [self.last]
        return self.model

    def _tensor(self, tensor):
        self.model.tensors.append(tensor)
        return len(self.model.tensors) - 1

    def _operate(self, operator, constants, output, options):
        inputs = [self.last] + [self._tensor(constant) for constant in constants]
        self.last = self._tensor(output)
        self.model.operations.append(Operation(operator, inputs, [self.last], options))

    def _name(self, what):
        self.count += 1
        return f"{what}{self.count}"

    def _conv(self, layer, reached):
        name, outputs = self._name("conv"), len(layer.weights)
        # The first convolution sees the axes as a second dimension of one channel, all others as channels.
        first = self.count == 1
        shape = (outputs, layer.size, 3, 1) if first else (outputs, layer.size, 1, layer.weights.shape[2])
        constants = self._constants(name, layer.weights.reshape(shape), layer.bias, axis=0)
        self._operate(schema.CONV_2D, constants, _activation(name, reached, reached.shape[1]),
                      {"padding": schema.SAME if layer.same else schema.VALID, "stride_w": 1, "stride_h": 1,
                       "activation": schema.RELU, "dilation_w": 1, "dilation_h": 1})

    def _depthwise(self, layer, reached):
        name = self._name("depthwise")
        constants = self._constants(name, layer.weights[np.newaxis, :, np.newaxis], layer.bias, axis=3)
        self._operate(schema.DEPTHWISE_CONV_2D, constants, _activation(name, reached, reached.shape[1]),
                      {"padding": schema.SAME, "stride_w": 1, "stride_h": 1, "multiplier": 1,
                       "activation": schema.RELU, "dilation_w": 1, "dilation_h": 1})

    def _dense(self, layer, reached):
        name = self._name("dense")
        constants = self._constants(name, layer.weights, layer.bias, axis=None)
        self._operate(schema.FULLY_CONNECTED, constants, _activation(name, reached, None, layer.relu),
                      {"activation": schema.RELU if layer.relu else schema.NO_ACTIVATION})

    def _pool(self, layer, reached):
        highest = isinstance(layer, network.MaxPool)
        source = self.model.tensors[self.last]
        shape = (1, reached.shape[1], 1, reached.shape[2])
        output = Tensor(self._name("max" if highest else "average"), shape, schema.INT8, source.scale,
                        source.zero_point)
        self._operate(schema.MAX_POOL_2D if highest else schema.AVERAGE_POOL_2D, [], output,
                      {"padding": schema.VALID, "stride_w": 1, "stride_h": layer.size, "filter_w": 1,
                       "filter_h": layer.size, "activation": schema.NO_ACTIVATION})

    def _flatten(self, layer, reached):
        source, name = self.model.tensors[self.last], self._name("features")
        shape = (1, reached.shape[1])
        operand = Tensor(name + "/shape", (2,), schema.INT32, _NONE, 0, data=np.array(shape, np.int32))
        output = Tensor(name, shape, schema.INT8, source.scale, source.zero_point)
        self._operate(schema.RESHAPE, [operand], output, {"new_shape": shape})

    def _constants(self, name, weights, bias, axis):
        """Weights symmetric in [-127, 127] with a scale per channel (or one), bias at the scale of the sums."""
        others = tuple(i for i in range(weights.ndim) if i != axis)
        highest = np.abs(weights).max(axis=others if axis is not None else None, keepdims=True)
        scale = (np.maximum(highest, 1e-6) / 127).astype(np.float32)
        quantised = np.clip(np.round(weights / scale), -127, 127).astype(np.int8)
        source = self.model.tensors[self.last]
        sum_scale = (source.scale[0] * scale.ravel()).astype(np.float32)
        biases = np.round(bias.astype(np.float64) / sum_scale).astype(np.int32)
        return [
            Tensor(name + "/weights", weights.shape, schema.INT8, scale.ravel(), 0, axis or 0, quantised),
            Tensor(name + "/bias", bias.shape, schema.INT32, sum_scale, 0, 0, biases),
        ]


def _one(scale):
    return np.array([scale], np.float32)


def _activation(name, reached, rows, relu=True):
    """An activation tensor whose range is what calibration reached, zero included and exact."""
    low, high = (0.0 if relu else min(0.0, float(reached.min()))), max(float(reached.max()), 1e-3)
    scale = np.float32((high - low) / 255)
    zero_point = int(np.clip(round(-128 - low / float(scale)), -128, 127))
    shape = (1, reached.shape[1]) if rows is None else (1, rows, 1, reached.shape[2])
    return Tensor(name, shape, schema.INT8, _one(scale), zero_point)
