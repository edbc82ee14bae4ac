"""Writes a `model.Model` as a .tflite file: FlatBuffer, schema version 3, any TensorFlow Lite runtime opens it.

The weights come first in the file, in the order of the tensors, each on a 16-byte boundary: a later version of a
model which shares its first layers has those bytes at the same offsets.
"""

import tflite_schema as schema
from flatbuffer import Scalar, String, Table, TableVector, Vector, serialise

BUFFER_ALIGNMENT = 16


def write(model):
    """Returns the file's bytes."""
    # Buffer 0 is the empty one, by convention; every tensor without data names it.
    constants = [i for i, tensor in enumerate(model.tensors) if tensor.data is not None]
    buffer_of = {tensor: 1 + i for i, tensor in enumerate(constants)}
    buffers = [Table({})] + [Table({0: _data(model.tensors[i])}) for i in constants]

    operators = sorted({operation.operator for operation in model.operations}, key=lambda op: op.code)
    subgraph = Table({
        0: TableVector([_tensor(t, buffer_of.get(i, 0)) for i, t in enumerate(model.tensors)]),
        1: Vector("i", model.inputs),
        2: Vector("i", model.outputs),
        3: TableVector([_operation(operation, operators) for operation in model.operations]),
        4: String("main"),
    })
    return serialise(Table({
        0: Scalar("I", schema.SCHEMA_VERSION),
        4: TableVector(buffers),
        1: TableVector([_operator_code(operator) for operator in operators]),
        2: TableVector([subgraph]),
        3: String(model.description),
    }), schema.IDENTIFIER)


def _data(tensor):
    letter = {schema.INT8: "<i1", schema.INT32: "<i4"}[tensor.type]
    return Vector("B", tensor.data.astype(letter).tobytes(), align=BUFFER_ALIGNMENT)


def _operator_code(operator):
    return Table({0: Scalar("b", operator.code), 2: Scalar("i", operator.version), 3: Scalar("i", operator.code)})


def _tensor(tensor, buffer):
    fields = {
        0: Vector("i", tensor.shape),
        1: Scalar("b", tensor.type),
        2: Scalar("I", buffer),
        3: String(tensor.name),
    }
    if len(tensor.scale):  # a shape operand has none
        fields[4] = Table({
            2: Vector("f", [float(scale) for scale in tensor.scale]),
            3: Vector("q", [tensor.zero_point] * len(tensor.scale)),
            6: Scalar("i", tensor.channel_axis),
        })
    return Table(fields)


def _operation(operation, operators):
    known = schema.OPTION_FIELDS[operation.operator]
    options = {known[name][0]: Scalar(known[name][1], value) for name, value in operation.options.items()
               if name in known}
    if operation.operator is schema.RESHAPE:
        options = {0: Vector("i", operation.options["new_shape"])}
    return Table({
        0: Scalar("I", operators.index(operation.operator)),
        1: Vector("i", operation.inputs),
        2: Vector("i", operation.outputs),
        3: Scalar("B", operation.operator.options),
        4: Table(options),
    })
