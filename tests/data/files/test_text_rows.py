"""Rows of CSV and JSON Lines files: those of the csv and json modules; bad ones are named."""

import csv
import gzip
import io
import json
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight.data import CsvDataset, DataLoader, JsonLinesDataset
from rushlight.data.files import lines
from rushlight.data.files.lines import Quoting, row_starts
from tests.data.files.transforms import jittered

TEXTS = [
    "a,b\n1,2\n3,4\n",
    "a,b\r\n1,2\r\n3,4",
    "a,b\n\n1,2\n\r\n\n3,4\n\n",
    'a,b\n"1\n2","x, ""y"""\n"",""\n',
    'a,b\n"1,\n\n2",3\n4,"5\r\n"\n6,"7""\n"\n',
    'a,b\n5" pipe,"6"" pipe"\n"""",""""""\nx,y"z\n1,"a\nb"\n',
    'a,b\n"x\n\n\n\ny",1\n2,"3"\n',
    "\ufeffa,b\n촛불,\U0001f56f\n",
]


def expected(text, delimiter=","):
    found = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    names, *rows = [row for row in found if row]
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("together", [1, 7, 1 << 22])
@pytest.mark.parametrize("text", TEXTS)
def test_rows_are_those_of_the_csv_module(text, together, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "_TOGETHER", together)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    dataset = CsvDataset(path)
    assert [dataset[i] for i in range(len(dataset))] == expected(text)
    assert dataset.__getitems__([len(dataset) - 1, 0]) == [expected(text)[-1], expected(text)[0]]


FIELDS = st.text(st.sampled_from('ab,;"\n\r '), max_size=6)


def tried(count):
    return settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


@tried(200)
@given(
    rows=st.lists(st.lists(FIELDS, min_size=2, max_size=2), max_size=8),
    delimiter=st.sampled_from(",;"),
)
def test_any_fields_come_back(rows, delimiter, tmp_path_factory):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([["x", "y"], *rows])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text.getvalue(), newline="")
    dataset = CsvDataset(path, delimiter=delimiter)
    assert [list(dataset[i].values()) for i in range(len(dataset))] == rows


def starts_of(text):
    """Where the csv module begins its rows, and whether the last one is closed."""
    reader = csv.reader(io.StringIO(text, newline=""))
    places = [0]
    for line in io.StringIO(text, newline=""):
        places.append(places[-1] + len(line))
    before, starts = 0, []
    for row in reader:
        starts += [places[before]] if row else []
        before = reader.line_num
    more = list(csv.reader(io.StringIO(f"{text}\nx", newline="")))
    return starts, not text or more[-1] == ["x"]


@tried(500)
@given(text=st.text(st.sampled_from('a,"\n'), max_size=40), together=st.integers(1, 9))
def test_rows_begin_where_the_csv_module_says(text, together, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "odd.csv"
    path.write_text(text, newline="")
    starts, is_closed = starts_of(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_TOGETHER", together)
        if is_closed:
            assert row_starts(str(path), Quoting(b",", b'"')).tolist() == [*starts, len(text)]
            return
        with pytest.raises(ValueError, match="is not closed"):
            row_starts(str(path), Quoting(b",", b'"'))


def test_options_of_csv(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('1\t2.5\tx\n2\t3.5\t"y\n')
    dataset = CsvDataset(
        tmp_path,
        ["n", "f"],
        types={"f": float, "n": int},
        names=["n", "f", "t"],
        delimiter="\t",
        quote=None,
    )
    assert [dataset[i] for i in range(2)] == [{"n": 1, "f": 2.5}, {"n": 2, "f": 3.5}]
    (batch,) = DataLoader(dataset, 2)
    assert [batch[name].tolist() for name in batch] == [[1, 2], [2.5, 3.5]]
    path.write_bytes("이름,값\n가,나\n".encode("cp949"))
    assert CsvDataset(path, encoding="cp949")[0] == {"이름": "가", "값": "나"}


JSON = '\ufeff{"a": 1, "b": ["x", null]}\n\n{"a": 2.5, "b": {"c": "\\n"}}\r\n{"b": 1, "a": true}'


def test_json_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(JSON.encode())
    dataset = JsonLinesDataset(path)
    rows = [json.loads(line) for line in JSON.removeprefix("\ufeff").splitlines() if line]
    assert [dataset[i] for i in range(3)] == rows
    dataset = JsonLinesDataset([path, path], ["a"])
    assert dataset.__getitems__([-1, 1, 3]) == [{"a": True}, {"a": 2.5}, {"a": 1}]
    path.write_text('1\n"x"\n')
    assert JsonLinesDataset(path).__getitems__([0, 1]) == [1, "x"]


def test_a_file_without_rows(tmp_path):
    path = tmp_path / "a.jsonl"
    for text in ("", "\n\n"):
        path.write_text(text)
        assert len(JsonLinesDataset(path)) == 0
    path.write_text("a,b\n")
    assert len(CsvDataset(path)) == 0


def numbered(folder, kind, count=200):
    paths = []
    for part in range(2):
        path = folder / f"{part}{kind.suffixes[0]}"
        rows = [{"n": part * count + i, "t": f"row\n{i}"} for i in range(count)]
        with open(path, "w", newline="") as file:
            if kind is CsvDataset:
                writer = csv.DictWriter(file, ["n", "t"])
                writer.writeheader()
                writer.writerows(rows)
            else:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        paths.append(path)
    return paths


@pytest.mark.parametrize("kind", [CsvDataset, JsonLinesDataset])
@pytest.mark.parametrize("workers", [("thread", 3), ("process", 2)])
def test_workers_and_resuming_change_nothing(kind, workers, tmp_path, seeds):
    options = {"types": {"n": int}} if kind is CsvDataset else {}
    dataset = kind(numbered(tmp_path, kind), transform=jittered, **options)
    batches = [batch.tolist() for batch in DataLoader(dataset, 30, shuffle=True)]
    seeds.seed()
    options = {"num_workers": workers[1], "worker_type": workers[0]}
    loader = DataLoader(dataset, 30, shuffle=True, **options)
    passing = iter(loader)
    found = [next(passing).tolist() for _ in range(4)]
    again = DataLoader(dataset, 30, shuffle=True)
    again.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    assert found == batches[:4]
    assert [batch.tolist() for batch in again] == batches[4:]
    assert [batch.tolist() for batch in passing] == batches[4:]


@pytest.mark.parametrize("kind", [CsvDataset, JsonLinesDataset])
def test_a_pickle_holds_where_rows_begin_and_no_row(kind, tmp_path):
    dataset = kind(numbered(tmp_path, kind, 5000))
    dataset[0]
    packed = pickle.dumps(dataset)
    assert len(packed) < 10_000 * 8 + 2000
    assert pickle.loads(packed)[7777] == dataset[7777]  # noqa: S301


BAD = [
    (CsvDataset, b"a,b\n1,2\n1\n", {}, r"a.x, line 3: 1 fields, but there are 2 columns"),
    (CsvDataset, b'a,b\n"1\n2",3\n1,2,3\n', {}, r"a.x, line 4: 3 fields, but there are 2"),
    (CsvDataset, b'a,b\n1,"2"3\n', {}, r"a.x, line 2: ',' expected after '\"'"),
    (CsvDataset, b'a,b\n1,2\n3,"4\n5,6\n', {}, r"a.x, line 3: a quoted field is not closed"),
    (CsvDataset, b"a,b\n1,\xff\n", {}, r"a.x, line 2: byte 0xff is not utf-8; give encoding="),
    (CsvDataset, b"a,b\n1,x\n", {"types": {"b": int}}, r"line 2: column 'b' holds 'x': invalid"),
    (CsvDataset, b"a,b\n1,2\r3,4\n", {}, r"line 2: new-line character seen in unquoted field"),
    (CsvDataset, b"a,b\n", {"columns": ["c"]}, r"has no column 'c'; its columns are \['a', 'b'\]"),
    (CsvDataset, b"a,b\n", {"types": {"c": int}}, "has no column 'c'"),
    (CsvDataset, b"a,a\n", {}, "columns of one name"),
    (CsvDataset, b"", {}, "is empty"),
    (CsvDataset, b"a,b\n", {"delimiter": "ab"}, "one ASCII sign"),
    (CsvDataset, b"a,b\n", {"encoding": "utf-16"}, "rows of text in utf-16 cannot be found"),
    (CsvDataset, gzip.compress(b"a,b\n"), {}, r"is compressed \(gzip\).*unpack it"),
    (JsonLinesDataset, b"{}\n\n{,}\n", {}, r"a.x, line 3: Expecting property name"),
    (JsonLinesDataset, b"[" * 100_000, {}, r"a.x, line 1: .*recursion"),
    (JsonLinesDataset, b'{"a": 1}\n{"b": 1}\n', {"columns": ["a"]}, r"line 2: no key 'a'"),
    (JsonLinesDataset, b"[1]\n", {"columns": ["a"]}, r"line 1: .* no object: '\[1\]'"),
    (JsonLinesDataset, b'"\xff"\n', {}, r"a.x, line 1: byte 0xff is not utf-8"),
    (JsonLinesDataset, b"PK\x03\x04", {}, r"compressed \(zip\)"),
]


@pytest.mark.parametrize(("kind", "content", "options", "words"), BAD)
def test_bad_rows_are_named(kind, content, options, words, tmp_path):
    path = tmp_path / "a.x"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        list(DataLoader(kind(path, **options)))
    assert "ASCII" in words or "utf-16" in words or str(path) in str(caught.value)


def test_headers_that_differ(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text("a,c\n1,2\n")
    with pytest.raises(ValueError, match=r"b.csv has columns \['a', 'c'\], the first file"):
        CsvDataset(tmp_path)


def test_a_file_that_changes_is_seen(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("1\n2\n")
    dataset = JsonLinesDataset(path)
    path.write_text("1\n2\n3\n")
    with pytest.raises(ValueError, match="has changed: it had 4 bytes, now 6"):
        dataset[0]


def test_lines_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 1000)
    monkeypatch.setattr(lines, "_TOGETHER", 100)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n" + b"2" * 2000)
    with pytest.raises(ValueError, match="a line of more than 1,000 bytes, at byte 2"):
        JsonLinesDataset(path)


def test_rows_begin_at_eight_bytes_each(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b'"1","2"\n' * 300_000)
    starts = row_starts(str(path), Quoting(b",", b'"'))
    np.testing.assert_array_equal(starts, [0, *range(4, 4 + 8 * 300_001, 8)])
    assert starts.nbytes == 8 * 300_002
