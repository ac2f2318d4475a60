# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bellwire.core import messages, places
from bellwire.core.places import ROOT

HOLDER = """
import sys
from pathlib import Path
from bellwire.core.places import locked
with locked(Path(sys.argv[1]), "tests"):
    print("locked", flush=True)
    sys.stdin.read()
"""


class CacheTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.said = self.enterContext(contextlib.redirect_stderr(io.StringIO()))
        places._writable.cache_clear()
        self.addCleanup(places._writable.cache_clear)

    def cache(self, **environment: str) -> Path:
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": "", "HOME": ""} | environment), \
                mock.patch.object(places, "BUILD", self.folder / "build"):
            return places.cache()

    def test_the_users_own(self) -> None:
        self.assertEqual(self.cache(HOME=str(self.folder)), self.folder / ".cache/bellwire")
        self.assertEqual(self.cache(XDG_CACHE_HOME=str(self.folder / "x"), HOME="/none"),
                         self.folder / "x/bellwire")
        self.assertEqual(self.cache(XDG_CACHE_HOME="not/absolute", HOME=str(self.folder)),
                         self.folder / ".cache/bellwire")
        self.assertEqual(self.said.getvalue(), "")

    def test_one_that_can_not_be_written(self) -> None:
        for home in ("/proc/none", "/dev/null"):
            self.assertEqual(self.cache(HOME=home), self.folder / "build/cache")
            self.assertEqual(self.cache(HOME=home), self.folder / "build/cache")  # silently
            self.assertRegex(self.said.getvalue(), rf"(?m)^bellwire: the cache {home}/[^\n]+ can't be "
                                                   r"written \([^\n]+\): using [^\n]+/build/cache; ")
        self.assertEqual(self.said.getvalue().count("\n"), 2)

    def test_a_user_without_a_home(self) -> None:
        with mock.patch("pwd.getpwuid", side_effect=KeyError):
            self.assertEqual(self.cache(), self.folder / "build/cache")
        self.assertIn("there is no home", self.said.getvalue())


class BuildFolderTest(unittest.TestCase):
    def test_a_clone_has_it_inside_and_an_installed_package_in_the_users_cache(self) -> None:
        clone, copy = Path("/some/clone"), Path("/usr/lib/bellwire/tree")
        with mock.patch.dict(os.environ, BELLWIRE_BUILD="", XDG_CACHE_HOME="/c", HOME="/h"):
            self.assertEqual(places.build_folder(clone, False), clone / "build")
            folder = places.build_folder(copy, True)
            self.assertEqual(folder.parent, Path("/c/bellwire/build"))
            self.assertNotEqual(folder, places.build_folder(clone, True))
        with mock.patch.dict(os.environ, BELLWIRE_BUILD="/chosen"):
            self.assertEqual(places.build_folder(copy, True), Path("/chosen"))

    def test_the_commands_by_their_names(self) -> None:
        for words, status, said in (("kmod --help", 0, "usage: kmod "),
                                    ("kmodd", 2, "bellwire: there is no command 'kmodd'; usage: "),
                                    ("", 0, "usage: python3 -m bellwire COMMAND")):
            done = subprocess.run([sys.executable, "-m", "bellwire", *words.split()], text=True,
                                  cwd=ROOT / "scripts/python", capture_output=True)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertTrue((done.stdout + done.stderr).startswith(said), done)


class WriteTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def test_it_is_whole_and_keeps_its_mode(self) -> None:
        path = self.folder / "x"
        places.replace_file(path, "old")
        path.chmod(0o640)
        places.replace_file(path, b"new")
        self.assertEqual((path.read_text(), stat.S_IMODE(path.stat().st_mode)), ("new", 0o640))
        self.assertEqual(self.names(), ["x"])

    def test_what_fails_leaves_the_old_one_alone(self) -> None:
        path = self.folder / "x"
        path.write_text("old")
        with mock.patch.object(Path, "write_bytes", side_effect=OSError(28, "No space left")), \
                self.assertRaises(OSError) as failed:
            places.replace_file(path, "new")
        self.assertEqual((path.read_text(), self.names()), ("old", ["x"]))
        self.assertEqual(messages.reason(failed.exception),
                         f"'{path}': No space left: free some space there")

    def test_a_device_stays_one(self) -> None:
        places.replace_file(Path("/dev/null"), "x")
        self.assertTrue(Path("/dev/null").is_char_device())
        with self.assertRaises(OSError):
            places.replace_file(Path("/dev/full"), "x")
        self.assertTrue(Path("/dev/full").is_char_device())

    def test_a_link_stays_one(self) -> None:
        link = self.folder / "link"
        link.symlink_to("x")
        places.replace_file(link, "new")
        self.assertTrue(link.is_symlink())
        self.assertEqual((self.folder / "x").read_text(), "new")

    def test_text_with_bytes_of_a_path(self) -> None:
        path = self.folder / "x"
        places.write(path, os.fsdecode(b"\xff\xe9"))
        self.assertEqual(path.read_bytes(), b"\xff\xe9")

    def test_a_long_name(self) -> None:
        places.replace_file(self.folder / ("x" * 255), "new")
        self.assertEqual(self.names(), ["x" * 255])

    def test_plain_paths(self) -> None:
        for name in ("/a b", "/a,b", "/a:b", "/a;b", "/a$b", "/a%b", "/é", "/a\n", "a", '/"', "/'"):
            self.assertFalse(places.plain(Path(name)), name)
        self.assertTrue(places.plain(Path("/users/some-one_1/a.b+c@d")))


class LockTest(unittest.TestCase):
    def test_who_waits_says_for_what(self) -> None:
        with tempfile.TemporaryDirectory() as folder, \
                contextlib.redirect_stderr(io.StringIO()) as said, \
                mock.patch.object(messages, "SILENCE", 0.01):
            lock = Path(folder, "a/lock")
            with subprocess.Popen([sys.executable, "-c", HOLDER, lock], cwd=ROOT / "scripts/python",
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
                assert holder.stdin and holder.stdout
                close, _ = holder.stdin.close, holder.stdout.readline()

                def let_go(text: str, prefix: str = "bellwire") -> None:
                    said.write(text)
                    close()

                with mock.patch.object(messages, "say", let_go), places.locked(lock, "tests"):
                    self.assertEqual(holder.wait(60), 0)
            self.assertIn(f"waiting for another process that tests; its lock: {lock}",
                          said.getvalue())
