"""The numbers of the TensorFlow Lite schema, version 3, that our models use: field ids, enum values, versions."""

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3

INT8, INT32 = 9, 2  # TensorType
SAME, VALID = 0, 1  # Padding
NO_ACTIVATION, RELU = 0, 1  # ActivationFunctionType


class Operator:
    """One builtin operator: its code, the version that means "int8" for it, and its options' place in the union."""

    def __init__(self, name, code, version, options):
        self.name, self.code, self.version, self.options = name, code, version, options


AVERAGE_POOL_2D = Operator("AVERAGE_POOL_2D", 1, 2, 5)
CONV_2D = Operator("CONV_2D", 3, 3, 1)
DEPTHWISE_CONV_2D = Operator("DEPTHWISE_CONV_2D", 4, 3, 2)
FULLY_CONNECTED = Operator("FULLY_CONNECTED", 9, 4, 8)
MAX_POOL_2D = Operator("MAX_POOL_2D", 17, 2, 5)
RESHAPE = Operator("RESHAPE", 22, 1, 17)
SOFTMAX = Operator("SOFTMAX", 25, 2, 9)

OPERATORS = (AVERAGE_POOL_2D, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, MAX_POOL_2D, RESHAPE, SOFTMAX)
BY_CODE = {operator.code: operator for operator in OPERATORS}

# Per options table: our name -> (field id, struct letter, default). RESHAPE's new_shape is a vector, see its users.
_CONV = {"padding": (0, "b", SAME), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0)}
_POOL = {**_CONV, "filter_w": (3, "i", 0), "filter_h": (4, "i", 0), "activation": (5, "b", 0)}
OPTION_FIELDS = {
    CONV_2D: {**_CONV, "activation": (3, "b", 0), "dilation_w": (4, "i", 1), "dilation_h": (5, "i", 1)},
    DEPTHWISE_CONV_2D: {**_CONV, "multiplier": (3, "i", 0), "activation": (4, "b", 0),
                        "dilation_w": (5, "i", 1), "dilation_h": (6, "i", 1)},
    AVERAGE_POOL_2D: _POOL,
    MAX_POOL_2D: _POOL,
    FULLY_CONNECTED: {"activation": (0, "b", 0)},
    SOFTMAX: {"beta": (0, "f", 0.0)},
    RESHAPE: {},
}
