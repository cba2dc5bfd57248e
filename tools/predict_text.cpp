// SPDX-License-Identifier: Apache-2.0
#include "tools/predict_text.h"

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

  double bits_per_character() const {
    return loss * static_cast<double>(tokens) /
           (static_cast<double>(characters) * std::numbers::ln2);
  }
};

// A byte as text: itself, or \xNN.
std::string byte_text(int64_t byte) {
  if (byte >= 0x20 && byte < 0x7F && byte != '\\') return std::string(1, static_cast<char>(byte));
  if (byte == '\n') return "\\n";
  return fmt::format("\\x{:02x}", byte);
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

LineScore score_line(TextReader& reader, std::string_view line, int64_t top) {
  LineScore score;
  reader.restart();
  std::vector<double> probabilities;
  int64_t token = '\n';
  for (size_t i = 0; i <= line.size(); ++i) {
    const std::vector<double>& logits = reader.read(token);
    probabilities.resize(logits.size());
    softmax(logits, static_cast<int64_t>(i), probabilities);
    token = i < line.size() ? static_cast<unsigned char>(line[i]) : '\n';
    const double highest = *std::ranges::max_element(logits);
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - highest);
    score.loss += std::log(sum) + highest - logits[static_cast<size_t>(token)];
    score.characters += (token & 0xC0) != 0x80 ? 1 : 0;
  }
  score.tokens = static_cast<int64_t>(line.size()) + 1;
  score.loss /= static_cast<double>(score.tokens);
  score.next = likeliest(probabilities, top);
  return score;
}

std::string text_of(const LineScore& score) {
  std::string text = fmt::format("{}:{}: loss {:.6g}, bits per character {:.6g}, next", score.file,
                                 score.line, score.loss, score.bits_per_character());
  for (const auto& [token, probability] : score.next)
    text += fmt::format(" '{}' {:.4g}", byte_text(token), probability);
  return text;
}

Json json_of(const LineScore& score) {
  Json json = {{"input", score.file},
               {"line", score.line},
               {"tokens", score.tokens},
               {"loss", score.loss},
               {"bits_per_character", score.bits_per_character()},
               {"next", Json::array()}};
  for (const auto& [token, probability] : score.next)
    json["next"].push_back(
        {{"token", token}, {"text", byte_text(token)}, {"probability", probability}});
  return json;
}

std::string csv_of(const std::vector<LineScore>& scores) {
  std::string text = "input,line,tokens,loss,bits_per_character,next,probability\n";
  for (const LineScore& score : scores)
    text += fmt::format("{},{},{},{},{},{},{}\n", csv_cell(score.file), score.line, score.tokens,
                        csv_number(score.loss), csv_number(score.bits_per_character()),
                        csv_cell(byte_text(score.next[0].first)), csv_number(score.next[0].second));
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

}  // namespace

int predict_text(const TextPrediction& what) {
  const std::unique_ptr<TextReader> reader = TextReader::of_run(what.run, what.threads);
  if (!reader->tokenizer()->is_bytes())
    fail(ErrorKind::unsupported, what.run, "predict takes runs whose tokens are bytes");
  std::vector<LineScore> scores;
  const bool at_once = what.output.empty() && !what.json;
  int64_t faults = 0;
  for (const std::string& file : what.files) try {
      each_line(file, [&](std::string_view line, int64_t number) {
        LineScore score = score_line(*reader, line, what.top);
        score.file = file;
        score.line = number;
        if (at_once)
          fmt::print("{}\n", text_of(score));
        else
          scores.push_back(std::move(score));
      });
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::not_finite) throw;
      ++faults;
      std::fprintf(stderr, "predict: %s\n", error.what());
    }
  if (!at_once) {
    Json json = Json::array();
    for (const LineScore& score : scores) json.push_back(json_of(score));
    const std::string text = what.json
                                 ? json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"
                                 : csv_of(scores);
    const std::string_view parts[] = {text};
    if (what.output.empty())
      fmt::print("{}", text);
    else
      write_file_atomically(what.output, parts);
  }
  return faults > 0 ? exit_failure : exit_success;
}

}  // namespace gradus
