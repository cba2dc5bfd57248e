// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gradus {

// The data.format of what lies at `path`, by its name and what a folder holds: idx, cifar, images,
// npy, npz, csv, graph, text, jsonl or tokens. Throws not_found where there is nothing, bad_data
// where nothing fits.
std::string detect_format(const std::string& path);

}  // namespace gradus
