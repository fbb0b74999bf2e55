// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "jpeg.hpp"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

// These need what cstdio declares, before them.
#include <jerror.h>
#include <jpeglib.h>

namespace tour {

namespace {

// libjpeg reports an error by calling on_error(), which may not return: it jumps back into the
// member that called libjpeg. What would have to be destroyed on the way is therefore a member too,
// and outlives the jump.
struct Errors {
  jpeg_error_mgr manager{};  // the first member: libjpeg knows of nothing else
  std::jmp_buf caller{};
  char text[JMSG_LENGTH_MAX] = "";

  [[noreturn]] static void on_error(j_common_ptr info) {
    auto* const self = reinterpret_cast<Errors*>(info->err);
    info->err->format_message(info, self->text);
    std::longjmp(self->caller, 1);
  }

  // Where data are missing libjpeg only warns, and makes up the pixels.
  static void on_message(j_common_ptr info, int level) {
    const int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC)) {
      on_error(info);
    }
  }

  jpeg_error_mgr* set_up() {
    jpeg_std_error(&manager);
    manager.error_exit = &on_error;
    manager.emit_message = &on_message;
    return &manager;
  }

  [[noreturn]] void raise() const { throw std::runtime_error(std::string("libjpeg: ") + text); }
};

class JpegReader {
 public:
  explicit JpegReader(std::string_view bytes) : bytes_(bytes) { info_.err = errors_.set_up(); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info_); }

  Picture run() {
    if (!read_header()) {
      errors_.raise();
    }
    const std::size_t columns = info_.image_width;
    const std::size_t rows = info_.image_height;
    if (columns > most_pixels_a_side || rows > most_pixels_a_side || columns * rows > most_pixels) {
      throw std::runtime_error("too many pixels");
    }
    picture_.size = {.width = static_cast<int>(columns), .height = static_cast<int>(rows)};
    picture_.pixels.resize(3 * columns * rows);
    if (!read_rows()) {
      errors_.raise();
    }
    return std::move(picture_);
  }

 private:
  bool read_header() {
    if (setjmp(errors_.caller) != 0) {
      return false;
    }
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = JCS_RGB;
    return true;
  }

  bool read_rows() {
    if (setjmp(errors_.caller) != 0) {
      return false;
    }
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      row_ = picture_.pixels.data() + 3 * std::size_t{info_.output_width} * info_.output_scanline;
      jpeg_read_scanlines(&info_, &row_, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  std::string_view bytes_;
  Errors errors_;
  jpeg_decompress_struct info_{};
  Picture picture_;
  JSAMPROW row_ = nullptr;
};

class JpegWriter {
 public:
  explicit JpegWriter(const Picture& picture) : picture_(picture) { info_.err = errors_.set_up(); }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&info_);
    std::free(file_);  // NOLINT(*-no-malloc): libjpeg took it from malloc
  }

  std::string run() {
    if (!write()) {
      errors_.raise();
    }
    return {reinterpret_cast<const char*>(file_), size_};
  }

 private:
  bool write() {
    if (setjmp(errors_.caller) != 0) {
      return false;
    }
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &file_, &size_);
    info_.image_width = static_cast<JDIMENSION>(picture_.size.width);
    info_.image_height = static_cast<JDIMENSION>(picture_.size.height);
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, 92, TRUE);
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      // libjpeg reads the row only, though it does not say so.
      row_ = const_cast<JSAMPROW>(picture_.pixels.data()) +
             3 * std::size_t{info_.image_width} * info_.next_scanline;
      jpeg_write_scanlines(&info_, &row_, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }

  const Picture& picture_;
  Errors errors_;
  jpeg_compress_struct info_{};
  unsigned char* file_ = nullptr;
  unsigned long size_ = 0;
  JSAMPROW row_ = nullptr;
};

}  // namespace

Picture decode_jpeg(std::string_view bytes) {
  return JpegReader(bytes).run();
}

std::string encode_jpeg(const Picture& picture) {
  return JpegWriter(picture).run();
}

}  // namespace tour
