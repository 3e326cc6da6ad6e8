// The Greeter and Streams on grpc-go: grpc-go-server PORT.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"

	"edgewire.test/bench/gen/hello"
	"edgewire.test/bench/gen/streams"
)

type greeter struct {
	hello.UnimplementedGreeterServer
}

func (greeter) SayHello(_ context.Context, request *hello.HelloRequest) (*hello.HelloReply, error) {
	return &hello.HelloReply{Message: "Hello, " + request.GetName() + "!"}, nil
}

type many struct {
	streams.UnimplementedStreamsServer
}

func (many) SayMany(request *streams.SayManyRequest, stream grpc.ServerStreamingServer[streams.SayManyResponse]) error {
	for range request.GetCount() {
		if err := stream.Send(&streams.SayManyResponse{Message: "Hello, " + request.GetName() + "!"}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	hello.RegisterGreeterServer(server, greeter{})
	streams.RegisterStreamsServer(server, many{})
	fmt.Println("ready")
	log.Fatal(server.Serve(listener))
}
