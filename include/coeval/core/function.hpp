// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Function: a callable of any type behind one signature, owned and moved, never copied.

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace coeval {

template <class Signature>
class Function;

// Like std::function, but it takes move-only callables too and has no copies. Callables of up to
// four pointers that move without throwing live inside; larger ones on the heap.
// Calling an empty one raises std::bad_function_call. Distinct objects may be used from several
// threads; a shared one as far as its callable allows.
template <class R, class... Args>
class Function<R(Args...)> {
 public:
  Function() noexcept = default;
  Function(std::nullptr_t) noexcept {}

  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Function> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  Function(F&& callable) {
    using Callable = std::decay_t<F>;
    if constexpr (std::is_pointer_v<std::remove_cvref_t<F>> || std::is_member_pointer_v<Callable>) {
      if (callable == nullptr) {
        return;
      }
    }
    if constexpr (fits<Callable>) {
      ::new (storage_) Callable(std::forward<F>(callable));
    } else {
      ::new (storage_) Callable*(new Callable(std::forward<F>(callable)));
    }
    operations_ = &operations_of<Callable>;
  }

  Function(Function&& other) noexcept { take(other); }
  Function& operator=(Function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;
  ~Function() { reset(); }

  explicit operator bool() const noexcept { return operations_ != nullptr; }

  R operator()(Args... args) {
    if (operations_ == nullptr) {
      throw std::bad_function_call();
    }
    return operations_->call(storage_, std::forward<Args>(args)...);
  }

 private:
  static constexpr std::size_t capacity = 4 * sizeof(void*);

  struct Operations {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;
    void (*destroy)(void*) noexcept;
  };

  template <class Callable>
  static constexpr bool fits =
      sizeof(Callable) <= capacity && alignof(Callable) <= alignof(void*) &&
      std::is_nothrow_move_constructible_v<Callable>;

  template <class Callable>
  static Callable& object(void* storage) noexcept {
    if constexpr (fits<Callable>) {
      return *std::launder(static_cast<Callable*>(storage));
    } else {
      return **std::launder(static_cast<Callable**>(storage));
    }
  }

  template <class Callable>
  static constexpr Operations operations_of{
      .call = [](void* storage, Args&&... args) -> R {
        if constexpr (std::is_void_v<R>) {
          std::invoke(object<Callable>(storage), std::forward<Args>(args)...);
        } else {
          return std::invoke(object<Callable>(storage), std::forward<Args>(args)...);
        }
      },
      .move =
          [](void* from, void* to) noexcept {
            if constexpr (fits<Callable>) {
              ::new (to) Callable(std::move(object<Callable>(from)));
              object<Callable>(from).~Callable();
            } else {
              ::new (to) Callable*(&object<Callable>(from));
            }
          },
      .destroy =
          [](void* storage) noexcept {
            if constexpr (fits<Callable>) {
              object<Callable>(storage).~Callable();
            } else {
              delete &object<Callable>(storage);
            }
          }};

  void take(Function& other) noexcept {
    if (other.operations_ != nullptr) {
      other.operations_->move(other.storage_, storage_);
      operations_ = std::exchange(other.operations_, nullptr);
    }
  }
  void reset() noexcept {
    if (operations_ != nullptr) {
      std::exchange(operations_, nullptr)->destroy(storage_);
    }
  }

  alignas(void*) std::byte storage_[capacity];
  const Operations* operations_ = nullptr;
};

}  // namespace coeval
