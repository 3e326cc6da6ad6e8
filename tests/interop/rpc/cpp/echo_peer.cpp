// gRPC's own C++ as a peer of ours, for the service of echo.proto: a server or a client, as its only argument says (../task.ts).
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "echo.grpc.pb.h"

using google::protobuf::ListValue;
using google::protobuf::Message;
using google::protobuf::Struct;
using google::protobuf::Value;
using namespace edgewire::test::v1;
using namespace std::chrono_literals;

namespace {

constexpr int kKeepaliveMs = 100;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string ToJson(const Message& message) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json).ok()) {
    throw std::runtime_error("cannot write " + message.GetTypeName());
  }
  return json;
}

void FromJson(const std::string& json, Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage(json, message);
  if (!status.ok()) {
    throw std::runtime_error("cannot read " + message->GetTypeName() + ": " + status.ToString());
  }
}

Value ToValue(const Message& message) {
  Value value;
  FromJson(ToJson(message), &value);
  return value;
}

Value ToValue(const std::string& text) {
  Value value;
  value.set_string_value(text);
  return value;
}

Value ToValue(double number) {
  Value value;
  value.set_number_value(number);
  return value;
}

std::string ToBase64(const std::string& octets) {
  std::string text(4 * ((octets.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(octets.data()), octets.size());
  text.resize(length);
  return text;
}

std::string FromBase64(const std::string& text) {
  std::string octets(3 * (text.size() / 4) + 1, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(octets.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()), text.size());
  const size_t last = text.find_last_not_of('=');
  octets.resize(length - (last == std::string::npos ? 0 : text.size() - 1 - last));
  return octets;
}

bool IsBinary(const std::string& name) {
  return name.size() > 4 && name.compare(name.size() - 4, 4, "-bin") == 0;
}

// Lets one side of a call wait for the other.
class Turns {
 public:
  void Next() {
    std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }

  void Reach(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

// The server.

class Echo final : public EchoService::Service {
 public:
  grpc::Status Unary(grpc::ServerContext* context, const EchoRequest* request, EchoResponse* answer) override {
    ReturnMetadata(context);
    Fill(*context, *request, 1, answer);
    return grpc::Status::OK;
  }

  grpc::Status Get(grpc::ServerContext* context, const EchoRequest* request, EchoResponse* answer) override {
    return Unary(context, request, answer);
  }

  grpc::Status ServerStream(grpc::ServerContext* context, const StreamRequest* request,
                            grpc::ServerWriter<EchoResponse>* answers) override {
    ReturnMetadata(context);
    for (uint32_t number = 0; number < request->answers(); ++number) {
      EchoResponse answer;
      answer.set_text(request->text());
      answer.set_number(number);
      answers->Write(answer);
    }
    return grpc::Status::OK;
  }

  grpc::Status ClientStream(grpc::ServerContext* context, grpc::ServerReader<EchoRequest>* requests,
                            EchoResponse* answer) override {
    ReturnMetadata(context);
    EchoRequest request;
    uint32_t number = 0;
    for (; requests->Read(&request); ++number) {
      answer->mutable_text()->append(request.text());
      answer->mutable_data()->append(request.data());
    }
    answer->set_number(number);
    return grpc::Status::OK;
  }

  grpc::Status BidiStream(grpc::ServerContext* context,
                          grpc::ServerReaderWriter<EchoResponse, EchoRequest>* stream) override {
    ReturnMetadata(context);
    EchoRequest request;
    for (uint32_t number = 1; stream->Read(&request); ++number) {
      EchoResponse answer;
      Fill(*context, request, number, &answer);
      stream->Write(answer);
    }
    return grpc::Status::OK;
  }

  grpc::Status Fail(grpc::ServerContext* context, const FailRequest* request, EchoResponse*) override {
    ReturnMetadata(context);
    return Failure(*request);
  }

  grpc::Status FailStream(grpc::ServerContext* context, const FailRequest* request,
                          grpc::ServerWriter<EchoResponse>* answers) override {
    ReturnMetadata(context);
    for (uint32_t number = 0; number < request->answers(); ++number) {
      EchoResponse answer;
      answer.set_number(number);
      answers->Write(answer);
    }
    return Failure(*request);
  }

  grpc::Status Wait(grpc::ServerContext* context, const WaitRequest* request, EchoResponse*) override {
    return WaitForEnd(*context, WaitOf(request->id()), [] {});
  }

  grpc::Status WaitStream(grpc::ServerContext* context, const WaitRequest* request,
                          grpc::ServerWriter<EchoResponse>* answers) override {
    return WaitForEnd(*context, WaitOf(request->id()), [&] { answers->Write(EchoResponse()); });
  }

  grpc::Status Observe(grpc::ServerContext*, const ObserveRequest* request, ObserveResponse*) override {
    WaitOf(request->id()).Reach(request->state());
    return grpc::Status::OK;
  }

 private:
  static void ReturnMetadata(grpc::ServerContext* context) {
    for (const auto& [name_ref, value_ref] : context->client_metadata()) {
      const std::string name(name_ref.data(), name_ref.size());
      const std::string value(value_ref.data(), value_ref.size());
      if (name == "x-header" || name == "x-header-bin") {
        context->AddInitialMetadata(name, value);
      } else if (name == "x-trailer" || name == "x-trailer-bin") {
        context->AddTrailingMetadata(name, value);
      }
    }
  }

  static void Fill(const grpc::ServerContext& context, const EchoRequest& request, uint32_t number,
                   EchoResponse* answer) {
    answer->set_text(request.text());
    answer->set_data(request.data());
    answer->set_number(number);
    if (context.deadline() < std::chrono::system_clock::now() + 24h) {  // Without one it is in a distant future.
      const auto left = context.deadline() - std::chrono::system_clock::now();
      answer->set_timeout_ms(std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
    }
  }

  static grpc::Status Failure(const FailRequest& request) {
    Status status;
    status.set_code(request.code());
    status.set_message(request.message());
    status.add_details()->PackFrom(request);
    return {static_cast<grpc::StatusCode>(request.code()), request.message(), status.SerializeAsString()};
  }

  static grpc::Status WaitForEnd(const grpc::ServerContext& context, Turns& states, const std::function<void()>& begin) {
    states.Next();
    begin();
    while (!context.IsCancelled()) {
      std::this_thread::sleep_for(5ms);
    }
    states.Next();
    return grpc::Status::CANCELLED;
  }

  Turns& WaitOf(const std::string& id) {
    std::lock_guard lock(mutex_);
    return waits_[id];
  }

  std::mutex mutex_;
  std::map<std::string, Turns> waits_;
};

int Serve(const std::map<std::string, Value>& task) {
  auto credentials = grpc::InsecureServerCredentials();
  if (task.count("certPath") > 0) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back(
        {ReadFile(task.at("keyPath").string_value()), ReadFile(task.at("certPath").string_value())});
    credentials = grpc::SslServerCredentials(options);
  }
  Echo echo;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1);
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(&echo);
  const auto server = builder.BuildAndStart();
  std::cout << "listening on " << port << std::endl;
  server->Wait();
  return 0;
}

// The client.

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

Value ToRecord(const Metadata& metadata) {
  std::map<std::string, std::string> values;
  for (const auto& [name_ref, value_ref] : metadata) {
    const std::string name(name_ref.data(), name_ref.size());
    const std::string value(value_ref.data(), value_ref.size());
    std::string& text = values[name];
    text += (text.empty() ? "" : ", ") + (IsBinary(name) ? ToBase64(value) : value);
  }
  Value record;
  auto& fields = *record.mutable_struct_value()->mutable_fields();
  for (const auto& [name, text] : values) {
    fields[name] = ToValue(text);
  }
  return record;
}

// One call, by what is said of it in a line.
class Call {
 public:
  explicit Call(const Struct& call) : fields_(call.fields()) {
    for (const Value& pair : List("metadata")) {
      const std::string name = pair.list_value().values(0).string_value();
      const std::string value = pair.list_value().values(1).string_value();
      context.AddMetadata(name, IsBinary(name) ? FromBase64(value) : value);
    }
    if (fields_.contains("timeoutMs")) {
      const auto timeout = std::chrono::milliseconds(static_cast<int64_t>(fields_.at("timeoutMs").number_value()));
      context.set_deadline(std::chrono::system_clock::now() + timeout);
    }
  }

  Value Run(EchoService::Stub& stub) {
    const std::string method = fields_.at("method").string_value();
    if (method == "Unary") {
      End(RunUnary<EchoRequest, EchoResponse>(stub, &EchoService::Stub::Unary));
    } else if (method == "Get") {
      End(RunUnary<EchoRequest, EchoResponse>(stub, &EchoService::Stub::Get));
    } else if (method == "Fail") {
      End(RunUnary<FailRequest, EchoResponse>(stub, &EchoService::Stub::Fail));
    } else if (method == "Wait") {
      End(RunUnary<WaitRequest, EchoResponse>(stub, &EchoService::Stub::Wait));
    } else if (method == "Observe") {
      End(RunUnary<ObserveRequest, ObserveResponse>(stub, &EchoService::Stub::Observe));
    } else if (method == "Unimplemented") {
      End(RunUnary<EchoRequest, EchoResponse>(stub, &EchoService::Stub::Unimplemented));
    } else if (method == "ServerStream") {
      End(Receive(*stub.ServerStream(&context, Requests<StreamRequest>().at(0))));
    } else if (method == "FailStream") {
      End(Receive(*stub.FailStream(&context, Requests<FailRequest>().at(0))));
    } else if (method == "WaitStream") {
      End(Receive(*stub.WaitStream(&context, Requests<WaitRequest>().at(0))));
    } else if (method == "ClientStream") {
      EchoResponse answer;
      const auto stream = stub.ClientStream(&context, &answer);
      Send(*stream);
      End(Keep(stream->Finish(), answer));
    } else if (method == "BidiStream") {
      const auto stream = stub.BidiStream(&context);
      std::thread sending([&] { Send(*stream); });
      const grpc::Status status = Receive(*stream, &sending);
      End(status);
    } else {
      throw std::runtime_error("there is no " + method);
    }
    return outcome_;
  }

  grpc::ClientContext context;

 private:
  google::protobuf::RepeatedPtrField<Value> List(const std::string& name) {
    return fields_.contains(name) ? fields_.at(name).list_value().values()
                                  : google::protobuf::RepeatedPtrField<Value>();
  }

  template <typename Request>
  std::vector<Request> Requests() {
    std::vector<Request> requests;
    for (const Value& value : List("requests")) {
      FromJson(ToJson(value), &requests.emplace_back());
    }
    return requests;
  }

  template <typename Request, typename Response>
  grpc::Status RunUnary(EchoService::Stub& stub, grpc::Status (EchoService::Stub::*method)(grpc::ClientContext*,
                                                                                           const Request&, Response*)) {
    Response answer;
    return Keep((stub.*method)(&context, Requests<Request>().at(0), &answer), answer);
  }

  grpc::Status Keep(const grpc::Status& status, const Message& answer) {
    if (status.ok()) {
      *answers_.add_values() = ToValue(answer);
    }
    return status;
  }

  template <typename Stream>
  void Send(Stream& stream) {
    int index = 0;
    for (const EchoRequest& request : Requests<EchoRequest>()) {
      if (fields_.contains("inTurns") && fields_.at("inTurns").bool_value()) {
        turns_.Reach(index++);
      }
      if (!stream.Write(request)) {
        break;
      }
    }
    stream.WritesDone();
  }

  template <typename Stream>
  grpc::Status Receive(Stream& stream, std::thread* sending = nullptr) {
    EchoResponse answer;
    while (stream.Read(&answer)) {
      *answers_.add_values() = ToValue(answer);
      turns_.Next();
      if (fields_.contains("cancelAfter") && answers_.values_size() == fields_.at("cancelAfter").number_value()) {
        context.TryCancel();
      }
    }
    if (sending != nullptr) {
      sending->join();
    }
    return stream.Finish();
  }

  void End(const grpc::Status& status) {
    auto& outcome = *outcome_.mutable_struct_value()->mutable_fields();
    *outcome["answers"].mutable_list_value() = answers_;
    outcome["headers"] = ToRecord(context.GetServerInitialMetadata());
    outcome["trailers"] = ToRecord(context.GetServerTrailingMetadata());
    if (status.ok()) {
      return;
    }
    auto& error = *outcome["error"].mutable_struct_value()->mutable_fields();
    error["code"] = ToValue(static_cast<double>(status.error_code()));
    error["message"] = ToValue(status.error_message());
    auto& details = *error["details"].mutable_list_value();
    Status whole;
    whole.ParseFromString(status.error_details());
    for (const auto& any : whole.details()) {
      FailRequest detail;
      if (any.UnpackTo(&detail)) {
        *details.add_values() = ToValue(detail);
      }
    }
  }

  const google::protobuf::Map<std::string, Value> fields_;
  ListValue answers_;
  Value outcome_;
  Turns turns_;
};

int MakeCalls(const std::map<std::string, Value>& task) {
  auto credentials = grpc::InsecureChannelCredentials();
  if (task.count("certPath") > 0) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadFile(task.at("certPath").string_value());
    credentials = grpc::SslCredentials(options);
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  const std::string url = task.at("url").string_value();
  EchoService::Stub stub(grpc::CreateCustomChannel(url.substr(url.find("//") + 2), credentials, arguments));
  std::map<double, std::shared_ptr<Call>> calls;
  std::mutex output;
  std::string text;
  while (std::getline(std::cin, text)) {
    Struct line;
    FromJson(text, &line);
    const double id = line.fields().at("id").number_value();
    if (line.fields().contains("cancel")) {
      calls[id]->context.TryCancel();
      continue;
    }
    const auto call = calls[id] = std::make_shared<Call>(line.fields().at("call").struct_value());
    std::thread([&stub, &output, id, call] {
      Struct result;
      (*result.mutable_fields())["id"] = ToValue(id);
      try {
        (*result.mutable_fields())["outcome"] = call->Run(stub);
      } catch (const std::exception& error) {
        (*result.mutable_fields())["failure"] = ToValue(std::string(error.what()));
      }
      std::lock_guard lock(output);
      std::cout << ToJson(result) << std::endl;
    }).detach();
  }
  std::quick_exit(0);
}

}  // namespace

int main(int, char** argv) {
  Struct struct_task;
  FromJson(argv[1], &struct_task);
  const std::map<std::string, Value> task(struct_task.fields().begin(), struct_task.fields().end());
  return task.at("role").string_value() == "server" ? Serve(task) : MakeCalls(task);
}
