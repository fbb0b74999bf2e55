// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The serializers that the rows of bench/pickle compare, each behind round_trip(): a value to bytes in
// memory, and the bytes to a new value.

#include "support/suite.hpp"

#include <streambuf>
#include <string>
#include <vector>

#if COEVAL_BENCH_HAS_CEREAL
#include <cereal/archives/binary.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#endif

#if COEVAL_BENCH_HAS_SERIALIZATION
#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/array.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#endif

#if COEVAL_BENCH_HAS_MSGPACK
#define MSGPACK_NO_BOOST
#include <msgpack.hpp>
#endif

namespace bench {

inline Contestant missing(const std::string& name) {
  return {.name = name, .missing = "its package was not found when this was built"};
}

// The stream that cereal and Boost write to and read from: a vector, without the locale and the
// copies of a std::stringstream.
class BytesBuffer final : public std::streambuf {
 public:
  void rewind() { setg(bytes_.data(), bytes_.data(), bytes_.data() + bytes_.size()); }

 protected:
  std::streamsize xsputn(const char* from, std::streamsize count) override {
    bytes_.insert(bytes_.end(), from, from + count);
    return count;
  }
  int_type overflow(int_type letter) override {
    bytes_.push_back(traits_type::to_char_type(letter));
    return letter;
  }

 private:
  std::vector<char> bytes_;
};

#if COEVAL_BENCH_HAS_CEREAL

struct Cereal {
  template <class T>
  static T round_trip(const T& value) {
    BytesBuffer buffer;
    std::ostream out(&buffer);
    cereal::BinaryOutputArchive writer(out);
    writer(value);
    buffer.rewind();
    std::istream in(&buffer);
    cereal::BinaryInputArchive reader(in);
    T back;
    reader(back);
    return back;
  }
};

#endif

#if COEVAL_BENCH_HAS_SERIALIZATION

struct BoostSerialization {
  template <class T>
  static T round_trip(const T& value) {
    constexpr auto flags = boost::archive::no_header | boost::archive::no_codecvt;
    BytesBuffer buffer;
    {
      boost::archive::binary_oarchive writer(buffer, flags);
      writer << value;
    }
    buffer.rewind();
    boost::archive::binary_iarchive reader(buffer, flags);
    T back;
    reader >> back;
    return back;
  }
};

#endif

#if COEVAL_BENCH_HAS_MSGPACK

struct Msgpack {
  template <class T>
  static T round_trip(const T& value) {
    msgpack::sbuffer buffer;
    msgpack::pack(buffer, value);
    const msgpack::object_handle handle = msgpack::unpack(buffer.data(), buffer.size());
    T back;
    handle.get().convert(back);
    return back;
  }
};

#endif

}  // namespace bench
