// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace tour {

struct Page {
  std::string url;
  long status = 0;  // 200, 404 …
  std::string body = {};
};

// The server could not be asked at all; the text names the URL and the reason.
class FetchError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Gets a page with libcurl, over a connection of its own. Blocks until all is there, at most 10
// seconds. An ordinary function that knows nothing of threads; may be called from many at once.
Page fetch(const std::string& url);

}  // namespace tour
