// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/token_model.h"

#include "engine/base/error.h"

namespace gradus {

int32_t TokenModel::unknown_id(std::string_view token) const {
  const int32_t id = vocabulary_.find(token);
  if (id < 0)
    failf(ErrorKind::bad_data, "tokenizer",
          "the text has what no token stands for, and the vocabulary lacks '{}'", token);
  return id;
}

}  // namespace gradus
