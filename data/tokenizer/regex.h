// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

// A regular expression over well-formed UTF-8, as tokenizer files have them: Oniguruma's syntax,
// run by PCRE2. One thread at a time.
class Regex {
 public:
  enum class Form { pattern, literal };
  // `where` begins messages. Throws bad_data for what is no pattern, unsupported for a part of the
  // syntax that the two engines do not share (data/tokenizer/regex_syntax.h).
  Regex(std::string_view pattern, Form form, std::string where);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  struct Match {
    size_t begin, end;
  };
  // The leftmost match at or behind byte `from`. Throws bad_data where the pattern takes more than
  // ten million steps on this text.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  struct Program;
  std::unique_ptr<Program> program_;
  std::string where_;
};

}  // namespace gradus
