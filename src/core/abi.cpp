// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/core/abi.hpp>

namespace coeval::the_library_is_not_built_with {

const char COEVAL_STANDARD_TYPES = 0;

}  // namespace coeval::the_library_is_not_built_with
