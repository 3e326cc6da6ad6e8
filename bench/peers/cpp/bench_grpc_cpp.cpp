// The Greeter and Profiles on gRPC's C++ library, by its callback API: bench_grpc_cpp PORT.

#include <grpcpp/grpcpp.h>

#include <iostream>
#include <string>

#include "edgewire/bench/v1/profiles.grpc.pb.h"
#include "hello.grpc.pb.h"

namespace bench = edgewire::bench::v1;

class GreeterService final : public Greeter::CallbackService {
  grpc::ServerUnaryReactor* SayHello(grpc::CallbackServerContext* context, const HelloRequest* request,
                                     HelloReply* reply) override {
    reply->set_message("Hello, " + request->name() + "!");
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

class ProfilesService final : public bench::Profiles::CallbackService {
  grpc::ServerUnaryReactor* EchoProfile(grpc::CallbackServerContext* context, const bench::EchoProfileRequest* request,
                                        bench::EchoProfileResponse* response) override {
    *response->mutable_profile() = request->profile();
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: bench_grpc_cpp PORT\n";
    return 2;
  }
  GreeterService greeter;
  ProfilesService profiles;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&greeter);
  builder.RegisterService(&profiles);
  auto server = builder.BuildAndStart();
  if (!server) {
    return 1;
  }
  std::cout << "ready" << std::endl;
  server->Wait();
}
