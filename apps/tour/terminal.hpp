// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pictures.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace tour {

enum class Look {
  automatic,  // what the terminal can show; plain when there is none
  plain,      // ASCII without escapes
  color,      // colours, also into a file
};

// Whose time a bar shows: the bars of a chart differ in colour.
enum class BarKind { before, coeval, python };

struct Bar {
  std::string label;
  double seconds = 0;
  std::string note = {};  // behind the bar
  BarKind kind = BarKind::coeval;
};

// Writes the tour to standard output, at most 80 columns wide. For one thread.
class Terminal {
 public:
  explicit Terminal(Look look);

  void title(std::string_view text);
  void chapter(int number, std::string_view title);
  void closing(std::string_view title);
  void text(std::string_view paragraph);  // broken between words
  void line(std::string_view line);       // as it is
  void code(std::string_view lines);

  // Lines that come from elsewhere, as a stack: what a terminal might obey or could not show is a
  // question mark.
  void quote(std::string_view lines);

  // The same for half a line: a file's name, an error.
  std::string printable(std::string_view text) const;

  // A picture in coloured characters, each of which is two pixels one above the other; only where
  // shows_images().
  void image(const Picture& picture);
  bool shows_images() const { return color_ && unicode_; }
  std::size_t width() const { return width_; }

  // Lines of ASCII characters, some of which have a colour.
  void picture(std::string_view lines, std::string_view shades);
  void learned(std::string_view sentence);
  void trouble(std::string_view sentence);  // something is wrong
  void blank_line();

  // A row of a chart, in which a bar of the full length stands for full seconds.
  void bar(const Bar& bar, double full);

  // A line that is drawn over again while a job runs, and gone after it; only where is_live().
  void status(std::string_view text);
  void progress(std::string_view label, std::size_t done, std::size_t total);
  void clear_progress();
  bool is_live() const { return live_; }

  // Whether everything so far has been written.
  bool flush();

 private:
  void ruled_line(const std::string& name);
  std::string style(std::string_view escape, std::string_view text) const;
  std::string wrapped(std::string_view text, std::size_t indent) const;
  std::string drawn_bar(double part) const;
  std::size_t bar_width() const;

  bool live_ = false;
  bool color_ = false;
  bool unicode_ = false;
  std::size_t width_ = 80;
  std::size_t last_progress_ = 0;  // 0: none on the screen; else its per cent, plus 1
};

// "2.00 s", "283 ms", "4.1 ms".
std::string readable_time(double seconds);

}  // namespace tour
