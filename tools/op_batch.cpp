// SPDX-License-Identifier: Apache-2.0
#include "tools/op_batch.h"

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/op/registry.h"

namespace gradus {
namespace {

using Json = nlohmann::json;

BatchCase parse_case(const Json& entry) {
  BatchCase result;
  result.name = entry.at("name").get<std::string>();
  result.op = entry.at("op").get<std::string>();
  result.attrs = entry.at("attrs").dump();
  result.gradient = entry.value("grad", false);
  result.seed = entry.value("seed", uint64_t{0});
  return result;
}

}  // namespace

std::vector<BatchCase> read_batch(const std::string& path) {
  Safetensors file = load_safetensors(path);
  const auto cases = file.metadata.find("cases");
  if (cases == file.metadata.end()) fail(ErrorKind::bad_data, path, "no metadata 'cases'");
  std::vector<BatchCase> result;
  try {
    for (const Json& entry : Json::parse(cases->second)) result.push_back(parse_case(entry));
  } catch (const Json::exception& error) {
    failf(ErrorKind::bad_data, path, "metadata 'cases': {}", error.what());
  }
  for (BatchCase& entry : result) {
    const std::string prefix = entry.name + "/";
    for (auto found = file.tensors.lower_bound(prefix);
         found != file.tensors.end() && found->first.starts_with(prefix); ++found)
      entry.tensors[found->first.substr(prefix.size())] = found->second;
  }
  return result;
}

NamedTensors run_batch_case(const BatchCase& batch_case) {
  const OpDef& op = get_op(batch_case.op);
  return run_request({.op = &op,
                      .attrs = attributes_from_json(op, batch_case.attrs),
                      .tensors = batch_case.tensors,
                      .gradient = batch_case.gradient,
                      .seed = batch_case.seed});
}

}  // namespace gradus
