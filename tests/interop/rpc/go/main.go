// connect-go as a peer of ours, for the service of echo.proto: a server or a client, as its only argument says (../task.ts).
// Messages are dynamic, so that no stubs are generated.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const service = "edgewire.test.v1.EchoService"

const maxMessageBytes = 4 << 20

// As often as a client asks for a sign of life.
const keepalive = 100 * time.Millisecond

type task struct {
	Role            string `json:"role"`
	Protocol        string `json:"protocol"`
	Version         string `json:"version"`
	DescriptorsPath string `json:"descriptorsPath"`
	CertPath        string `json:"certPath"`
	KeyPath         string `json:"keyPath"`
	URL             string `json:"url"`
}

type message = dynamicpb.Message

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var task task
	if err := json.Unmarshal([]byte(os.Args[1]), &task); err != nil {
		return err
	}
	schema, err := loadSchema(task.DescriptorsPath)
	if err != nil {
		return err
	}
	if task.Role == "server" {
		return serve(task, schema)
	}
	return call(task, schema)
}

// What echo.proto says.
type schema struct {
	methods protoreflect.MethodDescriptors
	detail  protoreflect.MessageDescriptor
}

func loadSchema(path string) (*schema, error) {
	octets, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(octets, &set); err != nil {
		return nil, err
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, err
	}
	echo, err := files.FindDescriptorByName(service)
	if err != nil {
		return nil, err
	}
	detail, err := files.FindDescriptorByName("edgewire.test.v1.FailRequest")
	if err != nil {
		return nil, err
	}
	return &schema{echo.(protoreflect.ServiceDescriptor).Methods(), detail.(protoreflect.MessageDescriptor)}, nil
}

// initialize gives a new message its type.
func initialize(spec connect.Spec, target any) error {
	method := spec.Schema.(protoreflect.MethodDescriptor)
	desc := method.Input()
	if spec.IsClient {
		desc = method.Output()
	}
	*target.(*message) = *dynamicpb.NewMessage(desc)
	return nil
}

func fromJSON(desc protoreflect.MessageDescriptor, text []byte) (*message, error) {
	target := dynamicpb.NewMessage(desc)
	return target, protojson.Unmarshal(text, target)
}

func field(target *message, name protoreflect.Name) protoreflect.Value {
	return target.Get(target.Descriptor().Fields().ByName(name))
}

func set(target *message, name protoreflect.Name, value any) {
	target.Set(target.Descriptor().Fields().ByName(name), protoreflect.ValueOf(value))
}

// The server.

// waits counts what was reached by the calls that wait.
type waits struct {
	mutex  sync.Mutex
	counts map[string]int
	change chan struct{}
}

func (waits *waits) next(id string) {
	waits.mutex.Lock()
	defer waits.mutex.Unlock()
	waits.counts[id]++
	close(waits.change)
	waits.change = make(chan struct{})
}

func (waits *waits) reach(ctx context.Context, id string, count int) error {
	for {
		waits.mutex.Lock()
		reached, change := waits.counts[id] >= count, waits.change
		waits.mutex.Unlock()
		if reached {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type echo struct {
	schema *schema
	waits  waits
}

func (echo *echo) answer(ctx context.Context, method protoreflect.MethodDescriptor, request *message, send func(*message) error) error {
	output := func() *message { return dynamicpb.NewMessage(method.Output()) }
	wait := func() error {
		<-ctx.Done()
		echo.waits.next(field(request, "id").String())
		return ctx.Err()
	}
	switch method.Name() {
	case "Unary", "Get":
		answer := output()
		set(answer, "text", field(request, "text").String())
		set(answer, "data", field(request, "data").Bytes())
		set(answer, "number", uint32(1))
		if deadline, ok := ctx.Deadline(); ok {
			set(answer, "timeout_ms", uint32(time.Until(deadline).Milliseconds()))
		}
		return send(answer)
	case "ServerStream", "FailStream":
		for number := range uint32(field(request, "answers").Uint()) {
			answer := output()
			if method.Name() == "ServerStream" {
				set(answer, "text", field(request, "text").String())
			}
			set(answer, "number", number)
			if err := send(answer); err != nil {
				return err
			}
		}
		if method.Name() == "FailStream" {
			return echo.failure(request)
		}
		return nil
	case "Fail":
		return echo.failure(request)
	case "Wait":
		echo.waits.next(field(request, "id").String())
		return wait()
	case "WaitStream":
		echo.waits.next(field(request, "id").String())
		if err := send(output()); err != nil {
			return err
		}
		return wait()
	case "Observe":
		if err := echo.waits.reach(ctx, field(request, "id").String(), int(field(request, "state").Enum())); err != nil {
			return err
		}
		return send(output())
	}
	return fmt.Errorf("cannot answer %s", method.Name())
}

func (echo *echo) failure(request *message) error {
	failure := connect.NewError(connect.Code(field(request, "code").Uint()), errors.New(field(request, "message").String()))
	detail, err := connect.NewErrorDetail(request)
	if err != nil {
		return err
	}
	failure.AddDetail(detail)
	return failure
}

func copyValues(from, to http.Header, names ...string) {
	for _, name := range names {
		for _, value := range from.Values(name) {
			to.Add(name, value)
		}
	}
}

func echoHeaders(from, to http.Header)  { copyValues(from, to, "X-Header", "X-Header-Bin") }
func echoTrailers(from, to http.Header) { copyValues(from, to, "X-Trailer", "X-Trailer-Bin") }

// withTrailers adds to an error what a unary call would have had as trailers.
func withTrailers(err error, from http.Header) error {
	var failure *connect.Error
	if errors.As(err, &failure) {
		echoTrailers(from, failure.Meta())
	}
	return err
}

func (echo *echo) handler(path string, method protoreflect.MethodDescriptor) http.Handler {
	options := []connect.HandlerOption{
		connect.WithSchema(method), connect.WithRequestInitializer(initialize), connect.WithReadMaxBytes(maxMessageBytes),
	}
	if method.Name() == "Get" {
		options = append(options, connect.WithIdempotency(connect.IdempotencyNoSideEffects))
	}
	switch {
	case method.IsStreamingClient() && method.IsStreamingServer():
		return connect.NewBidiStreamHandler(path, func(_ context.Context, stream *connect.BidiStream[message, message]) error {
			echoHeaders(stream.RequestHeader(), stream.ResponseHeader())
			echoTrailers(stream.RequestHeader(), stream.ResponseTrailer())
			for number := uint32(1); ; number++ {
				request, err := stream.Receive()
				if errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				answer := dynamicpb.NewMessage(method.Output())
				set(answer, "text", field(request, "text").String())
				set(answer, "data", field(request, "data").Bytes())
				set(answer, "number", number)
				if err := stream.Send(answer); err != nil {
					return err
				}
			}
		}, options...)
	case method.IsStreamingClient():
		return connect.NewClientStreamHandler(path, func(_ context.Context, stream *connect.ClientStream[message]) (*connect.Response[message], error) {
			var text strings.Builder
			var data []byte
			number := uint32(0)
			for ; stream.Receive(); number++ {
				text.WriteString(field(stream.Msg(), "text").String())
				data = append(data, field(stream.Msg(), "data").Bytes()...)
			}
			if err := stream.Err(); err != nil {
				return nil, err
			}
			answer := dynamicpb.NewMessage(method.Output())
			set(answer, "text", text.String())
			set(answer, "data", data)
			set(answer, "number", number)
			response := connect.NewResponse(answer)
			echoHeaders(stream.RequestHeader(), response.Header())
			echoTrailers(stream.RequestHeader(), response.Trailer())
			return response, nil
		}, options...)
	case method.IsStreamingServer():
		return connect.NewServerStreamHandler(path, func(ctx context.Context, request *connect.Request[message], stream *connect.ServerStream[message]) error {
			echoHeaders(request.Header(), stream.ResponseHeader())
			echoTrailers(request.Header(), stream.ResponseTrailer())
			return echo.answer(ctx, method, request.Msg, stream.Send)
		}, options...)
	}
	return connect.NewUnaryHandler(path, func(ctx context.Context, request *connect.Request[message]) (*connect.Response[message], error) {
		var response *connect.Response[message]
		err := echo.answer(ctx, method, request.Msg, func(answer *message) error {
			response = connect.NewResponse(answer)
			return nil
		})
		if err != nil {
			return nil, withTrailers(err, request.Header())
		}
		echoHeaders(request.Header(), response.Header())
		echoTrailers(request.Header(), response.Trailer())
		if request.HTTPMethod() != http.MethodPost {
			response.Header().Set("X-Http-Method", request.HTTPMethod())
		}
		return response, nil
	}, options...)
}

func serve(task task, schema *schema) error {
	echo := &echo{schema: schema, waits: waits{counts: map[string]int{}, change: make(chan struct{})}}
	mux := http.NewServeMux()
	for index := range schema.methods.Len() {
		if method := schema.methods.Get(index); method.Name() != "Unimplemented" {
			path := fmt.Sprintf("/%s/%s", service, method.Name())
			mux.Handle(path, echo.handler(path, method))
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	server := http.Server{Handler: mux, Protocols: protocols(task)}
	if task.CertPath == "" {
		return server.Serve(listener)
	}
	return server.ServeTLS(listener, task.CertPath, task.KeyPath)
}

func protocols(task task) *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(task.Version != "2")
	protocols.SetHTTP2(task.Version == "2" && task.CertPath != "")
	protocols.SetUnencryptedHTTP2(task.Version == "2" && task.CertPath == "")
	return protocols
}

// The client.

type callLine struct {
	ID     int  `json:"id"`
	Cancel bool `json:"cancel"`
	Call   struct {
		Method      string            `json:"method"`
		Requests    []json.RawMessage `json:"requests"`
		InTurns     bool              `json:"inTurns"`
		Metadata    [][2]string       `json:"metadata"`
		TimeoutMs   *int              `json:"timeoutMs"`
		CancelAfter *int              `json:"cancelAfter"`
	} `json:"call"`
}

type outcome struct {
	Answers  []json.RawMessage `json:"answers"`
	Headers  map[string]string `json:"headers"`
	Trailers map[string]string `json:"trailers"`
	Error    *callError        `json:"error,omitempty"`
}

type callError struct {
	Code    uint32            `json:"code"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details"`
}

type outcomeLine struct {
	ID      int      `json:"id"`
	Outcome *outcome `json:"outcome,omitempty"`
	Failure string   `json:"failure,omitempty"`
}

func newHTTPClient(task task) (*http.Client, error) {
	transport := &http.Transport{Protocols: protocols(task), HTTP2: &http.HTTP2Config{SendPingTimeout: keepalive}}
	if task.CertPath != "" {
		certificate, err := os.ReadFile(task.CertPath)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(certificate)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{Transport: transport}, nil
}

func call(task task, schema *schema) error {
	httpClient, err := newHTTPClient(task)
	if err != nil {
		return err
	}
	caller := &caller{task: task, schema: schema, httpClient: httpClient}
	cancels := map[int]context.CancelFunc{}
	var output sync.Mutex
	input := bufio.NewReader(os.Stdin)
	for {
		text, err := input.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var line callLine
		if err := json.Unmarshal(text, &line); err != nil {
			return err
		}
		if line.Cancel {
			cancels[line.ID]()
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancels[line.ID] = cancel
		go func() {
			result := outcomeLine{ID: line.ID}
			outcome, err := caller.call(ctx, cancel, line)
			if err != nil {
				result.Failure = err.Error()
			} else {
				result.Outcome = outcome
			}
			output.Lock()
			defer output.Unlock()
			json.NewEncoder(os.Stdout).Encode(result)
		}()
	}
}

type caller struct {
	task       task
	schema     *schema
	httpClient *http.Client
}

func (caller *caller) options(method protoreflect.MethodDescriptor) []connect.ClientOption {
	options := []connect.ClientOption{
		connect.WithSchema(method), connect.WithResponseInitializer(initialize), connect.WithReadMaxBytes(maxMessageBytes),
	}
	if method.Name() == "Get" {
		options = append(options, connect.WithIdempotency(connect.IdempotencyNoSideEffects), connect.WithHTTPGet())
	}
	switch caller.task.Protocol {
	case "grpc":
		return append(options, connect.WithGRPC())
	case "grpc-web":
		return append(options, connect.WithGRPCWeb())
	}
	return options
}

func (caller *caller) call(ctx context.Context, cancel context.CancelFunc, line callLine) (*outcome, error) {
	call := line.Call
	method := caller.schema.methods.ByName(protoreflect.Name(call.Method))
	var requests []*message
	for _, text := range call.Requests {
		request, err := fromJSON(method.Input(), text)
		if err != nil {
			return nil, err
		}
		requests = append(requests, request)
	}
	if call.TimeoutMs != nil {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, time.Duration(*call.TimeoutMs)*time.Millisecond)
		defer end()
	}
	url := fmt.Sprintf("%s/%s/%s", caller.task.URL, service, method.Name())
	client := connect.NewClient[message, message](caller.httpClient, url, caller.options(method)...)
	addMetadata := func(header http.Header) {
		for _, pair := range call.Metadata {
			header.Add(pair[0], pair[1])
		}
	}
	outcome := &outcome{Answers: []json.RawMessage{}}
	turns := make(chan struct{}, len(requests)+1)
	onAnswer := func(answer *message) error {
		text, err := protojson.Marshal(answer)
		outcome.Answers = append(outcome.Answers, text)
		if call.CancelAfter != nil && len(outcome.Answers) == *call.CancelAfter {
			cancel()
		}
		select {
		case turns <- struct{}{}:
		default:
		}
		return err
	}
	var err error
	switch {
	case method.IsStreamingClient() && method.IsStreamingServer():
		stream := client.CallBidiStream(ctx)
		addMetadata(stream.RequestHeader())
		go func() {
			for index, request := range requests {
				if call.InTurns && index > 0 {
					<-turns
				}
				if stream.Send(request) != nil {
					break
				}
			}
			stream.CloseRequest()
		}()
		var answer *message
		for answer, err = stream.Receive(); err == nil; answer, err = stream.Receive() {
			if err := onAnswer(answer); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		outcome.take(stream.ResponseHeader(), stream.ResponseTrailer())
		stream.CloseResponse()
	case method.IsStreamingClient():
		stream := client.CallClientStream(ctx)
		addMetadata(stream.RequestHeader())
		for _, request := range requests {
			if stream.Send(request) != nil {
				break
			}
		}
		var response *connect.Response[message]
		if response, err = stream.CloseAndReceive(); err == nil {
			err = outcome.takeUnary(response, onAnswer)
		}
	case method.IsStreamingServer():
		request := connect.NewRequest(requests[0])
		addMetadata(request.Header())
		var stream *connect.ServerStreamForClient[message]
		if stream, err = client.CallServerStream(ctx, request); err == nil {
			for stream.Receive() {
				if err := onAnswer(stream.Msg()); err != nil {
					return nil, err
				}
			}
			err = stream.Err()
			outcome.take(stream.ResponseHeader(), stream.ResponseTrailer())
			stream.Close()
		}
	default:
		request := connect.NewRequest(requests[0])
		addMetadata(request.Header())
		var response *connect.Response[message]
		if response, err = client.CallUnary(ctx, request); err == nil {
			err = outcome.takeUnary(response, onAnswer)
		}
	}
	if err == nil {
		return outcome, nil
	}
	return outcome, outcome.takeError(err, caller.schema)
}

func (outcome *outcome) take(headers, trailers http.Header) {
	outcome.Headers, outcome.Trailers = toRecord(headers), toRecord(trailers)
}

func (outcome *outcome) takeUnary(response *connect.Response[message], onAnswer func(*message) error) error {
	outcome.take(response.Header(), response.Trailer())
	return onAnswer(response.Msg)
}

func (outcome *outcome) takeError(err error, schema *schema) error {
	outcome.Error = &callError{Code: uint32(connect.CodeOf(err)), Message: err.Error(), Details: []json.RawMessage{}}
	var failure *connect.Error
	if !errors.As(err, &failure) {
		return nil
	}
	outcome.Error.Message = failure.Message()
	outcome.Trailers = toRecord(failure.Meta())
	for _, detail := range failure.Details() {
		target := dynamicpb.NewMessage(schema.detail)
		if detail.Type() != string(schema.detail.FullName()) {
			continue
		}
		if err := proto.Unmarshal(detail.Bytes(), target); err != nil {
			return err
		}
		text, err := protojson.Marshal(target)
		if err != nil {
			return err
		}
		outcome.Error.Details = append(outcome.Error.Details, text)
	}
	return nil
}

func toRecord(header http.Header) map[string]string {
	record := map[string]string{}
	for name, values := range header {
		record[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return record
}
