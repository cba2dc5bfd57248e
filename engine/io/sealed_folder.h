// SPDX-License-Identifier: Apache-2.0
// Folders of files that are there whole or not at all, and that show damage: the protocol of
// checkpoints. Beside the files such a folder holds manifest.json, with its own name and the length
// and XXH3-128 of every file and of the manifest's own text. A folder is made in this order:
//
//   free space looked at; PARENT/tmp-NAME made; each file written, flushed and closed; the manifest
//   last; the folder flushed; renamed to PARENT/NAME; PARENT flushed.
//
// A process that dies anywhere leaves tmp-NAME, which is no sealed folder, or the whole one. One is
// removed by renaming it to PARENT/drop-NAME first, so that a half-removed one is never taken for
// whole. One process at a time may write below a parent.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

struct FileContents {
  std::string name;  // without a folder
  std::vector<std::string_view> parts;
};

// Makes the folder `path`, whose parent exists. Throws Error(io) where the system refuses or the
// disk has too little room, with nothing left behind if it can be removed, and where `path` exists.
void write_sealed_folder(const std::string& path, std::span<const FileContents> files);

// Reads every byte and compares with the manifest; `names` are the files that must be among them.
// Throws Error: not_found where the folder or its manifest is missing, bad_data naming the file
// that is damaged, unsupported for the manifest of a later version.
void check_sealed_folder(const std::string& path, std::span<const std::string_view> names);

// Removes a sealed folder, by way of drop-NAME. Throws Error(io).
void drop_sealed_folder(const std::string& path);

// Removes what dead processes left below `parent`: tmp-* and drop-*. What cannot be removed stays.
void clean_sealed_folders(const std::string& parent);

}  // namespace gradus
