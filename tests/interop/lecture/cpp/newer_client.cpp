// A client that is newer than the server it calls: its proto, next/hello.proto, has a method more.
//
//   newer_client ADDRESS [ROOTS]     by TLS if there is a file with certificates to trust
#include <grpcpp/grpcpp.h>

#include <iostream>
#include <memory>

#include "files.h"
#include "hello.grpc.pb.h"

namespace {

void Print(const grpc::Status& status, const HelloReply& reply) {
  if (status.ok()) {
    std::cout << reply.message() << std::endl;
  } else {
    std::cout << status.error_code() << ' ' << status.error_message() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto credentials = grpc::InsecureChannelCredentials();
  if (argc == 3) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadFile(argv[2]);
    credentials = grpc::SslCredentials(options);
  }
  const auto stub = Greeter::NewStub(grpc::CreateChannel(argv[1], credentials));
  HelloRequest request;
  request.set_name("World");
  HelloReply reply;
  grpc::ClientContext hello;
  Print(stub->SayHello(&hello, request, &reply), reply);
  grpc::ClientContext goodbye;
  Print(stub->SayGoodbye(&goodbye, request, &reply), reply);
}
