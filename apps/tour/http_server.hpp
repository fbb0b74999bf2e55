// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "folder.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>

struct MHD_Daemon;

namespace tour {

// Serves the files of a folder by HTTP to this machine only (127.0.0.1). It waits for the latency
// before each answer, as a server that is far away makes one wait, and has a thread per connection,
// so that any number of requests wait side by side. It knows the names it may serve, and looks up
// nothing else: no request leads out of the folder.
// Its threads run from the construction to the destruction; the folder must outlive it.
class HttpServer {
 public:
  // Port 0: any that is free. std::system_error if the port cannot be had.
  HttpServer(const Folder& folder, int port, std::chrono::milliseconds latency);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  int port() const { return port_; }
  std::string url(const File& file) const;

 private:
  struct Answer;
  struct Stop {
    void operator()(MHD_Daemon* daemon) const;
  };

  std::filesystem::path folder_;
  std::set<std::string_view> names_;
  std::chrono::milliseconds latency_;
  int port_ = 0;
  std::unique_ptr<MHD_Daemon, Stop> daemon_;  // the last member: its threads use the others
};

}  // namespace tour
