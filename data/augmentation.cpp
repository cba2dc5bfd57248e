// SPDX-License-Identifier: Apache-2.0
#include "data/augmentation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {
namespace {

// The number of the word that decides something; noise takes those from first_noise_word on.
enum Word : uint64_t {
  rotation_word,
  zoom_word,
  flip_word,
  flip_vertical_word,
  shift_y_word,
  shift_x_word,
  brightness_word,
  contrast_word,
  saturation_word,
  erase_word,
  area_word,
  ratio_word,
  erase_y_word,
  erase_x_word,
  first_noise_word = 32,
};

class Draws {
 public:
  explicit Draws(PhiloxKey key) : key_(key) {}

  double uniform(uint64_t word) const {  // [0, 1)
    return static_cast<double>(uniform_float(philox_word(key_, word)));
  }
  double between(uint64_t word, double low, double high) const {
    return low + (high - low) * uniform(word);
  }
  // 0 .. bound - 1
  int64_t below(uint64_t word, int64_t bound) const {
    return static_cast<int64_t>(uniform(word) * static_cast<double>(bound));
  }
  // Two normal numbers from words 2 i and 2 i + 1 of the noise (Box and Muller).
  std::pair<double, double> normal(uint64_t i) const {
    const double radius = std::sqrt(-2 * std::log(1 - uniform(first_noise_word + 2 * i)));
    const double angle = 2 * std::numbers::pi * uniform(first_noise_word + 2 * i + 1);
    return {radius * std::cos(angle), radius * std::sin(angle)};
  }

 private:
  PhiloxKey key_;
};

template <class T>
struct Image {
  T* values;
  T* scratch;
  int64_t channels, height, width;

  int64_t plane() const { return height * width; }
  int64_t numel() const { return channels * plane(); }
};

// The value at a place between pixels; 0 outside.
template <class T>
double bilinear(const T* plane, int64_t height, int64_t width, double y, double x) {
  const double top = std::floor(y), left = std::floor(x);
  const double fy = y - top, fx = x - left;
  const auto at = [&](double row, double column) {
    if (row < 0 || column < 0 || row >= static_cast<double>(height) ||
        column >= static_cast<double>(width))
      return 0.0;
    return static_cast<double>(
        plane[static_cast<int64_t>(row) * width + static_cast<int64_t>(column)]);
  };
  return (1 - fy) * ((1 - fx) * at(top, left) + fx * at(top, left + 1)) +
         fy * ((1 - fx) * at(top + 1, left) + fx * at(top + 1, left + 1));
}

// Turns about the centre, counter-clockwise as seen, and enlarges by `zoom`.
template <class T>
void warp(Image<T>& image, double degrees, double zoom) {
  const double angle = degrees * std::numbers::pi / 180;
  const double c = std::cos(angle) / zoom, s = std::sin(angle) / zoom;
  const double middle_y = static_cast<double>(image.height - 1) / 2;
  const double middle_x = static_cast<double>(image.width - 1) / 2;
  std::copy_n(image.values, image.numel(), image.scratch);
  for (int64_t channel = 0; channel < image.channels; ++channel) {
    const T* from = image.scratch + channel * image.plane();
    T* to = image.values + channel * image.plane();
    for (int64_t y = 0; y < image.height; ++y)
      for (int64_t x = 0; x < image.width; ++x) {
        const double dy = static_cast<double>(y) - middle_y, dx = static_cast<double>(x) - middle_x;
        *to++ = static_cast<T>(bilinear(from, image.height, image.width, middle_y + c * dy + s * dx,
                                        middle_x + c * dx - s * dy));
      }
  }
}

// Moves the contents by (dy, dx) pixels; zeros come in.
template <class T>
void move(Image<T>& image, int64_t dy, int64_t dx) {
  std::copy_n(image.values, image.numel(), image.scratch);
  for (int64_t row = 0; row < image.channels * image.height; ++row) {
    const int64_t y = row % image.height - dy;
    T* to = image.values + row * image.width;
    std::fill_n(to, image.width, T(0));
    if (y < 0 || y >= image.height) continue;
    const T* from = image.scratch + (row - dy) * image.width;
    const int64_t begin = std::clamp<int64_t>(dx, 0, image.width);
    const int64_t end = std::clamp<int64_t>(image.width + dx, 0, image.width);
    for (int64_t x = begin; x < end; ++x) to[x] = from[x - dx];
  }
}

template <class T>
void flip_rows(Image<T>& image) {
  for (int64_t row = 0; row < image.channels * image.height; ++row)
    std::reverse(image.values + row * image.width, image.values + (row + 1) * image.width);
}

template <class T>
void flip_columns(Image<T>& image) {
  for (int64_t channel = 0; channel < image.channels; ++channel) {
    T* plane = image.values + channel * image.plane();
    for (int64_t y = 0; y < image.height / 2; ++y)
      std::swap_ranges(plane + y * image.width, plane + (y + 1) * image.width,
                       plane + (image.height - 1 - y) * image.width);
  }
}

template <class T>
void change_contrast(Image<T>& image, double factor) {
  double sum = 0;
  for (int64_t i = 0; i < image.numel(); ++i) sum += static_cast<double>(image.values[i]);
  const double mean = sum / static_cast<double>(image.numel());
  for (int64_t i = 0; i < image.numel(); ++i)
    image.values[i] = static_cast<T>(mean + factor * (static_cast<double>(image.values[i]) - mean));
}

// Grey is the luma of ITU-R BT.601.
template <class T>
void change_saturation(Image<T>& image, double factor) {
  if (image.channels != 3) return;
  T *red = image.values, *green = red + image.plane(), *blue = green + image.plane();
  for (int64_t i = 0; i < image.plane(); ++i) {
    const double grey = 0.299 * static_cast<double>(red[i]) +
                        0.587 * static_cast<double>(green[i]) +
                        0.114 * static_cast<double>(blue[i]);
    for (T* channel : {red, green, blue})
      channel[i] = static_cast<T>(grey + factor * (static_cast<double>(channel[i]) - grey));
  }
}

template <class T>
void add_noise(Image<T>& image, double deviation, const Draws& draws) {
  for (int64_t i = 0; i < image.numel(); i += 2) {
    const auto [first, second] = draws.normal(static_cast<uint64_t>(i / 2));
    image.values[i] += static_cast<T>(deviation * first);
    if (i + 1 < image.numel()) image.values[i + 1] += static_cast<T>(deviation * second);
  }
}

// A rectangle with sides in a ratio from 0.3 to 3.3 (Zhong et al., "Random erasing data
// augmentation", 2017), cut to the image.
template <class T>
void erase_rectangle(Image<T>& image, const Augmentation& options, const Draws& draws) {
  const double area = draws.between(area_word, options.erase_least, options.erase_most) *
                      static_cast<double>(image.plane());
  const double ratio = std::exp(draws.between(ratio_word, std::log(0.3), std::log(1 / 0.3)));
  const auto side = [](double wanted, int64_t most) {
    return std::clamp<int64_t>(std::llround(wanted), 1, most);
  };
  const int64_t height = side(std::sqrt(area * ratio), image.height);
  const int64_t width = side(std::sqrt(area / ratio), image.width);
  const int64_t top = draws.below(erase_y_word, image.height - height + 1);
  const int64_t left = draws.below(erase_x_word, image.width - width + 1);
  for (int64_t channel = 0; channel < image.channels; ++channel)
    for (int64_t y = top; y < top + height; ++y)
      std::fill_n(image.values + channel * image.plane() + y * image.width + left, width, T(0));
}

template <class T>
void change_geometry(Image<T>& image, const Augmentation& options, const Draws& draws) {
  if (options.rotation > 0 || options.zoom > 0)
    warp(image, draws.between(rotation_word, -options.rotation, options.rotation),
         draws.between(zoom_word, 1 - options.zoom, 1 + options.zoom));
  if (options.flip && draws.uniform(flip_word) < 0.5) flip_rows(image);
  if (options.flip_vertical && draws.uniform(flip_vertical_word) < 0.5) flip_columns(image);
  if (options.shift > 0)
    move(image, draws.below(shift_y_word, 2 * options.shift + 1) - options.shift,
         draws.below(shift_x_word, 2 * options.shift + 1) - options.shift);
}

template <class T>
void change_colours(Image<T>& image, const Augmentation& options, const Draws& draws) {
  const auto factor = [&](uint64_t word, double spread) {
    return draws.between(word, 1 - spread, 1 + spread);
  };
  if (options.brightness > 0) {
    const auto added =
        static_cast<T>(draws.between(brightness_word, -options.brightness, options.brightness));
    for (int64_t i = 0; i < image.numel(); ++i) image.values[i] += added;
  }
  if (options.contrast > 0) change_contrast(image, factor(contrast_word, options.contrast));
  if (options.saturation > 0) change_saturation(image, factor(saturation_word, options.saturation));
  if (options.noise > 0) add_noise(image, options.noise, draws);
  for (int64_t i = 0; i < image.numel(); ++i)
    image.values[i] = std::clamp(image.values[i], T(0), T(1));
}

}  // namespace

bool Augmentation::any() const {
  return rotation > 0 || zoom > 0 || flip || flip_vertical || shift > 0 || brightness > 0 ||
         contrast > 0 || saturation > 0 || noise > 0 || erase > 0;
}

template <class T>
void augment(const Augmentation& options, PhiloxKey key, const Shape& shape, T* image, T* scratch) {
  Image<T> view{image, scratch, shape[0], shape[1], shape[2]};
  const Draws draws(key);
  change_geometry(view, options, draws);
  if (options.brightness > 0 || options.contrast > 0 || options.saturation > 0 || options.noise > 0)
    change_colours(view, options, draws);
  if (options.erase > 0 && draws.uniform(erase_word) < options.erase)
    erase_rectangle(view, options, draws);
}

template void augment(const Augmentation&, PhiloxKey, const Shape&, float*, float*);
template void augment(const Augmentation&, PhiloxKey, const Shape&, double*, double*);

PhiloxKey augmentation_key(uint64_t seed, uint64_t epoch, int64_t sample) {
  const auto index = static_cast<uint64_t>(sample);
  return philox_key({seed, epoch, index}, path_id("data/augmentation") + (index >> 32));
}

}  // namespace gradus
