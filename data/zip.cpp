// SPDX-License-Identifier: Apache-2.0
#include "data/zip.h"

#include <algorithm>
#include <set>

#include <zlib.h>

#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr uint32_t local_mark = 0x04034b50, entry_mark = 0x02014b50, end_mark = 0x06054b50;
constexpr uint32_t end64_mark = 0x06064b50, locator64_mark = 0x07064b50;
constexpr uint64_t end_bytes = 22, locator64_bytes = 20, end64_bytes = 56;
constexpr uint64_t entry_bytes = 46, local_bytes = 30;
constexpr uint64_t deflate_limit = 1032;  // bytes that one packed byte can become
constexpr uint32_t in_zip64 = 0xFFFFFFFF;

// Little-endian numbers at places that are checked against the archive.
class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, const std::string& source)
      : bytes_(bytes), source_(source) {}

  uint64_t size() const { return bytes_.size(); }
  uint64_t number(uint64_t at, int width) const {
    need(at, static_cast<uint64_t>(width));
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i) value = value << 8 | bytes_[at + static_cast<uint64_t>(i)];
    return value;
  }
  uint16_t u16(uint64_t at) const { return static_cast<uint16_t>(number(at, 2)); }
  uint32_t u32(uint64_t at) const { return static_cast<uint32_t>(number(at, 4)); }
  uint64_t u64(uint64_t at) const { return number(at, 8); }
  std::string text(uint64_t at, uint64_t length) const {
    need(at, length);
    return {reinterpret_cast<const char*>(bytes_.data()) + at, length};
  }
  void need(uint64_t at, uint64_t count) const {
    if (at > size() || count > size() - at)
      refuse(fmt::format("cut: expected {} bytes at byte {}, it has {}", count, at, size()));
  }
  [[noreturn]] void refuse(const std::string& message) const {
    fail(ErrorKind::bad_data, source_, "zip archive " + message);
  }

 private:
  std::span<const uint8_t> bytes_;
  const std::string& source_;
};

struct Directory {
  uint64_t begin, bytes, entries;
};

Directory find_directory(const Reader& reader) {
  if (reader.size() < end_bytes) reader.refuse("without an end record");
  // The record is followed by nothing but its comment.
  const uint64_t last = reader.size() - end_bytes;
  uint64_t at = last;
  while (reader.u32(at) != end_mark || reader.u16(at + 20) != last - at) {
    if (at == 0 || last - at == 0xFFFF) reader.refuse("without an end record");
    --at;
  }
  if (reader.u16(at + 4) != 0 || reader.u16(at + 6) != 0) reader.refuse("in several parts");
  Directory directory{reader.u32(at + 16), reader.u32(at + 12), reader.u16(at + 10)};
  uint64_t end = at;
  if (at >= locator64_bytes && reader.u32(at - locator64_bytes) == locator64_mark) {
    end = reader.u64(at - locator64_bytes + 8);
    reader.need(end, end64_bytes);
    if (reader.u32(end) != end64_mark) reader.refuse("whose zip64 end record is not where it says");
    directory = {reader.u64(end + 48), reader.u64(end + 40), reader.u64(end + 32)};
  }
  if (directory.begin > end || directory.bytes > end - directory.begin)
    reader.refuse("whose directory leaves the archive");
  if (directory.entries > directory.bytes / entry_bytes)
    reader.refuse(fmt::format("of {} entries, but its directory has {} bytes", directory.entries,
                              directory.bytes));
  return directory;
}

// Replaces what the 32-bit fields could not hold by the numbers of the zip64 field.
void read_extra(const Reader& reader, uint64_t at, uint64_t length, ZipEntry& entry,
                uint64_t& local) {
  uint64_t* const wanted[] = {&entry.bytes, &entry.packed_bytes, &local};
  reader.need(at, length);
  for (const uint64_t end = at + length; at + 4 <= end;) {
    const uint64_t field = reader.u16(at + 2);
    if (field > end - at - 4) reader.refuse("with an extra field that leaves its entry");
    if (reader.u16(at) == 1) {
      uint64_t value = at + 4;
      for (uint64_t* number : wanted) {
        if (*number != in_zip64) continue;
        if (value + 8 > at + 4 + field) reader.refuse("with a cut zip64 field");
        *number = reader.u64(value);
        value += 8;
      }
    }
    at += 4 + field;
  }
}

// Reads the entry of the directory at `at` and moves behind it.
ZipEntry read_entry(const Reader& reader, uint64_t& at, uint64_t limit) {
  reader.need(at, entry_bytes);
  if (reader.u32(at) != entry_mark) reader.refuse(fmt::format("without an entry at byte {}", at));
  const uint64_t name = reader.u16(at + 28), extra = reader.u16(at + 30);
  const uint64_t comment = reader.u16(at + 32);
  ZipEntry entry{.name = reader.text(at + entry_bytes, name),
                 .crc = reader.u32(at + 16),
                 .packed_bytes = reader.u32(at + 20),
                 .bytes = reader.u32(at + 24)};
  uint64_t local = reader.u32(at + 42);
  const uint16_t flags = reader.u16(at + 8), method = reader.u16(at + 10);
  if (flags & 1) reader.refuse("that is encrypted");
  if (method != 0 && method != 8)
    reader.refuse(fmt::format("packed by method {}, expected 0 or 8", method));
  entry.deflated = method == 8;
  read_extra(reader, at + entry_bytes + name, extra, entry, local);
  at += entry_bytes + name + extra + comment;
  reader.need(local, local_bytes);
  const uint64_t local_name = reader.u16(local + 26), local_extra = reader.u16(local + 28);
  if (reader.u32(local) != local_mark || reader.u16(local + 8) != method ||
      reader.text(local + local_bytes, local_name) != entry.name)
    reader.refuse(fmt::format("whose directory and entry at byte {} differ", local));
  entry.begin = local + local_bytes + local_name + local_extra;
  if (entry.begin > limit || entry.packed_bytes > limit - entry.begin)
    reader.refuse(fmt::format("whose entry at byte {} reaches into its directory", local));
  const bool reachable = entry.deflated ? entry.bytes / deflate_limit <= entry.packed_bytes
                                        : entry.bytes == entry.packed_bytes;
  if (!reachable)
    reader.refuse(fmt::format("whose entry at byte {} says {} bytes in {}", local, entry.bytes,
                              entry.packed_bytes));
  return entry;
}

}  // namespace

std::vector<ZipEntry> list_zip(std::span<const uint8_t> archive, const std::string& source) {
  const Reader reader(archive, source);
  const Directory directory = find_directory(reader);
  std::vector<ZipEntry> entries;
  std::set<std::string> names;
  uint64_t at = directory.begin;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    entries.push_back(read_entry(reader, at, directory.begin));
    if (!names.insert(entries.back().name).second) reader.refuse("with a name that stands twice");
  }
  if (at != directory.begin + directory.bytes) reader.refuse("with a directory of another length");
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const ZipEntry& entry : entries)
    ranges.emplace_back(entry.begin, entry.begin + entry.packed_bytes);
  std::ranges::sort(ranges);
  for (size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].second) reader.refuse("with entries that overlap");
  return entries;
}

std::vector<uint8_t> unpack_zip(std::span<const uint8_t> archive, const ZipEntry& entry,
                                const std::string& source) {
  const std::span<const uint8_t> packed = archive.subspan(entry.begin, entry.packed_bytes);
  std::vector<uint8_t> bytes(packed.begin(), entry.deflated ? packed.begin() : packed.end());
  if (entry.deflated) {
    bytes.resize(entry.bytes);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
      failf(ErrorKind::out_of_memory, source, "no memory to unpack '{}'", entry.name);
    stream.next_in = const_cast<uint8_t*>(packed.data());
    stream.next_out = bytes.data();
    int result = Z_OK;
    // zlib counts in 32 bits.
    constexpr uint64_t most = 1u << 30;
    uint64_t in_left = packed.size(), out_left = bytes.size();
    while (result == Z_OK) {
      stream.avail_in = static_cast<uInt>(std::min(in_left, most));
      stream.avail_out = static_cast<uInt>(std::min(out_left, most));
      const uint64_t in = stream.avail_in, out = stream.avail_out;
      result = inflate(&stream, Z_NO_FLUSH);
      in_left -= in - stream.avail_in;
      out_left -= out - stream.avail_out;
    }
    inflateEnd(&stream);
    if (result != Z_STREAM_END || in_left != 0 || out_left != 0)
      failf(ErrorKind::bad_data, source,
            "the entry '{}' is damaged: its deflate stream ends wrongly", entry.name);
  }
  const uLong crc = crc32_z(crc32_z(0, nullptr, 0), bytes.data(), bytes.size());
  if (crc != entry.crc)
    failf(ErrorKind::bad_data, source,
          "the entry '{}' is damaged: its CRC-32 is {:08x}, expected "
          "{:08x}",
          entry.name, crc, entry.crc);
  return bytes;
}

}  // namespace gradus
