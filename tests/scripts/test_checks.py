# SPDX-FileCopyrightText: The coeval authors
# SPDX-License-Identifier: Apache-2.0
"""Each static check finds the fault that is planted for it, and finds none in a clean tree."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import format  # noqa: E402
import layers  # noqa: E402
import links  # noqa: E402
import public_text  # noqa: E402
import rooms  # noqa: E402
import seams  # noqa: E402
import tested  # noqa: E402
import tidy  # noqa: E402

SPDX = "// SPDX-FileCopyrightText: The coeval authors\n// SPDX-License-Identifier: Apache-2.0\n"
CLEAN = {
    "include/coeval/coeval.hpp": "#include <coeval/core/a.hpp>\n#include <coeval/futures/f.hpp>\n",
    "include/coeval/core/a.hpp": "// A comment may name std::atomic and fork().\n#include <vector>\n",
    "include/coeval/futures/f.hpp": "#include <coeval/core/a.hpp>\n",
    "src/futures/f.cpp": '#include "futures/private.hpp"\n',
    "src/futures/private.hpp": "#include <coeval/futures/f.hpp>\n\n#include <fmt/format.h>\n",
    "README.md": "# Read me\n\n[there](docs/page.md#a-heading) `[no](link.md)`\n",
    "docs/page.md": "# Page\n\n## A `heading`\n[back](../README.md) [web](https://example.org)\n",
}


class Planted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        tidy.MEMORY = self.root / "memory"
        for name, text in CLEAN.items():
            self.plant(name, text)

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((SPDX if path.suffix in (".hpp", ".cpp") else "") + text)

    def assert_finds(self, check, text, *others):
        faults = check(self.root, *others)
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(text, faults[0])

    def test_a_clean_tree_has_no_faults(self):
        for check in (layers, links, public_text, rooms, seams, format):
            with self.subTest(check.__name__):
                self.assertEqual(check.check(self.root), [])


class Layers(Planted):
    def test_core_may_not_include_futures(self):
        self.plant("src/core/a.cpp", "#include <coeval/futures/f.hpp>\n")
        self.assert_finds(layers.check, "src/core/a.cpp:3: core may not include futures")

    def test_private_headers_follow_the_same_arrows(self):
        self.plant("src/core/a.cpp", '#include "futures/private.hpp"\n')
        self.assert_finds(layers.check, "core may not include futures")

    def test_the_pools_do_not_know_each_other(self):
        self.plant("src/executors/process_pool.hpp", "")
        self.plant("src/executors/thread_pool.cpp", '#include "executors/process_pool.hpp"\n')
        self.assert_finds(layers.check, "do not know each other")

    def test_a_thread_pool_may_not_pickle(self):
        self.plant("src/pickle/p.hpp", "")
        self.plant("src/executors/thread_pool.cpp", '#include "pickle/p.hpp"\n')
        self.assert_finds(layers.check, "in executors only executors/processes/*")

    def test_a_room_includes_those_below_it_only(self):
        self.plant("src/executors/processes/worker/w.hpp", "")
        self.plant("src/executors/processes/exchange/e.hpp", "")
        self.plant("src/executors/processes/pool/p.cpp", '#include "executors/processes/exchange/e.hpp"\n')
        self.assertEqual(layers.check(self.root), [])
        self.plant("src/executors/processes/pool/p.cpp", '#include "executors/processes/worker/w.hpp"\n')
        self.assert_finds(layers.check,
                          "the room executors/processes/pool may not include executors/processes/worker")

    def test_a_layer_above_an_executor_may_include_it_and_nobody_below_that_layer(self):
        self.plant("include/coeval/executors/process_pool.hpp", "")
        self.plant("include/coeval/multiprocessing/pool.hpp", "#include <coeval/executors/process_pool.hpp>\n")
        self.plant("include/coeval/multiprocessing/multiprocessing.hpp",
                   "#include <coeval/multiprocessing/pool.hpp>\n")
        self.plant("include/coeval/coeval.hpp", CLEAN["include/coeval/coeval.hpp"] +
                   "#include <coeval/multiprocessing/multiprocessing.hpp>\n")
        self.assertEqual(layers.check(self.root), [])
        self.plant("src/multiprocessing/queue.cpp", "#include <coeval/multiprocessing/pool.hpp>\n")
        self.assert_finds(layers.check, "multiprocessing/pool* stands above multiprocessing/queue.cpp")
        self.plant("src/multiprocessing/queue.cpp", "#include <coeval/executors/process_pool.hpp>\n")
        self.assert_finds(layers.check, "multiprocessing may not include executors")
        self.plant("src/multiprocessing/queue.cpp", "")
        self.plant("src/executors/process_x.cpp", "#include <coeval/multiprocessing/pool.hpp>\n")
        self.assert_finds(layers.check, "stands above executors/process_x.cpp")

    def test_a_public_header_may_not_include_a_private_one(self):
        self.plant("include/coeval/futures/f.hpp", "#include <futures/private.hpp>\n")
        self.assertIn("a public header", layers.check(self.root)[0])

    def test_a_public_header_may_not_include_a_third_party(self):
        self.plant("include/coeval/core/a.hpp", "#include <fmt/format.h>\n")
        self.assert_finds(layers.check, "the standard library and the kernel only")

    def test_an_adapter_may_include_its_library_only(self):
        self.plant("include/coeval/fmt.hpp", "#include <coeval/coeval.hpp>\n#include <fmt/format.h>\n")
        self.assertEqual(layers.check(self.root), [])
        self.plant("include/coeval/fmt.hpp", "#include <boost/asio.hpp>\n")
        self.assert_finds(layers.check, "the standard library and the kernel only")

    def test_an_example_may_not_include_detail(self):
        self.plant("include/coeval/futures/detail/d.hpp", "")
        self.plant("include/coeval/futures/f.hpp", "#include <coeval/futures/detail/d.hpp>\n")
        self.plant("examples/e.cpp", "#include <coeval/futures/detail/d.hpp>\n")
        self.assert_finds(layers.check, "examples/e.cpp:3: detail headers")

    def test_a_test_may_not_include_src(self):
        self.plant("tests/futures/f_test.cpp", '#include "futures/private.hpp"\n')
        self.assert_finds(layers.check, "only include/")

    def test_an_area_must_be_in_the_table(self):
        self.plant("src/misc/m.cpp", "#include <coeval/core/a.hpp>\n")
        self.assert_finds(layers.check, "the area misc is not in the table")

    def test_a_public_header_must_be_reachable(self):
        self.plant("include/coeval/futures/lost.hpp", "")
        self.assert_finds(layers.check, "include/coeval/futures/lost.hpp:1: nothing")


class Texts(Planted):
    def test_a_long_file_is_found(self):
        self.plant("include/coeval/core/a.hpp", "\n" * 249)
        self.assert_finds(rooms.check, "251 lines")

    def test_an_exception_gives_room_and_must_be_used(self):
        self.plant("src/core/long.cpp", "\n" * 450)
        self.assertEqual(rooms.check(self.root, {"src/core/long.cpp": (500, "a table")}), [])
        self.assertEqual(len(rooms.check(self.root, {"src/core/gone.cpp": (500, "a table")})), 2)

    def test_unfinished_business_is_found(self):
        self.plant("docs/page.md", "## A heading\nTO" + "DO: write\n")
        self.assert_finds(public_text.check, "docs/page.md:2: unfinished")

    def test_the_path_of_a_machine_is_found(self):
        self.plant("docs/page.md", "## A heading\nsee /ho" + "me/someone/notes\n")
        self.assert_finds(public_text.check, "docs/page.md:2: the path")

    def test_a_missing_licence_is_found(self):
        (self.root / "src/futures/f.cpp").write_text("int x;\n")
        self.assert_finds(public_text.check, "SPDX")

    def test_a_dead_link_is_found(self):
        self.plant("docs/page.md", "## A heading\n[gone](gone.md)\n")
        self.assert_finds(links.check, "docs/page.md:2: gone.md does not exist")

    def test_a_dead_anchor_is_found(self):
        self.plant("docs/page.md", "## Another heading\n")
        self.assert_finds(links.check, "no heading #a-heading")


class Tested(Planted):
    def setUp(self):
        super().setUp()
        self.plant("tests/futures/f_test.cpp", "TEST(Future, is_done) {}\n")
        self.plant("docs/develop/acceptance-rows.txt", "# futures\n")

    def test_named_tests_that_exist_are_no_fault(self):
        self.plant("docs/tested.md", "| 1 | [a](develop/page.md) | futures/Future.is_done, .is_done |\n")
        self.assertEqual(tested.check(self.root), [])

    def test_a_name_without_a_test_is_found(self):
        self.plant("docs/tested.md", "| 1 | futures/Future.is_done, .is_gone |\n")
        self.assert_finds(tested.check, "futures/Future has no test is_gone")

    def test_a_suite_without_tests_is_found(self):
        self.plant("docs/tested.md", "| 1 | futures/Promise.* |\n")
        self.assert_finds(tested.check, "there is no suite futures/Promise")

    def test_a_row_of_the_acceptance_table_that_is_missing_is_found(self):
        self.plant("docs/develop/acceptance-rows.txt", "# all\nfutures | 1\nfutures | 2\nthings | Pipe\nthings | Lock\n")
        self.plant("docs/tested.md", "## futures\n| 1 | futures/Future.is_done |\n\n"
                   "## things\n| 2 | of another section |\n| Pipe, Connection | – |\n| Lock | |\n")
        faults = tested.check(self.root)
        self.assertEqual(len(faults), 2, faults)
        self.assertIn('acceptance-rows.txt:3: docs/tested.md has no row "2" under futures', faults[0])
        self.assertIn('acceptance-rows.txt:5: docs/tested.md has no row "Lock" under things', faults[1])

    def test_an_acceptance_table_that_is_gone_is_found(self):
        self.plant("docs/tested.md", "| 1 | futures/Future.is_done |\n")
        (self.root / "docs/develop/acceptance-rows.txt").unlink()
        self.assert_finds(tested.check, "acceptance-rows.txt does not exist")


class Seams(Planted):
    FAULTS = {
        "std::atomic_thread_fence(o);": 2,  # also std::atomic...
        "std::atomic<int> x;": 1,
        "std::mutex m;": 1,
        "std::thread t(f);": 1,
        "auto t = std::chrono::steady_clock::now();": 1,
        "int c = fork();": 1,
        "pthread_create(&t, nullptr, f, nullptr);": 1,
        "long r = syscall(SYS_futex);": 1,
        "clock_gettime(CLOCK_MONOTONIC, &t);": 1,
        "getrandom(p, 8, 0);": 1,
        "::close(fd);": 1,
    }

    def test_each_way_around_a_seam_is_found(self):
        for code, count in self.FAULTS.items():
            with self.subTest(code):
                self.plant("src/futures/f.cpp", code + "\n")
                faults = seams.check(self.root)
                self.assertEqual(len(faults), count, faults)
                self.assertIn("src/futures/f.cpp:3: ", faults[0])

    def test_the_seam_itself_is_free(self):
        self.plant("src/core/system.cpp", "int f() { return ::fork(); }\n")
        self.plant("src/core/a.cpp", "int f() { return sys().fork(); }  // fork()\n")
        self.assertEqual(seams.check(self.root), [])

    def test_a_call_of_the_seam_that_may_make_a_standard_descriptor_is_found(self):
        for code in ("int f() { return ::eventfd(0, EFD_CLOEXEC); }",
                     "int f() { return or_error(::socket(1, 2, 3)); }",
                     "long f() { return ::syscall(SYS_pidfd_open, pid, 0); }"):
            with self.subTest(code):
                self.plant("src/core/descriptor_kernel.cpp", code + "\n")
                self.assert_finds(seams.check, "above_standard(...)")
        self.plant("src/core/descriptor_kernel.cpp",
                   "int f() { return above_standard(::eventfd(0, EFD_CLOEXEC)); }\n"
                   "int g() { return core::above_standard(static_cast<int>(syscall(SYS_pidfd_open, p, 0))); }\n")
        self.assertEqual(seams.check(self.root), [])


class Tools(Planted):
    def setUp(self):
        super().setUp()
        for name in (".clang-format", ".clang-tidy"):
            (self.root / name).symlink_to(REPOSITORY / name)

    def test_a_misformatted_file_is_found(self):
        self.plant("src/core/a.cpp", "int   x ;\n")
        self.assert_finds(format.check, "src/core/a.cpp:3: not in the house's format")

    def compile_commands(self, name):
        entry = {"directory": str(self.root), "file": str(self.root / name),
                 "command": f"clang++-19 -std=c++20 -c {self.root / name}"}
        (self.root / "compile_commands.json").write_text(json.dumps([entry]))

    def test_clang_tidy_finds_a_wrong_name(self):
        self.plant("src/core/a.cpp", "int WrongName() { return 1; }\n")
        self.compile_commands("src/core/a.cpp")
        self.assert_finds(tidy.check, "src/core/a.cpp:3: invalid case style", self.root)

    def test_clang_tidy_finds_a_fault_after_a_clean_run(self):
        self.plant("src/core/a.cpp", "int right_name() { return 1; }\n")
        self.compile_commands("src/core/a.cpp")
        self.assertEqual(tidy.check(self.root, self.root), [])
        self.assertEqual(len(list(tidy.MEMORY.iterdir())), 1)
        self.test_clang_tidy_finds_a_wrong_name()

    def test_clang_tidy_finds_a_long_function(self):
        self.plant("src/core/a.cpp", "int long_one(int x) {\n" + "  x += 1;\n" * 61 + "  return x;\n}\n")
        self.compile_commands("src/core/a.cpp")
        self.assert_finds(tidy.check, "exceeds recommended size", self.root)

    def test_the_header_check_finds_a_header_that_does_not_stand_alone(self):
        self.plant("include/coeval/core/a.hpp", "#pragma once\ninline std::string name();\n")
        self.plant("CMakeLists.txt", f"""
            cmake_minimum_required(VERSION 3.25)
            project(planted LANGUAGES CXX)
            set(CMAKE_CXX_STANDARD 20)
            include("{REPOSITORY}/cmake/header_check.cmake")
            coeval_add_header_check(header_check "{self.root}/include")""")
        build = self.root / "build"
        subprocess.run(["cmake", "-G", "Ninja", "-S", self.root, "-B", build], check=True,
                       capture_output=True)
        result = subprocess.run(["ninja", "-C", build, "header_check"], capture_output=True, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("core/a.hpp.cpp", result.stdout)


if __name__ == "__main__":
    unittest.main()
