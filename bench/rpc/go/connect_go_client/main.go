// Calls of connect-go's client by gRPC on one connection, so many at a time: connect-go-client PORT IN_FLIGHT WARM_UP_SECONDS SECONDS.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"connectrpc.com/connect"

	"edgewire.test/bench/gen/hello"
	"edgewire.test/bench/gen/hello/helloconnect"
)

func number(argument int) int {
	value, err := strconv.Atoi(os.Args[argument])
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// callFor makes calls for a time, and gives how many there were.
func callFor(client helloconnect.GreeterClient, inFlight int, duration time.Duration) int64 {
	var calls atomic.Int64
	var callers sync.WaitGroup
	end := time.Now().Add(duration)
	for range inFlight {
		callers.Go(func() {
			for time.Now().Before(end) {
				response, err := client.SayHello(context.Background(), connect.NewRequest(&hello.HelloRequest{Name: "World"}))
				if err != nil {
					log.Fatal(err)
				}
				if response.Msg.GetMessage() != "Hello, World!" {
					log.Fatalf("wrong answer: %q", response.Msg.GetMessage())
				}
				calls.Add(1)
			}
		})
	}
	callers.Wait()
	return calls.Load()
}

// cpuTime gives the time that all threads have used, by themselves and in the system.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	client := helloconnect.NewGreeterClient(&http.Client{Transport: transport}, "http://127.0.0.1:"+os.Args[1], connect.WithGRPC())
	callFor(client, number(2), time.Duration(number(3))*time.Second)
	cpu, start := cpuTime(), time.Now()
	calls := callFor(client, number(2), time.Duration(number(4))*time.Second)
	fmt.Printf("%d calls %d cpu-ms %d ms\n", calls, (cpuTime() - cpu).Milliseconds(), time.Since(start).Milliseconds())
}
