// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "data/tokenizer/regex_syntax.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {
namespace {

constexpr size_t longest_pattern = 1 << 14;
constexpr uint32_t most_steps = 10'000'000, most_heap_kib = 1 << 16;

std::string error_text(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

template <auto release>
struct Release {
  template <class T>
  void operator()(T* what) const {
    release(what);
  }
};

}  // namespace

struct Regex::Program {
  std::unique_ptr<pcre2_code, Release<pcre2_code_free>> code;
  std::unique_ptr<pcre2_match_data, Release<pcre2_match_data_free>> found;
  std::unique_ptr<pcre2_match_context, Release<pcre2_match_context_free>> context;
  std::unique_ptr<pcre2_jit_stack, Release<pcre2_jit_stack_free>> stack;
};

Regex::Regex(std::string_view pattern, Form form, std::string where)
    : program_(std::make_unique<Program>()), where_(std::move(where)) {
  if (pattern.size() > longest_pattern)
    failf(ErrorKind::bad_data, where_, "a pattern of {} bytes, expected at most {}", pattern.size(),
          longest_pattern);
  if (!is_utf8(pattern)) fail(ErrorKind::bad_data, where_, "the pattern is not UTF-8");
  const std::string translated =
      form == Form::literal ? std::string(pattern) : pcre2_pattern(pattern, where_);
  int code = 0;
  PCRE2_SIZE offset = 0;
  const uint32_t options =
      form == Form::literal ? PCRE2_UTF | PCRE2_LITERAL : PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;
  program_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()),
                                     translated.size(), options, &code, &offset, nullptr));
  if (!program_->code)
    failf(ErrorKind::bad_data, where_, "the pattern '{}': {}", pattern, error_text(code));
  program_->found.reset(pcre2_match_data_create(1, nullptr));
  program_->context.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(program_->context.get(), most_steps);
  pcre2_set_heap_limit(program_->context.get(), most_heap_kib);
  if (pcre2_jit_compile(program_->code.get(), PCRE2_JIT_COMPLETE) != 0) return;  // interpreted then
  program_->stack.reset(pcre2_jit_stack_create(1 << 15, 1 << 20, nullptr));
  pcre2_jit_stack_assign(program_->context.get(), nullptr, program_->stack.get());
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::optional<Regex::Match> Regex::find(std::string_view text, size_t from) const {
  const auto match = [&](uint32_t options) {
    return pcre2_match(program_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                       from, options | PCRE2_NO_UTF_CHECK, program_->found.get(),
                       program_->context.get());
  };
  int result = match(0);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return {};
  if (result < 0)
    failf(ErrorKind::bad_data, where_, "its pattern fails on this text: {}", error_text(result));
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(program_->found.get());
  // \K within a lookahead may set the beginning behind the end.
  if (ends[0] > ends[1] || ends[0] < from)
    fail(ErrorKind::bad_data, where_, "its pattern matches backwards");
  return Match{ends[0], ends[1]};
}

}  // namespace gradus
