// Proves that every error has words of its own and that sentences name what they are about, within any room.
#include "runtime/report.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

namespace roost::runtime::testing {
namespace {

std::string sentence(const Report& report) {
  char text[200];
  const size_t length = describe(report, text);
  EXPECT_EQ(length, std::strlen(text));
  return text;
}

TEST(Report, NamesTheOperator) {
  Report report;
  report.error = Error::kOperatorVersion;
  report.subgraph = 0;
  report.op_index = 3;
  report.op = tflite::BuiltinOperator::CONV_2D;
  report.op_version = 9;
  EXPECT_EQ(sentence(report), "operator 3 (CONV_2D, version 9) is not supported in this version");
  report.subgraph = 1;
  report.tensor = 7;
  report.error = Error::kDynamicShape;
  EXPECT_EQ(sentence(report),
            "subgraph 1, operator 3 (CONV_2D, version 9), tensor 7: has a shape that is only known at run time");
}

TEST(Report, NamesOperatorsThatHaveNoName) {
  Report report;
  report.error = Error::kOperatorMissing;
  report.op_index = 0;
  report.op = static_cast<tflite::BuiltinOperator>(4711);
  report.op_version = -1;
  EXPECT_EQ(sentence(report), "operator 0 (number 4711, version -1) is not supported");
}

TEST(Report, ShowsCustomNamesWithoutTheirControlCharacters) {
  Report report;
  report.error = Error::kOperatorCustom;
  report.op_index = 0;
  report.op = tflite::BuiltinOperator::CUSTOM;
  std::strcpy(report.custom_name, "a\x1b[2Jb");
  EXPECT_EQ(sentence(report),
            "operator 0 (custom \"a?[2Jb\", version 0) is a custom operator, which is not supported");
}

TEST(Report, NamesInputsAndOutputs) {
  Report report;
  report.error = Error::kInputMismatch;
  report.tensor = 1;
  EXPECT_EQ(sentence(report), "input 1: the model does not have the input that the application expects");
}

TEST(Report, NamesTheVectorOfASelfTest) {
  Report report;
  report.error = Error::kSelfTestInvalid;
  report.tensor = 2;
  EXPECT_EQ(sentence(report), "vector 2: the model has a self-test that does not fit its inputs or outputs");
}

TEST(Report, IsCutWhereTheRoomEnds) {
  Report report;
  report.error = Error::kMalformed;
  for (size_t room = 0; room < 20; ++room) {
    char text[21];
    std::memset(text, 'X', sizeof text);
    const size_t length = describe(report, Span<char>(text, room));
    EXPECT_EQ(length, room == 0 ? 0 : room - 1);
    EXPECT_EQ(text[room], 'X');
    if (room > 0) {
      EXPECT_EQ(text[length], 0);
    }
  }
}

TEST(Report, HasDifferentWordsForEveryError) {
  std::set<std::string> words;
  int count = 0;
  for (int number = 0; number < 256; ++number) {
    const std::string text = describe(static_cast<Error>(number));
    if (text == "failed for an unknown reason") continue;
    words.insert(text);
    ++count;
  }
  EXPECT_EQ(words.size(), static_cast<size_t>(count));
  EXPECT_EQ(count, 48);  // as many as error.h has
}

TEST(Report, KnowsTheNamesOfThePublicOperators) {
  EXPECT_STREQ(operator_name(static_cast<tflite::BuiltinOperator>(0)), "ADD");
  EXPECT_STREQ(operator_name(static_cast<tflite::BuiltinOperator>(126)), "BATCH_MATMUL");
  EXPECT_STREQ(operator_name(static_cast<tflite::BuiltinOperator>(206)), "STABLEHLO_COMPOSITE");
  EXPECT_EQ(operator_name(static_cast<tflite::BuiltinOperator>(210)), nullptr);
  EXPECT_EQ(operator_name(static_cast<tflite::BuiltinOperator>(-1)), nullptr);
}

}  // namespace
}  // namespace roost::runtime::testing
