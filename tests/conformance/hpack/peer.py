"""The PyPI package `hpack` as a peer of main.ts: a job per line comes in, an answer per line goes out. Strings are in hexadecimal."""

import json
import sys

from hpack import Decoder, Encoder, HeaderTuple, NeverIndexedHeaderTuple


def decode(job):
    decoder = Decoder(max_header_list_size=1 << 24)
    lists = []
    for step in job["steps"]:
        for size in step["sizes"]:
            decoder.max_allowed_table_size = size
        fields = decoder.decode(bytes.fromhex(step["block"]), raw=True)
        lists.append([[name.hex(), value.hex(), not field.indexable] for field in fields for name, value in [field]])
    return lists


def encode(job):
    encoder = Encoder()
    blocks = []
    for step in job["steps"]:
        for size in step["sizes"]:
            encoder.header_table_size = size
        fields = [
            (NeverIndexedHeaderTuple if sensitive else HeaderTuple)(bytes.fromhex(name), bytes.fromhex(value))
            for name, value, sensitive in step["fields"]
        ]
        blocks.append(encoder.encode(fields, huffman=job["huffman"]).hex())
    return blocks


for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = {"result": decode(job) if job["kind"] == "decode" else encode(job)}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
