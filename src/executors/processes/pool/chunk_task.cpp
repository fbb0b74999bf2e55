// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/detail/process_chunk.hpp>
#include <coeval/executors/detail/process_chunk_maker.hpp>

#include "executors/processes/exchange/region.hpp"
#include "executors/processes/pool/process_pool.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>

#include <fmt/format.h>

#include <string>
#include <utility>

namespace coeval::detail {

// ---- ChunkTask ------------------------------------------------------------------------------------

std::size_t ChunkTask::read_until(std::uint32_t one, pickle::InputArchive& archive,
                                  std::vector<CellRef>& parts) {
  std::size_t raised = 0;
  parts.reserve(parts.size() + (one - first_));
  while (first_ != one) {
    Cell& element = *elements_[first_];
    const auto outcome = archive.read<std::uint8_t>();
    std::exception_ptr error;
    if (outcome != static_cast<std::uint8_t>(Outcome::returned)) {
      error = archive.read<std::exception_ptr>();
      if (error == nullptr) {
        throw PickleError("coeval::ProcessPoolExecutor: a worker raised nothing");
      }
    } else {
      read_value_(element, archive);  // nobody reads it before it is settled
    }
    element.try_settle();
    raised += error != nullptr ? 1 : 0;
    element.set_error(std::move(error));
    parts.push_back(take_first());
  }
  return raised;
}

void ChunkTask::read_result(pickle::InputArchive& /*archive*/) {}  // see read_until

CellRef ChunkTask::make_rest() const {
  auto* const rest = new ChunkTask(nullptr, read_value_);
  CellRef cell = CellRef::first(*rest);
  rest->drop_handle();
  rest->entry_code = entry_code;
  rest->callable_code = callable_code;
  if (priority() != 0 || !name().empty()) {
    rest->set_options({.name = std::string(name()), .priority = priority()});
  }
  rest->payload.share(payload);
  rest->elements_.resize(elements_.size());
  return cell;
}

void ChunkTask::give_rest(CellRef rest, std::uint32_t from) noexcept {
  auto& chunk = static_cast<ChunkTask&>(*rest);
  const std::uint32_t to = end();
  for (std::uint32_t i = from; i != to; ++i) {
    chunk.elements_[i] = std::move(elements_[i]);
  }
  chunk.first_ = from;
  chunk.end_.store(to, std::memory_order_relaxed);
  chunk.pool = pool;
  rest_owner_ = std::move(rest);
  // Release: invariant 2, and what the rest is made of.
  rest_.store(&chunk, std::memory_order_release);
  end_.store(from, std::memory_order_release);
}

ChunkTask& ChunkTask::with_element(std::uint32_t index) noexcept {
  ChunkTask* chunk = this;
  while (index >= chunk->end()) {
    ChunkTask* const rest = chunk->rest_.load(std::memory_order_acquire);
    if (rest == nullptr) {
      break;
    }
    chunk = rest;
  }
  return *chunk;
}

// With the error of the chunk, or as it was cancelled. Called once, by who has ended the chunk.
void ChunkTask::drop_callable() noexcept {
  const bool was_cancelled = is_done(state());
  for (; first_ != end(); ++first_) {
    const CellRef element = std::move(elements_[first_]);
    if (was_cancelled && element->cancel()) {
      continue;
    }
    if (element->try_settle()) {
      element->set_error(error() != nullptr ? error()
                                            : std::make_exception_ptr(CancelledError(fmt::format(
                                                  "{} was cancelled before it ran", title()))));
      element->finish();
    }
  }
  dropped();
}

// ---- ChunkPart ------------------------------------------------------------------------------------

bool ChunkPart::withdraw() noexcept {
  ChunkTask& chunk = chunk_->with_element(index_);
  if (chunk.cancel() || (chunk.pool != nullptr && chunk.pool->withdraw_part(chunk, index_))) {
    return true;
  }
  own_cell().try_start();  // it has begun
  return false;
}

void ChunkPart::note_start() noexcept {
  if (Cell& chunk = chunk_->with_element(index_); chunk.running()) {
    own_cell().try_start();
  }
}

void ChunkPart::help_along(Deadline deadline) {
  const ChunkTask* helped = nullptr;
  while (!own_cell().done() && !deadline.expired()) {
    ChunkTask& chunk = chunk_->with_element(index_);
    if (&chunk == helped) {
      return;
    }
    helped = &chunk;
    chunk.ProcessTask::help_along(deadline);
  }
}

// ---- making ---------------------------------------------------------------------------------------

bool takes_chunks(ExecutorBackend& backend, const TaskOptions* options) noexcept {
  return (options == nullptr || (options->timeout.count() <= 0 && options->max_retries == 0)) &&
         !is_observed() && backend.process_pool()->takes_chunks();
}

void finish_chunk(ChunkTask& chunk, pickle::OutputArchive& archive,
                  const std::vector<std::uint32_t>& places) {
  archive.append(places.data(), places.size() * sizeof(std::uint32_t));
  chunk.payload.finish(archive);
}

}  // namespace coeval::detail
