"""Reads a .tflite file into a `model.Model`; raises ValueError for an operator or type not of the demo."""

import numpy as np

import tflite_schema as schema
from flatbuffer import TableView
from model import Model, Operation, Tensor


def read(blob):
    if blob[4:8] != schema.IDENTIFIER:
        raise ValueError("not a .tflite file")
    root = TableView.of_root(blob)
    subgraphs = root.tables(2)
    if root.scalar(0, "I", 0) != schema.SCHEMA_VERSION or len(subgraphs) != 1:
        raise ValueError("not a schema version 3 model with one subgraph")
    operators = [_operator(code) for code in root.tables(1)]
    buffers = [buffer.data(0)[0] for buffer in root.tables(4)]
    graph = subgraphs[0]
    if len(graph.vector(1, "i")) != 1 or len(graph.vector(2, "i")) != 1:
        raise ValueError("not a model with one input and one output")
    return Model(
        tensors=[_tensor(tensor, buffers) for tensor in graph.tables(0)],
        operations=[_operation(operation, operators) for operation in graph.tables(3)],
        inputs=list(graph.vector(1, "i")),
        outputs=list(graph.vector(2, "i")),
        description=root.text(3),
    )


def _operator(code):
    # Codes beyond 127 stand in the new field only; older files have the old field only.
    number = max(code.scalar(0, "b", 0), code.scalar(3, "i", 0))
    if number not in schema.BY_CODE:
        raise ValueError(f"operator {number} is not one of the demo's")
    return schema.BY_CODE[number]


def _tensor(tensor, buffers):
    kind, shape = tensor.scalar(1, "b", 0), tensor.vector(0, "i")
    dtype = {schema.INT8: "<i1", schema.INT32: "<i4"}.get(kind)
    if dtype is None:
        raise ValueError(f"tensor type {kind} is not one of the demo's")
    raw = buffers[tensor.scalar(2, "I", 0)]
    quantisation = tensor.table(4)
    zero_points = quantisation.vector(3, "q") if quantisation else ()
    return Tensor(
        name=tensor.text(3),
        shape=shape,
        type=kind,
        scale=np.array(quantisation.vector(2, "f") if quantisation else (), np.float32),
        zero_point=zero_points[0] if zero_points else 0,
        channel_axis=quantisation.scalar(6, "i", 0) if quantisation else 0,
        data=np.frombuffer(raw, dtype).reshape(shape) if raw else None,
    )


def _operation(operation, operators):
    operator = operators[operation.scalar(0, "I", 0)]
    options = operation.table(4)
    values = {name: options.scalar(number, code, default) if options else default
              for name, (number, code, default) in schema.OPTION_FIELDS[operator].items()}
    if operator is schema.RESHAPE and options:
        values["new_shape"] = options.vector(0, "i")
    return Operation(operator, list(operation.vector(1, "i")), list(operation.vector(2, "i")), values)
