// golang.org/x/net/http2/hpack as a peer of main.ts: a job per line comes in, an answer per line goes out. Strings are in hexadecimal.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"

	"golang.org/x/net/http2/hpack"
)

type job struct {
	Kind  string
	Steps []struct {
		Sizes  []uint32
		Block  string
		Fields [][3]any
	}
}

type answer struct {
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

func decode(j job) ([][][3]any, error) {
	decoder := hpack.NewDecoder(4096, nil)
	lists := [][][3]any{}
	for _, step := range j.Steps {
		for _, size := range step.Sizes {
			decoder.SetAllowedMaxDynamicTableSize(size)
		}
		block, err := hex.DecodeString(step.Block)
		if err != nil {
			return nil, err
		}
		fields, err := decoder.DecodeFull(block)
		if err != nil {
			return nil, err
		}
		list := [][3]any{}
		for _, field := range fields {
			list = append(list, [3]any{hex.EncodeToString([]byte(field.Name)), hex.EncodeToString([]byte(field.Value)), field.Sensitive})
		}
		lists = append(lists, list)
	}
	return lists, nil
}

func encode(j job) ([]string, error) {
	var buffer bytes.Buffer
	encoder := hpack.NewEncoder(&buffer)
	blocks := []string{}
	for _, step := range j.Steps {
		for _, size := range step.Sizes {
			encoder.SetMaxDynamicTableSizeLimit(size)
			encoder.SetMaxDynamicTableSize(size)
		}
		buffer.Reset()
		for _, field := range step.Fields {
			name, err := hex.DecodeString(field[0].(string))
			if err != nil {
				return nil, err
			}
			value, err := hex.DecodeString(field[1].(string))
			if err != nil {
				return nil, err
			}
			if err := encoder.WriteField(hpack.HeaderField{Name: string(name), Value: string(value), Sensitive: field[2].(bool)}); err != nil {
				return nil, err
			}
		}
		blocks = append(blocks, hex.EncodeToString(buffer.Bytes()))
	}
	return blocks, nil
}

func run(line []byte) answer {
	var j job
	if err := json.Unmarshal(line, &j); err != nil {
		return answer{Error: err.Error()}
	}
	var result any
	var err error
	if j.Kind == "decode" {
		result, err = decode(j)
	} else {
		result, err = encode(j)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Result: result}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<28)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := answers.Encode(run(lines.Bytes())); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
