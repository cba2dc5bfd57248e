// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/metaspace.h"

#include "engine/base/error.h"

namespace gradus {

Metaspace metaspace_of(JsonFields& fields) {
  (void)fields.letter("replacement");
  Metaspace options{.mark = fields.text("replacement")};
  const std::string scheme = fields.text_or("prepend_scheme", "always");
  if (scheme == "first")
    options.prepend = Metaspace::Prepend::first;
  else if (scheme == "never")
    options.prepend = Metaspace::Prepend::never;
  else if (scheme != "always")
    failf(ErrorKind::unsupported, fields.where(), "the prepend_scheme '{}' is not known", scheme);
  // What files of before prepend_scheme have.
  if (!fields.flag_or("add_prefix_space", true)) {
    if (options.prepend != Metaspace::Prepend::never && fields.find("prepend_scheme"))
      fail(ErrorKind::bad_data, fields.where(), "add_prefix_space and prepend_scheme do not agree");
    options.prepend = Metaspace::Prepend::never;
  }
  (void)fields.find("str_rep");  // the same as `replacement`, in old files
  options.splits = fields.flag_or("split", true);
  return options;
}

void append_metaspace(std::string_view text, const Metaspace& options, bool at_start,
                      std::string& out) {
  const bool prepends = options.prepend == Metaspace::Prepend::always ||
                        (options.prepend == Metaspace::Prepend::first && at_start);
  if (prepends && !text.starts_with(' ') && !text.starts_with(options.mark)) out += options.mark;
  for (const char c : text) {
    if (c == ' ')
      out += options.mark;
    else
      out += c;
  }
}

}  // namespace gradus
