"""Mapping files as files: how large they may be, what is wrong with hostile ones, and the hash that names their text."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from gateway.errors import MappingError
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.catalogue import catalogue_of
from gateway.resources import load_mapping, load_mappings
from gateway.settings import MappingSettings

MAPPINGS = Path(__file__).resolve().parents[4] / "mappings"
PLAIN = b'name = "shop"\n[api]\nresource = "productOrder"\n'
WITH_TABLES = PLAIN + b'[codes.products]\nfile = "shop-products.csv"\n[catalogue]\nfile = "shop.catalogue.toml"\n'
TABLES = {"shop-products.csv": b"from,to\nA,B\n", "shop.catalogue.toml": b'[[product]]\ncode = "A"\n'}


def write(folder, text=WITH_TABLES, **tables):
    (folder / "shop.toml").write_bytes(text)
    for name, raw in (TABLES | {key.replace("__", "."): raw for key, raw in tables.items()}).items():
        (folder / name).write_bytes(raw)
    return folder / "shop.toml"


def mistakes(path, **settings):
    began = time.process_time()
    with pytest.raises(MappingError) as caught:
        load_mapping(path, MappingSettings(**settings))
    assert time.process_time() - began < 10
    assert len(caught.value.problems) <= 103
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_that_is_too_large_is_not_read(tmp_path, name):
    path = write(tmp_path)
    (tmp_path / name).write_bytes(b"x" * 5_000)
    assert f"shop.toml: {name}: is larger than 4096 bytes (mappings.table_bytes_max)" in mistakes(
        path, table_bytes_max=4096
    )


def test_a_table_that_is_no_file_is_told_where_it_is_named(tmp_path):
    path = write(tmp_path)
    for name in TABLES:
        (tmp_path / name).unlink()
    (tmp_path / "shop-products.csv").mkdir()
    (tmp_path / "shop.catalogue.toml").symlink_to(tmp_path / "nothing")
    told = mistakes(path)
    assert (
        "codes.products.file: names shop-products.csv, which is not a file beside the mapping; write it there" in told
    )
    assert "catalogue.file: names shop.catalogue.toml, which is not a file beside the mapping; write it there" in told


def test_mistakes_of_a_mapping_and_of_each_file_beside_it_are_told_at_once(tmp_path):
    path = write(tmp_path, WITH_TABLES + b"[limits]\nitems_max = 0\n")
    (tmp_path / "shop-products.csv").write_bytes(b"a;b")
    (tmp_path / "shop.catalogue.toml").write_bytes(b"x" * 5_000)
    told = mistakes(path, table_bytes_max=4096)
    assert all(
        word in told for word in ("limits.items_max", "shop-products.csv line 1", "shop.catalogue.toml: is larger")
    )


def test_a_mapping_that_is_too_large_is_not_read(tmp_path):
    path = write(tmp_path, PLAIN + b"#" * 5_000)
    assert "shop.toml: is larger than 4096 bytes (mappings.file_bytes_max)" in mistakes(path, file_bytes_max=4096)
    assert load_mapping(path).name == "shop"


def test_all_files_that_are_too_large_are_told_at_once(tmp_path):
    path = write(tmp_path)
    for name in TABLES:
        (tmp_path / name).write_bytes(b"x" * 5_000)
    assert all(name in mistakes(path, table_bytes_max=4096) for name in TABLES)


def test_a_pipe_a_folder_or_a_link_to_nothing_is_no_mapping(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "link.toml").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(MappingError) as caught:
        load_mappings(MappingSettings(folder=str(tmp_path)))
    assert [problem.message for problem in caught.value.problems] == [
        "is not a file; write one there, or remove it"
    ] * 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = " + b"9" * 10_000, "is not TOML"),
        (b"[" + b".".join([b"a"] * 10_000) + b"]", "is not a key"),
        (b"\n".join(b"k%d = 1" % number for number in range(60_000)), "has more mistakes than these 100"),
        (b"\xff", "is not UTF-8 (byte 0)"),
        (b"\x00", "is not TOML"),
        (b"a = 1\na = 2", "is not TOML"),
    ],
    ids=["deep", "long number", "long key", "many keys", "not UTF-8", "NUL", "twice"],
)
def test_hostile_text_is_a_mistake_like_any_other(tmp_path, text, words):
    assert words in mistakes(write(tmp_path, text))
    with pytest.raises(MappingError):
        parse_mapping(text, "shop.toml")


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("shop-products.csv", b"from,to\n" + b"A\n" * 200_000),
        ("shop-products.csv", b"from,to\n" + b"A,B\n" * 200_000),
        ("shop-products.csv", b'from,to\n"' + b"A" * 1_000_000),
        ("shop.catalogue.toml", b"\n".join(b"k%d = 1" % number for number in range(50_000))),
        ("shop.catalogue.toml", b'[[product]]\ncode = "A"\n' * 20_000),
        ("shop.catalogue.toml", b"a = " + b"[" * 100_000),
        ("shop.catalogue.toml", b"a = " + b"9" * 10_000),
    ],
    ids=["wrong lines", "doubles", "open quote", "keys", "products", "deep", "long number"],
)
def test_a_million_mistakes_in_a_table_are_the_first_hundred(tmp_path, name, raw):
    path = write(tmp_path)
    (tmp_path / name).write_bytes(raw)
    assert name in mistakes(path)


def test_a_cart_s_own_bundle_with_a_million_children_by_nesting_costs_what_its_first_level_does():
    children = [{"id": f"C{number}"} for number in range(100)]
    for _ in range(2):
        children = [{"id": f"C{number}", "bundledProductOffering": children} for number in range(100)]
    began = time.process_time()
    assert catalogue_of([{"id": "A", "bundledProductOffering": children}]).children("A") == frozenset()
    assert time.process_time() - began < 0.1


def sha256sum(folder, *names, stdin=None):
    command = ["sha256sum", *names]
    found = subprocess.run(command, cwd=folder, check=True, capture_output=True, input=stdin)
    return found.stdout


def test_the_hash_is_what_anybody_can_compute(tmp_path):
    alone = write(tmp_path, PLAIN)
    assert load_mapping(alone).hash == sha256sum(tmp_path, "shop.toml").split()[0].decode()
    path = write(tmp_path)
    listed = sha256sum(tmp_path, "shop.toml", *sorted(TABLES))
    assert load_mapping(path).hash == sha256sum(tmp_path, stdin=listed).split()[0].decode()
    before = load_mapping(path).hash
    (tmp_path / "shop-products.csv").write_bytes(b"from,to\nA,C\n")
    assert load_mapping(path).hash != before


def test_every_shipped_mapping_has_a_hash_of_its_own():
    hashes = {mapping.hash for mapping in load_mappings(MappingSettings()).values()}
    assert len(hashes) == 3
    assert {len(each) for each in hashes} == {64}
