// A Hash service, by gRPC's synchronous API and OpenSSL. It has SHA-256 only.
//
//   hash_server [CERT KEY]     on a free port, by TLS if there is a certificate
#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "edgewire/v1/greeter.grpc.pb.h"
#include "edgewire/v1/hash.grpc.pb.h"
#include "files.h"

namespace v1 = edgewire::v1;

namespace {

class Sha256 {
 public:
  Sha256() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }

  void Update(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

  std::string Hex() {
    static constexpr char kDigits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      hex += kDigits[digest[i] >> 4];
      hex += kDigits[digest[i] & 0xf];
    }
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

grpc::Status CheckAlgorithm(v1::HashAlgorithm algorithm) {
  if (algorithm == v1::HASH_ALGORITHM_UNSPECIFIED || algorithm == v1::HASH_ALGORITHM_SHA256) {
    return grpc::Status::OK;
  }
  return {grpc::StatusCode::INVALID_ARGUMENT, "algorithm: this server has SHA-256 only"};
}

class HashService final : public v1::Hash::Service {
  grpc::Status Sha(grpc::ServerContext*, const v1::ShaRequest* request, v1::ShaResponse* response) override {
    if (auto status = CheckAlgorithm(request->algorithm()); !status.ok()) {
      return status;
    }
    Sha256 sha256;
    sha256.Update(request->input());
    response->set_digest(sha256.Hex());
    response->set_algorithm(v1::HASH_ALGORITHM_SHA256);
    return grpc::Status::OK;
  }

  grpc::Status ShaStream(grpc::ServerContext*, grpc::ServerReader<v1::ShaStreamRequest>* requests,
                         v1::ShaStreamResponse* response) override {
    v1::ShaStreamRequest request;
    if (!requests->Read(&request) || !request.has_options()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "options: they come first"};
    }
    if (auto status = CheckAlgorithm(request.options().algorithm()); !status.ok()) {
      return status;
    }
    Sha256 sha256;
    std::int64_t byte_count = 0;
    while (requests->Read(&request)) {
      sha256.Update(request.chunk());
      byte_count += static_cast<std::int64_t>(request.chunk().size());
    }
    response->mutable_digest()->set_algorithm(v1::HASH_ALGORITHM_SHA256);
    response->mutable_digest()->set_hex(sha256.Hex());
    response->set_byte_count(byte_count);
    return grpc::Status::OK;
  }
};

}  // namespace

int main(int argc, char** argv) {
  auto credentials = grpc::InsecureServerCredentials();
  if (argc == 3) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({ReadFile(argv[2]), ReadFile(argv[1])});
    credentials = grpc::SslServerCredentials(options);
  }
  HashService hash;
  v1::Greeter::Service greeter;  // Nothing of it is implemented: all of its methods answer UNIMPLEMENTED.
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("localhost:0", credentials, &port);
  builder.RegisterService(&hash);
  builder.RegisterService(&greeter);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::cerr << "Cannot listen\n";
    return 1;
  }
  std::cout << "listening on " << port << std::endl;
  server->Wait();
}
