package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/node/httpapi"
	"github.com/hutong-project/hutong/node/sample"
)

// A service is the whole HTTP interface on a loopback port, with the clients that ask it.
type service struct {
	subject *subject
	address string
	server  *httpapi.Server
	ended   chan error // Serve's

	mu      sync.Mutex
	clients []*plainClient
}

// serve answers about s on a free port.
func serve(s *subject) (*service, error) {
	tokens, err := access.OpenTokens("")
	if err != nil {
		return nil, err
	}
	gate, err := access.NewGate([]string{"127.0.0.0/8"}, 0, 0)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &service{subject: s, address: l.Addr().String(), ended: make(chan error, 1)}
	h.server = httpapi.New(httpapi.Config{
		Node: "bench", Province: sample.Code, Reader: s.Registry, Lists: s.Registry, StatusLog: s.Registry,
		Tokens: tokens, Gate: gate, Logger: slog.New(slog.DiscardHandler), Clock: time.Now,
	})
	go func() { h.ended <- h.server.Serve(l) }()
	return h, nil
}

func (h *service) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, c := range h.clients {
		errs = append(errs, c.conn.Close())
	}
	h.clients = nil
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(append(errs, h.server.Shutdown(ctx), <-h.ended)...)
}

// ask makes one client with a connection of its own that it keeps, and has it ask about the good credentials.
func (h *service) ask(worker int) (func() error, error) {
	c, err := h.dial()
	if err != nil {
		return nil, err
	}
	next := h.subject.from(worker)
	return func() error { return c.expectValid(next()) }, nil
}

// A plainClient does no more than it must, so that what is measured is mostly the server, with which it shares the cores.
type plainClient struct {
	conn   net.Conn
	reader *bufio.Reader
	send   []byte
	answer []byte
}

func (h *service) dial() (*plainClient, error) {
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		return nil, err
	}
	c := &plainClient{conn: conn, reader: bufio.NewReader(conn)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients = append(h.clients, c)
	return c, nil
}

// startsValid is how the answer to a good credential without a note begins; result and reasons are its first members.
var startsValid = []byte(`{"result":"valid","reasons":[],`)

// expectValid asks about q and checks that the answer is about q and that it is "valid" without a reason.
func (c *plainClient) expectValid(q *question) error {
	answer, err := c.verify(q.text)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(answer, startsValid) || !bytes.Contains(answer, []byte(q.digest)) {
		return fmt.Errorf("%w: %.100s", errWrongAnswer, answer)
	}
	return nil
}

// verify posts a credential's text and returns the verdict; the bytes are good until the next call.
func (c *plainClient) verify(text string) ([]byte, error) {
	c.send = fmt.Appendf(c.send[:0], "POST /v1/verify HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	if _, err := c.conn.Write(c.send); err != nil {
		return nil, err
	}
	size, err := c.readHead()
	if err != nil {
		return nil, err
	}
	if cap(c.answer) < size {
		c.answer = make([]byte, size)
	}
	c.answer = c.answer[:size]
	_, err = io.ReadFull(c.reader, c.answer)
	return c.answer, err
}

const maxAnswer = 1 << 20

// readHead reads the status line and the header fields and returns the length of the body. It takes what the node
// sends to such a request and nothing else: status 200 and a length.
func (c *plainClient) readHead() (size int, err error) {
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return 0, fmt.Errorf("%w: %.40q", errWrongAnswer, status)
	}
	size = -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if size, err = strconv.Atoi(string(value)); err != nil {
				return 0, fmt.Errorf("%w: Content-Length %.20q", errWrongAnswer, value)
			}
		}
	}
	if size < 0 || size > maxAnswer {
		return 0, fmt.Errorf("%w: no Content-Length up to %d", errWrongAnswer, maxAnswer)
	}
	return size, nil
}
