package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzAPI sends any method, path and body to every role: each answer has the
// documented form, nothing panics, and no PIN-like input comes back in an error.
func FuzzAPI(f *testing.F) {
	for path, body := range samples {
		f.Add(uint8(2), "POST", strings.NewReplacer("{name}", "till", "{id}", "9").Replace(path), []byte(body))
	}
	for _, r := range routes {
		if r.method == "GET" && r.class != classStream {
			f.Add(uint8(3), "GET", strings.NewReplacer("{name}", "till", "{id}", "9").Replace(r.path), []byte(nil))
		}
	}
	f.Add(uint8(1), "PUT", "/v1/../v1//ask?x=%zz", []byte(`{"function":null}`))
	f.Add(uint8(1), "POST", "/v1/ask", []byte(`{"function":"a","wait":1e400}`))
	f.Add(uint8(2), "POST", "/v1/session/signon", []byte(`{"number":"1","pin":"`+strings.Repeat("9", 65)+`"}`))
	handlers := map[Role]http.Handler{}
	for _, role := range Roles() {
		live := make(chan Event)
		close(live)
		s := NewServer(Options{Backend: &fake{live: live}, Role: role, Limits: Limits{Rate: 1e9, Burst: 1e9, PINRate: 1e9, PINBurst: 1e9}})
		handlers[role] = s.http.Handler
	}
	f.Fuzz(func(t *testing.T, role uint8, method, path string, body []byte) {
		h := handlers[Role(role%3)+1]
		req, err := http.NewRequest(method, "http://x", bytes.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		if req.URL, err = req.URL.Parse("http://x" + path); err != nil {
			return
		}
		req.RequestURI = path
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code/100 == 3 { // the mux tidies paths
			return
		}
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if w.Code != http.StatusOK {
			var e errorBody
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error == nil || codeStatus[e.Error.Code] != w.Code {
				t.Fatalf("%s %s: %d with %s", method, path, w.Code, w.Body)
			}
		}
	})
}
