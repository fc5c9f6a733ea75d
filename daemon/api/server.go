package api

import (
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI is the interface's own description, an OpenAPI 3.0 document.
func OpenAPI() []byte { return append([]byte(nil), openAPI...) }

// Options of a Server.
type Options struct {
	Backend Backend
	Role    Role
	Limits  Limits
	Log     *slog.Logger // nil: nothing is logged
}

// Server serves one role's socket.
type Server struct {
	backend Backend
	role    Role
	log     *slog.Logger
	bounds  *bounds
	http    *http.Server
	stop    context.CancelFunc
}

// The times that a connection has for its parts.
const (
	headerTime = 5 * time.Second
	bodyTime   = 10 * time.Second
	writeTime  = 10 * time.Second
	idleTime   = 5 * time.Minute
	maxHeader  = 8 << 10
)

type connKey struct{}

// NewServer makes a server for one role. Serve runs it.
func NewServer(o Options) *Server {
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{backend: o.Backend, role: o.Role, log: o.Log, bounds: newBounds(o.Limits), stop: stop}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if p, ok := c.(*peer); ok {
				return context.WithValue(ctx, connKey{}, p)
			}
			return ctx
		},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return s
}

// Serve answers requests on a unix listener until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(&listener{Listener: l, bounds: s.bounds})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown ends waiting requests and streams, and returns when all is
// answered, or closes what is left when ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

// handler routes by method and path. What the table does not have is an
// error in the same form as all others.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	paths := map[string]bool{}
	for i := range routes {
		r := &routes[i]
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) { s.serve(r, w, req) })
		if !paths[r.path] {
			paths[r.path] = true
			mux.HandleFunc(r.path, s.otherwise(CodeMethod, "this method is not known here"))
		}
	}
	mux.HandleFunc("/", s.otherwise(CodeNotFound, "there is no such route"))
	return mux
}

func (s *Server) otherwise(code Code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := s.exchange(w, r)
		if err := s.bounds.take(x.caller.UID, classPlain); err != nil {
			x.fail(err)
			return
		}
		x.fail(Errorf(code, "%s", message).WithHint("GET /v1/openapi.json describes every route"))
	}
}

// exchange is one request with its answer.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	ctx    context.Context
	caller Caller
	limit  int64
	log    *slog.Logger
	begun  bool // a stream has begun: an error can no longer be the answer
}

func (s *Server) exchange(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{w: w, r: r, ctx: r.Context(), caller: Caller{Role: s.role, UID: nobody}, log: s.log}
	if p, ok := x.ctx.Value(connKey{}).(*peer); ok {
		x.caller.UID = p.uid
	}
	return x
}

// serve holds a request to its role and bounds, runs it and writes the answer.
func (s *Server) serve(rt *route, w http.ResponseWriter, r *http.Request) {
	x := s.exchange(w, r)
	x.limit = rt.body
	// While the daemon stood still, or another took its place, requests waited at the
	// socket, which systemd holds. Who asked may have gone since, and would find a drawer
	// open that nobody waits at. That the server sees by itself, but perhaps too late.
	if p, ok := x.ctx.Value(connKey{}).(*peer); ok && p.gone() {
		return
	}
	if !rt.allowed(s.role) {
		x.fail(Errorf(CodeForbidden, "%s is not for the %s socket", rt.path, s.role).WithHint("use the socket of " + rt.sockets()))
		return
	}
	if err := s.bounds.take(x.caller.UID, rt.class); err != nil {
		x.fail(err)
		return
	}
	leave, err := s.bounds.enter(rt.class)
	if err != nil {
		x.fail(err)
		return
	}
	defer leave()
	a, failed := rt.run(s, x)
	switch {
	case failed != nil:
		x.fail(failed)
	case x.begun:
	default:
		x.write(http.StatusOK, a)
	}
}

type rawJSON []byte

// write writes one JSON answer.
func (x *exchange) write(status int, a any) {
	raw, ok := a.(rawJSON)
	if !ok {
		var err error
		if raw, err = json.Marshal(a); err != nil {
			x.log.Error("an answer cannot be written as JSON", "path", x.r.URL.Path, "err", err)
			x.fail(Errorf(CodeInternal, "the answer cannot be written"))
			return
		}
		raw = append(raw, '\n')
	}
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(writeTime))
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(raw) // a peer that is gone hears nothing
}

// fail answers an error. What is not meant for callers is logged, and they
// hear that it went wrong.
func (x *exchange) fail(err error) {
	if x.begun {
		return
	}
	var e *Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded):
		e = Errorf(CodeTimeout, "it took too long")
	case errors.Is(err, context.Canceled):
		e = Errorf(CodeUnavailable, "the daemon is stopping").WithHint("try again in a moment")
	default:
		x.log.Error("a request failed", "path", x.r.URL.Path, "source", x.caller.Source(), "err", err)
		e = Errorf(CodeInternal, "the daemon could not do it").WithHint("its log says why: journalctl -u tillwardend")
	}
	if e.RetryAfter > 0 {
		x.w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
	}
	x.write(e.Status(), errorBody{e})
}

// body reads the request's body, at most as long as the route takes. The
// caller wipes it.
func (x *exchange) body() ([]byte, error) {
	if x.r.ContentLength > x.limit {
		return nil, tooLarge(x.limit)
	}
	c := http.NewResponseController(x.w)
	_ = c.SetReadDeadline(time.Now().Add(bodyTime))
	defer c.SetReadDeadline(time.Time{})
	size := x.r.ContentLength
	if size < 0 {
		size = 512
	}
	buf := make([]byte, 0, size+1)
	for {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(2*int64(cap(buf)), x.limit+1)+1)
			copy(grown, buf)
			clear(buf)
			buf = grown
		}
		n, err := x.r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > x.limit {
			clear(buf)
			return nil, tooLarge(x.limit)
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			clear(buf)
			return nil, Errorf(CodeBadRequest, "the request's body ended early")
		}
	}
}

func tooLarge(limit int64) error {
	return Errorf(CodeTooLarge, "the request's body is larger than %d bytes", limit)
}

func hexString(b []byte) string { return hex.EncodeToString(b) }
