// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/decoder.h"

#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/code_points.h"
#include "data/tokenizer/metaspace.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/regex_pattern.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {
namespace {

using Made = std::unique_ptr<Decoder>;
using Tokens = std::vector<std::string>;

// One that is a function of the tokens alone.
class Plain : public Decoder {
 public:
  using Change = std::function<Tokens(Tokens)>;
  explicit Plain(Change change) : change_(std::move(change)) {}
  Tokens apply(Tokens tokens) const override { return change_(std::move(tokens)); }

 private:
  Change change_;
};

Made plain(Plain::Change change) { return std::make_unique<Plain>(std::move(change)); }

class Sequence : public Decoder {
 public:
  explicit Sequence(std::vector<Made> parts) : parts_(std::move(parts)) {}
  Tokens apply(Tokens tokens) const override {
    for (const Made& part : parts_) tokens = part->apply(std::move(tokens));
    return tokens;
  }

 private:
  std::vector<Made> parts_;
};

class Replace : public Decoder {
 public:
  Replace(Regex regex, std::string content)
      : regex_(std::move(regex)), content_(std::move(content)) {}
  Tokens apply(Tokens tokens) const override {
    for (std::string& token : tokens) token = replace_matches(token, regex_, content_);
    return tokens;
  }

 private:
  Regex regex_;
  std::string content_;
};

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  std::string changed;
  size_t done = 0;
  for (size_t at; (at = text.find(what, done)) != text.npos; done = at + what.size()) {
    changed.append(text, done, at - done);
    changed += by;
  }
  if (done > 0) text = changed.append(text, done);
}

Tokens fused(const Tokens& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return {text};
}

// A token that is not of the alphabet stands for its own bytes.
Tokens byte_level(const Tokens& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += bytes_of_alphabet(token).value_or(token);
  return {replace_malformed(bytes)};
}

std::optional<char> byte_of(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return {};
  unsigned value = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  if (error != std::errc() || end != token.data() + 5) return {};
  return static_cast<char>(value);
}

// Neighbouring bytes that are no UTF-8 together are each a U+FFFD.
Tokens byte_fallback(const Tokens& tokens) {
  Tokens result;
  std::string bytes;
  const auto put_bytes = [&] {
    if (is_utf8(bytes)) {
      if (!bytes.empty()) result.push_back(bytes);
    } else {
      result.insert(result.end(), bytes.size(), "\xEF\xBF\xBD");
    }
    bytes.clear();
  };
  for (const std::string& token : tokens) {
    if (const std::optional<char> byte = byte_of(token)) {
      bytes += *byte;
    } else {
      put_bytes();
      result.push_back(token);
    }
  }
  put_bytes();
  return result;
}

Made make_metaspace(JsonFields& fields) {
  const Metaspace options = metaspace_of(fields);
  return plain([options](Tokens tokens) {
    for (size_t i = 0; i < tokens.size(); ++i)
      replace_all(tokens[i], options.mark,
                  i == 0 && options.prepend != Metaspace::Prepend::never ? "" : " ");
    return tokens;
  });
}

// English as one writes it: no space before marks and contractions.
void clean_up(std::string& text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> changes = {{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" do not", " don't"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const auto& [what, by] : changes) replace_all(text, what, by);
}

Made make_wordpiece(JsonFields& fields) {
  const std::string prefix = fields.text("prefix");
  const bool cleanup = fields.flag("cleanup");
  return plain([prefix, cleanup](Tokens tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0 && tokens[i].starts_with(prefix))
        tokens[i].erase(0, prefix.size());
      else if (i > 0)
        tokens[i].insert(0, 1, ' ');
      if (cleanup) clean_up(tokens[i]);
    }
    return tokens;
  });
}

Made make_bpe(JsonFields& fields) {
  const std::string suffix = fields.text("suffix");
  if (suffix.empty()) fail(ErrorKind::bad_data, fields.where(), "the suffix is empty");
  return plain([suffix](Tokens tokens) {
    for (size_t i = 0; i < tokens.size(); ++i)
      replace_all(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
    return tokens;
  });
}

// Up to `start` characters at the beginning and `stop` at the end go.
Made make_strip(JsonFields& fields) {
  (void)fields.letter("content");
  const std::string content = fields.text("content");
  const int64_t start = fields.integer("start", 0, 1 << 30),
                stop = fields.integer("stop", 0, 1 << 30);
  return plain([content, start, stop](Tokens tokens) {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (int64_t i = 0; i < start && rest.starts_with(content); ++i)
        rest.remove_prefix(content.size());
      for (int64_t i = 0; i < stop && rest.ends_with(content); ++i)
        rest.remove_suffix(content.size());
      token = std::string(rest);
    }
    return tokens;
  });
}

Made make_replace(JsonFields& fields) {
  Regex regex = regex_of(fields.need("pattern"), fields.where());
  return std::make_unique<Replace>(std::move(regex), fields.text("content"));
}

Made make_byte_level(JsonFields& fields) {
  for (const char* member : {"add_prefix_space", "trim_offsets", "use_regex"})
    fields.flag_or(member, true);  // of the pre-tokenizer that shares its form
  return plain(byte_level);
}

const std::map<std::string_view, Made (*)(JsonFields&), std::less<>>& makers() {
  static const std::map<std::string_view, Made (*)(JsonFields&), std::less<>> table = {
      {"ByteLevel", make_byte_level},
      {"ByteFallback", [](JsonFields&) { return plain(byte_fallback); }},
      {"Fuse", [](JsonFields&) { return plain(fused); }},
      {"Metaspace", make_metaspace},
      {"WordPiece", make_wordpiece},
      {"BPEDecoder", make_bpe},
      {"Strip", make_strip},
      {"Replace", make_replace}};
  return table;
}

Made make_sequence(JsonFields& fields, int depth) {
  std::vector<Made> parts;
  for (const Json& part : fields.list("decoders"))
    parts.push_back(make_decoder(part, fields.where(), depth + 1));
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where, int depth) {
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
      failf(ErrorKind::unsupported, where, "the decoder '{}' is not known", type);
    made = maker->second(fields);
  }
  fields.finish();
  return made;
}

}  // namespace gradus
