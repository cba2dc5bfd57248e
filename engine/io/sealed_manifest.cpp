// SPDX-License-Identifier: Apache-2.0
#include "engine/io/sealed_manifest.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/io/content_hash.h"
#include "engine/io/input_file.h"

namespace gradus {
namespace {

constexpr std::string_view format_name = "gradus sealed folder";
constexpr int64_t format_version = 1;
constexpr int64_t largest_manifest = 1 << 20;
constexpr size_t hash_digits = 32;
constexpr size_t piece_bytes = 1 << 20;

std::string hash_line(std::string_view first_line) {
  return fmt::format("\"xxh3_128\":\"{}\"}}\n", content_hash(first_line));
}

// A name that stays in its folder.
bool is_plain(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

// A number beyond int64 is read as a real one, or as a negative one: neither is legal.
int64_t whole_number(const nlohmann::json& value, const std::string& path) {
  if (!value.is_number_integer())
    failf(ErrorKind::bad_data, path, "expected an integer, got {}", value.dump());
  return value.get<int64_t>();
}

SealedFile file_entry(const nlohmann::json& entry, const std::string& path) {
  return {entry.at("name").get<std::string>(), whole_number(entry.at("bytes"), path),
          entry.at("xxh3_128").get<std::string>()};
}

// Of a text whose hash is right.
SealedManifest parse_manifest(std::string_view first_line, const std::string& path) {
  SealedManifest manifest;
  int64_t version = 0;
  try {
    const nlohmann::json json =
        nlohmann::json::parse(std::string(first_line.substr(0, first_line.size() - 2)) + "}");
    if (json.at("format").get<std::string>() != format_name)
      fail(ErrorKind::bad_data, path, "not the manifest of a sealed folder");
    version = whole_number(json.at("version"), path);
    if (version == format_version) {
      manifest.name = json.at("name").get<std::string>();
      for (const nlohmann::json& entry : json.at("files"))
        manifest.files.push_back(file_entry(entry, path));
    }
  } catch (const nlohmann::json::exception& error) {
    failf(ErrorKind::bad_data, path, "not a manifest: {}", error.what());
  }
  if (version != format_version)
    failf(ErrorKind::unsupported, path, "the manifest has version {}, this Gradus reads {}",
          version, format_version);
  for (const SealedFile& file : manifest.files)
    if (!is_plain(file.name) || file.bytes < 0 || file.hash.size() != hash_digits)
      failf(ErrorKind::bad_data, path, "the entry of the file '{}' is not one", file.name);
  return manifest;
}

}  // namespace

std::string manifest_text(const SealedManifest& manifest) {
  nlohmann::ordered_json json = {
      {"format", format_name}, {"version", format_version}, {"name", manifest.name}};
  json["files"] = nlohmann::ordered_json::array();
  for (const SealedFile& file : manifest.files)
    json["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"xxh3_128", file.hash}});
  std::string text = json.dump();
  text.pop_back();
  text += ",\n";
  return text + hash_line(text);
}

SealedManifest read_manifest(const std::string& path, std::string_view name) {
  const InputFile file(path);
  if (file.bytes() > largest_manifest)
    failf(ErrorKind::bad_data, path, "{} bytes are too many for a manifest", file.bytes());
  std::string text(static_cast<size_t>(file.bytes()), '\0');
  file.read(0, text.size(), text.data());
  const size_t end = text.find('\n');
  if (end == text.npos || end < 2 || text[end - 1] != ',' ||
      std::string_view(text).substr(end + 1) !=
          hash_line(std::string_view(text).substr(0, end + 1)))
    fail(ErrorKind::bad_data, path, "the manifest is damaged: its text and its hash differ");
  SealedManifest manifest = parse_manifest(std::string_view(text).substr(0, end + 1), path);
  if (manifest.name != name)
    failf(ErrorKind::bad_data, path, "this is the manifest of '{}', not of '{}'", manifest.name,
          name);
  return manifest;
}

void check_sealed_file(const std::string& path, const SealedFile& expected) {
  const InputFile file(path);
  if (file.bytes() != expected.bytes)
    failf(ErrorKind::bad_data, path, "the file is damaged: expected {} bytes, got {}",
          expected.bytes, file.bytes());
  ContentHash hash;
  std::string piece(piece_bytes, '\0');
  for (int64_t offset = 0; offset < expected.bytes;) {
    const size_t count = std::min(piece_bytes, static_cast<size_t>(expected.bytes - offset));
    file.read(offset, count, piece.data());
    hash.add({piece.data(), count});
    offset += static_cast<int64_t>(count);
  }
  if (const std::string found = hash.hex(); found != expected.hash)
    failf(ErrorKind::bad_data, path, "the file is damaged: expected the hash {}, got {}",
          expected.hash, found);
}

}  // namespace gradus
