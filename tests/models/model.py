"""A quantised model as plain data: what tflite_writer writes, tflite_reader reads and int8_reference runs."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Tensor:
    name: str
    shape: tuple
    type: int  # tflite_schema.INT8 or INT32
    scale: np.ndarray  # float32; one, or one per channel
    zero_point: int
    channel_axis: int = 0
    data: np.ndarray = None  # constants only


@dataclass
class Operation:
    operator: object  # tflite_schema.Operator
    inputs: list  # tensor indices; -1 is none
    outputs: list
    options: dict = field(default_factory=dict)


@dataclass
class Model:
    tensors: list
    operations: list
    inputs: list
    outputs: list
    description: str = ""
