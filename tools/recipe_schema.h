// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/op/attributes.h"

namespace gradus {

// A JSON schema (draft 2020-12) of recipes: editors check and complete TOML with it. Which keys
// belong to which model, data format or optimizer is in their descriptions.
nlohmann::ordered_json recipe_schema();

// A recipe's value.
nlohmann::ordered_json to_json(const AttrValue& value);

}  // namespace gradus
