// SPDX-License-Identifier: Apache-2.0
#include "engine/io/sealed_folder.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/io/content_hash.h"
#include "engine/io/output_file.h"
#include "engine/io/sealed_manifest.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view half_made = "tmp-", half_removed = "drop-";
// Beyond the files themselves: the manifest, the folder, the file system's own books.
constexpr int64_t spare_bytes = 256 << 10;

std::string sibling(const std::string& path, std::string_view prefix) {
  const fs::path whole(path);
  return (whole.parent_path() / fmt::format("{}{}", prefix, whole.filename().string())).string();
}

std::string parent_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

int64_t bytes_of(const FileContents& file) {
  int64_t bytes = 0;
  for (std::string_view part : file.parts) bytes += static_cast<int64_t>(part.size());
  return bytes;
}

// A full disk is noticed before anything is written to it.
void check_free_space(const std::string& parent, std::span<const FileContents> files) {
  struct statvfs facts {};
  if (::statvfs(parent.c_str(), &facts) != 0) return;  // the writes themselves will tell
  int64_t needed = spare_bytes;
  for (const FileContents& file : files) needed += bytes_of(file);
  const auto room = static_cast<int64_t>(facts.f_bavail) * static_cast<int64_t>(facts.f_frsize);
  if (facts.f_blocks > 0 && room < needed)
    failf(ErrorKind::io, parent, "the disk has {} bytes left, a checkpoint needs {}", room, needed);
}

SealedFile write_one(const std::string& folder, const FileContents& contents) {
  OutputFile file((fs::path(folder) / contents.name).string(), OutputFile::Mode::create);
  ContentHash hash;
  for (std::string_view part : contents.parts) {
    file.write(part);
    hash.add(part);
  }
  file.flush();
  file.close();
  return {contents.name, bytes_of(contents), hash.hex()};
}

void write_half_made(const std::string& folder, const std::string& name,
                     std::span<const FileContents> files) {
  std::error_code error;
  fs::remove_all(folder, error);  // of an attempt that failed and could not be removed then
  if (!fs::create_directory(folder, error))
    failf(ErrorKind::io, folder, "cannot make the folder: {}",
          error ? error.message() : "it exists already");
  SealedManifest manifest{name, {}};
  for (const FileContents& file : files) manifest.files.push_back(write_one(folder, file));
  const std::string text = manifest_text(manifest);
  write_one(folder, {std::string(manifest_name), {text}});
  flush_folder(folder);
}

void rename_folder(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0)
    failf(ErrorKind::io, from, "cannot rename the folder to {}: {}", to, std::strerror(errno));
}

}  // namespace

void write_sealed_folder(const std::string& path, std::span<const FileContents> files) {
  const std::string parent = parent_of(path), temporary = sibling(path, half_made);
  std::error_code error;
  // rename() would replace an empty folder, and fail late for others.
  if (fs::exists(fs::symlink_status(path, error))) fail(ErrorKind::io, path, "exists already");
  check_free_space(parent, files);
  try {
    write_half_made(temporary, fs::path(path).filename().string(), files);
    rename_folder(temporary, path);
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
  flush_folder(parent);
}

void check_sealed_folder(const std::string& path, std::span<const std::string_view> names) {
  std::error_code error;
  if (!fs::is_directory(path, error)) fail(ErrorKind::not_found, path, "no such folder");
  const SealedManifest manifest =
      read_manifest((fs::path(path) / manifest_name).string(), fs::path(path).filename().string());
  for (const SealedFile& file : manifest.files)
    check_sealed_file((fs::path(path) / file.name).string(), file);
  for (std::string_view name : names) {
    bool listed = false;
    for (const SealedFile& file : manifest.files) listed |= file.name == name;
    if (!listed) failf(ErrorKind::bad_data, path, "the manifest does not list {}", name);
  }
}

void drop_sealed_folder(const std::string& path) {
  const std::string dropped = sibling(path, half_removed);
  std::error_code error;
  fs::remove_all(dropped, error);
  rename_folder(path, dropped);
  fs::remove_all(dropped, error);
  if (error) failf(ErrorKind::io, dropped, "cannot remove the folder: {}", error.message());
}

void clean_sealed_folders(const std::string& parent) {
  std::error_code error;
  std::vector<fs::path> left;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(half_made) || name.starts_with(half_removed))
      left.push_back(entry->path());
  }
  for (const fs::path& path : left) fs::remove_all(path, error);
}

}  // namespace gradus
