package api

import (
	"encoding/json"
	"errors"
	"mime"
	"reflect"
	"strings"
	"sync"
)

// wiper is a request that carries secrets.
type wiper interface{ wipe() }

// wipe clears the secrets of a request.
func wipe(req any) {
	if w, ok := req.(wiper); ok {
		w.wipe()
	}
}

func (c *Credentials) wipe() {
	if c != nil {
		c.PIN.Wipe()
	}
}

func (p *Person) wipe() {
	if p != nil {
		p.PIN.Wipe()
	}
}

func (r *PeopleRequest) wipe() {
	r.By.wipe()
	r.With.wipe()
	r.PIN.Wipe()
}

func (r *ImportRequest) wipe() { r.By.wipe() }

func (r *RosterExport) wipe() { r.By.wipe() }

func (r *RosterApply) wipe() { r.By.wipe() }

func (r *ModeRequest) wipe() {
	r.By.wipe()
	r.With.wipe()
	r.Code.Wipe()
}

func (r *CodesRequest) wipe() {
	r.By.wipe()
	r.With.wipe()
	for _, c := range r.Codes {
		c.Wipe()
	}
}

func (r *EndModeRequest) wipe()    { r.By.wipe() }
func (q *ModeReportRequest) wipe() { q.By.wipe() }
func (l *LoadRequest) wipe()       { l.By.wipe() }
func (q *JournalQuery) wipe()      { q.By.wipe() }
func (q *JournalStream) wipe()     { q.By.wipe() }
func (q *JournalStored) wipe()     { q.By.wipe() }
func (q *ProveRequest) wipe()      { q.By.wipe() }
func (q *ReportRequest) wipe()     { q.By.wipe() }
func (q *OpensRequest) wipe()      { q.By.wipe() }

// empty takes no body, or an empty object.
func (x *exchange) empty() error {
	if x.r.ContentLength == 0 {
		return nil
	}
	if x.limit == 0 {
		return Errorf(CodeBadRequest, "this route takes no body")
	}
	raw, err := x.body()
	if err != nil {
		return err
	}
	defer clear(raw)
	if s := strings.TrimSpace(string(raw)); s != "" && s != "{}" {
		return Errorf(CodeBadRequest, "this route takes no body")
	}
	return nil
}

// decode reads the JSON body into req, strictly: one object, no key that the
// type does not have, keys exactly as written. A decoder's own buffers could
// not be wiped, so the body is parsed where it lies, and wiped.
func (x *exchange) decode(req any) error {
	if t, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return Errorf(CodeMedia, "the body is not application/json").WithHint("send the header Content-Type: application/json")
	}
	raw, err := x.body()
	if err != nil {
		return err
	}
	defer clear(raw)
	if err := checkKeys(raw, reflect.TypeOf(req).Elem(), ""); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, req); err != nil {
		return badJSON(err)
	}
	return nil
}

// badJSON tells what is wrong without repeating what was sent.
func badJSON(err error) error {
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return Errorf(CodeBadRequest, "the body is no JSON: error at byte %d", syntax.Offset)
	case errors.As(err, &typed):
		return Errorf(CodeBadRequest, "%s has the wrong type: %s is not expected here", fieldName(typed.Field), kindName(typed.Value))
	case errors.Is(err, errSecret):
		return Errorf(CodeBadRequest, "%s", errSecret)
	}
	return Errorf(CodeBadRequest, "the body cannot be read: a value is not as the description says")
}

func fieldName(f string) string {
	if f == "" {
		return "the body"
	}
	return f
}

// kindName keeps "number 123" from showing the number.
func kindName(v string) string {
	kind, _, _ := strings.Cut(v, " ")
	return "a JSON " + kind
}

// checkKeys refuses keys that the type does not have, in nested objects too.
func checkKeys(raw []byte, t reflect.Type, at string) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) {
			return Errorf(CodeBadRequest, "%s is not a JSON object", fieldName(strings.TrimSuffix(at, ".")))
		}
		return badJSON(err)
	}
	defer func() {
		for _, v := range keys {
			clear(v)
		}
	}()
	fields := fieldsOf(t)
	for k, v := range keys {
		ft, ok := fields[k]
		if !ok {
			return Errorf(CodeBadRequest, "there is no %s here", quoteKey(at, k)).WithHint("known are: " + known(t))
		}
		for ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if ft.Kind() != reflect.Struct || ft.Implements(unmarshaler) || reflect.PointerTo(ft).Implements(unmarshaler) || string(v) == "null" {
			continue
		}
		if err := checkKeys(v, ft, at+k+"."); err != nil {
			return err
		}
	}
	return nil
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// quoteKey shows a key that is no known one: only if it looks like a key, for
// a secret in the wrong place must not come back in an error.
func quoteKey(at, k string) string {
	if len(k) > 20 || strings.Trim(k, "abcdefghijklmnopqrstuvwxyz_-") != "" {
		return "such key"
	}
	return `key "` + at + k + `"`
}

// typeKeys is what is known of one request type.
type typeKeys struct {
	fields map[string]reflect.Type
	names  string
}

// keysOf remembers what reflection found; types do not change.
var keysOf sync.Map // reflect.Type -> *typeKeys

func keysFor(t reflect.Type) *typeKeys {
	if k, ok := keysOf.Load(t); ok {
		return k.(*typeKeys)
	}
	k := &typeKeys{fields: map[string]reflect.Type{}}
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" || name == "-" {
			continue
		}
		k.fields[name] = f.Type
		names = append(names, name)
	}
	k.names = strings.Join(names, ", ")
	keysOf.Store(t, k)
	return k
}

func fieldsOf(t reflect.Type) map[string]reflect.Type { return keysFor(t).fields }

func known(t reflect.Type) string { return keysFor(t).names }
