// Go's net/http as a peer of ours.
//
//	http2 server [certificate.pem key.pem]    serves, and says on which port
//	http2 client URL [certificate.pem]        checks a server, and says a line of JSON for each check
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const largeSize = 10_000_000

func main() {
	var err error
	switch os.Args[1] {
	case "server":
		err = serve(os.Args[2:])
	case "client":
		err = check(os.Args[2], os.Args[3:])
	default:
		err = errors.New("unknown command")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func onlyHttp2(encrypted bool) *http.Protocols {
	protocols := new(http.Protocols)
	if encrypted {
		protocols.SetHTTP2(true)
	} else {
		protocols.SetUnencryptedHTTP2(true)
	}
	return protocols
}

func serve(paths []string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(answer), Protocols: onlyHttp2(len(paths) == 2)}
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	if len(paths) == 2 {
		return server.ServeTLS(listener, paths[0], paths[1])
	}
	return server.Serve(listener)
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/echo":
		w.Header().Set("Trailer", "X-Request-Trailer")
		w.WriteHeader(http.StatusOK)
		buffer := make([]byte, 32*1024)
		for {
			n, err := r.Body.Read(buffer)
			if _, writeErr := w.Write(buffer[:n]); writeErr != nil {
				return
			}
			http.NewResponseController(w).Flush()
			if err != nil {
				break
			}
		}
		w.Header().Set("X-Request-Trailer", r.Trailer.Get("X-Request-Trailer"))
	case strings.HasPrefix(r.URL.Path, "/bytes/"):
		length, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/bytes/"))
		w.Header().Set("Content-Length", strconv.Itoa(length))
		w.Write(pattern(length))
	case r.URL.Path == "/trailers":
		w.Header().Set("Trailer", "X-Trailer")
		io.WriteString(w, "Hello from Go\n")
		w.Header().Set("X-Trailer", "end")
	case r.URL.Path == "/reset":
		panic(http.ErrAbortHandler)
	case r.URL.Path == "/goaway":
		w.Header().Set("Connection", "close")
		io.WriteString(w, "Hello from Go\n")
	default:
		io.WriteString(w, "Hello from Go\n")
	}
}

// pattern is what /bytes answers: the low octet of each position.
func pattern(length int) []byte {
	content := make([]byte, length)
	for i := range content {
		content[i] = byte(i)
	}
	return content
}

func check(url string, paths []string) error {
	transport := &http.Transport{Protocols: onlyHttp2(len(paths) == 1), DisableCompression: true}
	if len(paths) == 1 {
		certificate, err := os.ReadFile(paths[0])
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(certificate)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	c := &client{url: url, http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
	for _, each := range []struct {
		name string
		run  func() error
	}{
		{"GET", func() error { return c.get("/") }},
		{"HEAD", c.head},
		{"POST with echo", func() error { return c.echo(1000) }},
		{"10 MB up and down", func() error { return c.echo(largeSize) }},
		{"10 MB down", c.download},
		{"trailers", c.trailers},
		{"request trailers", c.requestTrailers},
		{"100 at once", c.atOnce},
		{"answer before the request's end", c.early},
		{"RST_STREAM from the server", c.reset},
		{"RST_STREAM to the server", c.cancel},
		{"GOAWAY", c.goaway},
	} {
		line := map[string]string{"check": each.name}
		if err := each.run(); err != nil {
			line["error"] = err.Error()
		}
		text, _ := json.Marshal(line)
		fmt.Println(string(text))
	}
	return nil
}

type client struct {
	url  string
	http *http.Client
}

func (c *client) do(method, path string, body io.Reader) (*http.Response, []byte, error) {
	request, err := http.NewRequest(method, c.url+path, body)
	if err != nil {
		return nil, nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.ProtoMajor != 2 {
		err = errors.New("not HTTP/2 but " + response.Proto)
	}
	if err == nil && response.StatusCode != 200 {
		err = errors.New(response.Status)
	}
	return response, content, err
}

func (c *client) get(path string) error {
	_, content, err := c.do("GET", path, nil)
	if err == nil && len(content) == 0 {
		err = errors.New("no content")
	}
	return err
}

func (c *client) head() error {
	response, content, err := c.do("HEAD", "/bytes/12345", nil)
	if err == nil && (response.ContentLength != 12345 || len(content) != 0) {
		err = fmt.Errorf("content-length %d, content of %d octets", response.ContentLength, len(content))
	}
	return err
}

func (c *client) echo(length int) error {
	sent := pattern(length)
	_, received, err := c.do("POST", "/echo", bytes.NewReader(sent))
	if err == nil && sha256.Sum256(sent) != sha256.Sum256(received) {
		err = fmt.Errorf("sent %d octets, received %d others", len(sent), len(received))
	}
	return err
}

func (c *client) download() error {
	_, received, err := c.do("GET", fmt.Sprintf("/bytes/%d", largeSize), nil)
	if err == nil && !bytes.Equal(received, pattern(largeSize)) {
		err = fmt.Errorf("received %d other octets", len(received))
	}
	return err
}

func (c *client) trailers() error {
	response, _, err := c.do("GET", "/trailers", nil)
	if err == nil && response.Trailer.Get("X-Trailer") != "end" {
		err = fmt.Errorf("trailers %v", response.Trailer)
	}
	return err
}

func (c *client) requestTrailers() error {
	request, err := http.NewRequest("POST", c.url+"/echo", io.MultiReader(strings.NewReader("hello")))
	if err != nil {
		return err
	}
	request.ContentLength = -1
	request.Trailer = http.Header{"X-Request-Trailer": {"sent"}}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && (string(content) != "hello" || response.Trailer.Get("X-Request-Trailer") != "sent") {
		err = fmt.Errorf("content %q, trailers %v", content, response.Trailer)
	}
	return err
}

func (c *client) atOnce() error {
	var group sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		group.Add(1)
		go func() {
			defer group.Done()
			errs[i] = c.echo(20_000 + i)
		}()
	}
	group.Wait()
	return errors.Join(errs...)
}

func (c *client) early() error {
	reader, writer := io.Pipe()
	defer writer.Close()
	_, content, err := c.do("POST", "/early", reader)
	if err == nil && len(content) == 0 {
		err = errors.New("no content")
	}
	return err
}

func (c *client) reset() error {
	_, _, err := c.do("GET", "/reset", nil)
	if err == nil || !strings.Contains(err.Error(), "ENHANCE_YOUR_CALM") {
		return fmt.Errorf("not ENHANCE_YOUR_CALM but %v", err)
	}
	return c.get("/")
}

// cancel gives up in the middle of a download. Not of an upload: Go does not see that it is to give up while it waits for a body.
func (c *client) cancel() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", c.url+"/bytes/900000000", nil)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.ReadFull(response.Body, make([]byte, 1)); err != nil {
		return err
	}
	cancel()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("not canceled but %v", err)
	}
	return c.get("/")
}

// goaway has the server end: the request that asks for it is still answered.
func (c *client) goaway() error {
	return c.get("/goaway")
}
