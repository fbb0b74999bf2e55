// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A future for a result that no executor computes: here from a library that calls back.

#include <coeval/coeval.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>

using namespace std::chrono_literals;

// Stands for a C library that tells the result to a callback, on a thread of its own.
class Library {
 public:
  void look_up(const std::string& name, std::function<void(int)> callback) {
    timer_ = std::make_unique<coeval::threading::Timer>(10ms, std::move(callback),
                                                        static_cast<int>(name.size()));
    timer_->start();
  }

 private:
  std::unique_ptr<coeval::threading::Timer> timer_;
};

coeval::Future<int> look_up(Library& library, const std::string& name) {
  // Shared, since a std::function must be copyable and a promise is not.
  auto promise = std::make_shared<coeval::Promise<int>>();
  library.look_up(name, [promise](int result) { promise->set_result(result); });
  return promise->future();
}

int main() {
  Library library;
  coeval::Future<int> answer = look_up(library, "coeval");
  std::printf("%d\n", answer.result(10s));
}
