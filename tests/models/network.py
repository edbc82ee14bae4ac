"""A small convolutional network in numpy: layers with forward and backward, and Adam.

Everything is float32, [batch, time, channels]. The accelerometer's three axes are the first convolution's channels.
"""

import numpy as np


class Conv:
    """Convolution over time, ReLU behind it. weights: [out, size, in]."""

    def __init__(self, rng, size, inputs, outputs, same=True):
        self.size, self.same = size, same
        self.weights = rng.normal(0, np.sqrt(2 / (size * inputs)), (outputs, size, inputs)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x):
        before = (self.size - 1) // 2 if self.same else 0
        after = self.size - 1 - before if self.same else 0
        padded = np.pad(x, ((0, 0), (before, after), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.size, axis=1).transpose(0, 1, 3, 2)
        flat = windows.reshape(-1, self.size * x.shape[2])
        y = flat @ self.weights.reshape(len(self.weights), -1).T + self.bias
        y = np.maximum(y, 0).reshape(len(x), -1, len(self.weights))
        self.kept = (flat, y > 0, padded.shape, before, x.shape[1])
        return y

    def backward(self, gradient):
        flat, alive, padded_shape, before, count = self.kept
        gradient = (gradient * alive).reshape(-1, len(self.weights))
        self.gradients = ((gradient.T @ flat).reshape(self.weights.shape), gradient.sum(axis=0))
        spread = (gradient @ self.weights.reshape(len(self.weights), -1)).reshape(
            padded_shape[0], -1, self.size, padded_shape[2])
        padded = np.zeros(padded_shape, np.float32)
        for k in range(self.size):
            padded[:, k:k + spread.shape[1]] += spread[:, :, k]
        return padded[:, before:before + count]


class Depthwise:
    """One filter per channel, the same length out as in, ReLU behind it. weights: [size, channels]."""

    def __init__(self, rng, size, channels):
        self.size = size
        self.weights = rng.normal(0, np.sqrt(2 / size), (size, channels)).astype(np.float32)
        self.bias = np.zeros(channels, np.float32)

    def forward(self, x):
        before = (self.size - 1) // 2
        padded = np.pad(x, ((0, 0), (before, self.size - 1 - before), (0, 0)))
        count = x.shape[1]
        y = sum(padded[:, k:k + count] * self.weights[k] for k in range(self.size)) + self.bias
        y = np.maximum(y, 0)
        self.kept = (padded, y > 0, before, count)
        return y

    def backward(self, gradient):
        padded, alive, before, count = self.kept
        gradient = gradient * alive
        shifted = [padded[:, k:k + count] for k in range(self.size)]
        self.gradients = (np.stack([(s * gradient).sum(axis=(0, 1)) for s in shifted]), gradient.sum(axis=(0, 1)))
        spread = np.zeros_like(padded)
        for k in range(self.size):
            spread[:, k:k + count] += gradient * self.weights[k]
        return spread[:, before:before + count]


class MaxPool:
    def __init__(self, size):
        self.size = size

    def forward(self, x):
        count = x.shape[1] // self.size
        blocks = x[:, :count * self.size].reshape(len(x), count, self.size, x.shape[2])
        y = blocks.max(axis=2)
        self.kept = (blocks == y[:, :, np.newaxis], x.shape)
        return y

    def backward(self, gradient):
        winners, shape = self.kept
        spread = (winners * gradient[:, :, np.newaxis]).reshape(len(gradient), -1, shape[2])
        return np.pad(spread, ((0, 0), (0, shape[1] - spread.shape[1]), (0, 0)))


class AveragePool:
    def __init__(self, size):
        self.size = size

    def forward(self, x):
        return x.reshape(len(x), -1, self.size, x.shape[2]).mean(axis=2)

    def backward(self, gradient):
        return np.repeat(gradient, self.size, axis=1) / np.float32(self.size)


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, gradient):
        return gradient.reshape(self.shape)


class Dense:
    """weights: [out, in]; ReLU behind it if asked."""

    def __init__(self, rng, inputs, outputs, relu):
        self.weights = rng.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.relu = relu

    def forward(self, x):
        y = x @ self.weights.T + self.bias
        self.kept = (x, y > 0)
        return np.maximum(y, 0) if self.relu else y

    def backward(self, gradient):
        x, alive = self.kept
        gradient = gradient * alive if self.relu else gradient
        self.gradients = (gradient.T @ x, gradient.sum(axis=0))
        return gradient @ self.weights


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def train(layers, x, labels, rng, epochs, batch=64, rate=2e-3):
    """Cross-entropy, Adam, the rate falling to nothing along a half cosine."""
    adam = _Adam([layer for layer in layers if hasattr(layer, "weights")])
    steps, step = epochs * (len(x) // batch), 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            chosen = order[start:start + batch]
            gradient = softmax(forward(layers, x[chosen]))
            gradient[np.arange(batch), labels[chosen]] -= 1
            gradient /= batch
            for layer in reversed(layers):
                gradient = layer.backward(gradient)
            adam.step(rate * 0.5 * (1 + np.cos(np.pi * step / steps)))
            step += 1


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class _Adam:
    def __init__(self, layers):
        self.layers, self.count = layers, 0
        self.moments = [[(np.zeros_like(p), np.zeros_like(p)) for p in (layer.weights, layer.bias)]
                        for layer in layers]

    def step(self, rate):
        self.count += 1
        corrected = rate * np.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
        for layer, moments in zip(self.layers, self.moments):
            for parameter, gradient, (first, second) in zip((layer.weights, layer.bias), layer.gradients, moments):
                first += 0.1 * (gradient - first)
                second += 0.001 * (gradient**2 - second)
                parameter -= (corrected * first / (np.sqrt(second) + 1e-8)).astype(np.float32)
