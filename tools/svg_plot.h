// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gradus {

struct PlotSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;  // (x, y), x rising
  bool pale = false;    // drawn thin and light, and not listed in the legend
  bool marked = false;  // a dot at each point
  bool joined = true;   // by lines
  bool dashed = false;
  int colour = 0;  // number in the palette
};

// One diagram: axes with ticks, labels with units, series, legend. Points that are not finite are
// left out.
struct PlotPanel {
  std::string title, x_label, y_label;
  std::vector<PlotSeries> series;
  bool from_zero = true;  // the x axis holds 0
  bool unit = false;      // both axes go from 0 to 1
};

// Text as it may stand in SVG.
std::string svg_text(const std::string& text);

// An SVG image of the panels one below the other.
std::string to_svg(const std::vector<PlotPanel>& panels, int width = 720, int panel_height = 300);

// About `count` round numbers (1, 2 or 5 times a power of ten apart) that lie in [low, high].
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace gradus
