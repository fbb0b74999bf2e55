// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "scenes.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace tour {

namespace {

constexpr double pi = std::numbers::pi;

Color mixed(const Color& a, const Color& b, double part) {
  return {.red = std::lerp(a.red, b.red, part),
          .green = std::lerp(a.green, b.green, part),
          .blue = std::lerp(a.blue, b.blue, part)};
}

Color darker(const Color& color, double part) {
  return mixed({}, color, part);
}

// From 0 to 1 between the edges, without a kink.
double smooth_step(double from, double to, double value) {
  const double t = std::clamp((value - from) / (to - from), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

// A round of colours for t = 0 … 1, and again from the start.
Color rainbow(double t) {
  const auto wave = [t](double phase) { return 0.5 + 0.5 * std::cos(2 * pi * (t + phase)); };
  return {.red = wave(0), .green = wave(0.67), .blue = wave(0.33)};
}

// From blue over white to gold, likewise.
Color evening(double t) {
  const auto wave = [t](double phase) { return 0.5 + 0.5 * std::cos(2 * pi * (t + phase)); };
  return {.red = wave(0.5), .green = 0.85 * wave(0.58), .blue = 0.2 + 0.6 * wave(0.72)};
}

// A number from 0 to 1 for each point of a grid.
double scattered(int x, int y) {
  std::uint32_t h =
      static_cast<std::uint32_t>(x) * 374'761'393U + static_cast<std::uint32_t>(y) * 668'265'263U;
  h = (h ^ (h >> 13)) * 1'274'126'177U;
  h ^= h >> 16;
  return static_cast<double>(h) / 4'294'967'295.0;
}

// Value noise: between the points of the grid.
double noise(double x, double y) {
  const double floor_x = std::floor(x);
  const double floor_y = std::floor(y);
  const int column = static_cast<int>(floor_x);
  const int row = static_cast<int>(floor_y);
  const double u = smooth_step(0, 1, x - floor_x);
  const double v = smooth_step(0, 1, y - floor_y);
  return std::lerp(std::lerp(scattered(column, row), scattered(column + 1, row), u),
                   std::lerp(scattered(column, row + 1), scattered(column + 1, row + 1), u), v);
}

// Noise of five sizes, one upon the other; from 0 to 1.
double fractal_noise(double x, double y) {
  double sum = 0;
  double weight = 0.5;
  for (int octave = 0; octave < 5; ++octave) {
    sum += weight * noise(x, y);
    weight /= 2;
    x = 2 * x + 17;
    y = 2 * y + 31;
  }
  return sum / 0.96875;
}

// The steps until z = z * z + c leaves a circle, with a fraction; 0 if it does not.
double escape(double x, double y, double cx, double cy, int limit) {
  for (int n = 1; n <= limit; ++n) {
    const double next_x = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = next_x;
    const double square = x * x + y * y;
    if (square > 64) {
      return n + 1 - std::log2(std::log2(square) / 2);
    }
  }
  return 0;
}

Color plasma(double x, double y) {
  const double value = std::sin(3 * x + 1) + std::sin(4 * y) + std::sin(2.5 * (x + y)) +
                       std::sin(5 * std::hypot(x - 0.6, y + 0.3));
  return rainbow(value / 6 + 0.1);
}

Color mandelbrot(double x, double y) {
  const double n = escape(0, 0, -0.7476 + 0.006 * x, 0.1127 + 0.006 * y, 200);
  return n == 0 ? Color() : evening(std::sqrt(n) * 0.17);
}

Color julia(double x, double y) {
  const double n = escape(1.15 * x, 1.15 * y, -0.79, 0.15, 160);
  return n == 0 ? Color() : darker(rainbow(0.62 + 0.012 * n), smooth_step(2, 24, n));
}

Color rings(double x, double y) {
  const double radius = std::hypot(x, y);
  const double turn = std::atan2(y, x) / (2 * pi);
  return darker(rainbow(turn + radius / 2), 0.55 + 0.45 * std::sin(26 * radius + 12 * pi * turn));
}

// A floor of squares up to the horizon.
Color checker(double x, double y) {
  const double horizon = 0.25;
  if (y >= horizon) {
    return mixed({.red = 1, .green = 0.85, .blue = 0.65}, {.red = 0.2, .green = 0.4, .blue = 0.75},
                 smooth_step(horizon, 1, y));
  }
  const double distance = 1 / (horizon - y);
  const bool dark = (static_cast<int>(std::floor(2 * distance + 0.3)) +
                     static_cast<int>(std::floor(1.7 * x * distance))) %
                        2 !=
                    0;
  const Color square = dark ? Color{.red = 0.55, .green = 0.1, .blue = 0.15}
                            : Color{.red = 1, .green = 1, .blue = 0.95};
  return mixed(square, {.red = 1, .green = 0.85, .blue = 0.65}, smooth_step(3, 25, distance));
}

Color sunset(double x, double y) {
  const Color low = {.red = 1, .green = 0.62, .blue = 0.25};
  const Color high = {.red = 0.24, .green = 0.16, .blue = 0.42};
  Color color = mixed(low, high, smooth_step(-0.4, 1, y));
  const double sun = std::hypot(x - 0.35, y - 0.12);
  color = mixed({.red = 1, .green = 0.95, .blue = 0.75}, color,
                smooth_step(0.16, 0.5, sun) * 0.7 + smooth_step(0.158, 0.166, sun) * 0.3);
  for (int ridge = 0; ridge < 4 && y < 0.3; ++ridge) {
    const double height =
        0.05 - 0.27 * ridge + 0.5 * (fractal_noise(x * (1 + 0.4 * ridge) + 9 * ridge, ridge) - 0.5);
    if (y < height) {
      color = mixed({.red = 0.75, .green = 0.36, .blue = 0.34},
                    {.red = 0.08, .green = 0.05, .blue = 0.14}, (ridge + 1) / 4.0);
    }
  }
  return color;
}

// Cells around scattered points, as of stained glass.
Color glass(double x, double y) {
  const double scale = 3.2;
  const int column = static_cast<int>(std::floor(x * scale));
  const int row = static_cast<int>(std::floor(y * scale));
  double nearest = 9;
  double second = 9;
  double shade = 0;
  for (int j = row - 1; j <= row + 1; ++j) {
    for (int i = column - 1; i <= column + 1; ++i) {
      const double distance =
          std::hypot(i + scattered(i, j) - x * scale, j + scattered(j + 99, i) - y * scale);
      if (distance < nearest) {
        second = nearest;
        nearest = distance;
        shade = scattered(i - 50, j + 50);
      } else {
        second = std::min(second, distance);
      }
    }
  }
  return darker(rainbow(shade), smooth_step(0.02, 0.09, second - nearest) * (1.1 - nearest / 2));
}

Color clouds(double x, double y) {
  const double bend = fractal_noise(2 * x, 2 * y);
  const double cloud = fractal_noise(1.8 * x + bend, 2.6 * y + bend);
  const Color sky = mixed({.red = 0.62, .green = 0.8, .blue = 0.95},
                          {.red = 0.13, .green = 0.35, .blue = 0.7}, (y + 1) / 2);
  return mixed(sky, {.red = 1, .green = 1, .blue = 1}, smooth_step(0.42, 0.75, cloud));
}

Color marble(double x, double y) {
  const double vein = std::abs(std::sin(3 * x + y + 9 * fractal_noise(1.5 * x, 1.5 * y)));
  return mixed({.red = 0.2, .green = 0.3, .blue = 0.28}, {.red = 0.93, .green = 0.93, .blue = 0.88},
               std::pow(vein, 0.45));
}

Color spiral(double x, double y) {
  const double radius = std::hypot(x, y);
  const double turn = std::atan2(y, x) / (2 * pi);
  const double arm = 0.5 + 0.5 * std::cos(2 * pi * (3 * turn + 2.2 * std::log(radius + 0.02)));
  const double star = std::pow(scattered(static_cast<int>(x * 160), static_cast<int>(y * 160)), 60);
  const double light = std::exp(-1.6 * radius) * (0.25 + arm) + std::exp(-9 * radius);
  return {.red = 1.1 * light + star,
          .green = 0.8 * light + star,
          .blue = 0.35 + 0.6 * light * arm - 0.3 * std::exp(-radius) + star};
}

// A ball with bands, lit from the upper left, before stars.
Color planet(double x, double y) {
  const double radius = std::hypot(x, y) / 0.8;
  if (radius > 1) {
    const double star =
        std::pow(scattered(static_cast<int>(x * 150 + 500), static_cast<int>(y * 150)), 80);
    return {.red = star + 0.02, .green = star + 0.02, .blue = star + 0.06};
  }
  const double depth = std::sqrt(1 - radius * radius);
  const double light = std::clamp((-0.5 * x + 0.5 * y) / 0.8 + 0.7 * depth, 0.03, 1.0);
  const double bands = fractal_noise(0.8 * x, 5 * y + fractal_noise(4 * x, 4 * y));
  return darker(mixed({.red = 0.75, .green = 0.42, .blue = 0.25},
                      {.red = 1, .green = 0.9, .blue = 0.72}, smooth_step(0.3, 0.7, bands)),
                light);
}

// The waves of two stones in water.
Color waves(double x, double y) {
  const double sum =
      std::sin(28 * std::hypot(x - 0.5, y)) + std::sin(28 * std::hypot(x + 0.5, y + 0.2));
  return mixed({.red = 0.02, .green = 0.15, .blue = 0.25}, {.red = 0.7, .green = 0.95, .blue = 0.9},
               (sum + 2) / 4);
}

constexpr Scene all[] = {
    {.file = "plasma.png", .color = plasma},   {.file = "mandelbrot.jpg", .color = mandelbrot},
    {.file = "julia.png", .color = julia},     {.file = "rings.jpg", .color = rings},
    {.file = "checker.png", .color = checker}, {.file = "sunset.jpg", .color = sunset},
    {.file = "glass.png", .color = glass},     {.file = "clouds.jpg", .color = clouds},
    {.file = "marble.png", .color = marble},   {.file = "spiral.jpg", .color = spiral},
    {.file = "planet.png", .color = planet},   {.file = "waves.jpg", .color = waves},
};

}  // namespace

std::span<const Scene> scenes() {
  return all;
}

}  // namespace tour
