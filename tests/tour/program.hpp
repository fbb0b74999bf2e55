// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace tour_test {

using Texts = std::vector<std::string>;

struct Outcome {
  int status = 0;  // what the program returned; 128 and the signal if one ended it
  std::string output;
};

// How a program is started.
struct Start {
  Texts command;            // its path and its arguments
  Texts variables = {};     // "NAME=text", in addition to the environment
  std::string output = {};  // where its standard output goes; empty: to the reader
};

// A running program. What it writes can be read as it comes, both its outputs together.
class Program {
 public:
  explicit Program(Start start);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  // Waits until the text has been written; std::runtime_error if the program ends without it.
  void read_until(std::string_view text);

  void interrupt() const;

  // Waits for its end.
  Outcome finish();

 private:
  bool read_more();

  pid_t pid_ = -1;
  int pipe_ = -1;
  std::string output_;
};

// Where the tour's program is; empty if it has not been built.
std::string tour_path();

// The tour with these arguments.
Texts tour(const Texts& arguments);

// The same as the user nobody, if this process is root, for whom no file is unreadable.
Texts tour_as_nobody(const Texts& arguments);
bool nobody_can_run_it();

// Runs the tour to its end.
Outcome run_tour(const Texts& arguments, const Texts& variables = {},
                 const std::string& output = "");

// A port of 127.0.0.1 that somebody listens on.
class Busy {
 public:
  Busy();
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy();

  std::string number() const { return std::to_string(port_); }

 private:
  int socket_ = -1;
  int port_ = 0;
};

}  // namespace tour_test
