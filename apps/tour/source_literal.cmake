# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0

# cmake -D SOURCE=file.cpp -D OUTPUT=file.inc -P source_literal.cmake
# Writes the text of a source as a C++ string literal.

file(READ "${SOURCE}" text)
file(WRITE "${OUTPUT}" "R\"tour_source(${text})tour_source\"\n")
