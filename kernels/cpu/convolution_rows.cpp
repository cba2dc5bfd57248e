// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/convolution_rows.h"

#include <algorithm>

namespace gradus::kernels {
namespace {

alignas(64) constexpr float zeros[ConvolutionRows::most_elements] = {};

int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
int64_t ceil_divide(int64_t a, int64_t b) { return -floor_divide(-a, b); }

}  // namespace

ConvolutionRows::ConvolutionRows(const TapMap& map, const float* source, int64_t row_elements,
                                 int64_t depth, int64_t group_taps)
    : map_(map),
      source_(source),
      row_elements_(row_elements),
      depth_(depth),
      copies_(depth <= copied_channels && group_taps > 1) {}

int64_t ConvolutionRows::group_taps(const TapMap& map, int64_t depth, int64_t elements) {
  const int64_t taps = map.kernel[0] * map.kernel[1] * map.kernel[2], line = map.kernel[2];
  const bool copies = depth <= copied_channels;
  const int64_t most =
      copies ? copied_elements / depth
             : std::clamp<int64_t>(std::min(elements, most_elements) / depth, 1, most_taps);
  return most >= taps ? taps : most >= line ? most / line * line : copies ? most : 1;
}

// At a position g the tap reads (g * multiply + offset + tap * step) / divide, where that is whole
// and inside; one of multiply and divide is 1.
ConvolutionRows::Inside ConvolutionRows::inside(size_t d, int64_t tap) const {
  const int64_t base = map_.offset[d] + tap * map_.step[d];
  const int64_t multiply = map_.multiply[d], divide = map_.divide[d];
  if (divide == 1) {
    const int64_t first = std::max<int64_t>(0, ceil_divide(-base, multiply));
    const int64_t last =
        std::min(map_.grid[d] - 1, floor_divide(map_.plane[d] - 1 - base, multiply));
    return {first, std::max<int64_t>(last - first + 1, 0), 1, first * multiply + base, multiply};
  }
  const int64_t first = std::max<int64_t>(0, ceil_divide(base, divide));
  const int64_t last = std::min(map_.plane[d] - 1, floor_divide(map_.grid[d] - 1 + base, divide));
  return {first * divide - base, std::max<int64_t>(last - first + 1, 0), divide, first, 1};
}

// What one position reads, or -1.
int64_t ConvolutionRows::source_index(size_t d, int64_t position, int64_t tap) const {
  const int64_t scaled = position * map_.multiply[d] + map_.offset[d] + tap * map_.step[d];
  if (scaled < 0) return -1;
  const int64_t index = map_.divide[d] == 1 ? scaled : scaled / map_.divide[d];
  return index * map_.divide[d] == scaled && index < map_.plane[d] ? index : -1;
}

void ConvolutionRows::set_positions(int64_t first, int64_t count) {
  const auto& grid = map_.grid;
  const int64_t image_positions = grid[0] * grid[1] * grid[2];
  const int64_t image_elements = map_.plane[0] * map_.plane[1] * map_.plane[2] * row_elements_;
  positions_ = count;
  segments_ = 0;
  for (int64_t done = 0; done < count;) {
    const int64_t image = (first + done) / image_positions, at = (first + done) % image_positions;
    const int64_t width = at % grid[2], length = std::min(grid[2] - width, count - done);
    segment_[segments_++] = {source_ + image * image_elements,
                             at / (grid[1] * grid[2]),
                             at / grid[2] % grid[1],
                             width,
                             done,
                             length};
    done += length;
  }
}

// Calls emit(slot, slot_step, pointer, pointer_step, count) for every run of positions that are
// inside through the tap.
template <class Emit>
void ConvolutionRows::each_inside(int64_t tap, Emit&& emit) const {
  const int64_t line = map_.kernel[2], lines = map_.kernel[1];
  const int64_t t[3] = {tap / (line * lines), tap / line % lines, tap % line};
  const Inside run = inside(2, t[2]);
  for (int64_t i = 0; i < segments_; ++i) {
    const Segment& s = segment_[i];
    const int64_t depth = source_index(0, s.depth, t[0]);
    const int64_t height = source_index(1, s.height, t[1]);
    if (depth < 0 || height < 0) continue;
    int64_t begin = s.width - run.first, end = begin + s.count;
    if (run.step > 1) {
      begin = ceil_divide(begin, run.step);
      end = ceil_divide(end, run.step);
    }
    begin = std::max<int64_t>(begin, 0);
    end = std::min(end, run.count);
    if (begin >= end) continue;
    const int64_t row = (depth * map_.plane[1] + height) * map_.plane[2] + run.source;
    emit(s.first + run.first + begin * run.step - s.width, run.step,
         s.image + (row + begin * run.source_step) * row_elements_, run.source_step * row_elements_,
         end - begin);
  }
}

// Taps of whole lines whose elements stand together in the source: all of a line at once.
void ConvolutionRows::copy_lines(int64_t tap) {
  const int64_t width = map_.kernel[2], lines = map_.kernel[1], plane = map_.plane[2];
  for (int64_t done = 0; done < taps_; done += width) {
    const int64_t line = (tap + done) / width;
    for (int64_t i = 0; i < segments_; ++i) {
      const Segment& s = segment_[i];
      const int64_t depth = source_index(0, s.depth, line / lines);
      const int64_t height = source_index(1, s.height, line % lines);
      if (depth < 0 || height < 0) continue;
      const float* row = s.image + (depth * map_.plane[1] + height) * plane * depth_;
      int64_t at = s.width * map_.multiply[2] + map_.offset[2];
      float* to = copied_ + s.first * this->line() + done * depth_;
      for (int64_t k = s.first; k < s.first + s.count; ++k) {
        const int64_t begin = std::max<int64_t>(-at, 0) * depth_;
        const int64_t end = std::min(width, plane - at) * depth_;
        const float* from = row + at * depth_;
        for (int64_t c = begin; c < end; ++c) to[c] = from[c];
        reads_[k] = reads_[k] || begin < end;
        at += map_.multiply[2];
        to += this->line();
      }
    }
  }
}

void ConvolutionRows::copy_tap(int64_t tap, int64_t index) {
  const int64_t line = this->line();
  each_inside(tap,
              [&](int64_t slot, int64_t slot_step, const float* from, int64_t step, int64_t count) {
                float* to = copied_ + slot * line + index * depth_;
                for (int64_t k = 0; k < count; ++k, to += slot_step * line, from += step) {
                  for (int64_t c = 0; c < depth_; ++c) to[c] = from[c];
                  reads_[slot + k * slot_step] = true;
                }
              });
}

void ConvolutionRows::set_taps(int64_t tap, int64_t taps) {
  taps_ = taps;
  std::fill_n(reads_, positions_, false);
  if (copies_) {
    std::fill_n(copied_, positions_ * line(), 0.0f);
    const bool lines = map_.step[2] == 1 && map_.divide[2] == 1 && row_elements_ == depth_ &&
                       tap % map_.kernel[2] == 0 && taps % map_.kernel[2] == 0;
    if (lines) copy_lines(tap);
    for (int64_t t = 0; t < taps && !lines; ++t) copy_tap(tap + t, t);
    for (int64_t i = 0; i < positions_; ++i) x_[0][i] = copied_ + i * line();
  } else {
    for (int64_t t = 0; t < taps; ++t) {
      if (taps > 1) std::fill_n(x_[t], positions_, zeros);
      each_inside(tap + t, [&](int64_t slot, int64_t slot_step, const float* from, int64_t step,
                               int64_t count) {
        for (int64_t k = 0; k < count; ++k, slot += slot_step, from += step) {
          x_[t][slot] = from;
          reads_[slot] = true;
        }
      });
    }
  }
  keep_readers();
}

void ConvolutionRows::keep_readers() {
  count_ = 0;
  for (int64_t i = 0; i < positions_; ++i) {
    at_[count_] = i;
    count_ += reads_[i] ? 1 : 0;
  }
  if (count_ == positions_) return;
  for (int64_t t = 0; t < taps(); ++t)
    for (int64_t i = 0; i < count_; ++i) x_[t][i] = x_[t][at_[i]];
}

}  // namespace gradus::kernels
