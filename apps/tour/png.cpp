// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "png.hpp"

#include <png.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>

namespace tour {

namespace {

// libpng reports an error by a longjmp back into the member that called it. What would have to be
// destroyed on the way is therefore a member too, and outlives the jump.

constexpr png_byte crash_chunk[] = {'c', 'r', 'S', 'h', '\0'};  // ancillary, private

// The mistake that stands here for those that decoders really have.
__attribute__((noinline, no_sanitize("null"))) void crash_on_purpose() {
  const rlimit no_core_file{};
  setrlimit(RLIMIT_CORE, &no_core_file);
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

int read_private_chunk(png_structp /*png*/, png_unknown_chunkp chunk) {
  if (std::string_view(reinterpret_cast<const char*>(chunk->name), 4) ==
      reinterpret_cast<const char*>(crash_chunk)) {
    crash_on_purpose();
  }
  return 0;  // some other: for libpng to deal with
}

// What both directions share: the place for an error's text.
class Png {
 public:
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;

 protected:
  Png() = default;
  ~Png() = default;

  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* const self = static_cast<Png*>(png_get_error_ptr(png));
    std::snprintf(self->error_, sizeof self->error_, "libpng: %s", text);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp /*png*/, png_const_charp /*text*/) {}  // no pixel is missing

  [[noreturn]] void raise() const { throw std::runtime_error(error_); }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;

 private:
  char error_[256] = "";
};

class PngReader : Png {
 public:
  explicit PngReader(std::string_view bytes) : rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, static_cast<Png*>(this), &on_error,
                                  &on_warning);
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  Picture run() {
    if (!read_header()) {
      raise();
    }
    const Size size{.width = static_cast<int>(png_get_image_width(png_, info_)),
                    .height = static_cast<int>(png_get_image_height(png_, info_))};
    const auto columns = static_cast<std::size_t>(size.width);
    const auto rows = static_cast<std::size_t>(size.height);
    if (columns * rows > most_pixels) {
      throw std::runtime_error("too many pixels");
    }
    pixels_.resize(4 * columns * rows);
    rows_.resize(rows);
    for (std::size_t y = 0; y < rows; ++y) {
      rows_[y] = pixels_.data() + 4 * columns * y;
    }
    if (!read_rows()) {
      raise();
    }
    return on_white(size);
  }

 private:
  static void read_bytes(png_structp png, png_bytep data, std::size_t size) {
    auto* const self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (size > self->rest_.size()) {
      png_error(png, "the file ends too early");
    }
    self->rest_.copy(reinterpret_cast<char*>(data), size);
    self->rest_.remove_prefix(size);
  }

  bool read_header() {
    if (setjmp(png_jmpbuf(png_)) != 0) {
      return false;
    }
    png_set_read_fn(png_, this, &read_bytes);
    png_set_user_limits(png_, most_pixels_a_side, most_pixels_a_side);
    png_set_read_user_chunk_fn(png_, nullptr, &read_private_chunk);
    png_read_info(png_, info_);

    // Whatever the file holds, give red, green, blue and opacity, a byte each.
    png_set_expand(png_);
    png_set_scale_16(png_);
    png_set_gray_to_rgb(png_);
    png_set_add_alpha(png_, 0xFF, PNG_FILLER_AFTER);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_channels(png_, info_) != 4 || png_get_bit_depth(png_, info_) != 8) {
      png_error(png_, "a kind of pixel that is not known here");
    }
    return true;
  }

  bool read_rows() {
    if (setjmp(png_jmpbuf(png_)) != 0) {
      return false;
    }
    png_read_image(png_, rows_.data());
    png_read_end(png_, nullptr);
    return true;
  }

  Picture on_white(Size size) const {
    Picture picture{.size = size, .pixels = {}};
    picture.pixels.resize(pixels_.size() / 4 * 3);
    unsigned char* out = picture.pixels.data();
    for (std::size_t i = 0; i < pixels_.size(); i += 4) {
      const unsigned opacity = pixels_[i + 3];
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const unsigned sum = pixels_[i + channel] * opacity + 255 * (255 - opacity);
        *out++ = static_cast<unsigned char>((sum + 127) / 255);
      }
    }
    return picture;
  }

  std::string_view rest_;  // what libpng has not read
  std::vector<unsigned char> pixels_;
  std::vector<png_bytep> rows_;
};

class PngWriter : Png {
 public:
  PngWriter() {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, static_cast<Png*>(this), &on_error,
                                   &on_warning);
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    if (info_ == nullptr) {
      png_destroy_write_struct(&png_, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }

  std::string run(const Picture& picture, bool with_crash_chunk) {
    if (!write(picture, with_crash_chunk)) {
      raise();
    }
    return std::move(file_);
  }

 private:
  // No exception may pass through libpng.
  static void write_bytes(png_structp png, png_bytep data, std::size_t size) {
    if (!static_cast<PngWriter*>(png_get_io_ptr(png))->append(data, size)) {
      png_error(png, "out of memory");
    }
  }
  static void flush(png_structp /*png*/) {}

  bool append(const unsigned char* data, std::size_t size) noexcept {
    try {
      file_.append(reinterpret_cast<const char*>(data), size);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  bool write(const Picture& picture, bool with_crash_chunk) {
    if (setjmp(png_jmpbuf(png_)) != 0) {
      return false;
    }
    png_set_write_fn(png_, this, &write_bytes, &flush);
    png_set_compression_level(png_, 3);
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(picture.size.width),
                 static_cast<png_uint_32>(picture.size.height), 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    if (with_crash_chunk) {
      png_write_chunk(png_, crash_chunk, nullptr, 0);
    }
    const std::size_t row_bytes = 3 * static_cast<std::size_t>(picture.size.width);
    for (std::size_t at = 0; at < picture.pixels.size(); at += row_bytes) {
      png_write_row(png_, picture.pixels.data() + at);
    }
    png_write_end(png_, nullptr);
    return true;
  }

  std::string file_;
};

}  // namespace

Picture decode_png(std::string_view bytes) {
  return PngReader(bytes).run();
}

std::string encode_png(const Picture& picture) {
  return PngWriter().run(picture, false);
}

std::string encode_png_that_crashes(const Picture& picture) {
  return PngWriter().run(picture, true);
}

}  // namespace tour
