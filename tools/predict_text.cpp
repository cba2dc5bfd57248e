// SPDX-License-Identifier: Apache-2.0
#include "tools/predict_text.h"
#include "tools/json_line.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/file_bytes.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"
#include "engine/io/atomic_file.h"
#include "tools/command.h"
#include "tools/csv_text.h"
#include "training/generation.h"
#include "training/metrics/calibration.h"
#include "training/sampling.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

struct LineScore {
  std::string file;
  int64_t line = 0, tokens = 0, characters = 0;
  double loss = 0;  // nats a token
  std::vector<std::pair<int64_t, double>> next;
  std::vector<std::string> texts;  // of `next`
  std::string fault;               // why there is none; then `line` may be 0: of the whole file

  double bits_per_character() const {
    return loss * static_cast<double>(tokens) /
           (static_cast<double>(characters) * std::numbers::ln2);
  }
};

// Printable bytes as they are, others as \n or \xNN; what is beyond ASCII stays.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (byte < 0x20 || byte == 0x7F)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return is_utf8(out) ? out : fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
}

std::vector<std::pair<int64_t, double>> likeliest(const std::vector<double>& probabilities,
                                                  int64_t count) {
  std::vector<std::pair<int64_t, double>> all;
  for (size_t i = 0; i < probabilities.size(); ++i)
    all.emplace_back(static_cast<int64_t>(i), probabilities[i]);
  const auto end = all.begin() + std::min(count, static_cast<int64_t>(all.size()));
  std::ranges::partial_sort(all, end, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  all.erase(end, all.end());
  return all;
}

// -ln of the probability that logits give a token.
double loss_of(const std::vector<double>& logits, int32_t token) {
  const double highest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - highest);
  return std::log(sum) + highest - logits[static_cast<size_t>(token)];
}

LineScore score_line(TextReader& reader, std::string_view line, int64_t top) {
  LineScore score;
  reader.restart();
  const Tokenizer& tokenizer = *reader.tokenizer();
  const std::vector<int32_t> before = tokenizer.encode("\n");
  const std::vector<int32_t> text = tokenizer.encode(line), end = tokenizer.encode("\n");
  std::vector<int32_t> wanted = text;
  wanted.insert(wanted.end(), end.begin(), end.end());
  // A tokenizer may leave a line break out; then the line's first token is not judged.
  for (size_t i = 0; i + 1 < before.size(); ++i) reader.read(before[i]);
  std::vector<double> probabilities;
  for (size_t i = before.empty() ? 1 : 0; i <= text.size(); ++i) {
    const std::vector<double>& logits = reader.read(i == 0 ? before.back() : wanted[i - 1]);
    probabilities.resize(logits.size());
    softmax(logits, static_cast<int64_t>(i), probabilities);
    if (i == wanted.size()) break;
    score.loss += loss_of(logits, wanted[i]);
    ++score.tokens;
  }
  score.next = likeliest(probabilities, top);
  score.characters = std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; }) + 1;
  if (score.tokens > 0) score.loss /= static_cast<double>(score.tokens);
  for (const auto& [token, probability] : score.next)
    score.texts.push_back(
        printable(tokenizer.decode(std::vector<int32_t>{static_cast<int32_t>(token)}, false)));
  return score;
}

std::string text_of(const LineScore& score) {
  std::string text = fmt::format("{}:{}: loss {:.6g}, bits per character {:.6g}, next", score.file,
                                 score.line, score.loss, score.bits_per_character());
  for (size_t i = 0; i < score.next.size(); ++i)
    text += fmt::format(" '{}' {:.4g}", score.texts[i], score.next[i].second);
  return text;
}

Json json_of(const LineScore& score) {
  Json json = {{"input", score.file}};
  if (score.line > 0) json["line"] = score.line;
  if (!score.fault.empty()) {
    json["error"] = score.fault;
    return json;
  }
  json["tokens"] = score.tokens;
  json["loss"] = score.loss;
  json["bits_per_character"] = score.bits_per_character();
  json["next"] = Json::array();
  for (size_t i = 0; i < score.next.size(); ++i)
    json["next"].push_back({{"token", score.next[i].first},
                            {"text", score.texts[i]},
                            {"probability", score.next[i].second}});
  return json;
}

std::string csv_of(const std::vector<LineScore>& scores) {
  std::string text = "input,line,tokens,loss,bits_per_character,next,probability,error\n";
  for (const LineScore& score : scores) {
    const std::string line = score.line > 0 ? fmt::to_string(score.line) : "";
    if (!score.fault.empty())
      text += fmt::format("{},{},,,,,,{}\n", csv_cell(score.file), line, csv_cell(score.fault));
    else
      text += fmt::format("{},{},{},{},{},{},{},\n", csv_cell(score.file), line, score.tokens,
                          csv_number(score.loss), csv_number(score.bits_per_character()),
                          csv_cell(score.texts[0]), csv_number(score.next[0].second));
  }
  return text;
}

template <class Visit>
void each_line(const std::string& file, Visit&& visit) {
  constexpr int64_t limit = int64_t{1} << 30;
  const std::vector<uint8_t> bytes = read_bytes(file, limit);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number;
    if (!line.empty()) visit(line, number);
    begin = end + 1;
  }
}

// Prints lines of text as they come; the other forms are printed or written at the end.
class Scores {
 public:
  explicit Scores(const TextPrediction& what) : what_(what) {}

  void add(LineScore score) {
    if (!score.fault.empty()) {
      ++faults_;
      std::fprintf(stderr, "predict: %s\n", score.fault.c_str());
    } else if (at_once()) {
      fmt::print("{}\n", text_of(score));
    }
    if (!at_once()) scores_.push_back(std::move(score));
  }

  int finish() const {
    if (at_once()) return code();
    Json json = Json::array();
    for (const LineScore& score : scores_) json.push_back(json_of(score));
    const std::string text = what_.json ? json_line(json) + "\n" : csv_of(scores_);
    const std::string_view parts[] = {text};
    if (what_.output.empty())
      fmt::print("{}", text);
    else
      write_file_atomically(what_.output, parts);
    return code();
  }

 private:
  bool at_once() const { return what_.output.empty() && !what_.json; }
  int code() const { return faults_ > 0 ? exit_failure : exit_success; }

  const TextPrediction& what_;
  std::vector<LineScore> scores_;
  int64_t faults_ = 0;
};

LineScore score_or_fault(TextReader& reader, std::string_view line, int64_t number,
                         const std::string& file, int64_t top) {
  LineScore score;
  try {
    score = score_line(reader, line, top);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_finite && error.kind() != ErrorKind::bad_data) throw;
    score.fault = fmt::format("[{}:{}] {}", file, number, error.what());
  }
  score.file = file;
  score.line = number;
  return score;
}

}  // namespace

int predict_text(const TextPrediction& what) {
  const std::unique_ptr<TextReader> reader = TextReader::of_run(what.run, what.threads);
  if (!reader->tokenizer()->is_bytes())
    fail(ErrorKind::unsupported, what.run, "predict takes runs whose tokens are bytes");
  Scores scores(what);
  for (const NamedFile& file : what.files) try {
      if (!file.fault.empty()) fail(ErrorKind::not_found, "", file.fault);
      each_line(file.path, [&](std::string_view line, int64_t number) {
        scores.add(score_or_fault(*reader, line, number, file.path, what.top));
      });
    } catch (const Error& error) {
      LineScore none;
      none.file = file.path;
      none.fault = error.what();
      scores.add(std::move(none));
    }
  return scores.finish();
}

}  // namespace gradus
