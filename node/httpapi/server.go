package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hutong-project/hutong/consensus"
	"github.com/hutong-project/hutong/node/access"
	"github.com/hutong-project/hutong/trust"
	"github.com/hutong-project/hutong/trust/statuslog"
)

// Reader is the registry as the interface reads it.
type Reader interface {
	Reading() *consensus.Reading // a consistent pair of view and status events; the caller closes it
	Leader() (id, address string, self bool)
	CaughtUp() bool                                            // whether this node has held all that its cluster had agreed on, since it started
	NationalChain(from uint64, maxBytes int) ([][]byte, error) // envelopes as carried, in ascending order
}

// Lists takes signed lists. A nil error means adopted and durable in the cluster.
type Lists interface {
	AdoptNational(ctx context.Context, chain [][]byte) error
	PublishList(ctx context.Context, raw []byte) error
}

// StatusLog takes status batches. A receipt means durable in the cluster.
type StatusLog interface {
	AppendBatch(ctx context.Context, signed []byte) (consensus.Receipt, error)
	AppendEvents(ctx context.Context, authority string, events []statuslog.Event) (consensus.Receipt, error)
}

// Health tells how the node itself does.
type Health interface {
	Health() consensus.Health
}

// Peers tells how the exchange with the other provinces goes.
type Peers interface {
	Provinces() []ProvinceSync
	Connected() int // peers of which an answered stream proves that they are there
}

// Certificate is what protects the traffic between the nodes of the cluster.
type Certificate interface {
	Expires() time.Time
}

// A ProvinceSync is the state of the exchange with one province.
type ProvinceSync struct {
	Province  trust.Province `json:"province"`
	Source    string         `json:"source,omitzero"` // peer id that the newest data came from
	LastError string         `json:"lastError,omitzero"`
}

// Config is what a Server is made of. Peers, Publication, Backups, Members, Certificate and Health may be nil.
type Config struct {
	Node        string
	Province    trust.Province
	Reader      Reader
	Consistency Consistency
	Lists       Lists
	StatusLog   StatusLog
	Peers       Peers
	Health      Health
	Backups     Backups     // nil: there is no snapshot to be had
	Publication Publication // nil: nothing is ever known to be published
	Tokens      *access.Tokens
	Gate        *access.Gate
	Members     Members     // nil: they cannot be changed over HTTP
	Certificate Certificate // of this node in its cluster; nil: it has none
	Metrics     http.Handler
	Logger      *slog.Logger
	Clock       func() time.Time
}

// Limits of a request's size.
const (
	maxCredential = 64 << 10
	maxHeader     = 16 << 10
)

// times are limits of a request's time. Reading a body ends with the read timeout, so a body that never ends costs one
// connection for that long.
type times struct {
	read, write, idle time.Duration
	propose           time.Duration // how long a write may wait for the cluster
	publish           time.Duration // and after that for another province; all three fit into write
}

var usualTimes = times{read: 10 * time.Second, write: 30 * time.Second, idle: 2 * time.Minute, propose: 10 * time.Second, publish: 8 * time.Second}

// A Server answers over HTTP.
type Server struct {
	cfg   Config
	times times
	http  *http.Server

	saving   sync.Mutex      // held while a snapshot is written
	stopping context.Context // ends when Shutdown begins
}

// New returns a server that does not listen yet.
func New(cfg Config) *Server { return newServer(cfg, usualTimes) }

func newServer(cfg Config, t times) *Server {
	s := &Server{cfg: cfg, times: t}
	var stop context.CancelFunc
	s.stopping, stop = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           s.guard(s.routes()),
		ReadHeaderTimeout: t.read,
		ReadTimeout:       t.read,
		WriteTimeout:      t.write,
		IdleTimeout:       t.idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	s.http.RegisterOnShutdown(stop)
	return s
}

// Handler returns the handler with all guards, for tests.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Serve answers on l until Shutdown. It returns nil after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops listening and waits for the requests under way, at most until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/verify", s.verify)
	mux.HandleFunc("POST /v1/status-batches", s.statusBatches)
	mux.HandleFunc("GET /v1/credentials/status", s.credentialStatus)
	mux.HandleFunc("GET /v1/national-list", s.nationalList)
	mux.HandleFunc("POST /v1/national-list", s.adoptNational)
	mux.HandleFunc("GET /v1/trust-lists", s.trustLists)
	mux.HandleFunc("POST /v1/trust-lists", s.publishList)
	mux.HandleFunc("GET /v1/trust-lists/{province}", s.trustList)
	mux.HandleFunc("GET /v1/heads", s.heads)
	mux.HandleFunc("GET /v1/node", s.node)
	mux.HandleFunc("GET /v1/snapshot", s.snapshot)
	s.memberRoutes(mux)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.readyz)
	if s.cfg.Metrics != nil {
		mux.Handle("GET /metrics", s.cfg.Metrics)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { noRoute(mux, w, r) })
	return mux
}

// noRoute answers what no route takes: 405 where another method would be taken, else 404.
func noRoute(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); strings.HasPrefix(pattern, method+" ") {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		writeProblem(w, problem(http.StatusNotFound, codeNotFound, "No such resource", ""))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, problem(http.StatusMethodNotAllowed, codeMethod, "Not with this method", ""))
}

// guard admits a request by address and rate, and turns a panic into a 500: one bad request never ends the node.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				s.cfg.Logger.Error("answering a request: panic", "route", r.Pattern, "panic", v, "stack", string(debug.Stack()))
				writeProblem(w, problem(http.StatusInternalServerError, codeInternal, "Something is wrong with this node", ""))
			}
		}()
		switch s.cfg.Gate.Admit(r) {
		case http.StatusForbidden:
			writeProblem(w, problem(http.StatusForbidden, codeForbidden, "This address may not ask here", "api.allow in the node's configuration names who may"))
		case http.StatusTooManyRequests:
			writeProblem(w, problem(http.StatusTooManyRequests, codeTooFast, "Too many requests from this address", ""))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) now() trust.Time { return trust.TimeOf(s.cfg.Clock()) }
