// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace gradus::kernels {

// A (rows, channels) matrix cut into chunks of rows that stay in the L2 cache, by shape alone. Sums
// over the rows of a column are made per chunk in f32 and added in order in f64.
struct ColumnChunks {
  static constexpr int64_t elements = 16384;

  ColumnChunks(int64_t all_rows, int64_t all_channels)
      : rows(all_rows),
        channels(all_channels),
        chunk_rows(std::max<int64_t>(elements / std::max<int64_t>(channels, 1), 1)),
        count((rows + chunk_rows - 1) / chunk_rows) {}

  int64_t begin(int64_t chunk) const { return chunk * chunk_rows; }
  int64_t end(int64_t chunk) const { return std::min(begin(chunk) + chunk_rows, rows); }

  int64_t rows, channels, chunk_rows, count;
};

// Per chunk three arrays of the channels (partial results), and four arrays of constants for the
// pass that follows.
struct ColumnWorkspace {
  static constexpr int64_t arrays_per_chunk = 3, constants = 4;

  ColumnWorkspace(void* memory, const ColumnChunks& chunks)
      : parts(static_cast<float*>(memory)), chunks_(chunks) {}
  float* constant(int64_t i) const {
    return parts + (chunks_.count * arrays_per_chunk + i) * chunks_.channels;
  }

  float* parts;

 private:
  ColumnChunks chunks_;
};

// Bytes.
inline int64_t column_workspace(int64_t rows, int64_t channels) {
  const ColumnChunks chunks(rows, channels);
  return (chunks.count * ColumnWorkspace::arrays_per_chunk + ColumnWorkspace::constants) *
         channels * static_cast<int64_t>(sizeof(float));
}

}  // namespace gradus::kernels
