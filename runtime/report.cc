#include "runtime/report.h"

#include <string.h>

#include "runtime/model_view.h"

namespace roost {
namespace runtime {

void Report::restart(Error found) {
  error = found;
  subgraph = op_index = tensor = -1;
  op = tflite::BuiltinOperator::ADD;
  op_version = 0;
  custom_name[0] = 0;
}

void Report::set_operator(const tflite::OperatorCode* code) {
  op = builtin_operator(code);
  op_version = int32_of(code, tflite::OperatorCode::VT_VERSION, 1);
}

namespace {

// Appends to a text that is cut where its room ends, and stays zero-terminated.
class Sentence {
 public:
  explicit Sentence(Span<char> text) : text_(text) {
    if (!text_.empty()) text_[0] = 0;
  }

  Sentence& operator<<(const char* words) {
    for (; *words != 0 && length_ + 1 < text_.size(); ++words) {
      const bool printable = *words >= ' ' && *words <= '~';
      text_[length_++] = printable ? *words : '?';
    }
    if (!text_.empty()) text_[length_] = 0;
    return *this;
  }

  Sentence& operator<<(int32_t number) {
    char digits[12];
    char* p = digits + sizeof digits;
    *--p = 0;
    uint32_t rest = number < 0 ? 0u - static_cast<uint32_t>(number) : static_cast<uint32_t>(number);
    do {
      *--p = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (number < 0) *--p = '-';
    return *this << p;
  }

  size_t length() const { return length_; }

 private:
  Span<char> text_;
  size_t length_ = 0;
};

void name_operator(const Report& report, Sentence& sentence) {
  sentence << "operator " << report.op_index << " (";
  const char* name = operator_name(report.op);
  if (report.op == tflite::BuiltinOperator::CUSTOM) {
    sentence << "custom \"" << report.custom_name << "\"";
  } else if (name) {
    sentence << name;
  } else {
    sentence << "number " << static_cast<int32_t>(report.op);
  }
  sentence << ", version " << report.op_version << ")";
}

}  // namespace

const char* operator_name(tflite::BuiltinOperator op) {
  const char* name = tflite::EnumNameBuiltinOperator(op);
  return name[0] != 0 ? name : nullptr;
}

const char* describe(Error error) {
  switch (error) {
    case Error::kNone:
      return "is sound";
    case Error::kMisalignedModel:
      return "is not aligned in memory";
    case Error::kNotAModel:
      return "is not a TensorFlow Lite model";
    case Error::kMalformed:
      return "is damaged: something in it points outside";
    case Error::kSchemaVersion:
      return "has a format version other than 3";
    case Error::kNoSubgraph:
      return "contains nothing to run";
    case Error::kTooComplex:
      return "has more parts than can be handled here";
    case Error::kTensorIndex:
      return "refers to a tensor that does not exist";
    case Error::kTensorType:
      return "uses an element type that cannot be handled";
    case Error::kTensorShape:
      return "has an impossible shape";
    case Error::kTensorTooLarge:
      return "is too large";
    case Error::kDynamicShape:
      return "has a shape that is only known at run time";
    case Error::kSparseTensor:
      return "has sparse weights";
    case Error::kBufferIndex:
      return "refers to a buffer that does not exist";
    case Error::kBufferExternal:
      return "keeps its data outside the file";
    case Error::kBufferSize:
      return "has data whose length does not match its shape";
    case Error::kBufferAlignment:
      return "has data that is not aligned";
    case Error::kQuantisation:
      return "has impossible quantisation parameters";
    case Error::kVariableTensor:
      return "misuses a variable tensor";
    case Error::kReadBeforeWritten:
      return "reads a tensor that nothing has written";
    case Error::kWrittenTwice:
      return "writes a tensor that is written already";
    case Error::kConstantWritten:
      return "writes to a constant";
    case Error::kInputWritten:
      return "writes to an input of the model";
    case Error::kOutputNotWritten:
      return "is an output that nothing writes";
    case Error::kOperatorCode:
      return "refers to an operator code that does not exist";
    case Error::kOperatorCustom:
      return "is a custom operator, which is not supported";
    case Error::kOperatorMissing:
      return "is not supported";
    case Error::kOperatorType:
      return "is not supported on this element type";
    case Error::kOperatorVersion:
      return "is not supported in this version";
    case Error::kOperatorOperands:
      return "has the wrong number of inputs or outputs";
    case Error::kOperandType:
      return "has operands whose element types do not go together";
    case Error::kOperandShape:
      return "has operands whose shapes do not go together";
    case Error::kOperandNotConstant:
      return "needs a constant operand that is not constant";
    case Error::kOperandValue:
      return "has a constant operand with an impossible value";
    case Error::kOperandQuantisation:
      return "has quantisation that cannot be reproduced";
    case Error::kOptions:
      return "has missing, unsupported or impossible options";
    case Error::kOverflow:
      return "could overflow its arithmetic";
    case Error::kEngineRefused:
      return "was refused by the firmware's own inference runtime";
    case Error::kArenaTooSmall:
      return "needs more arena than there is";
    case Error::kTooMuchWork:
      return "needs more work per inference than is allowed";
    case Error::kInputMismatch:
      return "does not have the input that the application expects";
    case Error::kOutputMismatch:
      return "does not have the output that the application expects";
    case Error::kNotPrepared:
      return "is not prepared";
    case Error::kBusy:
      return "cannot be changed right now";
    case Error::kInvokeFailed:
      return "failed during an inference";
    case Error::kSelfTestMismatch:
      return "failed its self-test: an output differs from the expected one";
    case Error::kSelfTestInvalid:
      return "has a self-test that does not fit its inputs or outputs";
    case Error::kNoModel:
      return "is not there";
  }
  return "failed for an unknown reason";
}

size_t describe(const Report& report, Span<char> text) {
  Sentence sentence(text);
  if (report.subgraph > 0) sentence << "subgraph " << report.subgraph << ", ";
  if (report.op_index >= 0) {
    name_operator(report, sentence);
    if (report.tensor >= 0) sentence << ", tensor " << report.tensor << ":";
  } else if (report.error == Error::kInputMismatch && report.tensor >= 0) {
    sentence << "input " << report.tensor << ": the model";
  } else if (report.error == Error::kOutputMismatch && report.tensor >= 0) {
    sentence << "output " << report.tensor << ": the model";
  } else if (report.error == Error::kSelfTestMismatch || report.error == Error::kSelfTestInvalid) {
    sentence << "vector " << report.tensor << ": the model";
  } else if (report.tensor >= 0) {
    sentence << "tensor " << report.tensor;
  } else {
    sentence << "the model";
  }
  sentence << " " << describe(report.error);
  return sentence.length();
}

}  // namespace runtime
}  // namespace roost
