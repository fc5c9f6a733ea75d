package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"tillwarden/enforcer/journal/entry"
)

// document loads openapi.json. Answers may grow fields within v1, so the
// document leaves them open; here they are closed, so that a field that the
// handlers write and the document lacks is found.
func document(t testing.TB) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	no := false
	for _, s := range doc.Components.Schemas {
		closeSchema(s.Value, &no)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

func closeSchema(s *openapi3.Schema, no *bool) {
	if s == nil || !s.Type.Is("object") {
		return
	}
	s.AdditionalProperties = openapi3.AdditionalProperties{Has: no}
	for _, p := range s.Properties {
		if p.Ref == "" {
			closeSchema(p.Value, no)
		}
	}
}

// TestDocumentHasEveryRoute compares the table with the document, both ways.
func TestDocumentHasEveryRoute(t *testing.T) {
	doc, _ := document(t)
	documented := map[string][]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			var on []string
			raw, _ := json.Marshal(op.Extensions["x-sockets"])
			if err := json.Unmarshal(raw, &on); err != nil || len(on) == 0 {
				t.Errorf("%s %s has no x-sockets", method, path)
			}
			documented[method+" "+path] = on
		}
	}
	for _, r := range routes {
		key := r.method + " " + r.path
		on, ok := documented[key]
		if !ok {
			t.Errorf("%s is not in openapi.json", key)
			continue
		}
		var roles []string
		for _, role := range r.roles {
			roles = append(roles, role.String())
		}
		if !slices.Equal(on, roles) {
			t.Errorf("%s: the document says %v, the handlers %v", key, on, roles)
		}
		delete(documented, key)
	}
	for key := range documented {
		t.Errorf("%s is documented and there is no such route", key)
	}
}

// samples is one request for each route that takes a body.
var samples = map[string]string{
	"/v1/session/signon":           `{"number":"1001","pin":"2580"}`,
	"/v1/session/unlock":           `{"number":"1001","pin":"2580"}`,
	"/v1/mode/monitor":             `{"by":{"number":"2001","pin":"2580"},"with":{"card":true,"pin":"1470"},"seconds":60,"functions":["pos.sale"],"reason":"moving in"}`,
	"/v1/mode/break-glass":         `{"by":{"number":"2001","pin":"2580"},"with":{"number":"2002","pin":"1470"},"seconds":60,"reason":"rubbish is printed","code":"ABCD-EFGH-JKMN"}`,
	"/v1/mode/report":              `{"by":{"number":"2001","pin":"2580"},"from":"2026-03-01T09:00:00Z","to":"2026-03-02T09:00:00Z"}`,
	"/v1/mode/codes":               `{"by":{"number":"2001","pin":"2580"},"with":{"number":"2002","pin":"1470"},"codes":["ABCD-EFGH-JKMN"]}`,
	"/v1/mode/enforce":             `{"by":{"number":"2001","pin":"2580"}}`,
	"/v1/ask":                      `{"function":"pos.drawer.nosale","drawer":"till","open":"now","wait":0,"amount":4999,"percent":12.5,"count":2}`,
	"/v1/drawers/{name}/open":      `{"function":"pos.till.paidout","wait":1}`,
	"/v1/overrides/{id}/approve":   `{"number":"2001","pin":"2580","reason_code":2,"reason":"the queue is long","remote":"register 4","transaction":true}`,
	"/v1/overrides/{id}/confirm":   `{"pin":"2580"}`,
	"/v1/overrides/{id}/refuse":    `{"number":"2001","pin":"2580"}`,
	"/v1/devices/{name}/calibrate": `{"drawer":"till","open":true}`,
	"/v1/devices/{name}/record":    `{"seconds":1.5,"max_bytes":1024,"mask_text":true}`,
	"/v1/journal/query": `{"by":{"number":"2001","pin":"2580"},"from":"2026-03-01T09:00:00Z","to":"2026-03-02T09:00:00Z","operator":"1001",` +
		`"approver":"2001","source":"reader","function":"pos.sale","outcome":"denied","kind":"decision","after":1,"before":9,"limit":10,"reverse":true,"cursor":"x"}`,
	"/v1/journal/stream": `{"by":{"number":"2001","pin":"2580"},"kind":"decision","follow":false,"acts":true,"keyword":"paid"}`,
	"/v1/journal/stored": `{"by":{"number":"2001","pin":"2580"},"kind":"decision"}`,
	"/v1/loads":          `{"type":"policy","name":"p.bundle","bundle":"AAEC","by":{"number":"2001","pin":"2580"}}`,
	"/v1/people/list":    `{"by":{"number":"2001","pin":"2580"}}`,
	"/v1/people/show":    `{"number":"1001"}`,
	"/v1/people/add": `{"by":{"number":"2001","pin":"2580"},"number":"1002","name":"Bo","person":"p2","work_groups":["G"],"pin":"1470",` +
		`"change_pin":true,"from":"2026-11-27","until":"2026-12-31","stores":["12"],"registers":["3"]}`,
	"/v1/people/set-groups": `{"by":{"number":"2001","pin":"2580"},"number":"1002","work_groups":["G","H"]}`,
	"/v1/people/set-pin":    `{"by":{"number":"2001","pin":"2580"},"number":"1002","pin":"1470"}`,
	"/v1/people/enrol-card": `{"by":{"number":"2001","pin":"2580"},"number":"1002","temporary":true}`,
	"/v1/people/set-days":   `{"by":{"number":"2001","pin":"2580"},"number":"1002","from":"2026-11-27","until":"2026-12-31"}`,
	"/v1/people/set-places": `{"by":{"number":"2001","pin":"2580"},"number":"1002","stores":["12"],"registers":["3"]}`,
	"/v1/people/set-person": `{"by":{"number":"2001","pin":"2580"},"with":{"number":"2002","pin":"1470"},"number":"1002","person":"bea"}`,
	"/v1/roster/export":     `{"by":{"number":"2001","pin":"2580"},"revocations":true}`,
	"/v1/roster/apply":      `{"by":{"number":"2001","pin":"2580"},"name":"r.bundle","bundle":"AAEC","replace_own":true}`,
	"/v1/people/import": `{"by":{"number":"2001","pin":"2580"},"dry_run":true,"rows":[{"line":2,"number":"1002","name":"Bea","work_groups":["G"],` +
		`"person":"bea","from":"2026-11-27","until":"","stores":["12"],"registers":[]}]}`,
	"/v1/people/terminate":   `{"by":{"number":"2001","pin":"2580"},"number":"1002"}`,
	"/v1/journal/prove":      `{"by":{"number":"2001","pin":"2580"},"seq":7}`,
	"/v1/report/activity":    `{"by":{"number":"2001","pin":"2580"},"from":"2026-03-01T09:00:00Z","to":"2026-03-02T09:00:00Z"}`,
	"/v1/report/exceptions":  `{"by":{"number":"2001","pin":"2580"},"from":"2026-03-01T09:00:00Z","to":"2026-03-02T09:00:00Z","hours":"08:00-21:00","deviation":4,"sales":50,"peers":3,"least":2}`,
	"/v1/report/opens":       `{"by":{"number":"2001","pin":"2580"},"day":"2026-03-01","hours":"08:00-21:00"}`,
	"/v1/people/suspend":     `{"by":{"number":"2001","pin":"2580"},"number":"1002"}`,
	"/v1/people/resume":      `{"by":{"number":"2001","pin":"2580"},"number":"1002"}`,
	"/v1/session/signoff-by": `{"number":"1001","pin":"2580"}`,
	"/v1/people/set-name":    `{"by":{"number":"2001","pin":"2580"},"number":"1002","name":"Bea"}`,
	"/v1/people/revoke-card": `{"by":{"number":"2001","pin":"2580"},"number":"1002","card":1}`,
	"/v1/time/in":            `{"by":{"number":"1001","pin":"2580"}}`,
	"/v1/time/out":           `{"by":{"card":true,"pin":"2580"}}`,
	"/v1/time/break":         `{"by":{"number":"2001","pin":"2580"},"number":"1001","seconds":1800}`,
	"/v1/time/back":          `{"by":{"number":"2001","pin":"2580"},"number":"1001"}`,
	"/v1/time/list":          `{"by":{"number":"2001","pin":"2580"}}`,
	"/v1/report/time":        `{"by":{"number":"2001","pin":"2580"},"from":"2026-03-01T09:00:00Z","to":"2026-03-02T09:00:00Z","operator":"1001"}`,
	"/v1/people/unlock":      `{"by":{"number":"2001","pin":"2580"},"number":"1002"}`,
}

// TestHandlersMatchDocument sends each route's sample over a socket, and
// holds request and answer to the document.
func TestHandlersMatchDocument(t *testing.T) {
	_, router := document(t)
	live := make(chan Event)
	close(live)
	e := fullEntry()
	f := &fake{live: live, events: []Event{{Entry: Words(&e), Say: "words"}}}
	for _, role := range Roles() {
		_, c := serveOn(t, role, f, Limits{PINRate: 1000, PINBurst: 1000})
		for _, r := range routes {
			if !r.allowed(role) {
				continue
			}
			path := strings.NewReplacer("{name}", "till", "{id}", "9").Replace(r.path)
			if r.path == "/v1/events" {
				path += "?after=0"
			}
			checkAgainst(t, router, c, r.method, path, samples[r.path], http.StatusOK)
		}
		// Errors have one form everywhere.
		f.err = Errorf(CodeConflict, "not now").WithHint("later").WithReason("busy").After(1e9)
		for _, r := range routes {
			if r.class == classStream || r.path == "/v1/openapi.json" || !r.allowed(role) {
				continue
			}
			path := strings.NewReplacer("{name}", "till", "{id}", "9").Replace(r.path)
			checkAgainst(t, router, c, r.method, path, samples[r.path], http.StatusConflict)
		}
		f.err = nil
	}
}

func checkAgainst(t *testing.T, router routers.Router, c *Client, method, path, body string, status int) {
	t.Helper()
	req, err := http.NewRequest(method, "http://tillwarden"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	rt, params, err := router.FindRoute(req)
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: rt}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		t.Errorf("%s %s: the sample is not as documented: %v", method, path, err)
	}
	res, answer := raw(t, c, method, path, body)
	if res.StatusCode != status {
		t.Errorf("%s %s: %s %s", method, path, res.Status, answer)
		return
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: res.StatusCode, Header: res.Header,
		Body: io.NopCloser(bytes.NewReader([]byte(answer))),
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
			t.Errorf("%s %s: the answer is not as documented: %v\n%s", method, path, err, answer)
		}
		return
	}
	want := rt.Operation.Responses.Value("200").Value.Content
	if want.Get(res.Header.Get("Content-Type")) == nil {
		t.Errorf("%s %s: content type %s is not documented", method, path, res.Header.Get("Content-Type"))
	}
	if res.Header.Get("Content-Type") == "application/cbor-seq" {
		if rest, err := cbor.UnmarshalFirst([]byte(answer), new(map[uint64]any)); err != nil || len(rest) == 0 {
			t.Errorf("%s: %v, and %d bytes more", path, err, len(rest))
		}
		return
	}
	schema := rt.Spec.Components.Schemas["Entry"].Value
	if strings.HasSuffix(path, "/record") {
		schema = rt.Spec.Components.Schemas["RecordLine"].Value
	}
	if res.Header.Get("Content-Type") == "text/event-stream" {
		schema = rt.Spec.Components.Schemas["Event"].Value
	}
	found := 0
	for line := range strings.Lines(answer) {
		data, ok := strings.CutPrefix(line, "data: ")
		if schema == rt.Spec.Components.Schemas["Event"].Value && !ok {
			continue
		}
		if !ok {
			data = line
		}
		var v any
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Errorf("%s: %v in %q", path, err, data)
			continue
		}
		found++
		if err := schema.VisitJSON(v); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if found == 0 {
		t.Errorf("%s: the stream is empty: %q", path, answer)
	}
}

// TestDocumentRefusesAsHandlersDo: keys that are not documented are refused
// by both, so that neither is laxer.
func TestDocumentRefusesAsHandlersDo(t *testing.T) {
	_, router := document(t)
	f := &fake{}
	_, c := serveOn(t, RoleConsole, f, Limits{PINRate: 1000, PINBurst: 1000})
	for path, body := range samples {
		real := strings.NewReplacer("{name}", "till", "{id}", "9").Replace(path)
		bad := strings.Replace(body, "{", `{"surprise":1,`, 1)
		req, _ := http.NewRequest("POST", "http://tillwarden"+real, strings.NewReader(bad))
		req.Header.Set("Content-Type", "application/json")
		rt, params, err := router.FindRoute(req)
		if err != nil {
			t.Fatal(err)
		}
		in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: rt}
		if openapi3filter.ValidateRequest(context.Background(), in) == nil {
			t.Errorf("%s: the document takes a key that nobody knows", path)
		}
		var on bool
		for _, r := range routes {
			on = on || r.path == path && r.allowed(RoleConsole)
		}
		if res, answer := raw(t, c, "POST", real, bad); on && res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", path, res.Status, answer)
		}
	}
	if f.called() != 0 {
		t.Errorf("the backend was asked %d times", f.called())
	}
}

// TestWordsAsEntries holds the wire form of an entry to the entry's own JSON.
func TestWordsAsEntries(t *testing.T) {
	for _, e := range []entry.Entry{fullEntry(), {Seq: 1, Kind: entry.KindStart}} {
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(Words(&e))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("wire form and entry differ:\n%s\n%s", got, want)
		}
	}
}
