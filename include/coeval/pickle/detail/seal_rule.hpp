// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which memory an archive may carry.

namespace coeval::pickle::detail {

// What pickles or reads shared memory asks the archive.
class SealRule {
 public:
  // Only memory that nobody can shrink, as the one who writes the archive is not trusted.
  void require_sealed() noexcept { requires_sealed_ = true; }
  bool requires_sealed() const noexcept { return requires_sealed_; }

 private:
  bool requires_sealed_ = false;
};

}  // namespace coeval::pickle::detail
