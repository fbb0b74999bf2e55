// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "terminal.hpp"

#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>

namespace tour {

namespace {

constexpr std::string_view bold = "\033[1m";
constexpr std::string_view heading = "\033[1;36m";
constexpr std::string_view code_style = "\033[33m";
constexpr std::string_view success = "\033[32m";
constexpr std::string_view quiet = "\033[2m";
constexpr std::string_view alarm = "\033[1;31m";
constexpr std::string_view alarm_text = "\033[31m";
constexpr std::string_view normal = "\033[0m";

constexpr std::size_t label_width = 24;
constexpr std::size_t note_width = 18;
constexpr std::size_t beside_bar = 2 + label_width + 1 + 8 + 2 + 2 + note_width;

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 80;
  }
  return std::clamp<std::size_t>(size.ws_col, 40, 80);
}

// In characters of UTF-8.
std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The bytes of the character of UTF-8 that a text begins with; 0 if it begins with none. Whether
// Unicode has the character is not looked at.
std::size_t length_of_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  return length_of(text.substr(0, length)) == 1 && length <= text.size() ? length : 0;
}

// Where, in bytes, the character with this index begins.
std::size_t offset_of(std::string_view text, std::size_t index) {
  std::size_t offset = 0;
  while (index-- > 0 && offset < text.size()) {
    offset += std::max<std::size_t>(length_of_character(text.substr(offset)), 1);
  }
  return offset;
}

std::string_view style_of(BarKind kind) {
  switch (kind) {
    case BarKind::before:
      return "\033[34m";
    case BarKind::python:
      return "\033[35m";
    case BarKind::coeval:
      break;
  }
  return success;
}

}  // namespace

Terminal::Terminal(Look look) {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  const bool tty = isatty(STDOUT_FILENO) == 1 && !dumb;
  const bool rich = look == Look::color || (look == Look::automatic && tty);
  std::setlocale(LC_CTYPE, "");
  unicode_ = rich && std::string_view(nl_langinfo(CODESET)) == "UTF-8";
  color_ = look == Look::color || (rich && !is_set("NO_COLOR"));
  live_ = rich && tty;
  width_ = tty ? terminal_width() : 80;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
}

void Terminal::title(std::string_view text) {
  print(style(bold, text) + "\n");
}

void Terminal::chapter(int number, std::string_view title) {
  ruled_line(fmt::format(" {}  {} ", number, title));
}

void Terminal::closing(std::string_view title) {
  ruled_line(fmt::format(" {} ", title));
}

void Terminal::ruled_line(const std::string& name) {
  const std::string_view dash = unicode_ ? "─" : "-";
  std::string line = fmt::format("{}{}{}", dash, dash, name);
  for (std::size_t i = name.size() + 2; i < width_; ++i) {
    line += dash;
  }
  print("\n" + style(heading, line) + "\n\n");
}

void Terminal::text(std::string_view paragraph) {
  print(wrapped(paragraph, 0) + "\n");
}

void Terminal::line(std::string_view line) {
  print(std::string(line) + "\n");
}

void Terminal::code(std::string_view lines) {
  std::string all = "\n";
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    all += (end == 0 ? "" : "    " + style(code_style, lines.substr(0, end))) + "\n";
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  print(all + "\n");
}

void Terminal::quote(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string line = printable(lines.substr(0, end));
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    print(style(alarm_text, wrapped(line.substr(indent), 4 + indent)) + "\n");
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

std::string Terminal::printable(std::string_view text) const {
  std::string all;
  while (!text.empty()) {
    const std::size_t length = length_of_character(text);
    // U+0080 … U+009F are control characters, too.
    const bool is_control = text[0] < ' ' || text[0] == '\x7F';
    const bool is_late_control = length == 2 && text[0] == '\xC2' && text[1] < '\xA0';
    const bool is_plain = length == 1 && !is_control;
    all += is_plain || (length > 1 && unicode_ && !is_late_control) ? text.substr(0, length) : "?";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return all;
}

void Terminal::image(const Picture& picture) {
  if (!shows_images()) {
    return;
  }
  const char* const depth = std::getenv("COLORTERM");
  const bool all_colors = depth != nullptr && (std::string_view(depth) == "truecolor" ||
                                               std::string_view(depth) == "24bit");
  const auto color_of = [&](std::size_t x, std::size_t y) {
    const auto columns = static_cast<std::size_t>(picture.size.width);
    const unsigned char* const pixel = picture.pixels.data() + 3 * (y * columns + x);
    if (all_colors) {
      return fmt::format("2;{};{};{}", pixel[0], pixel[1], pixel[2]);
    }
    const auto level = [](unsigned char part) {
      return part < 48 ? 0 : part < 115 ? 1 : (part - 35) / 40;
    };
    return fmt::format("5;{}", 16 + 36 * level(pixel[0]) + 6 * level(pixel[1]) + level(pixel[2]));
  };
  for (std::size_t y = 0; y + 1 < static_cast<std::size_t>(picture.size.height); y += 2) {
    std::string line = "  ";
    for (std::size_t x = 0; x < static_cast<std::size_t>(picture.size.width); ++x) {
      line += fmt::format("\033[38;{};48;{}m▀", color_of(x, y), color_of(x, y + 1));
    }
    print(line.append(normal) + "\n");
  }
}

// From violet over blue to gold, in the order of the shades; other characters as they are.
void Terminal::picture(std::string_view lines, std::string_view shades) {
  constexpr int palette[] = {60, 61, 62, 63, 69, 75, 81, 87, 123, 220};
  std::string all;
  for (const char c : lines) {
    const std::size_t level = shades.find(c);
    if (color_ && c != ' ' && level < std::size(palette)) {
      all += fmt::format("\033[38;5;{}m{}", palette[level], c);
    } else {
      all += c;
    }
  }
  print(all.append(color_ ? normal : ""));
}

void Terminal::learned(std::string_view sentence) {
  print("\n" + style(success, unicode_ ? "➜ " : "=> "));
  const std::size_t indent = unicode_ ? 2 : 3;
  print(wrapped(sentence, indent).substr(indent) + "\n");
}

void Terminal::trouble(std::string_view sentence) {
  clear_progress();
  print(style(alarm, "! ") + wrapped(sentence, 2).substr(2) + "\n");
}

void Terminal::blank_line() {
  print("\n");
}

void Terminal::bar(const Bar& bar, double full) {
  clear_progress();
  const double part = full > 0 ? bar.seconds / full : 0;
  const std::string drawn = drawn_bar(part);
  std::string line = fmt::format("  {:<{}} {:>8}  {}", bar.label, label_width,
                                 readable_time(bar.seconds), style(style_of(bar.kind), drawn));
  if (!bar.note.empty()) {
    line.append(bar_width() - length_of(drawn) + 2, ' ').append(bar.note);
  }
  print(line + "\n");
}

void Terminal::progress(std::string_view label, std::size_t done, std::size_t total) {
  const double part =
      static_cast<double>(done) / static_cast<double>(std::max<std::size_t>(total, 1));
  const std::size_t step = 1 + static_cast<std::size_t>(part * 100);
  if (!live_ || step == last_progress_) {
    return;
  }
  last_progress_ = step;
  print(fmt::format("\r\033[K  {:<{}} {:>8}  {}", label, label_width,
                    fmt::format("{}/{}", done, total), style(quiet, drawn_bar(part))));
  std::fflush(stdout);
}

void Terminal::status(std::string_view text) {
  if (live_) {
    last_progress_ = 1;
    print("\r\033[K" + style(quiet, fmt::format("  {} …", text)));
    std::fflush(stdout);
  }
}

void Terminal::clear_progress() {
  if (last_progress_ != 0) {
    last_progress_ = 0;
    print("\r\033[K");
  }
}

bool Terminal::flush() {
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

std::string Terminal::style(std::string_view escape, std::string_view text) const {
  if (!color_ || text.empty()) {
    return std::string(text);
  }
  return fmt::format("{}{}{}", escape, text, normal);
}

// Each line behind indent spaces. A word that is longer than a line is broken.
std::string Terminal::wrapped(std::string_view text, std::size_t indent) const {
  const std::string start(indent, ' ');
  std::string all = start;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, std::min(end, offset_of(text, width_ - indent)));
    text.remove_prefix(word.size() < end ? word.size() : std::min(end + 1, text.size()));
    const std::size_t length = length_of(word);
    if (column > indent && column + 1 + length > width_) {
      all += "\n" + start;
      column = indent;
    }
    if (column > indent) {
      all += ' ';
      ++column;
    }
    all += word;
    column += length;
  }
  return all;
}

std::size_t Terminal::bar_width() const {
  return width_ > beside_bar + 6 ? width_ - beside_bar : 6;
}

// A bar of part times the full length, in eighths of a character where there are such characters. A
// time that is not zero is always seen.
std::string Terminal::drawn_bar(double part) const {
  const std::size_t full = bar_width() * (unicode_ ? 8 : 1);
  const double exact = std::clamp(part, 0.0, 1.0) * static_cast<double>(full);
  const auto units = std::max<std::size_t>(part > 0 ? 1 : 0, static_cast<std::size_t>(exact + 0.5));
  if (!unicode_) {
    return std::string(units, '#');
  }
  constexpr std::string_view eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string bar;
  for (std::size_t i = 0; i < units / 8; ++i) {
    bar += "█";
  }
  return bar.append(eighths[units % 8]);
}

std::string readable_time(double seconds) {
  if (seconds >= 0.9995) {
    return fmt::format("{:.2f} s", seconds);
  }
  return fmt::format("{:.{}f} ms", seconds * 1e3, seconds >= 0.0995 ? 0 : 1);
}

}  // namespace tour
