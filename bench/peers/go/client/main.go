// Calls of grpc-go's or connect-go's client by gRPC on one connection, so many at a time:
// client grpc-go|connect-go PORT IN_FLIGHT WARM_UP_SECONDS SECONDS.
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
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

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

// sayHello makes one call, and gives the message that was answered.
type sayHello func(context.Context, *hello.HelloRequest) (string, error)

func grpcGo(address string) sayHello {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	client := hello.NewGreeterClient(connection)
	return func(ctx context.Context, request *hello.HelloRequest) (string, error) {
		reply, err := client.SayHello(ctx, request)
		return reply.GetMessage(), err
	}
}

func connectGo(address string) sayHello {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	client := helloconnect.NewGreeterClient(&http.Client{Transport: transport}, "http://"+address, connect.WithGRPC())
	return func(ctx context.Context, request *hello.HelloRequest) (string, error) {
		response, err := client.SayHello(ctx, connect.NewRequest(request))
		if err != nil {
			return "", err
		}
		return response.Msg.GetMessage(), nil
	}
}

// callFor makes calls for a time, and gives how many there were.
func callFor(call sayHello, inFlight int, duration time.Duration) int64 {
	var calls atomic.Int64
	var callers sync.WaitGroup
	end := time.Now().Add(duration)
	for range inFlight {
		callers.Go(func() {
			for time.Now().Before(end) {
				message, err := call(context.Background(), &hello.HelloRequest{Name: "World"})
				if err != nil {
					log.Fatal(err)
				}
				if message != "Hello, World!" {
					log.Fatalf("wrong answer: %q", message)
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
	call := map[string]func(string) sayHello{"grpc-go": grpcGo, "connect-go": connectGo}[os.Args[1]]("127.0.0.1:" + os.Args[2])
	callFor(call, number(3), time.Duration(number(4))*time.Second)
	cpu, start := cpuTime(), time.Now()
	calls := callFor(call, number(3), time.Duration(number(5))*time.Second)
	fmt.Printf("%d calls %d cpu-ms %d ms\n", calls, (cpuTime() - cpu).Milliseconds(), time.Since(start).Milliseconds())
}
