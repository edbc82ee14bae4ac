// Everything that can be wrong with a model, and with running one.
#pragma once

#include <stdint.h>

#include "base/result.h"

// For functions that return an Error: the first error found is the answer.
#define ROOST_RETURN_IF_ERROR(expression)                             \
  do {                                                                \
    const ::roost::runtime::Error error_of_expression = (expression); \
    if (error_of_expression != ::roost::runtime::Error::kNone) {      \
      return error_of_expression;                                     \
    }                                                                 \
  } while (false)

namespace roost {
namespace runtime {

// Numbers are kept in the device's journal and told to the host: append, never renumber.
enum class Error : uint8_t {
  kNone = 0,

  // The file as a whole.
  kMisalignedModel = 1,  // the model's bytes do not start at a multiple of kModelAlignment: our caller's mistake
  kNotAModel = 2,        // too short, or without the identifier TFL3
  kMalformed = 3,        // an offset, a length or an alignment in the FlatBuffer leads outside, or too deep
  kSchemaVersion = 4,    // a version of the format other than 3
  kNoSubgraph = 5,       // nothing to run
  kTooComplex = 6,       // more tensors, operators, subgraphs or dimensions than the limits or the scratch allow

  // A tensor.
  kTensorIndex = 10,      // an index that no tensor has
  kTensorType = 11,       // a type whose elements have no fixed size of whole bytes here
  kTensorShape = 12,      // a dimension below one, or too many of them
  kTensorTooLarge = 13,   // more bytes than fixed-width arithmetic allows
  kDynamicShape = 14,     // a shape that is not known before the inference
  kSparseTensor = 15,     // compressed weights
  kBufferIndex = 16,      // an index that no buffer has
  kBufferExternal = 17,   // data outside the FlatBuffer
  kBufferSize = 18,       // a constant whose data is shorter or longer than its shape says
  kBufferAlignment = 19,  // a constant whose data is not aligned to its elements
  kQuantisation = 20,     // a scale not finite and positive, a zero point out of range, counts that disagree
  kVariableTensor = 21,   // a variable that is constant, an output, or used by two operators

  // The order in which tensors are written and read.
  kReadBeforeWritten = 30,  // an operator reads what no input, constant, variable or earlier operator provides
  kWrittenTwice = 31,       // two writers of one tensor
  kConstantWritten = 32,    // an operator's output is a constant
  kInputWritten = 33,       // an operator's output is an input of the model
  kOutputNotWritten = 34,   // an output of the model that nobody provides

  // An operator.
  kOperatorCode = 40,         // an index that no operator code has
  kOperatorCustom = 41,       // an operator outside the builtin ones
  kOperatorMissing = 42,      // this firmware carries no kernel for the operator
  kOperatorType = 43,         // it carries one, but not for this type
  kOperatorVersion = 44,      // it carries one, but not for this version
  kOperatorOperands = 45,     // the wrong number of inputs or outputs, or an input left out that must be there
  kOperandType = 46,          // operands whose types do not go together
  kOperandShape = 47,         // operands whose shapes do not go together
  kOperandNotConstant = 48,   // weights, a shape, an axis, paddings that must be constant and are not
  kOperandValue = 49,         // a constant operand (axis, padding, begin, ...) with an impossible value
  kOperandQuantisation = 50,  // quantisation that the kernel cannot reproduce exactly
  kOptions = 51,              // options missing, of another operator, or with an impossible or unsupported value
  kOverflow = 52,             // sizes or accumulators that could leave their integers
  kEngineRefused = 53,        // another runtime than ours refused in its own preparation what the gate let pass

  // Fit.
  kArenaTooSmall = 60,
  kTooMuchWork = 61,    // more work per inference than the application allows
  kInputMismatch = 62,  // not the inputs the application declared
  kOutputMismatch = 63,

  // Running.
  kNotPrepared = 70,       // a call that needs a prepared model
  kBusy = 71,              // a call that would disturb what is under way
  kInvokeFailed = 72,      // an operator failed at run time
  kSelfTestMismatch = 73,  // the model ran, but its outputs are not those expected
  kSelfTestInvalid = 74,   // a vector that does not fit the model's inputs or outputs
  kNoModel = 75,           // nothing to return to
};

using Status = roost::Status<Error>;
template <typename T>
using Result = roost::Result<T, Error>;

}  // namespace runtime
}  // namespace roost
