// SPDX-License-Identifier: Apache-2.0
// In place of libFuzzer, for any compiler: gives a fuzz target each file of a corpus once. A target
// that finds something ends the program. Arguments: the corpus folder.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<std::filesystem::path> files_of(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

// In memory of exactly its size, so that a sanitizer sees a read past the end.
std::vector<uint8_t> contents(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(stream), {}};
  bytes.shrink_to_fit();
  return bytes;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: " << arguments[0] << " FOLDER\n";
    return 2;
  }
  const std::vector<std::filesystem::path> files = files_of(arguments[1]);
  for (const std::filesystem::path& path : files) {
    std::cout << path.filename().string() << std::endl;  // flushed: the last line names a crash
    const std::vector<uint8_t> bytes = contents(path);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::cout << files.size() << " inputs\n";
  return files.empty() ? 1 : 0;
}
