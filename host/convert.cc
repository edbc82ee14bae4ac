#include "host/convert.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

namespace roost::host {
namespace {

constexpr size_t kValuesPerLine = 12;

bool starts_identifier(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool continues_identifier(char c) {
  return starts_identifier(c) || std::isdigit(static_cast<unsigned char>(c));
}

// --- writing ---

void append_values(std::string& out, Bytes bytes, std::string_view indent) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i % kValuesPerLine == 0) out.append(indent);
    out.append({'0', 'x', kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15]});
    const bool last = i + 1 == bytes.size();
    if (!last) out.push_back(',');
    out.push_back(last || (i + 1) % kValuesPerLine == 0 ? '\n' : ' ');
  }
}

constexpr std::string_view kAlignmentMacro =
    "// The model is read in place, so it has to lie on a 16-byte boundary.\n"
    "#if defined(__GNUC__)\n"
    "#define MODEL_ALIGNMENT __attribute__((aligned(16)))\n"
    "#else\n"
    "#define MODEL_ALIGNMENT\n"
    "#endif\n\n";

// --- reading: tokens ---

enum class TokenKind { kEnd, kIdentifier, kNumber, kCharacter, kString, kMark, kUnterminated };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
  size_t line = 0;

  bool is(char mark) const { return kind == TokenKind::kMark && text[0] == mark; }
};

// C's tokens as far as initialisers need them; comments and preprocessor lines are passed over.
class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Token next() {
    if (std::optional<Token> broken = skip_blanks()) return *broken;
    if (at_end()) return token(TokenKind::kEnd, at_);
    const size_t start = at_;
    const char c = source_[at_];
    if (starts_identifier(c)) {
      skip_while(continues_identifier);
      return token(TokenKind::kIdentifier, start);
    }
    if (std::isdigit(static_cast<unsigned char>(c))) {
      skip_while([](char d) { return continues_identifier(d) || d == '.' || d == '\''; });
      return token(TokenKind::kNumber, start);
    }
    if (c == '"' || c == '\'') return quoted(c);
    ++at_;
    return token(TokenKind::kMark, start);
  }

 private:
  bool at_end() const { return at_ >= source_.size(); }
  bool ahead(std::string_view text) const { return source_.substr(at_, text.size()) == text; }

  Token token(TokenKind kind, size_t start) const { return {kind, source_.substr(start, at_ - start), line_}; }

  template <typename Predicate>
  void skip_while(Predicate predicate) {
    while (!at_end() && predicate(source_[at_])) ++at_;
  }

  // Past blanks, comments and preprocessor lines; a token only if a comment never ends.
  std::optional<Token> skip_blanks() {
    while (!at_end()) {
      if (source_[at_] == '\n') {
        ++line_;
        ++at_;
        line_is_blank_ = true;
      } else if (std::isspace(static_cast<unsigned char>(source_[at_]))) {
        ++at_;
      } else if (ahead("//") || (line_is_blank_ && source_[at_] == '#')) {
        skip_line();
      } else if (ahead("/*")) {
        const size_t start = at_, start_line = line_;
        if (!skip_block_comment()) return Token{TokenKind::kUnterminated, source_.substr(start, 2), start_line};
      } else {
        line_is_blank_ = false;
        break;
      }
    }
    return std::nullopt;
  }

  // To the end of the line; a backslash carries it over to the next one.
  void skip_line() {
    while (!at_end() && source_[at_] != '\n') {
      if (ahead("\\\n") || ahead("\\\r\n")) {
        at_ = source_.find('\n', at_);
        ++line_;
      }
      ++at_;
    }
  }

  bool skip_block_comment() {
    const size_t end = source_.find("*/", at_ + 2);
    const size_t stop = end == std::string_view::npos ? source_.size() : end + 2;
    line_ += static_cast<size_t>(std::count(source_.begin() + at_, source_.begin() + stop, '\n'));
    at_ = stop;
    return end != std::string_view::npos;
  }

  Token quoted(char quote) {
    const size_t start = at_++;
    while (!at_end() && source_[at_] != quote && source_[at_] != '\n') {
      at_ += source_[at_] == '\\' && at_ + 1 < source_.size() && source_[at_ + 1] != '\n' ? 2 : 1;
    }
    if (at_end() || source_[at_] != quote) return token(TokenKind::kUnterminated, start);
    ++at_;
    return token(quote == '"' ? TokenKind::kString : TokenKind::kCharacter, start);
  }

  std::string_view source_;
  size_t at_ = 0;
  size_t line_ = 1;
  bool line_is_blank_ = true;
};

// --- reading: values ---

// An integer literal of C, or nothing.
std::optional<unsigned long> integer(std::string_view text) {
  while (!text.empty() && std::strchr("uUlL", text.back())) text.remove_suffix(1);
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 2 && text[0] == '0' && (text[1] == 'b' || text[1] == 'B')) {
    base = 2;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  unsigned long value = 0;
  for (const char c : text) {
    if (c == '\'') continue;  // C++'s digit separator
    const char digits[] = {c, 0};
    char* end = nullptr;
    const unsigned long digit = std::strtoul(digits, &end, base);
    if (*end || value > 0xFFFFFFFFul) return std::nullopt;
    value = value * static_cast<unsigned long>(base) + digit;
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

// 'T', '\n', '\0', '\x1c', '\034' with its quotes, or nothing.
std::optional<unsigned long> character(std::string_view text) {
  text = text.substr(1, text.size() - 2);
  if (text.size() == 1) return static_cast<unsigned char>(text[0]);
  if (text.size() < 2 || text[0] != '\\') return std::nullopt;
  text.remove_prefix(1);
  if (text[0] == 'x') return integer("0" + std::string(text));
  if (std::isdigit(static_cast<unsigned char>(text[0]))) return integer("0" + std::string(text));
  static constexpr std::string_view kNames = "abtnvfr", kOthers = "\\'\"?";
  if (text.size() != 1) return std::nullopt;
  if (const size_t i = kNames.find(text[0]); i != std::string_view::npos) return 7 + i;
  if (kOthers.find(text[0]) != std::string_view::npos) return static_cast<unsigned char>(text[0]);
  return std::nullopt;
}

// --- reading: arrays ---

struct Array {
  std::string name;
  size_t line = 0;
  std::optional<unsigned long> declared_size;
  std::vector<uint8_t> bytes;
  std::optional<SourceError> error;

  bool is_model() const { return looks_like_model(bytes); }
};

// Walks over the source and gathers every array initialiser, and every `name = number`.
class Parser {
 public:
  explicit Parser(std::string_view source) : lexer_(source) { advance(); }

  void parse() {
    while (token_.kind != TokenKind::kEnd) statement_token();
  }

  const std::vector<Array>& arrays() const { return arrays_; }
  const std::optional<SourceError>& error() const { return error_; }

  // The length that the source gives for an array, as in `name_len = 123`.
  std::optional<unsigned long> stated_length(const std::string& name) const {
    for (const char* suffix : {"_len", "_length", "_size", "Len", "Length", "Size"}) {
      if (const auto found = constants_.find(name + suffix); found != constants_.end()) return found->second;
    }
    return std::nullopt;
  }

 private:
  void advance() {
    previous_ = token_;
    token_ = lexer_.next();
    if (token_.kind != TokenKind::kUnterminated) return;
    if (!error_) error_ = SourceError{token_.line, "a comment, string or character that begins here never ends"};
  }

  // One token outside an initialiser. An initialiser is a brace behind '=' or ']'; any other opens a body.
  void statement_token() {
    if (token_.is('[') && previous_.kind == TokenKind::kIdentifier) {
      pending_.name = previous_.text;
      pending_.declared_size.reset();
      advance();
      if (token_.kind == TokenKind::kNumber) pending_.declared_size = integer(token_.text);
      return;
    }
    if (token_.is('=')) {
      if (pending_.name.empty() && previous_.kind == TokenKind::kIdentifier) pending_.name = previous_.text;
      advance();
      if (token_.kind == TokenKind::kNumber) {
        if (const auto value = integer(token_.text)) constants_[pending_.name] = *value;
      }
      if (!token_.is('{')) return;
      return initialiser();
    }
    if (token_.is('{') && previous_.is(']')) return initialiser();
    if (token_.is(';') || token_.is('{') || token_.is('}')) pending_ = Array();
    advance();
  }

  void initialiser() {
    Array array = std::move(pending_);
    pending_ = Array();
    array.line = token_.line;
    size_t depth = 0;
    bool value_before = false;
    do {
      if (token_.is('{')) {
        ++depth;
        value_before = false;
      } else if (token_.is('}')) {
        --depth;
        value_before = true;
      } else if (token_.is(',')) {
        if (!value_before) complain(array, "a value is missing before the comma");
        value_before = false;
      } else if (token_.kind == TokenKind::kEnd || token_.is(';')) {
        complain(array, "the array that begins at line " + std::to_string(array.line) + " breaks off");
        break;
      } else {
        if (value_before) complain(array, "a comma is missing before '" + std::string(token_.text) + "'");
        value(array);
        value_before = true;
      }
      advance();
    } while (depth > 0);
    arrays_.push_back(std::move(array));
  }

  void value(Array& array) {
    const bool negative = token_.is('-');
    if (negative) advance();
    std::optional<unsigned long> number;
    if (token_.kind == TokenKind::kNumber) number = integer(token_.text);
    if (token_.kind == TokenKind::kCharacter) number = character(token_.text);
    const std::string text = (negative ? "-" : "") + std::string(token_.text);
    if (!number) return complain(array, "'" + text + "' is not a number");
    if (*number > (negative ? 128u : 255u)) return complain(array, text + " does not fit a byte");
    array.bytes.push_back(static_cast<uint8_t>(negative ? 256 - *number : *number));
  }

  // Only the first fault of an array is kept: the rest follow from it.
  void complain(Array& array, std::string message) const {
    if (!array.error) array.error = SourceError{token_.line, std::move(message)};
  }

  Lexer lexer_;
  Token token_, previous_;
  Array pending_;  // what the statement has told about an array so far
  std::vector<Array> arrays_;
  std::map<std::string, unsigned long> constants_;
  std::optional<SourceError> error_;
};

// --- reading: the choice ---

std::optional<SourceError> length_error(const Array& array, const Parser& parser) {
  for (const auto& length : {array.declared_size, parser.stated_length(array.name)}) {
    if (!length || *length == array.bytes.size()) continue;
    return SourceError{array.line, "array '" + array.name + "' has " + std::to_string(array.bytes.size()) +
                                       " values, but its length is given as " + std::to_string(*length)};
  }
  return std::nullopt;
}

// Why none of the arrays will do. A fault in the longest is the likeliest reason.
SourceError no_model(const std::vector<const Array*>& arrays) {
  const auto shorter = [](const Array* a, const Array* b) { return a->bytes.size() < b->bytes.size(); };
  const Array& longest = **std::max_element(arrays.begin(), arrays.end(), shorter);
  if (longest.error) return *longest.error;
  return {longest.line, "array '" + longest.name + "' of " + std::to_string(longest.bytes.size()) +
                            " bytes is not a .tflite model: \"TFL3\" is not at offset 4"};
}

std::variant<SourceModel, SourceError> choose(const Parser& parser, std::string_view wanted) {
  std::vector<const Array*> named, models;
  for (const Array& array : parser.arrays()) {
    if (!wanted.empty() && array.name != wanted) continue;
    named.push_back(&array);
    if (array.is_model()) models.push_back(&array);
  }
  if (named.empty() && !wanted.empty())
    return SourceError{0, "there is no array named '" + std::string(wanted) + "'"};
  if (named.empty()) return SourceError{0, "there is no array with values"};
  if (models.empty()) return no_model(named);
  if (models.size() > 1) {
    return SourceError{models[1]->line, "a second model, '" + models[1]->name + "', after '" + models[0]->name +
                                            "'; say which one is wanted"};
  }
  const Array& array = *models[0];
  if (array.error) return *array.error;
  if (auto error = length_error(array, parser)) return *error;
  return SourceModel{array.name, array.bytes};
}

}  // namespace

std::string c_identifier(std::string_view text) {
  std::string name(text);
  for (char& c : name) {
    if (!continues_identifier(c)) c = '_';
  }
  if (name.empty()) return "model";
  return starts_identifier(name[0]) ? name : "__" + name;
}

std::string to_c_source(Bytes model, std::string_view name, SourceStyle style) {
  const std::string identifier = (style == SourceStyle::kTflm ? "g_" : "") + std::string(name);
  std::string out;
  std::string_view indent = "    ";
  std::string_view length_type = "const int";
  switch (style) {
    case SourceStyle::kXxd:
      out = "unsigned char " + identifier + "[] = {\n";
      indent = "  ";
      length_type = "unsigned int";
      break;
    case SourceStyle::kTflm:
      out = "alignas(16) const unsigned char " + identifier + "[] = {\n";
      break;
    case SourceStyle::kTfliteConverter:
      out = std::string(kAlignmentMacro) + "const unsigned char " + identifier + "[] MODEL_ALIGNMENT = {\n";
      break;
  }
  append_values(out, model, indent);
  out.append("};\n").append(length_type).append(" ").append(identifier);
  return out + "_len = " + std::to_string(model.size()) + ";\n";
}

bool looks_like_model(Bytes bytes) {
  return bytes.size() >= 8 && std::memcmp(bytes.data() + 4, "TFL3", 4) == 0;
}

std::string SourceError::sentence() const {
  return line ? "line " + std::to_string(line) + ": " + message : message;
}

std::variant<SourceModel, SourceError> model_from_c_source(std::string_view source, std::string_view wanted) {
  Parser parser(source);
  parser.parse();
  if (parser.error()) return *parser.error();
  return choose(parser, wanted);
}

}  // namespace roost::host
