// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "http_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <system_error>
#include <thread>

namespace tour {

namespace {

// A listening socket on 127.0.0.1, and the port that it got.
std::pair<int, int> listen_on(int port) {
  const auto fail = [port](int fd) {
    const int error = errno;
    if (fd >= 0) {
      close(fd);
    }
    throw std::system_error(error, std::generic_category(),
                            fmt::format("cannot listen on 127.0.0.1:{}", port));
  };
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    fail(fd);
  }
  const int yes = 1;  // else the port of a server that has just ended is taken for a minute
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd, generic, length) != 0 || listen(fd, SOMAXCONN) != 0 ||
      getsockname(fd, generic, &length) != 0) {
    fail(fd);
  }
  return {fd, ntohs(address.sin_port)};
}

MHD_Result send(MHD_Connection* connection, unsigned status, std::string_view body) {
  // libmicrohttpd copies the body: it takes a pointer to non-const all the same.
  MHD_Response* const response = MHD_create_response_from_buffer(
      body.size(), const_cast<char*>(body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) {
    return MHD_NO;
  }
  const MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

}  // namespace

struct HttpServer::Answer {
  static MHD_Result handle(void* self, MHD_Connection* connection, const char* url,
                           const char* method, const char* /*version*/, const char* /*data*/,
                           std::size_t* /*data_size*/, void** state) {
    // The first call has the head of the request only; the answer belongs to the second.
    static int seen_head;
    if (*state == nullptr) {
      *state = &seen_head;
      return MHD_YES;
    }
    const auto& server = *static_cast<const HttpServer*>(self);
    std::this_thread::sleep_for(server.latency_);
    if (std::string_view(method) != MHD_HTTP_METHOD_GET) {
      return send(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    }
    const std::string_view path(url);
    const auto name = server.names_.find(path.starts_with('/') ? path.substr(1) : path);
    if (name == server.names_.end()) {
      return send(connection, MHD_HTTP_NOT_FOUND, "no such file\n");
    }
    const std::optional<std::string> content = read_file(server.folder_ / *name, SIZE_MAX / 4);
    return content ? send(connection, MHD_HTTP_OK, *content)
                   : send(connection, MHD_HTTP_NOT_FOUND, "the file has gone\n");
  }
};

HttpServer::HttpServer(const Folder& folder, int port, std::chrono::milliseconds latency)
    : folder_(folder.path), latency_(latency) {
  for (const File& file : folder.files) {
    names_.insert(file.name);
  }
  const auto [listener, bound_port] = listen_on(port);
  port_ = bound_port;
  daemon_.reset(MHD_start_daemon(
      MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, nullptr,
      nullptr, &Answer::handle, this, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_END));
  if (daemon_ == nullptr) {
    const int error = errno;
    close(listener);
    throw std::system_error(error, std::generic_category(), "cannot start the HTTP server");
  }
}

HttpServer::~HttpServer() = default;

void HttpServer::Stop::operator()(MHD_Daemon* daemon) const {
  MHD_stop_daemon(daemon);
}

// Every byte that is not surely plain is written as %XX: names may hold spaces, '%' and anything.
std::string HttpServer::url(const File& file) const {
  std::string url = fmt::format("http://127.0.0.1:{}/", port_);
  for (const char c : file.name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 &&
        (std::isalnum(byte) != 0 || std::string_view("/-._~").find(c) != std::string_view::npos)) {
      url += c;
    } else {
      url += fmt::format("%{:02X}", byte);
    }
  }
  return url;
}

}  // namespace tour
