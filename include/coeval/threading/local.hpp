// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// local: one value for each thread.

#include <coeval/core/errors.hpp>
#include <coeval/core/export.hpp>
#include <coeval/core/function.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>

namespace coeval::threading {

namespace detail {

class LocalBase;

// One thread's value of one local. In the thread's table and in the list of the local; guarded by
// one lock for all, except that a thread reads its own table without it.
struct COEVAL_EXPORT LocalValue {
  LocalValue() noexcept = default;
  LocalValue(const LocalValue&) = delete;
  LocalValue& operator=(const LocalValue&) = delete;
  virtual ~LocalValue();

  LocalBase* local = nullptr;
  struct LocalTable* table = nullptr;
  LocalValue* next = nullptr;
  LocalValue* previous = nullptr;
};

// What all local<T> share.
class COEVAL_EXPORT LocalBase {
 public:
  LocalBase(const LocalBase&) = delete;
  LocalBase& operator=(const LocalBase&) = delete;

 protected:
  LocalBase();
  ~LocalBase();

  // The calling thread's value, or nullptr.
  LocalValue* find() const noexcept;
  LocalValue& insert(std::unique_ptr<LocalValue> value);

 private:
  friend void destroy_locals() noexcept;
  friend void unlink(LocalValue& value) noexcept;

  std::size_t index_;             // in the tables of all threads
  LocalValue* values_ = nullptr;  // of all threads
};

}  // namespace detail

// A value per thread, made when a thread first asks for it; Python's threading.local. As a
// thread_local variable, but it may be a member or made and destroyed at run time.
//
//   local<Buffer> buffer;                                   // each thread gets a Buffer{}
//   local<Connection> db([] { return connect("db"); });     // or what the function returns
//   db->query(…);                                           // this thread's connection
//
// Thread-safe. A thread's value is destroyed on that thread when it ends (before join() returns, if
// it is a Thread), or with the local by whoever destroys it, whichever is first; a thread that is
// ending just then may be a moment late. The main thread's is destroyed with the local. The local
// must outlive its use, not the threads. Nothing blocks.
template <class T>
class local : private detail::LocalBase {
 public:
  local()
    requires std::default_initializable<T>
      : make_([] { return T{}; }) {}

  // make() is called in each thread at its first access, by several threads at once. What it raises
  // goes to the one who asked, and the next access tries again.
  explicit local(Function<T()> make) : make_(std::move(make)) {}

  // This thread's value.
  T& get() const {
    detail::LocalValue* value = find();
    if (value == nullptr) [[unlikely]] {
      value = &const_cast<local*>(this)->insert(std::make_unique<Value>(make_));
    }
    return static_cast<Value*>(value)->value;
  }
  T& operator*() const { return get(); }
  T* operator->() const { return &get(); }

 private:
  struct Value final : detail::LocalValue {
    explicit Value(Function<T()>& make) : value(make()) {}
    T value;
  };

  mutable Function<T()> make_;
};

// "<local of int>".
template <class T>
std::string to_string(const local<T>& /*value*/) {
  return "<local of " + type_name(typeid(T)) + ">";
}

}  // namespace coeval::threading
