// The services of the benchmark on grpc-go: grpc-go-server PORT [CERT KEY].
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"

	"edgewire.test/bench/gen/bench"
	"edgewire.test/bench/gen/hello"
)

type greeter struct {
	hello.UnimplementedGreeterServer
}

func greeting(name string) string {
	return "Hello, " + name + "!"
}

func (greeter) SayHello(_ context.Context, request *hello.HelloRequest) (*hello.HelloReply, error) {
	return &hello.HelloReply{Message: greeting(request.GetName())}, nil
}

type profiles struct {
	bench.UnimplementedProfilesServer
}

func (profiles) EchoProfile(_ context.Context, request *bench.EchoProfileRequest) (*bench.EchoProfileResponse, error) {
	return &bench.EchoProfileResponse{Profile: request.GetProfile()}, nil
}

type streams struct {
	bench.UnimplementedStreamsServer
}

func (streams) SayMany(request *bench.SayManyRequest, stream grpc.ServerStreamingServer[bench.SayManyResponse]) error {
	for range request.GetCount() {
		if err := stream.Send(&bench.SayManyResponse{Message: greeting(request.GetName())}); err != nil {
			return err
		}
	}
	return nil
}

func (streams) Count(stream grpc.ClientStreamingServer[bench.CountRequest, bench.CountResponse]) error {
	for count := uint32(0); ; count++ {
		if _, err := stream.Recv(); err == io.EOF {
			return stream.SendAndClose(&bench.CountResponse{Count: count})
		} else if err != nil {
			return err
		}
	}
}

func (streams) PingPong(stream grpc.BidiStreamingServer[bench.PingPongRequest, bench.PingPongResponse]) error {
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(&bench.PingPongResponse{Message: greeting(request.GetName())}); err != nil {
			return err
		}
	}
}

type blobs struct {
	bench.UnimplementedBlobsServer
}

func (blobs) EchoBlob(_ context.Context, request *bench.EchoBlobRequest) (*bench.EchoBlobResponse, error) {
	return &bench.EchoBlobResponse{Data: request.GetData()}, nil
}

func (blobs) Upload(stream grpc.ClientStreamingServer[bench.UploadRequest, bench.UploadResponse]) error {
	hash := sha256.New()
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&bench.UploadResponse{Sha256: hash.Sum(nil)})
		} else if err != nil {
			return err
		}
		hash.Write(request.GetChunk())
	}
}

func (blobs) Download(request *bench.DownloadRequest, stream grpc.ServerStreamingServer[bench.DownloadResponse]) error {
	response := &bench.DownloadResponse{Chunk: make([]byte, request.GetChunkBytes())}
	for range request.GetCount() {
		if err := stream.Send(response); err != nil {
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
	var options []grpc.ServerOption
	if len(os.Args) > 3 {
		tls, err := credentials.NewServerTLSFromFile(os.Args[2], os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	server := grpc.NewServer(options...)
	hello.RegisterGreeterServer(server, greeter{})
	bench.RegisterProfilesServer(server, profiles{})
	bench.RegisterStreamsServer(server, streams{})
	bench.RegisterBlobsServer(server, blobs{})
	fmt.Println("ready")
	log.Fatal(server.Serve(listener))
}
