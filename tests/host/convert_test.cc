// Proves that a model survives the way to C source and back in every style, that sources in the wild are read
// (comments, macros, other arrays, any notation), and that a damaged source is refused with the line at fault.

#include "host/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace roost::host {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr SourceStyle kStyles[] = {SourceStyle::kXxd, SourceStyle::kTflm, SourceStyle::kTfliteConverter};

// Bytes with a model's mark; the rest runs through all values.
std::vector<uint8_t> model_of(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
  const char mark[] = {'T', 'F', 'L', '3'};
  std::copy(mark, mark + 4, bytes.begin() + 4);
  return bytes;
}

const std::string kSmall = "0x1c, 0, 0, 0, 'T', 'F', 'L', '3'";
const std::vector<uint8_t> kSmallBytes = {0x1c, 0, 0, 0, 'T', 'F', 'L', '3'};

std::vector<uint8_t> bytes_of(const std::string& source, std::string_view wanted = {}) {
  const auto found = model_from_c_source(source, wanted);
  if (const auto* error = std::get_if<SourceError>(&found)) {
    ADD_FAILURE() << error->sentence() << "\nin:\n" << source.substr(0, 400);
    return {};
  }
  return std::get<SourceModel>(found).bytes;
}

SourceError error_of(const std::string& source, std::string_view wanted = {}) {
  const auto found = model_from_c_source(source, wanted);
  if (const auto* error = std::get_if<SourceError>(&found)) return *error;
  ADD_FAILURE() << "accepted:\n" << source.substr(0, 400);
  return {};
}

// --- there and back ---

TEST(Convert, RoundTripsInEveryStyleAtEverySizeAroundALine) {
  for (const SourceStyle style : kStyles) {
    for (const size_t size : {8u, 11u, 12u, 13u, 24u, 25u, 34416u}) {
      const std::vector<uint8_t> model = model_of(size);
      EXPECT_EQ(bytes_of(to_c_source(model, "gesture", style)), model) << size;
    }
  }
}

TEST(Convert, WritesWhatXxdWrites) {
  EXPECT_EQ(to_c_source(model_of(14), "a_tflite", SourceStyle::kXxd),
            "unsigned char a_tflite[] = {\n"
            "  0x00, 0x07, 0x0e, 0x15, 0x54, 0x46, 0x4c, 0x33, 0x38, 0x3f, 0x46, 0x4d,\n"
            "  0x54, 0x5b\n"
            "};\n"
            "unsigned int a_tflite_len = 14;\n");
}

TEST(Convert, WritesWhatTflmExamplesInclude) {
  const std::string text = to_c_source(model_of(8), "wand", SourceStyle::kTflm);
  EXPECT_THAT(text, StartsWith("alignas(16) const unsigned char g_wand[] = {\n"));
  EXPECT_THAT(text, HasSubstr("const int g_wand_len = 8;\n"));
}

TEST(Convert, WritesTheConvertersShape) {
  const std::string text = to_c_source(model_of(8), "wand", SourceStyle::kTfliteConverter);
  EXPECT_THAT(text, HasSubstr("const unsigned char wand[] MODEL_ALIGNMENT = {\n"));
  EXPECT_THAT(text, HasSubstr("const int wand_len = 8;\n"));
}

TEST(Convert, MakesIdentifiersAsXxdDoes) {
  EXPECT_EQ(c_identifier("gesture_v1.tflite"), "gesture_v1_tflite");
  EXPECT_EQ(c_identifier("my model-2.tflite"), "my_model_2_tflite");
  EXPECT_EQ(c_identifier("3d.tflite"), "__3d_tflite");
  EXPECT_EQ(c_identifier(""), "model");
}

// --- sources in the wild ---

TEST(Convert, ReadsEveryNotation) {
  EXPECT_EQ(
      bytes_of("const uint8_t m[] = {28, 0X1C, 034, 0b11100, 84u, 'F', '\\x4c', '\\063', -1, -128, 255UL, '\\n',"
               "'\\'', '\\\\', '\\0'};"),
      (std::vector<uint8_t>{28, 28, 28, 28, 'T', 'F', 'L', '3', 255, 128, 255, '\n', '\'', '\\', 0}));
}

TEST(Convert, ReadsEveryWayToDeclareTheArray) {
  const char* const declarations[] = {
      "unsigned char m[] = ",
      "const unsigned char m[8] = ",
      "static const uint8_t m[] PROGMEM = ",
      "alignas(16) extern const unsigned char m[] = ",
      "const unsigned char m[] __attribute__((aligned(16), section(\".model\"))) = ",
      "[[gnu::aligned(16)]] constexpr unsigned char m[kSize] = ",
      "const std::array<uint8_t, 8> m = ",
      "namespace a { namespace { const unsigned char m[] ",
      "extern \"C\" { const unsigned char m[] = ",
  };
  for (const std::string declaration : declarations) {
    const auto found = model_from_c_source(declaration + "{" + kSmall + ",};");
    ASSERT_TRUE(std::holds_alternative<SourceModel>(found))
        << declaration << std::get<SourceError>(found).sentence();
    EXPECT_EQ(std::get<SourceModel>(found).bytes, kSmallBytes) << declaration;
    EXPECT_EQ(std::get<SourceModel>(found).array_name, "m") << declaration;
  }
  EXPECT_EQ(bytes_of("std::array<uint8_t, 8> m = {{" + kSmall + "}};"), kSmallBytes);
}

TEST(Convert, PassesOverCommentsAndPreprocessorLines) {
  EXPECT_EQ(bytes_of("/* const char x[] = {1}; */\r\n"
                     "#include \"model.h\"\n"
                     "  #define BROKEN = { \\\n   1, oops }\n"
                     "// model[] = {9, \"\n"
                     "const unsigned char m[] = {  // the head: 'T\n"
                     "  0x1c, 0, 0, /* three */ 0, \n"
                     "#if 1\n"
                     "  0x54, 0x46, 0x4c, 0x33\n"
                     "#endif\n"
                     "};"),
            kSmallBytes);
}

TEST(Convert, TakesTheModelAmongOtherArrays) {
  const std::string source =
      "const int kRate = 16'000;\n"
      "const char* kLabels[] = {\"unknown\", \"wing\"};\n"
      "const int kShape[4] = {1, 128, 3, 1000};\n"
      "const unsigned char kIcon[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};\n"
      "const float kScale[] = {0.5f, 1e-3f};\n"
      "int f(int a[]) { if (a[0] == 1) { return a[1]; } return 0; }\n"
      "const unsigned char m[] = {" +
      kSmall + "};\n";
  EXPECT_EQ(bytes_of(source), kSmallBytes);
}

TEST(Convert, TakesTheNamedOneOfTwoModels) {
  const std::string source = "unsigned char a[] = {" + kSmall + "};\nunsigned char b[] = {" + kSmall + ", 7};\n";
  EXPECT_EQ(error_of(source).sentence(), "line 2: a second model, 'b', after 'a'; say which one is wanted");
  EXPECT_EQ(bytes_of(source, "a").size(), 8u);
  EXPECT_EQ(bytes_of(source, "b").size(), 9u);
  EXPECT_EQ(error_of(source, "c").sentence(), "there is no array named 'c'");
}

// --- malformed sources ---

TEST(Convert, RefusesWhatHoldsNoArray) {
  for (const std::string source :
       {"", "\n\n", "int main() { return 0; }", "extern const unsigned char m[];", "unsigned int m_len = 12;",
        "TFL3", "}}}", "[[[", "= =", "\xef\xbb\xbf\xff\x80"}) {
    EXPECT_EQ(error_of(source).sentence(), "there is no array with values") << source;
  }
}

TEST(Convert, RefusesAnArrayThatIsNoModel) {
  EXPECT_EQ(error_of("int x = 1;\nunsigned char m[] = {1, 2, 3};").sentence(),
            "line 2: array 'm' of 3 bytes is not a .tflite model: \"TFL3\" is not at offset 4");
  EXPECT_EQ(error_of("unsigned char m[] = {};").line, 1u);
}

TEST(Convert, NamesTheLineOfAFault) {
  struct Case {
    const char* values;
    const char* sentence;
  };
  const Case cases[] = {
      {"256", "line 3: 256 does not fit a byte"},
      {"-129", "line 3: -129 does not fit a byte"},
      {"99999999999999999999", "line 3: '99999999999999999999' is not a number"},
      {"0x", "line 3: '0x' is not a number"},
      {"0xfg", "line 3: '0xfg' is not a number"},
      {"08", "line 3: '08' is not a number"},
      {"1.5", "line 3: '1.5' is not a number"},
      {"oops", "line 3: 'oops' is not a number"},
      {"\"text\"", "line 3: '\"text\"' is not a number"},
      {"'ab'", "line 3: ''ab'' is not a number"},
      {"1 2", "line 3: a comma is missing before '2'"},
      {"1,, 2", "line 3: a value is missing before the comma"},
      {"1 + 2", "line 3: a comma is missing before '+'"},
      {"1;", "line 3: the array that begins at line 1 breaks off"},
      {"1, /* 2", "line 3: a comment, string or character that begins here never ends"},
      {"1, 'a", "line 3: a comment, string or character that begins here never ends"},
  };
  for (const Case& c : cases) {
    const std::string source = "const unsigned char m[] = {\n" + kSmall + ",\n" + c.values + "\n};\n";
    EXPECT_EQ(error_of(source).sentence(), c.sentence) << c.values;
  }
}

TEST(Convert, RefusesALengthThatContradictsTheValues) {
  EXPECT_EQ(error_of("\nconst unsigned char m[9] = {" + kSmall + "};").sentence(),
            "line 2: array 'm' has 8 values, but its length is given as 9");
  EXPECT_EQ(error_of("unsigned char m[] = {" + kSmall + "};\nunsigned int m_len = 7;").sentence(),
            "line 1: array 'm' has 8 values, but its length is given as 7");
}

TEST(Convert, RefusesEveryTruncation) {
  const std::string whole = to_c_source(model_of(40), "m", SourceStyle::kXxd);
  const size_t end = whole.find('}');
  for (size_t size = 0; size <= end; ++size) {
    const auto found = model_from_c_source(whole.substr(0, size));
    EXPECT_TRUE(std::holds_alternative<SourceError>(found)) << "cut at " << size;
  }
}

TEST(Convert, SurvivesEveryByteChangedToEveryMark) {
  const std::string whole = "/* a */ " + to_c_source(model_of(14), "m", SourceStyle::kTfliteConverter);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char mark : std::string_view("{}[]=,;'\"\\/*#-0x\n\0\xff", 18)) {
      std::string changed = whole;
      changed[at] = mark;
      const auto found = model_from_c_source(changed);
      if (const auto* model = std::get_if<SourceModel>(&found)) {
        EXPECT_TRUE(looks_like_model(model->bytes));
      }
    }
  }
}

}  // namespace
}  // namespace roost::host
