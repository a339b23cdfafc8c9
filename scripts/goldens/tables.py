"""Small Parquet files for tests/formats/parquet.test.ts, from pyarrow.

    pip install pyarrow && python scripts/goldens/tables.py   # writes tests/fixtures/tables/*.parquet
"""
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

folder = pathlib.Path("tests/fixtures/tables")
folder.mkdir(parents=True, exist_ok=True)

# as the hub stores GLUE: int64 class labels whose names stand in the schema's metadata; one label is not given
features = {
    "sentence1": {"dtype": "string", "_type": "Value"},
    "sentence2": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["not_equivalent", "equivalent"], "_type": "ClassLabel"},
    "idx": {"dtype": "int32", "_type": "Value"},
}
pairs = pa.table(
    {
        "sentence1": ["He said so .", "Größe zählt", "three", "a \"quoted\" one", "five"],
        "sentence2": ["So he said .", "大きさ", None, "tab\there", "5"],
        "label": pa.array([1, 0, 1, -1, 0], pa.int64()),
        "idx": pa.array([0, 1, 2, 3, 4], pa.int32()),
    }
).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
for codec in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
    pq.write_table(pairs, folder / f"pairs-{codec}.parquet", compression=codec, row_group_size=2)

# a small MRPC in the hub's layout
rows = {"sentence1": [f"first {i}" for i in range(20)], "sentence2": [f"second {i}" for i in range(20)], "label": [i % 3 % 2 for i in range(20)], "idx": list(range(20))}
schema = pa.schema([("sentence1", pa.string()), ("sentence2", pa.string()), ("label", pa.int64()), ("idx", pa.int32())])
mrpc = pa.table(rows, schema=schema).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
pq.write_table(mrpc, folder / "mrpc.parquet", compression="snappy")

# conversations: a list of structs
turn = pa.struct([("role", pa.string()), ("content", pa.string())])
chats = [
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}],
    [{"role": "system", "content": "Be short."}, {"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}],
]
pq.write_table(pa.table({"messages": pa.array(chats, pa.list_(turn)), "id": pa.array([2**60, 7], pa.int64())}), folder / "chat.parquet")

# text that is not UTF-8, floats, booleans, bytes
broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\x00\x00\x00\x00\x02\x00\x00\x00"), pa.py_buffer(b"\xff\xfe")])
pq.write_table(pa.table({"text": broken}), folder / "broken-utf8.parquet")
pq.write_table(
    pa.table({"text": ["a", "b"], "score": [0.25, 3.5], "ok": [True, False], "raw": pa.array([b"\xff\x00", b""], pa.binary())}),
    folder / "scores.parquet",
)
pq.write_table(pairs.slice(0, 0), folder / "no-rows.parquet")
