// SPDX-License-Identifier: Apache-2.0
// The manifest of a sealed folder (engine/io/sealed_folder.h): one JSON object in two lines, the
// second of which is the hash of the first.
//
//   {"format":"gradus sealed folder","version":1,"name":"step-00000200","files":[{"name":
//   "progress.json","bytes":311,"xxh3_128":"..."},...],
//   "xxh3_128":"..."}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

inline constexpr std::string_view manifest_name = "manifest.json";

struct SealedFile {
  std::string name;
  int64_t bytes = 0;
  std::string hash;  // as ContentHash::hex
};

struct SealedManifest {
  std::string name;  // of the folder
  std::vector<SealedFile> files;
};

std::string manifest_text(const SealedManifest& manifest);

// Throws Error: not_found, bad_data for a text that is not exactly as manifest_text makes it or for
// another folder than `name`, unsupported for a later version.
SealedManifest read_manifest(const std::string& path, std::string_view name);

// Compares the file at `path` with its entry. Throws Error: not_found, bad_data, io.
void check_sealed_file(const std::string& path, const SealedFile& expected);

}  // namespace gradus
