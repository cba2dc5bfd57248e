// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/bert_normalizer.h"

#include "data/tokenizer/code_points.h"
#include "data/tokenizer/unicode.h"

namespace gradus {
namespace {

struct BertOptions {
  bool clean, ideographs, accents, lower;
};

bool is_line_control(char32_t code) { return code == '\t' || code == '\n' || code == '\r'; }

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(const BertOptions& options) : options_(options) {}

  std::string apply(std::string text) const override {
    text = spaced(text);
    if (options_.accents) text = without_accents(text);
    return options_.lower ? lowercase(text) : text;
  }

 private:
  std::string spaced(const std::string& text) const {
    std::string changed;
    changed.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const char32_t code = next_code_point(text, at);
      if (options_.clean &&
          (code == 0 || code == 0xFFFD || (is_other(code) && !is_line_control(code))))
        continue;
      if (options_.ideographs && is_cjk_ideograph(code)) {
        changed += ' ';
        append_utf8(changed, code);
        changed += ' ';
      } else {
        append_utf8(changed, options_.clean && is_white_space(code) ? U' ' : code);
      }
    }
    return changed;
  }

  static std::string without_accents(const std::string& text) {
    const std::string apart = normal_form(text, NormalForm::nfd);
    std::string kept;
    kept.reserve(apart.size());
    for (size_t at = 0; at < apart.size();) {
      const char32_t code = next_code_point(apart, at);
      if (!is_nonspacing_mark(code)) append_utf8(kept, code);
    }
    return kept;
  }

  BertOptions options_;
};

}  // namespace

std::unique_ptr<Normalizer> make_bert_normalizer(JsonFields& fields) {
  const bool lower = fields.flag("lowercase");
  return std::make_unique<BertNormalizer>(
      BertOptions{.clean = fields.flag("clean_text"),
                  .ideographs = fields.flag("handle_chinese_chars"),
                  .accents = fields.flag_or("strip_accents", lower),
                  .lower = lower});
}

}  // namespace gradus
