// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// A program that serves others: they know its address and nothing else of it. Here the clients are
// processes of this program; any other program can be one.

#include <coeval/coeval.hpp>

#include <cstdio>
#include <string>

namespace multiprocessing = coeval::multiprocessing;

struct Order {
  std::string dish;
  int portions = 0;
};

void guest(const std::string& address, const Order& order) {
  multiprocessing::Connection kitchen = multiprocessing::Client(address);
  kitchen.send(order);
  std::puts(kitchen.recv<std::string>().c_str());
}

int main() {
  // A path, such as "/run/user/1000/kitchen.sock", is what programs can agree on; without one the
  // listener makes a fresh name.
  multiprocessing::Listener listener;
  for (const Order& order : {Order{"soup", 2}, Order{"pie", 1}}) {
    multiprocessing::Process process(guest, listener.address(), order);
    process.start();
    multiprocessing::Connection connection = listener.accept();
    const auto asked = connection.recv<Order>();
    connection.send("here comes " + asked.dish + ", " + std::to_string(asked.portions) + " times");
    process.join();
  }
}
