// The Greeter on connect-go, HTTP/1.1 and HTTP/2 without TLS: connect-go-server PORT.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"connectrpc.com/connect"

	"edgewire.test/bench/gen/hello"
	"edgewire.test/bench/gen/hello/helloconnect"
)

type greeter struct{}

func (greeter) SayHello(_ context.Context, request *connect.Request[hello.HelloRequest]) (*connect.Response[hello.HelloReply], error) {
	return connect.NewResponse(&hello.HelloReply{Message: "Hello, " + request.Msg.GetName() + "!"}), nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(helloconnect.NewGreeterHandler(greeter{}))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols}
	fmt.Println("ready")
	log.Fatal(server.Serve(listener))
}
