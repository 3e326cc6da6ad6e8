"""Parses what our server sent by hyperframe and hpack: one connection a line, in hexadecimal. Says a line of JSON in the end."""

import json
import sys

from hpack import Decoder
from hyperframe.frame import ContinuationFrame, ExtensionFrame, Frame, HeadersFrame


def parse(output):
    """Gives how many frames there are. Raises what is wrong."""
    decoder = Decoder()
    decoder.max_allowed_table_size = 4096
    frames, block, offset = 0, None, 0
    while offset < len(output):
        frame, length = Frame.parse_frame_header(memoryview(output)[offset : offset + 9], strict=True)
        end = offset + 9 + length
        if end > len(output):
            raise ValueError(f"frame {frames} is not complete")
        frame.parse_body(memoryview(output)[offset + 9 : end])
        if isinstance(frame, ExtensionFrame):
            raise ValueError(f"frame {frames} is of an unknown type, {frame.type}")
        if (block is not None) != isinstance(frame, ContinuationFrame):
            raise ValueError(f"frame {frames} is in or out of a field block")
        if isinstance(frame, (HeadersFrame, ContinuationFrame)):
            block = (block or b"") + bytes(frame.data)
            if "END_HEADERS" in frame.flags:
                decoder.decode(block, raw=True)
                block = None
        frames += 1
        offset = end
    if block is not None:
        raise ValueError("the last field block is not complete")
    return frames


def main():
    connections, frames, errors = 0, 0, []
    for line in sys.stdin:
        try:
            frames += parse(bytes.fromhex(line))
        except Exception as error:  # Whatever it is, it is the verdict.
            errors.append(f"{type(error).__name__}: {error}: {line.strip()[:2000]}")
        connections += 1
    print(json.dumps({"connections": connections, "frames": frames, "errors": errors[:5], "failed": len(errors)}))


main()
