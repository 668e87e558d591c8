// Go's net: a goroutine for each client.
//
//	go build -o go-net net.go && ./go-net raw|line        (Debian: golang)
//
// Read buffer: bufio's own, 4 KiB for each client, in `line`; in `raw` 4 KiB too. GOMAXPROCS is Go's to choose, which
// is the number of cores that the process may run on.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
)

var isLine = len(os.Args) > 1 && os.Args[1] == "line"

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening on tcp://%s\n", listener.Addr())
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		if isLine {
			go lines(client)
		} else {
			go raw(client)
		}
	}
}

func raw(client net.Conn) {
	defer client.Close()
	client.Write([]byte("Welcome!"))
	input, output := make([]byte, 4096), make([]byte, 0, 64)
	for {
		n, err := client.Read(input)
		if err != nil || string(input[:n]) == "exit" {
			return
		}
		output = append(append(append(output[:0], "Hello, "...), input[:n]...), '!')
		if _, err := client.Write(output); err != nil {
			return
		}
	}
}

// Answers go out when there is no further line in the buffer.
func lines(client net.Conn) {
	defer client.Close()
	client.Write([]byte("Welcome!\n"))
	input := bufio.NewReader(client)
	output := make([]byte, 0, 64)
	var long []byte
	for {
		line, err := input.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			long = append(long, line...)
			continue
		}
		if err != nil {
			return
		}
		if len(long) > 0 {
			long = append(long, line...)
			line, long = long, nil
		}
		line = bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
		isOver := string(line) == "exit"
		if !isOver {
			output = append(append(append(output, "Hello, "...), line...), "!\n"...)
		}
		if isOver || !hasLine(input) || len(output) > 65536 {
			if _, err := client.Write(output); err != nil || isOver {
				return
			}
			output = output[:0]
		}
	}
}

func hasLine(input *bufio.Reader) bool {
	waiting, _ := input.Peek(input.Buffered())
	return bytes.IndexByte(waiting, '\n') >= 0
}
