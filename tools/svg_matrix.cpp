// SPDX-License-Identifier: Apache-2.0
#include "tools/svg_matrix.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tools/svg_plot.h"

namespace gradus {
namespace {

constexpr size_t longest_name = 14;  // characters
constexpr int top = 44, right = 20, letter = 7;
constexpr size_t most_names = 60;  // above it only some are written

// The first characters of a name; a character of UTF-8 is not cut.
std::string shortened(const std::string& name) {
  size_t at = 0, characters = 0;
  while (at < name.size() && characters < longest_name) {
    ++characters;
    do ++at;
    while (at < name.size() && (static_cast<unsigned char>(name[at]) & 0xC0) == 0x80);
  }
  return at == name.size() ? name : name.substr(0, at) + "\u2026";
}

class Drawing {
 public:
  explicit Drawing(const MatrixPlot& plot) : plot_(plot), count_(plot.names.size()) {
    size_t longest = 1;
    for (const std::string& name : plot.names)
      longest = std::max(longest, std::min(name.size(), longest_name + 1));
    margin_ = 40 + letter * static_cast<int>(longest);
    field_ = std::clamp(600.0 / static_cast<double>(count_), 2.0, 56.0);
    every_ = 1 + count_ / most_names;
  }

  std::string text() const {
    const double side = field_ * static_cast<double>(count_);
    const int width = std::max(margin_ + right + static_cast<int>(side), 320);
    const int height = top + margin_ + static_cast<int>(side);
    std::string out = fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}">
<style>
text {{ font: 12px sans-serif; fill: #333; }}
.title {{ font-weight: bold; font-size: 13px; }}
.m {{ text-anchor: middle; }}
.e {{ text-anchor: end; }}
</style>
<rect width="{0}" height="{1}" fill="white"/>
<text x="{2}" y="22" class="title">{3}</text>
)",
        width, height, margin_, svg_text(plot_.title));
    for (size_t row = 0; row < count_; ++row) out += fields(row) + name(row);
    return out + labels(side, height) + "</svg>\n";
  }

 private:
  std::string fields(size_t row) const {
    double sum = 0;
    for (size_t c = 0; c < count_; ++c) sum += plot_.counts[row * count_ + c];
    std::string out;
    for (size_t c = 0; c < count_; ++c) {
      const double count = plot_.counts[row * count_ + c];
      const double share = sum > 0 ? count / sum : 0;
      const double x = margin_ + field_ * static_cast<double>(c);
      const double y = top + field_ * static_cast<double>(row);
      // Right ones are blue, wrong ones red; the root makes rare errors visible.
      const double depth = std::sqrt(share);
      const char* colour = c == row ? "#1f5fa8" : "#c2371a";
      out += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" "
          "fill-opacity=\"{:.3f}\" stroke=\"#ddd\" stroke-width=\"0.5\"/>\n",
          x, y, field_, field_, colour, depth);
      const std::string number = fmt::format("{:g}", count);
      if (count > 0 && field_ >= letter * static_cast<double>(number.size()) + 4)
        out +=
            fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"m\"{}>{}</text>\n", x + field_ / 2,
                        y + field_ / 2 + 4, depth > 0.6 ? " style=\"fill:white\"" : "", number);
    }
    return out;
  }

  // Beside its row and below its column.
  std::string name(size_t i) const {
    if (i % every_ != 0) return "";
    const std::string text = svg_text(shortened(plot_.names[i]));
    const double middle = field_ * (static_cast<double>(i) + 0.5);
    const double below = top + field_ * static_cast<double>(count_);
    return fmt::format("<text x=\"{}\" y=\"{:.1f}\" class=\"e\">{}</text>\n", margin_ - 6,
                       top + middle + 4, text) +
           fmt::format(
               "<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" class=\"e\">{}</text>\n",
               margin_ + middle + 4, below + 6, text);
  }

  std::string labels(double side, int height) const {
    return fmt::format("<text x=\"{:.1f}\" y=\"{}\" class=\"m\">{}</text>\n", margin_ + side / 2,
                       height - 10, svg_text(plot_.column_label)) +
           fmt::format(
               "<text transform=\"translate(16 {:.1f}) rotate(-90)\" class=\"m\">{}</text>\n",
               top + side / 2, svg_text(plot_.row_label));
  }

  const MatrixPlot& plot_;
  size_t count_;
  int margin_ = 0;
  double field_ = 0;
  size_t every_ = 1;
};

}  // namespace

std::string to_svg(const MatrixPlot& plot) { return Drawing(plot).text(); }

}  // namespace gradus
