// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/batch_norm_relu.h"
#include "kernels/cpu/column_chunks.h"

namespace gradus::kernels {

// The rows of windows of a channels-last activation, cut into chunks of about as many elements as
// ColumnChunks', by shape alone. Row r is (image, output depth, output height).
inline ColumnChunks window_chunks(const BatchNormReluShape& s) {
  const int64_t rows = s.batch * s.output[0] * s.output[1];
  ColumnChunks chunks(rows, s.channels);
  const int64_t row_elements = s.window[0] * s.window[1] * s.input(2) * s.channels;
  chunks.chunk_rows =
      std::max<int64_t>(ColumnChunks::elements / std::max<int64_t>(row_elements, 1), 1);
  chunks.count = (rows + chunks.chunk_rows - 1) / chunks.chunk_rows;
  return chunks;
}

// Bytes.
inline int64_t window_workspace(const BatchNormReluShape& s) {
  const int64_t arrays =
      window_chunks(s).count * ColumnWorkspace::arrays_per_chunk + ColumnWorkspace::constants;
  return arrays * s.channels * static_cast<int64_t>(sizeof(float));
}

}  // namespace gradus::kernels
