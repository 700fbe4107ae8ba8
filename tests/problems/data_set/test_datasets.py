"""Data sets of real images: the split, how pixels become binary, and files that are not what they should be."""

import hashlib
import http.server
import os
import socket
import threading
import time
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import ROOT
from image_data import image_config, npz_data, save_mnist, small_images

from avb_tf1.config.fingerprint import fingerprint, require_same
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.data_set import datasets, image_files
from avb_tf1.problems.data_set.problem import N_SHOWN, ImageDataset, Part, binarised
from avb_tf1.problems.registry import problem_of

UINT8 = np.random.RandomState(0).randint(0, 256, (12, 4, 5)).astype(np.uint8)


def saved(path, **arrays):
    np.savez(str(path), **arrays)
    return str(path)


def dataset_in(path, more=""):
    return problem_of(image_config("digits_vae", npz_data(path, ", batch_size: 1" + more).replace("batch_size: 64, ", "")))


def test_the_digits_are_split_once_and_for_all():
    dataset = problem_of(image_config("digits_vae"))
    assert dataset.image_shape == (8, 8) and dataset.n_values == 64 and dataset.class_names == tuple("0123456789")
    assert dataset.train.intensities.shape == (1497, 64) and dataset.test.intensities.shape == (300, 64)
    assert len(dataset.validation.labels) == 0 and dataset.train.intensities.dtype == np.float32
    from sklearn.datasets import load_digits
    digits = load_digits()
    order = np.random.RandomState(0).permutation(1797)
    np.testing.assert_array_equal(dataset.test.intensities * 16, digits.data[order[1497:]])
    np.testing.assert_array_equal(dataset.train.labels, digits.target[order[:1497]])
    np.testing.assert_allclose(dataset.mean, digits.data[order[:1497]].mean(axis=0) / 16, atol=1e-7)
    assert problem_of(image_config("digits_avb")) is dataset


def test_validation_images_come_from_the_end_of_the_train_part():
    whole, parted = problem_of(image_config("digits_vae")), problem_of(image_config("digits_vae", "data.n_validation=97"))
    np.testing.assert_array_equal(parted.train.intensities, whole.train.intensities[:1400])
    np.testing.assert_array_equal(parted.validation.intensities, whole.train.intensities[1400:])
    np.testing.assert_array_equal(parted.validation.labels, whole.train.labels[1400:])
    np.testing.assert_array_equal(parted.test_images(), whole.test_images())
    assert parted.validation.intensities.shape == (97, 64)


@pytest.mark.parametrize("intensities", [np.repeat(np.uint8([[0, 51, 255]]), 40000, 0),
                                         np.repeat(np.float32([[0, .2, 1]]), 40000, 0)])
def test_a_pixel_is_on_with_its_intensity_as_probability(intensities):
    drawn = binarised(intensities, "dynamic", np.random.RandomState(0))
    assert drawn.dtype == np.uint8 and set(np.unique(drawn)) == {0, 1}
    assert drawn[:, 0].max() == 0 and drawn[:, 2].min() == 1
    assert drawn[:, 1].mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 40000))
    np.testing.assert_array_equal(drawn, binarised(intensities, "static", np.random.RandomState(0)))
    assert (drawn != binarised(intensities, "static", np.random.RandomState(1))).any()


def test_the_threshold_is_one_half():
    for intensities in (np.uint8([[0, 127, 128, 255]]), np.float32([[0, .4999, .5, 1]])):
        np.testing.assert_array_equal(binarised(intensities, "threshold", None), [[0, 0, 1, 1]])


def test_all_seeds_are_measured_on_the_same_test_images():
    a, b = (problem_of(image_config("digits_vae", "seed=%d" % seed)) for seed in (0, 1))
    np.testing.assert_array_equal(a.test_images(), b.test_images())
    assert a.test_images().dtype == np.float32
    assert a.test_images().mean() == pytest.approx(a.test.intensities.mean(), abs=0.01)
    static = problem_of(image_config("digits_vae", "data.binarisation=static"))
    np.testing.assert_array_equal(static.test_images(), a.test_images())
    assert (static.train_images(0) != static.train_images(1)).any()
    np.testing.assert_array_equal(static.train_images(0), static.train_images(0))
    threshold = problem_of(image_config("digits_vae", "data.binarisation=threshold"))
    np.testing.assert_array_equal(threshold.test_images(), a.test.intensities >= 0.5)


def test_the_shown_images_are_the_first_test_images(tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (5000, 16)).astype(np.uint8)
    dataset = dataset_in(saved(tmp_path / "a.npz", train=images[:9], test=images, test_labels=np.arange(5000) % 3))
    shown, labels = dataset.shown_images()
    assert len(shown) == N_SHOWN
    np.testing.assert_array_equal(shown, dataset.test_images()[:N_SHOWN])
    np.testing.assert_array_equal(labels, np.arange(N_SHOWN) % 3)


def test_a_file_of_ones_own(tmp_path):
    path = saved(tmp_path / "a.npz", train=UINT8, test=UINT8[:3], train_labels=np.int8([7, 9] * 6), test_labels=[9, 7, 12])
    dataset = dataset_in(path)
    assert dataset.image_shape == (4, 5) and dataset.class_names == ("7", "9", "12")
    np.testing.assert_array_equal(dataset.test.labels, [1, 0, 2])
    np.testing.assert_array_equal(dataset.train.intensities, UINT8.reshape(12, 20))
    floats = dataset_in(saved(tmp_path / "b.npz", train=np.asfortranarray(UINT8 / 255.0), test=UINT8.reshape(12, 4, 5) / 255))
    assert floats.train.intensities.dtype == np.float32 and floats.class_names == ("image",)
    np.testing.assert_allclose(floats.train.intensities, dataset.train.intensities / 255, atol=1e-7)
    flat = dataset_in(saved(tmp_path / "c.npz", train=np.eye(3), test=np.ones((2, 3))))
    assert flat.image_shape == (1, 3) and not flat.test.labels.any()


BAD = {
    "no array": (dict(train=UINT8), "has no array test"),
    "one dimension": (dict(train=UINT8[0, 0], test=UINT8), "train must be [n, h, w], of colour [n, h, w, 3], or "
                      "[n, d], not [5]"),
    "a channel of one": (dict(train=UINT8[..., None], test=UINT8),
                         "train must be [n, h, w], of colour [n, h, w, 3], or [n, d], not [12, 4, 5, 1]"),
    "alpha channel": (dict(train=np.stack(4 * [UINT8], -1), test=UINT8),
                      "not [12, 4, 5, 4]: save the images without their alpha channel"),
    "five dimensions": (dict(train=np.zeros((2, 2, 2, 2, 3)), test=UINT8), "not [2, 2, 2, 2, 3]"),
    "colour and grey": (dict(train=np.stack(3 * [UINT8], -1), test=UINT8), "of one shape, not [4, 5, 3] and [4, 5]"),
    "NaN of colour": (dict(train=np.full((3, 4, 5, 3), np.nan), test=UINT8), "found NaN"),
    "16 bits": (dict(train=UINT8.astype(np.uint16), test=UINT8), "not uint16; save 16-bit images as floats, divided by 65535"),
    "other shape": (dict(train=UINT8, test=UINT8[:, :3]), "of one shape, not [4, 5] and [3, 5]"),
    "NaN": (dict(train=np.where(UINT8 > 250, np.nan, .5), test=UINT8), "train: images must be uint8, 0 to 255, or floats in "
            "[0, 1]; found NaN"),
    "above 1": (dict(train=UINT8, test=UINT8 / 200), "test: images must be uint8, 0 to 255, or floats in [0, 1]; found 1.2"),
    "below 0": (dict(train=UINT8 / 255 - .5, test=UINT8), "found -0.5"),
    "infinite": (dict(train=np.where(UINT8 > 250, np.inf, .5), test=UINT8), "found inf"),
    "integers": (dict(train=UINT8.astype(int), test=UINT8), "not int64"),
    "uint8 of 0 and 1": (dict(train=UINT8 % 2, test=UINT8), "the largest value of train is 1, where 255 is a pixel that is on: "
                         "save the images as floats, divided by what stands for such a pixel in them"),
    "uint8 of 0 to 16": (dict(train=UINT8 // 16, test=UINT8), "the largest value of train is 15, where 255"),
    "dim test": (dict(train=UINT8, test=UINT8 // 3), "the largest value of test is 8"),
    "floats of 0 to 16 / 255": (dict(train=UINT8 / 255 / 16, test=UINT8), "the largest value of train is 0.06"),
    "just above 1": (dict(train=UINT8 / UINT8.max() * (1 + 2e-6), test=UINT8), "found 1.000002"),
    "train labels alone": (dict(train=UINT8, test=UINT8, train_labels=np.arange(12)),
                           "has train_labels and no test_labels, which are the ones that are used"),
    "labels of 64 bits": (dict(train=UINT8, test=UINT8, train_labels=np.uint64([2**63]) + np.arange(12, dtype=np.uint64),
                               test_labels=np.arange(12)), "train_labels must be below 2**63, not 9223372036854775819"),
    "labels": (dict(train=UINT8, test=UINT8, train_labels=np.arange(11), test_labels=np.arange(12)),
               "train_labels must be 12 integers"),
    "labels of time": (dict(train=UINT8, test=UINT8, test_labels=np.arange(12).astype("m8[s]")),
                       "test_labels must be 12 integers"),
    "float labels": (dict(train=UINT8, test=UINT8, test_labels=np.ones(12)), "test_labels must be 12 integers"),
    "empty": (dict(train=UINT8, test=UINT8[:0]), "test is empty"),
    "objects": (dict(train=UINT8, test=np.array([UINT8, None], object)), "test holds Python objects"),
    "texts": (dict(train=np.array([["a"]]), test=UINT8), "not <U1"),
    "fields": (dict(train=np.zeros((3, 2), [("a", int)]), test=UINT8), "train has fields (a): it must be an array of numbers"),
}


def test_rounding_is_no_fault(tmp_path):
    found = dataset_in(saved(tmp_path / "a.npz", train=np.float64([[1 + 1e-9, -1e-9], [0.5, 1]]), test=np.ones((1, 2))))
    np.testing.assert_array_equal(found.train.intensities, np.float32([[1, 0], [0.5, 1]]))
    big = np.uint64([2**63 - 1, 0])
    labelled = dataset_in(saved(tmp_path / "b.npz", train=np.eye(2), test=np.eye(2), train_labels=big, test_labels=big))
    assert labelled.class_names == ("0", "9223372036854775807")


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_told_in_one_line(tmp_path, what):
    arrays, words = BAD[what]
    path = saved(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError) as error:
        dataset_in(path)
    assert str(error.value).startswith(path + ": ") and words in str(error.value) and "\n" not in str(error.value)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_file_that_is_none(tmp_path):
    good = saved(tmp_path / "good.npz", train=UINT8, test=UINT8)
    with open(good, "rb") as file:
        content = file.read()
    for name, text in (("truncated", content[:-100]), ("half", content[:len(content) // 2]), ("text", b"x" * 5000),
                       ("void", b""), ("flipped", content[:300] + bytes([content[300] ^ 255]) + content[301:])):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(InputError, match="%s: (damaged|can't be read|train is damaged)" % name):
            dataset_in(tmp_path / name)
    with pytest.raises(InputError) as caught:  # the length of a name, of which the message would be half of the file
        (tmp_path / "name").write_bytes(content[:27] + bytes([content[27] ^ 255]) + content[28:])
        dataset_in(tmp_path / "name")
    assert len(str(caught.value)) < 200 + len(str(tmp_path)) and "damaged" in str(caught.value)
    (tmp_path / "begun").write_bytes(content[500:])
    with pytest.raises(InputError, match="begun: damaged, or no .npz file"):
        dataset_in(tmp_path / "begun")
    os.mkfifo(str(tmp_path / "fifo"))
    (tmp_path / "folder").mkdir()
    for name, words in (("fifo", "Not a regular file"), ("folder", "Is a directory"), ("missing", "No such file")):
        with pytest.raises(InputError, match="%s: can't be read: %s" % (name, words)):
            dataset_in(tmp_path / name)
    with pytest.raises(InputError, match="null byte"):
        load_config(os.path.join(ROOT, "configs/images/digits_vae.yaml"),
                    ['data={kind: npz, path: "a\\0b", binarisation: static, n_validation: 0, batch_size: 1}'])


def test_a_file_that_the_memory_does_not_hold_is_not_called_damaged(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("no room")

    good = saved(tmp_path / "good.npz", train=UINT8, test=UINT8)
    monkeypatch.setattr(np.lib.format, "read_array", fail)
    with pytest.raises(MemoryError, match="no room"):
        dataset_in(good)


def test_a_files_name_is_told_as_it_can_be_printed(tmp_path):
    path = saved(tmp_path / "a.npz", train=UINT8, test=UINT8)
    os.rename(path, str(tmp_path / "a\x1b[31m.npz"))
    data = SimpleNamespace(kind="npz", path=str(tmp_path / "a\x1b[31m.npz"), binarisation="static",
                           n_validation=0, batch_size=1, sha256=None)
    assert datasets.dataset_of(data).title == "the images of a\\x1b[31m.npz"


def member(shape, size, descr="|u1"):
    """The beginning of an .npy file with a header, filled up with zeros to so many bytes, a mebibyte at a time."""
    header = ("{'descr': %r, 'fortran_order': False, 'shape': %r, }" % (descr, shape)).ljust(117) + "\n"
    yield b"\x93NUMPY\x01\x00" + bytes([118, 0]) + header.encode()
    size -= 128
    while size > 0:
        yield bytes(min(size, 1 << 20))
        size -= 1 << 20


@pytest.mark.parametrize("shape, size, words", [
    ((10 * 2**30 // 784, 28, 28), 10 * 2**26, "header has the shape"),  # says 10 GiB, and has 640 MiB
    ((2**62, 2**62), 1128, "header has the shape"),
    ((-1, 1000), 1128, "header has the shape"),
    ((3 * 2**30 // 784, 28, 28), 128 + 3 * 2**30 // 784 * 784, "must take at most 2048 MiB, not 30"),  # 3 MB of zeros, packed
], ids=["shape of 10 GB", "overflow", "negative", "3 GB"])
def test_sizes_are_looked_at_before_anything_is_read(tmp_path, shape, size, words, monkeypatch):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(str(path), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("train.npy", "w", force_zip64=True) as file:
            for part in member(shape, min(size, 2**21)):
                file.write(part)
        archive.writestr("test.npy", b"".join(member((1, 28, 28), 128 + 784)))
    if size > 2**21:  # as if it had been written to the end
        monkeypatch.setattr(zipfile.ZipFile, "getinfo", lambda self, name, own=zipfile.ZipFile.getinfo: _of_size(
            own(self, name), size if name == "train.npy" else None))
    monkeypatch.setattr(np.lib.format, "read_array", None)
    with pytest.raises(InputError, match=words):
        dataset_in(path)


def _of_size(member, size):
    if size is not None:
        member.file_size = size
    return member


def test_what_an_object_array_holds_is_not_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    path = saved(tmp_path / "a.npz", train=np.array([Trap()] * 3, object), test=UINT8)
    with pytest.raises(InputError, match="train holds Python objects, which are not read"):
        dataset_in(path)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_run_goes_on_only_with_its_own_data(tmp_path):
    path = saved(tmp_path / "a.npz", train=UINT8, test=UINT8)
    config = image_config("digits_vae", npz_data(path).replace("64", "3"))
    assert len(config.data.sha256) == 64 and config.data.path == path
    (tmp_path / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    again = load_config(str(tmp_path / "config.yaml"))
    assert again == config and build_graph(again).parts.batch.x.shape.as_list() == [3, 20]
    os.rename(path, str(tmp_path / "b.npz"))
    assert load_config(str(tmp_path / "config.yaml")) == config  # the file is needed for training, not for reading
    moved = image_config("digits_vae", npz_data(tmp_path / "b.npz").replace("64", "3"))
    require_same(fingerprint(moved), fingerprint(config), "here")
    saved(path, train=UINT8[::-1], test=UINT8)
    with pytest.raises(InputError, match="a.npz: its images have changed: .* data.sha256 of the run is %s" % (
            config.data.sha256[:12])):
        build_graph(again)
    (tmp_path / "relative.yaml").write_text(to_yaml(config).replace(path, "a.npz"), encoding="utf-8")
    assert load_config(str(tmp_path / "relative.yaml")).data == config.data
    with pytest.raises(InputError, match="here: made by another config: data.sha256 is"):
        require_same(fingerprint(config), fingerprint(image_config("digits_vae", npz_data(path).replace("64", "3"))), "here")


def test_a_path_is_looked_for_beside_the_config_and_where_one_is(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    config = small_images("digits_vae")
    text = to_yaml(config).replace("kind: digits", "kind: npz\n  path: a.npz").replace("batch_size: 64", "batch_size: 3")
    (tmp_path / "there" / "config.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="data.path: there is neither %s, beside the config, nor %s, in the working" % (
            tmp_path / "there" / "a.npz", tmp_path / "a.npz")):
        load_config("there/config.yaml")
    saved(tmp_path / "a.npz", train=UINT8, test=UINT8)
    assert load_config("there/config.yaml").data.path == str(tmp_path / "a.npz")
    saved(tmp_path / "there" / "a.npz", train=UINT8, test=UINT8)
    assert load_config("there/config.yaml").data.path == str(tmp_path / "there" / "a.npz")


def test_pixels_of_validation_and_test_images_are_drawn_apart():
    """Of grey images two parts agree in half of the pixels; with one stream they would be the same."""
    grey = Part(np.full((200, 64), 0.5), np.zeros(200, np.int64))
    dataset = ImageDataset("grey", (8, 8), grey, grey, grey, ("",), "dynamic", "", "")
    images = {part: dataset.fixed_images(part) for part in ("test", "validation")}
    assert abs((images["test"] == images["validation"]).mean() - 0.5) < 4 * 0.5 / np.sqrt(200 * 64)
    np.testing.assert_array_equal(images["test"], dataset.test_images())
    assert (dataset.some_rows("test", 20) != dataset.some_rows("validation", 20)).any()
    np.testing.assert_array_equal(dataset.some_rows("validation", None), np.arange(200))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".keras" / "datasets").mkdir(parents=True)
    return tmp_path / ".keras" / "datasets" / "mnist.npz"


def test_mnist_is_taken_from_keras_place(home):
    assert image_config("mnist_2_vae").data.sha256 is None  # nothing there: it is MNIST by its name, and not read yet
    save_mnist(home, 200, 50)
    config = image_config("mnist_2_vae")
    assert len(config.data.sha256) == 64  # another file than was published: the run is one of it
    dataset = problem_of(config)
    assert dataset.title == "MNIST" and dataset.image_shape == (28, 28) and dataset.test_images().shape == (50, 784)
    assert dataset.class_names == tuple("0123456789")
    with pytest.raises(InputError, match="mnist_2_vae.yaml: data.batch_size must be at most 200, .* not 300"):
        image_config("mnist_2_vae", "data.batch_size=300")


def test_the_arrays_of_mnist_are_mnist_in_whatever_file_they_are(home, monkeypatch):
    save_mnist(home, 200, 50)
    digest = image_config("mnist_2_vae").data.sha256
    monkeypatch.setattr(datasets, "_MNIST_DIGEST", digest)
    assert image_config("mnist_2_vae").data.sha256 is None
    assert len(image_config("mnist_2_vae", "data.path=%s" % home).data.sha256) == 64  # a path names a file


class Answer(http.server.BaseHTTPRequestHandler):
    """Gives `content` to who asks, at once or never; notes the default that the process' sockets have meanwhile."""

    content, is_slow, seen = b"", False, []

    def do_GET(self):
        self.seen.append(socket.getdefaulttimeout())
        if not self.is_slow:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.content)
        else:
            time.sleep(0.5)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    own = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=own.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(datasets, "_MNIST_URL", "http://127.0.0.1:%d/mnist.npz" % own.server_port)
    monkeypatch.setattr(Answer, "seen", [])
    yield Answer
    own.shutdown()
    thread.join()
    own.server_close()


def test_mnist_is_downloaded_once_and_checked(home, server, tmp_path, monkeypatch):
    save_mnist(tmp_path / "there.npz", 200, 50)
    content = (tmp_path / "there.npz").read_bytes()
    monkeypatch.setattr(datasets, "_MNIST_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(server, "content", content)
    home.parent.rmdir()
    before = socket.getdefaulttimeout()
    for _ in range(2):
        assert problem_of(image_config("mnist_2_vae")).test_images().shape == (50, 784)
    assert home.read_bytes() == content and os.listdir(str(home.parent)) == ["mnist.npz"]
    assert server.seen == [before] and socket.getdefaulttimeout() == before


@pytest.mark.parametrize("fault", ["other content", "no answer", "no server"])
def test_what_is_no_mnist_leaves_nothing(home, server, monkeypatch, fault):
    monkeypatch.setattr(server, "content", b"<html>please log in</html>")
    monkeypatch.setattr(server, "is_slow", fault == "no answer")
    monkeypatch.setattr(datasets, "_DOWNLOAD_SECONDS", 0.1)
    if fault == "no server":
        monkeypatch.setattr(datasets, "_MNIST_URL", "http://127.0.0.1:9/mnist.npz")
    with pytest.raises(InputError, match="mnist.npz: no such file, and it can't be downloaded: put mnist.npz there") as error:
        problem_of(image_config("mnist_2_vae"))
    assert str(home) in str(error.value) and "127.0.0.1" not in str(error.value) and os.listdir(str(home.parent)) == []


def test_what_stands_in_mnists_place_must_be_of_its_kind(home, tmp_path):
    for arrays in (dict(x_train=UINT8, y_train=np.arange(12), x_test=UINT8, y_test=np.arange(12)),
                   dict(x_train=np.ones((3, 28, 28)), y_train=np.arange(3), x_test=np.ones((3, 28, 28)), y_test=np.arange(3))):
        saved(home, **arrays)
        with pytest.raises(InputError, match="mnist.npz: no MNIST: x_train must be uint8 .n, 28, 28."):
            image_config("mnist_2_vae")
    saved(home, train=UINT8, test=UINT8)
    with pytest.raises(InputError, match="has no array x_train; it must have x_train and x_test"):
        image_config("mnist_2_vae")


def test_known_facts_are_the_data_sets_own():
    known, dataset = datasets.known(image_config("digits_vae").data), problem_of(image_config("digits_vae"))
    assert known == (dataset.image_shape, len(dataset.train.labels), None)


def test_digests_tell_types_shapes_and_values_apart():
    arrays = [np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), np.zeros((2, 3), np.int8), np.ones((2, 3), np.uint8)]
    arrays.append(None)
    assert len({image_files.digest_of(array) for array in arrays} | {image_files.digest_of()}) == 6


@pytest.mark.parametrize("types", [(np.uint8, np.float32), (np.float32, np.uint8)])
def test_real_values_of_two_types_are_refused_as_only_one_is_dequantised(tmp_path, types):
    parts = {name: UINT8 if own is np.uint8 else (UINT8 / 255).astype(own) for name, own in zip(("train", "test"), types)}
    path = saved(tmp_path / "a.npz", **parts)
    section = npz_data(path).replace("64", "3")
    assert image_config("digits_vae", section).data.path == path  # as pixels that are on or off they are alike
    with pytest.raises(InputError, match="a.npz: with data.binarisation none the images of train and test must both be uint8"):
        image_config("patches_vae", section.replace("dynamic", "none"))
