// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

#include "fetch.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <exception>
#include <memory>

namespace tour {

namespace {

struct CleanUp {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
using Handle = std::unique_ptr<CURL, CleanUp>;

// libcurl's own set-up is once per process, and not thread-safe everywhere.
void set_up_once() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) {
    throw FetchError(fmt::format("libcurl cannot start: {}", curl_easy_strerror(code)));
  }
}

// An exception must not pass through libcurl's C code: a short count makes it give up.
std::size_t append(char* data, std::size_t /*one*/, std::size_t size, void* body) noexcept {
  try {
    static_cast<std::string*>(body)->append(data, size);
    return size;
  } catch (const std::exception&) {
    return 0;
  }
}

}  // namespace

Page fetch(const std::string& url) {
  set_up_once();
  const Handle curl(curl_easy_init());
  if (curl == nullptr) {
    throw FetchError(fmt::format("cannot fetch {}: libcurl gives no handle", url));
  }
  Page page{.url = url};
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");     // whatever http_proxy says
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);  // signals and threads do not mix
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 10L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &page.body);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) {
    throw FetchError(fmt::format("cannot fetch {}: {}", url, curl_easy_strerror(code)));
  }
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &page.status);
  return page;
}

}  // namespace tour
