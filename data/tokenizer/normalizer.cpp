// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/normalizer.h"

#include <functional>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>

#include "data/tokenizer/bert_normalizer.h"
#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/code_points.h"
#include "data/tokenizer/pieces.h"
#include "data/tokenizer/regex_pattern.h"
#include "data/tokenizer/unicode.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

// One that is a function of the text alone.
class Plain : public Normalizer {
 public:
  using Change = std::function<std::string(std::string)>;
  explicit Plain(Change change) : change_(std::move(change)) {}
  std::string apply(std::string text) const override { return change_(std::move(text)); }

 private:
  Change change_;
};

using Made = std::unique_ptr<Normalizer>;

Made plain(Plain::Change change) { return std::make_unique<Plain>(std::move(change)); }

Made of_form(NormalForm form) {
  return plain([form](const std::string& text) { return normal_form(text, form); });
}

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<Made> parts) : parts_(std::move(parts)) {}
  std::string apply(std::string text) const override {
    for (const Made& part : parts_) text = part->apply(std::move(text));
    return text;
  }

 private:
  std::vector<Made> parts_;
};

class Replace : public Normalizer {
 public:
  Replace(Regex regex, std::string content)
      : regex_(std::move(regex)), content_(std::move(content)) {}
  std::string apply(std::string text) const override {
    return replace_matches(text, regex_, content_);
  }

 private:
  Regex regex_;
  std::string content_;
};

std::string without_marks(const std::string& text) {
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    const char32_t code = next_code_point(text, at);
    if (!is_mark(code)) append_utf8(kept, code);
  }
  return kept;
}

std::string stripped(const std::string& text, bool left, bool right) {
  size_t begin = 0, end = text.size(), last = 0;
  bool leading = left;
  for (size_t at = 0; at < text.size();) {
    const bool space = is_white_space(next_code_point(text, at));
    if (leading && space) begin = at;
    leading = leading && space;
    if (!space) last = at;
  }
  if (right) end = std::max(begin, last);
  return text.substr(begin, end - begin);
}

// SentencePiece's "nmt" rules: controls go, what is like a space becomes one.
std::string nmt(const std::string& text) {
  std::string changed;
  for (size_t at = 0; at < text.size();) {
    const char32_t code = next_code_point(text, at);
    const bool goes = (code >= 0x1 && code <= 0x8) || code == 0xB ||
                      (code >= 0xE && code <= 0x1F) || code == 0x7F || code == 0x8F || code == 0x9F;
    const bool space = code == 0x9 || code == 0xA || code == 0xC || code == 0xD || code == 0x1680 ||
                       (code >= 0x200B && code <= 0x200F) || code == 0x2028 || code == 0x2029 ||
                       code == 0x2581 || code == 0xFEFF || code == 0xFFFD;
    if (!goes) append_utf8(changed, space ? U' ' : code);
  }
  return changed;
}

std::string in_byte_alphabet(const std::string& text) {
  std::string changed;
  append_byte_alphabet(text, changed);
  return changed;
}

Made make_replace(JsonFields& fields) {
  Regex regex = regex_of(fields.need("pattern"), fields.where());
  return std::make_unique<Replace>(std::move(regex), fields.text("content"));
}

Made make_prepend(JsonFields& fields) {
  return plain([what = fields.text("prepend")](const std::string& text) {
    return text.empty() ? text : what + text;
  });
}

Made make_strip(JsonFields& fields) {
  const bool left = fields.flag("strip_left"), right = fields.flag("strip_right");
  return plain([left, right](const std::string& text) { return stripped(text, left, right); });
}

const std::map<std::string_view, Made (*)(JsonFields&), std::less<>>& makers() {
  static const std::map<std::string_view, Made (*)(JsonFields&), std::less<>> table = {
      {"NFC", [](JsonFields&) { return of_form(NormalForm::nfc); }},
      {"NFD", [](JsonFields&) { return of_form(NormalForm::nfd); }},
      {"NFKC", [](JsonFields&) { return of_form(NormalForm::nfkc); }},
      {"NFKD", [](JsonFields&) { return of_form(NormalForm::nfkd); }},
      {"Lowercase", [](JsonFields&) { return plain(lowercase); }},
      {"StripAccents", [](JsonFields&) { return plain(without_marks); }},
      {"Nmt", [](JsonFields&) { return plain(nmt); }},
      {"ByteLevel", [](JsonFields&) { return plain(in_byte_alphabet); }},
      {"Strip", make_strip},
      {"Replace", make_replace},
      {"Prepend", make_prepend},
      {"BertNormalizer", make_bert_normalizer}};
  return table;
}

Made make_sequence(JsonFields& fields, int depth) {
  std::vector<Made> parts;
  for (const Json& part : fields.list("normalizers"))
    parts.push_back(make_normalizer(part, fields.where(), depth + 1));
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where, int depth) {
  JsonFields fields(json, where);
  const std::string& type = fields.text("type");
  if (depth > deepest_sequence)
    fail(ErrorKind::bad_data, where, "sequences in sequences, too deep");
  Made made;
  if (type == "Sequence") {
    made = make_sequence(fields, depth);
  } else {
    const auto maker = makers().find(type);
    if (maker == makers().end())
      failf(ErrorKind::unsupported, where, "the normalizer '{}' is not known", type);
    made = maker->second(fields);
  }
  fields.finish();
  return made;
}

}  // namespace gradus
