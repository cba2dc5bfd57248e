// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/tokenizer_document.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {
namespace {

constexpr size_t deepest = 24;
constexpr size_t most_members = 1024;  // of an object but the vocabulary

// Takes vocabulary and merges out of a document, and checks the form of all of it, so that what
// follows may recur and search.
class LargeParts : public nlohmann::json_sax<nlohmann::json> {
 public:
  LargeParts(TokenizerDocument& document, const std::string& name)
      : document_(document), name_(name) {}

  bool null() override { return plain("null"); }
  bool boolean(bool) override { return plain("true or false"); }
  bool number_integer(number_integer_t value) override { return number(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return number(static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX)));
  }
  bool number_float(number_float_t, const string_t&) override { return plain("a fraction"); }
  bool string(string_t& text) override {
    if (!in_merges()) return plain("a text");
    if (frames_.size() == 3)
      add_line(text);
    else
      pair_.push_back(std::move(text));
    return true;
  }
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override {
    if (in_merges() && frames_.size() == 4) add_pair();
    return close();
  }

  bool key(string_t& name) override {
    if (in_vocabulary() && frames_.size() == 3) {
      token_ = std::move(name);
      return true;
    }
    Frame& frame = frames_.back();
    if (frame.members.size() == most_members)
      failf(ErrorKind::bad_data, name_, "an object has more than {} members", most_members);
    if (!frame.members.insert(name).second)
      failf(ErrorKind::bad_data, name_, "the member '{}' stands twice", name);
    frame.key = std::move(name);
    return true;
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    failf(ErrorKind::bad_data, name_, "not JSON: {}", error.what());
  }

 private:
  struct Frame {
    std::string key = {};
    std::set<std::string> members = {};
  };

  // Whether model.NAME is being read.
  bool within(std::string_view name) const {
    return frames_.size() >= 3 && frames_[0].key == "model" && frames_[1].key == name;
  }
  bool in_vocabulary() const { return within("vocab"); }
  bool in_merges() const { return within("merges"); }

  bool open(bool object) {
    const size_t depth = frames_.size();
    if (depth == deepest) failf(ErrorKind::bad_data, name_, "more than {} levels deep", deepest);
    if (depth == 0 && !object) fail(ErrorKind::bad_data, name_, "expected an object, got an array");
    if (in_vocabulary() || (in_merges() && (object || depth > 3))) return plain("another form");
    frames_.emplace_back();
    if (depth == 2 && in_vocabulary() && !object)
      fail(ErrorKind::unsupported, name_, "a vocabulary with scores (Unigram) is not known");
    if (depth == 2 && in_merges() && object) return plain("an object");
    pair_.clear();
    return true;
  }
  bool close() {
    frames_.pop_back();
    return true;
  }

  bool number(int64_t value) {
    if (!in_vocabulary()) return plain("a number");
    if (value < 0 || value > largest_token_id)
      failf(ErrorKind::bad_data, name_, "id of '{}', expected 0 to {}, got {}", token_,
            largest_token_id, value);
    document_.vocabulary.emplace_back(std::move(token_), static_cast<int32_t>(value));
    return true;
  }

  // A value that may stand anywhere but in the large parts.
  bool plain(std::string_view what) {
    if (in_vocabulary())
      failf(ErrorKind::bad_data, name_, "id of '{}', expected a whole number, got {}", token_,
            what);
    if (in_merges())
      failf(ErrorKind::bad_data, name_, "merge {}, expected two texts, got {}",
            document_.merges.size(), what);
    if (frames_.empty()) failf(ErrorKind::bad_data, name_, "expected an object, got {}", what);
    return true;
  }

  void add_pair() {
    if (pair_.size() != 2)
      failf(ErrorKind::bad_data, name_, "merge {}, expected two texts, got {}",
            document_.merges.size(), pair_.size());
    document_.merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
  }

  // The older form: both in one text.
  void add_line(const std::string& line) {
    if (line.starts_with("#version")) return;
    const size_t space = line.find(' ');
    if (space == line.npos || line.find(' ', space + 1) != line.npos)
      failf(ErrorKind::bad_data, name_,
            "merge {}, expected two texts with a space between, got '{}'", document_.merges.size(),
            line);
    document_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }

  TokenizerDocument& document_;
  const std::string& name_;
  std::vector<Frame> frames_;
  std::string token_;
  std::vector<std::string> pair_;
};

// The rest, in its order.
Json without_large_parts(std::string_view text) {
  std::string top;
  const auto keep = [&top](int depth, Json::parse_event_t event, Json& value) {
    if (event != Json::parse_event_t::key) return true;
    const std::string& name = value.get_ref<const std::string&>();
    if (depth == 1) top = name;
    return !(depth == 2 && top == "model" && (name == "vocab" || name == "merges"));
  };
  return Json::parse(text, keep);
}

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

// A value as a member of an object that is indented by `spaces`.
std::string indented(const Json& value, size_t spaces) {
  std::string result;
  for (const char c : value.dump(2)) {
    result += c;
    if (c == '\n') result.append(spaces, ' ');
  }
  return result;
}

std::string vocabulary_member(const TokenizerDocument& document) {
  Vocabulary::Entries entries = document.vocabulary;
  std::ranges::sort(entries, {}, &Vocabulary::Entries::value_type::second);
  std::string text = "    \"vocab\": {";
  const char* before = "\n";
  for (const auto& [token, id] : entries) {
    text += fmt::format("{}      {}: {}", before, quoted(token), id);
    before = ",\n";
  }
  return text + (entries.empty() ? "}" : "\n    }");
}

std::string merges_member(const TokenizerDocument& document) {
  std::string text = "    \"merges\": [";
  const char* before = "\n";
  for (const auto& [left, right] : document.merges) {
    text += fmt::format("{}      [\n        {},\n        {}\n      ]", before, quoted(left),
                        quoted(right));
    before = ",\n";
  }
  return text + (document.merges.empty() ? "]" : "\n    ]");
}

// The small members come first, but in a WordLevel the vocabulary follows the type.
std::string model_value(const TokenizerDocument& document, const Json& model) {
  const std::string type = model.value("type", "BPE");
  std::vector<std::string> members;
  for (const auto& [name, value] : model.items()) {
    members.push_back(fmt::format("    {}: {}", quoted(name), indented(value, 4)));
    if (type == "WordLevel" && name == "type") members.push_back(vocabulary_member(document));
  }
  if (type != "WordLevel") members.push_back(vocabulary_member(document));
  if (type == "BPE") members.push_back(merges_member(document));
  return fmt::format("{{\n{}\n  }}", fmt::join(members, ",\n"));
}

}  // namespace

TokenizerDocument parse_tokenizer_document(std::string_view text, const std::string& name) {
  if (!is_utf8(text)) fail(ErrorKind::bad_data, name, "not UTF-8");
  TokenizerDocument document;
  LargeParts parts(document, name);
  nlohmann::json::sax_parse(text, &parts);
  document.head = without_large_parts(text).dump();
  return document;
}

std::string to_json(const TokenizerDocument& document) {
  const Json head = Json::parse(document.head);
  std::string text = "{";
  const char* before = "\n";
  for (const auto& [name, value] : head.items()) {
    text += fmt::format("{}  {}: ", before, quoted(name));
    text +=
        name == "model" && value.is_object() ? model_value(document, value) : indented(value, 2);
    before = ",\n";
  }
  return text + "\n}";
}

}  // namespace gradus
