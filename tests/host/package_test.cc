// Proves that the host makes no package against the rules, and that a device's texts come to a terminal without
// control characters.
#include "host/package.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "host/file.h"
#include "host/info_text.h"

namespace roost::host {
namespace {

template <typename Change>
ExitCode made_with(Change change) {
  std::vector<uint8_t> model;
  std::string error;
  EXPECT_TRUE(read_file(ROOST_MODEL, 1 << 20, &model, &error)) << error;
  PackageOptions options;
  options.body.labels = {"wing", "ring"};
  options.body.vectors = {{{1}, {2}, 0}};
  change(options);
  Package package;
  return build_package(model, options, &package).code;
}

TEST(Package, IsNotMadeAgainstTheRules) {
  EXPECT_EQ(made_with([](auto&) {}), ExitCode::kOk);
  EXPECT_EQ(made_with([](auto& o) { o.name = "a\nb"; }), ExitCode::kUsage);
  EXPECT_EQ(made_with([](auto& o) { o.hardware = std::string(25, 'x'); }), ExitCode::kUsage);
  EXPECT_EQ(made_with([](auto& o) { o.attempts = 0; }), ExitCode::kUsage);
  EXPECT_EQ(made_with([](auto& o) { o.body.labels = {"\x1b[2J"}; }), ExitCode::kUsage);
  EXPECT_EQ(made_with([](auto& o) { o.body.key_values = {{"", "x"}}; }), ExitCode::kUsage);
  EXPECT_EQ(made_with([](auto& o) { o.body.vectors[0].tolerance = -1; }), ExitCode::kUsage);
}

TEST(InfoText, ShowsNoControlCharacters) {
  protocol::ShortText<24> text;
  text.assign("wing\x1b[2J\x7f \xc3\xa9");
  EXPECT_EQ(string_of(text), "wing?[2J? \xc3\xa9");
}

}  // namespace
}  // namespace roost::host
