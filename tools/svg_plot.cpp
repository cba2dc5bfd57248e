// SPDX-License-Identifier: Apache-2.0
#include "tools/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace gradus {
namespace {

constexpr const char* palette[] = {"#1f5fa8", "#c2571a", "#2e7d46",
                                   "#8b3a8f", "#7a6a1c", "#b0304a"};
constexpr int left = 70, right = 20, top = 36, bottom = 48;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // Never empty, and never of no width.
  Range widened(double share) const {
    if (!(low <= high)) return {0, 1};
    const double width = high > low ? high - low : std::max(std::abs(low), 1.0) * 0.1;
    const double margin = high > low ? width * share : width / 2;
    return {low - margin, high + margin};
  }
};

class Panel {
 public:
  Panel(const PlotPanel& panel, int x, int y, int width, int height)
      : panel_(panel),
        x_(x + left),
        y_(y + top),
        width_(width - left - right),
        height_(height - top - bottom) {
    Range xs, ys;
    if (panel.from_zero) xs.add(0);
    for (const PlotSeries& series : panel.series)
      for (const auto& [px, py] : series.points)
        if (std::isfinite(px) && std::isfinite(py)) xs.add(px), ys.add(py);
    xs_ = panel.unit ? Range{0, 1} : xs.widened(0);
    ys_ = panel.unit ? Range{0, 1} : ys.widened(0.05);
  }

  std::string draw() const {
    std::string text = frame();
    for (const PlotSeries& series : panel_.series) text += line(series);
    return text + legend();
  }

 private:
  double at_x(double x) const { return x_ + (x - xs_.low) / (xs_.high - xs_.low) * width_; }
  double at_y(double y) const {
    return y_ + height_ - (y - ys_.low) / (ys_.high - ys_.low) * height_;
  }

  std::string frame() const {
    std::string text = fmt::format("<text x=\"{}\" y=\"{}\" class=\"title\">{}</text>\n", x_,
                                   y_ - 14, svg_text(panel_.title));
    for (double tick : round_ticks(ys_.low, ys_.high, 5))
      text += fmt::format(
          "<path d=\"M{} {:.1f}h{}\" class=\"grid\"/><text x=\"{}\" y=\"{:.1f}\" "
          "class=\"y\">{:g}</text>\n",
          x_, at_y(tick), width_, x_ - 8, at_y(tick) + 4, tick);
    for (double tick : round_ticks(xs_.low, xs_.high, 7))
      text += fmt::format(
          "<path d=\"M{:.1f} {}v5\" class=\"axis\"/><text x=\"{:.1f}\" y=\"{}\" "
          "class=\"x\">{:g}</text>\n",
          at_x(tick), y_ + height_, at_x(tick), y_ + height_ + 19, tick);
    text += fmt::format("<path d=\"M{0} {1}v{2}h{3}\" class=\"axis\"/>\n", x_, y_, height_, width_);
    text += fmt::format("<text x=\"{}\" y=\"{}\" class=\"x\">{}</text>\n", x_ + width_ / 2,
                        y_ + height_ + 38, svg_text(panel_.x_label));
    return text +
           fmt::format("<text transform=\"translate({} {}) rotate(-90)\" class=\"x\">{}</text>\n",
                       x_ - 54, y_ + height_ / 2, svg_text(panel_.y_label));
  }

  std::string line(const PlotSeries& series) const {
    std::string path, marks;
    bool open = false;
    for (const auto& [x, y] : series.points) {
      if (!std::isfinite(x) || !std::isfinite(y)) {
        open = false;
        continue;
      }
      path += fmt::format("{}{:.1f} {:.1f}", open ? "L" : "M", at_x(x), at_y(y));
      open = series.joined;
      if (series.marked)
        marks += fmt::format(
            "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\" fill-opacity=\"{}\"/>\n",
            at_x(x), at_y(y), series.joined ? 3 : 2, colour(series), series.joined ? 1.0 : 0.5);
    }
    if (path.empty()) return "";
    if (!series.joined) return marks;
    return fmt::format(
               "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" "
               "stroke-opacity=\"{}\" stroke-linejoin=\"round\"{}/>\n",
               path, colour(series), series.pale ? 1.0 : 1.8, series.pale ? 0.3 : 1.0,
               series.dashed ? " stroke-dasharray=\"5 4\"" : "") +
           marks;
  }

  // In the line of the title, from the right.
  std::string legend() const {
    std::string text;
    int end = x_ + width_;
    for (auto series = panel_.series.rbegin(); series != panel_.series.rend(); ++series) {
      if (series->pale || series->name.empty()) continue;
      text += fmt::format(
          "<path d=\"M{} {}h20\" stroke=\"{}\" stroke-width=\"2.4\"/><text x=\"{}\" y=\"{}\" "
          "class=\"y\">{}</text>\n",
          end - 20, y_ - 18, colour(*series), end - 26, y_ - 14, svg_text(series->name));
      end -= 44 + 7 * static_cast<int>(series->name.size());
    }
    return text;
  }

  static const char* colour(const PlotSeries& series) {
    return palette[static_cast<size_t>(series.colour) % std::size(palette)];
  }

  const PlotPanel& panel_;
  int x_, y_, width_, height_;
  Range xs_, ys_;
};

}  // namespace

std::string svg_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

std::vector<double> round_ticks(double low, double high, int count) {
  std::vector<double> ticks;
  if (!(high > low) || count < 1) return ticks;
  const double raw = (high - low) / count, power = std::pow(10, std::floor(std::log10(raw)));
  const double share = raw / power;
  const double step = power * (share <= 1.5 ? 1 : share <= 3.5 ? 2 : share <= 7.5 ? 5 : 10);
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + step * 1e-9; ++k)
    ticks.push_back(k == 0 ? 0 : k * step);
  return ticks;
}

std::string to_svg(const std::vector<PlotPanel>& panels, int width, int panel_height) {
  const int height = panel_height * static_cast<int>(panels.size());
  std::string text = fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}">
<style>
text {{ font: 12px sans-serif; fill: #333; }}
.title {{ font-weight: bold; font-size: 13px; }}
.x {{ text-anchor: middle; }}
.y {{ text-anchor: end; }}
.axis {{ stroke: #333; fill: none; }}
.grid {{ stroke: #ddd; }}
</style>
<rect width="{0}" height="{1}" fill="white"/>
)",
      width, height);
  int y = 0;
  for (const PlotPanel& panel : panels) {
    text += Panel(panel, 0, y, width, panel_height).draw();
    y += panel_height;
  }
  return text + "</svg>\n";
}

}  // namespace gradus
