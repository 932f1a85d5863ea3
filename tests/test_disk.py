"""Files: written whole or not at all, read only if they are what was written, and every failure in one message."""

import errno
import functools
import json
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import learning_effort as le
from learning_effort.files import disk
from learning_effort.files.fits import fits
from learning_effort.files.reading import SEAL, seal

SAVED = Path(__file__).parent / "saved_0_1_0"
DAMAGED = "is damaged or not a netCDF file"


@pytest.fixture(scope="module")
def solution():
    return le.load(SAVED / "certified.nc")


@pytest.fixture(scope="module")
def whole(solution, tmp_path_factory):
    """The bytes of a saved solution."""
    path = tmp_path_factory.mktemp("whole") / "run.nc"
    solution.save(path)
    return path.read_bytes()


def refused(path, words=DAMAGED):
    """The message with which a file is refused, in one line of printable text."""
    with pytest.raises(le.LearningEffortError, match=words) as raised:
        le.load(path)
    assert str(raised.value).isprintable() and len(str(raised.value)) < 1500
    return str(raised.value)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Full disks -------------------------------------------------------------------------------------------------------

FULL = """
import json, resource, signal, sys
from pathlib import Path
import learning_effort as le
from learning_effort.files import disk

saved, folder, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
solution = le.load(saved)
disk.write_text("what was there", folder / "run.nc")
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
told = []
writes = [lambda: solution.save(folder / "run.nc"), lambda: disk.write_text("x" * 200_000, folder / "run.nc")]
writes.append(lambda: disk.replace_file(folder / "figure.png", lambda name: solution.plot().savefig(name, dpi=600)))
writes.append(lambda: disk.replace_folder(folder, lambda new: solution.save(new / "run.nc"), "run.nc"))
for write in writes:
    try:
        write()
    except le.LearningEffortError as error:
        told.append(str(error))
left = [p.name for p in folder.iterdir()]
print(json.dumps([told, left, (folder / "run.nc").read_text(), float(solution.problem.value(solution.effort)), solution.value]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("limit", [0, 20_000])
def test_a_full_disk_loses_nothing(tmp_path, limit):
    """A disk of 24 kB, where mounting one is allowed, and else, and as well, a limit to the size of files."""
    command = [sys.executable, "-c", FULL, str(SAVED / "learner-linear.nc"), str(tmp_path), str(limit)]
    if not limit:
        mount = ["unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o size=24k none '{tmp_path}' && exec \"$@\"", "sh"]
        if subprocess.run([*mount, "true"], capture_output=True).returncode:
            pytest.skip("no disk may be mounted here")
        command = [*mount, *command]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told, left, content, value, known = json.loads(done.stdout)
    why = "cannot be written: File too large." if limit else "cannot be written: No space left on device."
    assert len(told) == 4 and all(message.endswith(why) and disk.TEMPORARY not in message for message in told)
    assert left == ["run.nc"] and content == "what was there" and value == pytest.approx(known)


@pytest.mark.parametrize(
    ("code", "written"), [(errno.ENOSPC, False), (errno.EIO, False), (errno.EINVAL, True), (errno.ENOTSUP, True)]
)
def test_what_the_disk_itself_says_is_heard(tmp_path, monkeypatch, code, written):
    disk.write_text("old", tmp_path / "a.txt")
    asked = []

    def fsync(handle):
        asked.append(stat.S_ISDIR(os.fstat(handle).st_mode))
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    if written:  # some file systems cannot be asked
        disk.write_text("new", tmp_path / "a.txt")
        assert asked == [False, True]
    else:
        with pytest.raises(le.LearningEffortError, match=f"a.txt cannot be written: {os.strerror(code)}"):
            disk.write_text("new", tmp_path / "a.txt")
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == ("new" if written else "old")


def test_figures_and_folders_reach_the_disk(tmp_path, monkeypatch, solution):
    asked, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (asked.append(os.fstat(handle).st_size), fsync(handle)))
    from learning_effort.figures.style import save_figure

    save_figure(solution.plot(), tmp_path)
    assert {(tmp_path / f"figure.{ending}").stat().st_size for ending in ("png", "pdf")} <= set(asked)


# Checksums --------------------------------------------------------------------------------------------------------


def test_files_are_ordinary_netcdf(tmp_path, whole, solution):
    (tmp_path / "run.nc").write_bytes(whole)
    size = len(seal(b""))
    assert whole[-size:].startswith(SEAL)
    with xr.open_dataset(tmp_path / "run.nc") as theirs:
        assert theirs.load().identical(disk.read(tmp_path / "run.nc"))
    theirs.to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf")
    assert len(whole) - size <= (tmp_path / "theirs.nc").stat().st_size
    # Another program may change the file, and takes the seal off by that.
    import h5py

    with h5py.File(tmp_path / "run.nc", "a") as file:
        file.attrs["note"] = "mine"
    assert le.load(tmp_path / "run.nc").value == solution.value
    assert SEAL not in (tmp_path / "run.nc").read_bytes()


def test_no_flipped_bit_opens_as_something_else(tmp_path, whole):
    path, choose = tmp_path / "run.nc", random.Random(0)
    anywhere = [choose.randrange(len(whole)) for _ in range(300)]
    for place in [*range(100), *anywhere, *range(len(whole) - len(seal(b"")), len(whole))]:
        damaged = bytearray(whole)
        damaged[place] ^= choose.choice([1 << choose.randrange(8), choose.randrange(1, 256)])
        path.write_bytes(damaged)
        refused(path)


@pytest.mark.parametrize("lost", [1, 50, 89, 91, 4096, 20_000])
def test_what_is_cut_off_or_blank_at_its_end_is_refused(tmp_path, whole, lost):
    for damaged in (whole[:-lost], whole[:-lost] + bytes(lost), whole + bytes(lost), whole[lost:]):
        (tmp_path / "run.nc").write_bytes(damaged)
        refused(tmp_path / "run.nc")


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"not a netCDF file", b"CDF\x01" + bytes(100), bytes(5000)])
def test_what_is_no_netcdf_is_refused(tmp_path, content):
    (tmp_path / "run.nc").write_bytes(content)
    refused(tmp_path / "run.nc")
    assert refused(tmp_path) == refused(tmp_path / "run.nc")


def test_files_without_a_seal_are_read_unless_they_were_cut_off(tmp_path):
    old = (SAVED / "used.nc").read_bytes()
    (tmp_path / "run.nc").write_bytes(old[:-1])
    assert "does not end where it should" in refused(tmp_path / "run.nc")


# Doctored files ---------------------------------------------------------------------------------------------------

DEEP = "[" * 100_000 + "]" * 100_000
JUNK = [
    None, "", "x", "\x1b[31mred\x07", "null", "[]", "{}", "[1", DEEP, "NaN", -1, 0, 7, 1e400, float("nan"), -float("inf"),
    10**30, True, [], [1.0, 2.0], {}, {"a": 1}, [[1, 2], [3]], "days since 2000-01-01", "converged", 10**400,
]  # fmt: skip


def replaced_somewhere(node, choose):
    """JSON with one of its parts replaced, left out or doubled."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    if not keys or choose.random() < 0.15:
        return choose.choice(JUNK)
    key = choose.choice(keys)
    node = node.copy()
    if choose.random() < 0.15:
        node.pop(key)
    elif isinstance(node, dict) and choose.random() < 0.1:
        node["\x1b[31m" + key] = node[key]
    else:
        node[key] = replaced_somewhere(node[key], choose)
    return node


def doctored(dataset, choose):
    """A dataset with one of its attributes or variables changed."""
    dataset = dataset.copy()
    kind = choose.random()
    if kind < 0.55:
        name = choose.choice(list(dataset.attrs))
        try:
            given = json.loads(dataset.attrs[name])
        except (TypeError, ValueError):
            given = None
        if isinstance(given, (dict, list)) and choose.random() < 0.8:
            dataset.attrs[name] = json.dumps(replaced_somewhere(given, choose))
        else:
            dataset.attrs[name] = choose.choice(JUNK)
            if dataset.attrs[name] is None:
                del dataset.attrs[name]
        return dataset
    name = choose.choice(list(dataset.variables))
    variable = dataset[name].variable
    if kind < 0.7:
        return dataset.drop_vars(name)
    if kind < 0.8:
        return dataset.rename({name: "else"})
    if kind < 0.85:
        return dataset.isel({choose.choice(list(dataset.dims)): slice(0, choose.choice([0, 1]))})
    content = choose.choice([np.nan, np.inf, -1, 10**12, "text", np.datetime64("2000-01-01", "ns"), 1j, True])
    if kind < 0.95:
        new = np.full(variable.shape, content)
    else:
        new, variable = np.zeros((2, 3)), xr.Variable(("else", "where"), np.zeros((2, 3)))
    return dataset.drop_vars(name).assign({name: (variable.dims, new, {"units": choose.choice(["", "days since 2000-01-01"])})})


@pytest.mark.parametrize("name", ["certified.nc", "starts.nc", "control-gain.nc"])
def test_no_doctored_file_ends_in_a_traceback(tmp_path, monkeypatch, name):
    le.load(SAVED / name).save(tmp_path / "run.nc")
    dataset, choose, refusals = disk.read(tmp_path / "run.nc"), random.Random(name), set()
    for i in range(100):
        changed = doctored(dataset, choose)
        if i % 5 == 0:  # as a file; there, not everything that is possible in memory
            try:
                disk.write(changed, tmp_path / "other.nc")
            except Exception:
                continue
            path = tmp_path / "other.nc"
        else:
            path = tmp_path / "run.nc"
            monkeypatch.setattr(disk, "read", lambda path, changed=changed: changed)
        try:
            loaded = le.load(path)
        except le.LearningEffortError as error:
            assert str(error).isprintable() and len(str(error)) < 1500
            refusals.add(str(error))
        else:  # what was changed cannot be known to be wrong, and does no harm
            assert repr(loaded) and loaded.summary() and loaded.starts_in_words() and loaded.weight_times.size
            assert loaded.summary().replace("\n", "").isprintable()
            if i % 7 == 0:
                loaded.save(tmp_path / "again.nc")
                loaded.plot()
        monkeypatch.undo()
    assert len(refusals) > 30


@pytest.mark.parametrize(
    "attribute", ["reason", "problem", "certificate", "stages", "effort_layers", "effort_knots", "value", "format", "gradients"]
)
def test_nothing_in_an_attribute_reaches_the_terminal_raw(tmp_path, solution, attribute):
    solution.save(tmp_path / "run.nc")
    dataset = disk.read(tmp_path / "run.nc")
    for text in ("\x1b[31m", '{"class": "\x1b[31m"}', r'{"class": "\u001b[31m", "\u001b": {"\u001b": 1}}', DEEP):
        dataset.attrs[attribute] = text
        disk.write(dataset, tmp_path / "b.nc")
        if attribute == "reason":
            assert le.load(tmp_path / "b.nc").reason.isprintable()
        else:
            refused(tmp_path / "b.nc", "b.nc is|The file names")


def test_what_a_problem_given_raises_is_not_taken_for_damage(tmp_path, solution, monkeypatch):
    solution.save(tmp_path / "run.nc")
    monkeypatch.setattr(le.Problem, "value", lambda *_: 1 / 0)
    assert le.load(tmp_path / "run.nc").value == solution.value
    with pytest.raises(ZeroDivisionError):
        le.load(tmp_path / "run.nc", problem=solution.problem)
    with pytest.raises(le.LearningEffortError, match="The 'problem' of load must be"):
        le.load(tmp_path / "run.nc", problem=solution.problem.learner)


@pytest.mark.parametrize(
    ("value", "kind", "right"),
    [
        (1, float, True),
        (1.0, int, False),
        (True, int, False),
        (None, float | None, True),
        ("1", float | None, False),
        ((1, 2.0), tuple[float, ...], True),
        ([1], tuple[float, ...], False),
        ((1,), tuple[float, int], False),
        ({"a": 1}, dict[str, int], True),
        ({1: 1}, dict[str, int], False),
    ],
)
def test_kinds_are_told_apart(value, kind, right):
    assert fits(value, kind) is right


# Paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [None, b"run.nc", "", 3, 1.5, ["run.nc"], "a\0b.nc", "\ud800.nc", "n" * 300 + ".nc", "x" * 5000]
)
def test_what_is_no_path_is_refused(tmp_path, monkeypatch, solution, path):
    monkeypatch.chdir(tmp_path)
    uses = [lambda: le.load(path), lambda: solution.save(path), lambda: disk.write_text("", path), lambda: disk.read(path)]
    for use in [*uses, lambda: disk.writable_folder(path), lambda: disk.replace_folder(path, lambda new: None, "run.json")]:
        with pytest.raises(le.LearningEffortError) as raised:
            use()
        assert str(raised.value).isprintable()
    assert names(tmp_path) == []


class Named:
    """A path of somebody's own."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


@pytest.mark.parametrize("kind", [str, Path, Named])
def test_paths_of_every_kind(tmp_path, solution, kind):
    solution.save(kind(tmp_path / "deep" / "run.nc"))
    assert le.load(kind(tmp_path / "deep")).value == le.load(kind(tmp_path / "deep" / "run.nc")).value == solution.value


def test_home_is_expanded_and_long_names_can_be_written(tmp_path, monkeypatch, solution):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    solution.save("~/run.nc")
    assert le.load("~/run.nc").value == le.load("~").value == solution.value and disk.writable_folder("~/new").is_absolute()
    for name in ("n" * 252 + ".nc", "n." + "c" * 253):
        solution.save(tmp_path / "long" / name)
        assert le.load(tmp_path / "long" / name).value == solution.value
    assert names(tmp_path) == ["home", "long"]


def test_what_lies_there_is_respected(tmp_path, solution):
    solution.save(tmp_path / "run.nc")
    (tmp_path / "run.nc").chmod(0o440)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = names(tmp_path)
    wrong = {"run.nc": "write-protected", "folder": "it is a folder", "pipe": "not an ordinary file", "loop": "levels of"}
    for name, words in wrong.items():
        with pytest.raises(le.LearningEffortError, match=f"{name} cannot be written: .*{words}"):
            solution.save(tmp_path / name)
        if name != "run.nc":
            refused(tmp_path / name, "There is no file")
    with pytest.raises(le.LearningEffortError, match=r"cannot be written: Not a directory"):
        solution.save(tmp_path / "run.nc" / "run.nc")
    assert names(tmp_path) == before and le.load(tmp_path / "run.nc").value == solution.value
    (tmp_path / "run.nc").chmod(0o600)
    solution.save(tmp_path / "run.nc")
    assert stat.S_IMODE((tmp_path / "run.nc").stat().st_mode) == 0o600  # private files stay so


def test_links_are_written_through(tmp_path, solution):
    (tmp_path / "real").mkdir()
    (tmp_path / "run.nc").symlink_to("real/there.nc")
    (tmp_path / "folder").symlink_to("real")
    for path in (tmp_path / "run.nc", tmp_path / "run.nc", tmp_path / "folder" / "there.nc"):
        solution.save(path)
        assert (tmp_path / "run.nc").is_symlink() and names(tmp_path / "real") == ["there.nc"]
        assert le.load(tmp_path / "run.nc").value == solution.value


def test_what_processes_left_that_are_gone_is_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    beginnings = {"gone": gone.pid, "own": os.getpid(), "first": 1, "word": "word", "huge": 10**30}
    for name, process in beginnings.items():
        (tmp_path / f"{disk.TEMPORARY}{process}-{name}.nc").write_text("half")
    (tmp_path / f"{disk.TEMPORARY}{gone.pid}-folder").mkdir()
    (tmp_path / f"{disk.TEMPORARY}{gone.pid}-folder" / "run.nc").write_text("half")
    for left in tmp_path.iterdir():
        os.utime(left, (0, time.time() - 120))
    (tmp_path / f"{disk.TEMPORARY}{gone.pid}-young.nc").write_text("half")
    disk.write_text("", tmp_path / "a.txt")
    left = {name.split("-")[-1] for name in names(tmp_path)}
    assert left == {"own.nc", "first.nc", "word.nc", "huge.nc", "young.nc", "a.txt"}


# Folders ----------------------------------------------------------------------------------------------------------


def run_of(number, new, fail=None):
    """Write a run's files, and fail at one of them."""
    for name in ("run.json", "figure.png", "run.nc"):
        if name == fail:
            raise RuntimeError("no more")
        disk.write_text(f"{name} {number}", new / name)


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_folder_is_replaced_as_one_piece(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    disk.replace_folder(folder, functools.partial(run_of, 1), "run.json")
    (folder / "ascent.nc").write_text("kept")
    one = contents(folder)
    assert sorted(one) == ["ascent.nc", "figure.png", "run.json", "run.nc"] and one["run.json"] == "run.json 1"
    with pytest.raises(RuntimeError):
        disk.replace_folder(folder, functools.partial(run_of, 2, fail="run.nc"), "run.json")
    (folder / "figure.png").chmod(0o444)
    with pytest.raises(le.LearningEffortError, match="write-protected"):
        disk.replace_folder(folder, functools.partial(run_of, 2), "run.json")
    assert contents(folder) == one
    (folder / "figure.png").chmod(0o644)

    replace, seen = os.replace, []

    def watched(source, target):
        if Path(target).parent == folder:
            seen.append((Path(target).name, (folder / "run.json").exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    disk.replace_folder(folder, functools.partial(run_of, 3), "run.json")
    assert seen[-1] == ("run.json", False) and len(seen) == 3 and not any(there for _, there in seen)
    assert contents(folder) == {name: text.replace("1", "3") for name, text in one.items()}


def test_a_folder_with_links_is_written_through_them(tmp_path):
    (tmp_path / "else").mkdir()
    (tmp_path / "run").mkdir()
    for name in ("run.nc", "run.json"):
        (tmp_path / "run" / name).symlink_to(tmp_path / "else" / name)
    for number in (1, 2):
        disk.replace_folder(tmp_path / "run", functools.partial(run_of, number), "run.json")
        assert contents(tmp_path / "else") == {name: f"{name} {number}" for name in ("run.nc", "run.json")}
        assert (tmp_path / "run" / "run.nc").is_symlink() and (tmp_path / "run" / "run.json").is_symlink()


def test_a_complete_run_stays_until_the_next_is_written(tmp_path, monkeypatch):
    from learning_effort.experiments import runs

    result = runs.read_result(SAVED / "single-neuron")
    save = functools.partial(runs.save_result, result.experiment, result, tmp_path / "run")
    save()
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert runs.complete(result.experiment, tmp_path / "run") and len(before) == 4
    monkeypatch.setattr(type(result.experiment), "figure", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save()
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    monkeypatch.undo()
    save(seconds=7.0)
    assert runs.complete(result.experiment, tmp_path / "run")["seconds"] == 7.0
