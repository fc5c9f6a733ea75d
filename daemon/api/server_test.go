package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRolesTable says for every route and role whether it is let in, by hand:
// a route that is opened to another socket has to be opened here too.
func TestRolesTable(t *testing.T) {
	const p, c, n = "pos", "console", "technician"
	want := map[string][]string{
		"GET /v1/openapi.json": {p, c, n}, "GET /v1/status": {p, c, n}, "GET /v1/policy": {c, n}, "GET /v1/policy/compiled": {n},
		"GET /v1/session": {p, c, n}, "POST /v1/session/signon": {c}, "POST /v1/session/signoff": {p, c, n},
		"POST /v1/session/lock": {p, c, n}, "POST /v1/session/unlock": {c},
		"GET /v1/mode": {p, c, n}, "POST /v1/mode/monitor": {c, n}, "POST /v1/mode/break-glass": {c, n}, "POST /v1/mode/enforce": {c, n},
		"POST /v1/mode/codes": {c, n}, "POST /v1/mode/report": {c, n},
		"POST /v1/ask": {p, c, n}, "GET /v1/menu": {p, c, n}, "GET /v1/drawers": {p, c, n}, "POST /v1/drawers/{name}/open": {p, c, n},
		"GET /v1/overrides": {p, c, n}, "GET /v1/overrides/{id}/wait": {p, c, n}, "POST /v1/overrides/{id}/approve": {c},
		"POST /v1/overrides/{id}/confirm": {c}, "GET /v1/reasons": {c, n},
		"POST /v1/overrides/{id}/refuse": {c}, "POST /v1/overrides/{id}/cancel": {p, c, n},
		"GET /v1/devices": {c, n}, "POST /v1/devices/{name}/resync": {n}, "POST /v1/devices/{name}/calibrate": {n}, "POST /v1/devices/{name}/test": {n}, "POST /v1/devices/{name}/record": {n},
		"POST /v1/journal/query": {c, n}, "POST /v1/journal/stream": {c, n}, "POST /v1/journal/stored": {c, n}, "GET /v1/journal/checkpoint": {c, n},
		"POST /v1/journal/prove":   {c, n},
		"POST /v1/report/activity": {c, n}, "POST /v1/report/exceptions": {c, n}, "POST /v1/report/opens": {c, n},
		"POST /v1/report/time": {c, n}, "POST /v1/time/list": {c, n},
		"POST /v1/time/in": {c}, "POST /v1/time/out": {c}, "POST /v1/time/break": {c}, "POST /v1/time/back": {c},
		"GET /v1/events": {p, c, n}, "POST /v1/loads": {c, n},
		"POST /v1/people/list": {c, n}, "POST /v1/people/show": {c, n}, "POST /v1/people/add": {c, n},
		"POST /v1/people/set-groups": {c, n}, "POST /v1/people/set-pin": {c, n}, "POST /v1/people/enrol-card": {c, n},
		"POST /v1/people/suspend": {c, n}, "POST /v1/people/resume": {c, n}, "POST /v1/people/unlock": {c, n},
		"POST /v1/people/set-name": {c, n}, "POST /v1/people/revoke-card": {c, n}, "POST /v1/session/signoff-by": {c},
		"POST /v1/people/set-days": {c, n}, "POST /v1/people/set-places": {c, n}, "POST /v1/people/set-person": {c, n}, "POST /v1/people/terminate": {c, n},
		"POST /v1/people/import": {c, n}, "GET /v1/roster": {c, n}, "POST /v1/roster/export": {c, n}, "POST /v1/roster/apply": {c, n},
	}
	if len(want) != len(routes) {
		t.Errorf("%d routes in this table, %d in the server's", len(want), len(routes))
	}
	live := make(chan Event)
	close(live)
	for _, role := range Roles() {
		f := &fake{live: live}
		_, client := serveOn(t, role, f, Limits{PINRate: 1000, PINBurst: 1000})
		for key, roles := range want {
			method, path, _ := strings.Cut(key, " ")
			before := f.called()
			real := strings.NewReplacer("{name}", "till", "{id}", "9").Replace(path)
			res, answer := raw(t, client, method, real, samples[path])
			if in := strings.Contains(strings.Join(roles, " "), role.String()); in {
				if res.StatusCode != http.StatusOK {
					t.Errorf("%s on %s: %s %s", key, role, res.Status, answer)
				}
				continue
			}
			if res.StatusCode != http.StatusForbidden || !strings.Contains(answer, `"forbidden"`) {
				t.Errorf("%s on %s: %s %s", key, role, res.Status, answer)
			}
			if f.called() != before {
				t.Errorf("%s on %s reached the backend", key, role)
			}
			// The answer is the same whatever is asked.
			if res2, answer2 := raw(t, client, method, real, `{"not":"this"}`); res2.StatusCode != res.StatusCode || answer2 != answer {
				t.Errorf("%s on %s: a bad body is answered otherwise: %s %s", key, role, res2.Status, answer2)
			}
		}
	}
}

func TestErrorsHaveOneForm(t *testing.T) {
	f := &fake{}
	_, c := serveOn(t, RoleConsole, f, Limits{PINRate: 1000, PINBurst: 1000})
	for _, tc := range []struct {
		method, path, body string
		header             []string
		status             int
		code               Code
	}{
		{"GET", "/", "", nil, 404, CodeNotFound},
		{"GET", "/v1/nothing", "", nil, 404, CodeNotFound},
		{"DELETE", "/v1/status", "", nil, 405, CodeMethod},
		{"GET", "/v1/ask", "", nil, 405, CodeMethod},
		{"POST", "/v1/ask", `{`, nil, 400, CodeBadRequest},
		{"POST", "/v1/ask", `[]`, nil, 400, CodeBadRequest},
		{"POST", "/v1/ask", `null`, nil, 422, CodeInvalid},
		{"POST", "/v1/ask", `{"function":1}`, nil, 400, CodeBadRequest},
		{"POST", "/v1/ask", `{"function":"a"} {}`, nil, 400, CodeBadRequest},
		{"POST", "/v1/ask", `{"Function":"a"}`, nil, 400, CodeBadRequest},
		{"POST", "/v1/ask", `{}`, nil, 422, CodeInvalid},
		{"POST", "/v1/ask", `{"function":"a","open":"later"}`, nil, 422, CodeInvalid},
		{"POST", "/v1/ask", `{"function":"a","wait":301}`, nil, 422, CodeInvalid},
		{"POST", "/v1/ask", `{"function":"a","wait":-1}`, nil, 422, CodeInvalid},
		{"POST", "/v1/ask", `{"function":"a","open":"now","no_override":true}`, nil, 422, CodeInvalid},
		{"POST", "/v1/ask", `{"function":"a"}`, []string{"Content-Type", "text/plain"}, 415, CodeMedia},
		{"POST", "/v1/ask", `{"function":"` + strings.Repeat("a", 20<<10) + `"}`, nil, 413, CodeTooLarge},
		{"POST", "/v1/session/signoff", `{"x":1}`, nil, 400, CodeBadRequest},
		{"POST", "/v1/session/signon", `{"number":"1","pin":1234}`, nil, 400, CodeBadRequest},
		{"POST", "/v1/session/signon", `{"number":"1","pin":"12\u0033"}`, nil, 400, CodeBadRequest},
		{"GET", "/v1/overrides/x/wait", "", nil, 404, CodeNotFound},
		{"GET", "/v1/overrides/0/wait", "", nil, 404, CodeNotFound},
		{"GET", "/v1/overrides/9/wait?seconds=NaN", "", nil, 422, CodeInvalid},
		{"GET", "/v1/overrides/9/wait?seconds=1e9", "", nil, 422, CodeInvalid},
		{"GET", "/v1/events", "", []string{"Last-Event-ID", "-1"}, 422, CodeInvalid},
		{"POST", "/v1/people/show", `{}`, nil, 422, CodeInvalid},
		{"POST", "/v1/people/suspend", `{"number":"1","until":"2026-11-27"}`, nil, 422, CodeInvalid},
		{"POST", "/v1/people/suspend", `{"number":"1","registers":["3"]}`, nil, 422, CodeInvalid},
		{"POST", "/v1/people/suspend", `{"number":"1","temporary":true}`, nil, 422, CodeInvalid},
		{"POST", "/v1/people/set-pin", `{"number":"1","pin":"2580","change_pin":true}`, nil, 422, CodeInvalid},
		{"POST", "/v1/people/set-name", `{"number":"1","name":"x","with":{"number":"2","pin":"2580"}}`, nil, 422, CodeInvalid},
		{"POST", "/v1/people/set-person", `{"number":"1","person":"x","by":{"number":"2","pin":"2580"}}`, nil, 422, CodeInvalid},
		{"POST", "/v1/mode/enforce", `{"by":{"number":"1","card":true,"pin":"1234"}}`, nil, 422, CodeInvalid},
		{"POST", "/v1/mode/monitor", `{"seconds":59,"reason":"moving in"}`, nil, 422, CodeInvalid},
		{"POST", "/v1/mode/break-glass", `{"seconds":14401,"reason":"moving in"}`, nil, 422, CodeInvalid},
		{"POST", "/v1/mode/monitor", `{"seconds":60,"reason":"moving in","set_up":true}`, nil, 403, CodeForbidden},
		{"POST", "/v1/mode/codes", `{"codes":[],"set_up":true}`, nil, 403, CodeForbidden},
		{"POST", "/v1/people/suspend", `{"number":"1","pin":"1234"}`, nil, 422, CodeInvalid},
		{"POST", "/v1/people/set-pin", `{"number":"1"}`, nil, 422, CodeInvalid},
		{"POST", "/v1/people/sell", `{"number":"1"}`, nil, 404, CodeNotFound},
	} {
		res, answer := raw(t, c, tc.method, tc.path, tc.body, tc.header...)
		var e errorBody
		if err := json.Unmarshal([]byte(answer), &e); err != nil || e.Error == nil {
			t.Errorf("%s %s: no error in %q", tc.method, tc.path, answer)
			continue
		}
		if res.StatusCode != tc.status || e.Error.Code != tc.code || e.Error.Message == "" {
			t.Errorf("%s %s %.40s: %d %+v, want %d %s", tc.method, tc.path, tc.body, res.StatusCode, e.Error, tc.status, tc.code)
		}
	}
	if f.called() != 0 {
		t.Errorf("the backend was asked: %v", f.calls)
	}
}

// TestInternalErrorsStayInside: what failed inside is for the log, not for callers.
func TestInternalErrorsStayInside(t *testing.T) {
	f := &fake{err: errors.New("bbolt: page 17 is broken")}
	_, c := serveOn(t, RolePOS, f, Limits{})
	res, answer := raw(t, c, "GET", "/v1/menu", "")
	if res.StatusCode != 500 || strings.Contains(answer, "bbolt") {
		t.Errorf("%s %s", res.Status, answer)
	}
}

// TestInvariant5SecretsStayIn: a PIN reaches the backend, is wiped when the
// request ends, and comes back in no error and no print.
func TestInvariant5SecretsStayIn(t *testing.T) {
	f := &fake{}
	var log bytes.Buffer
	_, c := serveOn(t, RoleConsole, f, Limits{PINRate: 1000, PINBurst: 1000})
	const pin = "271828"
	for _, body := range []string{
		`{"number":"1001","pin":"` + pin + `"}`,
	} {
		for _, path := range []string{"/v1/session/signon", "/v1/session/unlock", "/v1/overrides/9/approve", "/v1/overrides/9/confirm", "/v1/overrides/9/refuse"} {
			raw(t, c, "POST", path, body)
		}
	}
	raw(t, c, "POST", "/v1/journal/query", `{"by":{"number":"1001","pin":"`+pin+`"}}`)
	raw(t, c, "POST", "/v1/journal/stream", `{"by":{"number":"1001","pin":"`+pin+`"}}`)
	raw(t, c, "POST", "/v1/loads", `{"type":"policy","name":"x","bundle":"","by":{"number":"1001","pin":"`+pin+`"}}`)
	raw(t, c, "POST", "/v1/people/set-pin", `{"by":{"number":"1001","pin":"`+pin+`"},"number":"2","pin":"`+pin+`"}`)
	f.mu.Lock()
	if len(f.pins) != 9 {
		t.Errorf("%d PINs came in", len(f.pins))
	}
	for i, p := range f.pins {
		if p != pin {
			t.Errorf("PIN %d came in otherwise than it was sent", i)
		}
	}
	for i, k := range f.kept {
		if bytes.Contains(k, []byte("2")) {
			t.Errorf("PIN %d was not wiped", i)
		}
	}
	f.mu.Unlock()

	for _, body := range []string{
		`{"number":"1001","pin":` + pin + `}`, `{"number":"1001","pin":["` + pin + `"]}`, `{"number":"1001","pin":"` + pin + `","` + pin + `":1}`,
		`{"number":` + pin + `,"pin":"x"}`, `{"number":"1001","pin":"` + pin, `"` + pin + `"`, pin, `{"pin":{"` + pin + `":1}}`,
		`{"number":"1001","pin":"` + pin + `\n"}`,
	} {
		if _, answer := raw(t, c, "POST", "/v1/session/signon", body); strings.Contains(answer, pin) {
			t.Errorf("the error repeats the PIN: %s", answer)
		}
	}
	secret := Secret(pin)
	by := Credentials{Number: "1001", PIN: secret}
	fmt.Fprintf(&log, "%v %+v %#v %s %x %q %d", secret, by, by, secret, secret, secret, secret)
	if strings.Contains(log.String(), pin) || strings.Contains(log.String(), fmt.Sprintf("%x", pin)) {
		t.Errorf("a Secret prints: %s", log.String())
	}
}

func TestEventsResume(t *testing.T) {
	e := fullEntry()
	event := func(seq Seq) Event {
		w := Words(&e)
		w.Seq = seq
		return Event{Entry: w, Say: "x"}
	}
	f := &fake{live: make(chan Event, 1), events: []Event{event(1), event(2), event(3)}}
	_, c := serveOn(t, RolePOS, f, Limits{})
	f.live <- event(4)
	var got []Seq
	enough := errors.New("enough")
	after := Seq(1)
	err := c.Events(t.Context(), &after, func(e *Event) error {
		got = append(got, e.Seq)
		if e.Seq == 4 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || fmt.Sprint(got) != "[2 3 4]" {
		t.Errorf("%v %v", got, err)
	}
	close(f.live)
	if err := c.Events(t.Context(), nil, func(*Event) error { return nil }); err != nil {
		t.Errorf("a stream that the daemon ended: %v", err)
	}
}

func TestJournalStreamEndsWithItsError(t *testing.T) {
	f := &fake{err: Errorf(CodeUnavailable, "the journal is damaged")}
	_, c := serveOn(t, RoleTechnician, f, Limits{})
	n := 0
	err := c.JournalStream(t.Context(), JournalStream{}, func(*Entry, []byte) error { n++; return nil })
	if n != 2 || !errors.Is(err, &Error{Code: CodeUnavailable}) {
		t.Errorf("%d entries, %v", n, err)
	}
}

// TestStoredEntriesComeWholeOrNotAtAll: what a reader was given of them is no end of the
// journal where the daemon could not read on.
func TestStoredEntriesComeWholeOrNotAtAll(t *testing.T) {
	f := &fake{}
	_, c := serveOn(t, RoleTechnician, f, Limits{})
	var got []byte
	count := func(stored []byte) error { got = append(got, stored[len(stored)-1]); return nil }
	if err := c.JournalStored(t.Context(), JournalStored{}, count); err != nil || !bytes.Equal(got, []byte{5, 6, 7}) {
		t.Errorf("entries %v, %v", got, err)
	}
	f.err, got = Errorf(CodeUnavailable, "the journal is damaged"), nil
	if err := c.JournalStored(t.Context(), JournalStored{}, count); err == nil || len(got) > 3 {
		t.Errorf("entries %v, %v", got, err)
	}
}

func TestRatesAreBounded(t *testing.T) {
	f := &fake{}
	_, c := serveOn(t, RoleConsole, f, Limits{Rate: 0.001, Burst: 10, PINRate: 0.001, PINBurst: 3})
	refused := 0
	for range 5 {
		if _, err := c.SignOn(t.Context(), Credentials{Number: "1", PIN: Secret("1")}); errors.Is(err, &Error{Code: CodeRate}) {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d of 5 sign-ons were refused, want 2", refused)
	}
	for range 10 {
		if _, err := c.Status(t.Context()); errors.Is(err, &Error{Code: CodeRate}) {
			refused++
		}
	}
	if refused != 7 {
		t.Errorf("%d requests were refused, want 7", refused)
	}
}

func TestWaitersAndConnectionsAreBounded(t *testing.T) {
	f := &fake{block: make(chan struct{})}
	_, c := serveOn(t, RolePOS, f, Limits{Waiters: 2, Conns: 5})
	answers := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := c.Ask(context.Background(), AskRequest{Function: "a", Wait: 100})
			answers <- err
		}()
	}
	for f.called() < 2 {
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Ask(t.Context(), AskRequest{Function: "a", Wait: 100}); !errors.Is(err, &Error{Code: CodeUnavailable}) {
		t.Errorf("a third waiter: %v", err)
	}
	if _, err := c.Ask(t.Context(), AskRequest{Function: "a"}); err != nil {
		t.Errorf("who does not wait: %v", err)
	}
	close(f.block)
	for range 2 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	c.Close()
	var open []net.Conn
	defer func() {
		for _, n := range open {
			n.Close()
		}
	}()
	for range 8 {
		n, err := net.Dial("unix", c.Socket())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, n)
	}
	// Five are allowed, so three are not: which, depends on when the client's own
	// connections are gone. Those that were let in are closed after a while, without
	// a word.
	turnedAway := 0
	lines := make(chan string, len(open))
	for _, n := range open {
		_ = n.SetReadDeadline(time.Now().Add(patience))
		go func() {
			line, _ := bufio.NewReader(n).ReadString('\n')
			lines <- line
		}()
	}
	for range open {
		if strings.Contains(<-lines, "503") {
			turnedAway++
		}
	}
	if turnedAway < 3 {
		t.Errorf("%d of 8 were turned away", turnedAway)
	}
}

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

// TestWhoHasGoneIsNotServed: requests that waited at the socket, as while the daemon
// stood still, are served if who asked still waits, and not otherwise.
func TestWhoHasGoneIsNotServed(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "pos.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(function string) net.Conn {
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		body := `{"function":"` + function + `","open":"now"}`
		if _, err := fmt.Fprintf(c, "POST /v1/ask HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for range 5 {
		if err := ask("pos.drawer.sale").Close(); err != nil {
			t.Fatal(err)
		}
	}
	waits := ask("pos.drawer.nosale")
	defer waits.Close()
	f := &fake{}
	serveAt(t, l, RolePOS, f, Limits{})
	res, err := http.ReadResponse(bufio.NewReader(waits), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("who waits is answered %s", res.Status)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, call := range f.calls {
		if strings.Contains(call, "pos.drawer.sale") {
			t.Errorf("served, though who asked had gone: %s", call)
		}
	}
	if len(f.calls) == 0 {
		t.Error("nobody was served")
	}
}

// TestShutdownEndsWaiters: nobody who waits holds the daemon up.
func TestShutdownEndsWaiters(t *testing.T) {
	f := &fake{block: make(chan struct{}), live: make(chan Event)}
	s, c := serveOn(t, RolePOS, f, Limits{})
	answers := make(chan error, 2)
	go func() {
		_, err := c.Ask(context.Background(), AskRequest{Function: "a", Wait: 100})
		answers <- err
	}()
	go func() { answers <- c.Events(context.Background(), nil, func(*Event) error { return nil }) }()
	for f.called() < 2 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if ctx.Err() != nil {
		t.Error("it was not over before its time was")
	}
	for range 2 {
		<-answers
	}
}

func TestSourceNamesTheUser(t *testing.T) {
	if got, want := (Caller{Role: RolePOS, UID: 1000}).Source(), "socket:pos uid=1000"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b := newBounds(Limits{})
	sockets, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Listener: sockets, bounds: b}
	defer l.Close()
	go func() {
		if c, err := net.Dial("unix", sockets.Addr().String()); err == nil {
			c.Close()
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.(*peer).uid; int(got) != os.Getuid() {
		t.Errorf("uid %d, want %d", got, os.Getuid())
	}
}

func TestClientSaysWhatToDo(t *testing.T) {
	_, err := NewClient(t.TempDir() + "/none.sock").Status(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnreachable || e.Hint == "" {
		t.Errorf("%#v", err)
	}
}
