package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// question is what the askers ask: a sale, which a cashier may.
var question = api.AskRequest{Function: "pos.sale.item"}

// busy is a staffed register with a cashier signed on and bounds that do not
// bite, as a benchmark is not a till.
func busy(b *testing.B) *register {
	b.Helper()
	r := newRegister(b, "rate = 1e6\nburst = 1000000\nconnections = 256\nconnections_per_user = 256\n")
	r.config = strings.Replace(r.config, `log = "debug"`, `log = "error"`, 1)
	r.start().staffed().signOn("1001")
	return r
}

// floor is the least that a journaled answer over a socket can be: the
// same HTTP server and client, and one bbolt Update of an entry's size.
type floor struct {
	url    string
	client *http.Client
}

func newFloor(b *testing.B) *floor {
	b.Helper()
	dir := shortDir(b)
	db, err := bbolt.Open(filepath.Join(dir, "floor.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	value := make([]byte, 300)
	if _, err := rand.Read(value); err != nil {
		b.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		if err := db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("entries"))
			if err != nil {
				return err
			}
			bucket.FillPercent = 1
			seq, err := bucket.NextSequence()
			if err != nil {
				return err
			}
			return bucket.Put(fmt.Appendf(nil, "%016x", seq), value)
		}); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"outcome":"allowed","reason":"rule","function":"pos.sale.item","seq":1}`)
	})
	path := filepath.Join(dir, "floor.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go server.Serve(listener)
	b.Cleanup(func() { server.Close() })
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		MaxIdleConnsPerHost: 128,
	}}
	b.Cleanup(client.CloseIdleConnections)
	return &floor{url: "http://floor/", client: client}
}

func (f *floor) ask() error {
	resp, err := f.client.Post(f.url, "application/json", strings.NewReader(`{"function":"pos.sale.item"}`))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("floor: %s", resp.Status)
	}
	return nil
}

func (r *register) ask() error {
	a, err := r.pos.Ask(context.Background(), question)
	if err == nil && a.Outcome != "allowed" {
		err = fmt.Errorf("asked for a sale: %s, %s", a.Outcome, a.Reason)
	}
	return err
}

// noJournal says at once that everything is on disk.
type noJournal struct{ last atomic.Uint64 }

func (j *noJournal) Append(_ context.Context, _ bool, es ...entry.Entry) ([]entry.Seq, error) {
	seqs := make([]entry.Seq, len(es))
	for i := range es {
		seqs[i] = entry.Seq(j.last.Add(1))
	}
	return seqs, nil
}

// gateOn puts a gate on another journal in the gate's place.
func (r *register) gateOn(t testing.TB, j enforcer.Journal) *register {
	t.Helper()
	now := r.d.gate.Snapshot()
	g, err := enforcer.NewGate(enforcer.Options{Clock: r.d.clock, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Load(t.Context(), now.Policy, now.Ref, "the same policy"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.BeginSession(t.Context(), now.Session.Subject, now.Session.Method, "test"); err != nil {
		t.Fatal(err)
	}
	r.d.gate = g
	return r
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkAsk times one asker. Subject and floor take turns, so that a
// noisy moment hits both; the ratio is that of their medians.
func BenchmarkAsk(b *testing.B) {
	r, f := busy(b), newFloor(b)
	var subject, least []time.Duration
	timed := func(list *[]time.Duration, ask func() error) {
		began := time.Now()
		if err := ask(); err != nil {
			b.Fatal(err)
		}
		*list = append(*list, time.Since(began))
	}
	for b.Loop() {
		timed(&subject, r.ask)
		timed(&least, f.ask)
	}
	s, l := median(subject), median(least)
	b.ReportMetric(float64(s)/float64(l), "x-floor")
	b.ReportMetric(float64(s.Nanoseconds()), "ns/ask")
	b.ReportMetric(float64(l.Nanoseconds()), "ns/floor")
}

// BenchmarkAsk64 lets 64 askers ask at once, against the same of a register
// that answers the same questions and writes nothing down.
func BenchmarkAsk64(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1)) // as the daemon does
	r, bare := busy(b), busy(b).gateOn(b, new(noJournal))
	const askers, round = 64, 250 * time.Millisecond
	storm := func(ask func() error) (count int) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		end := time.Now().Add(round)
		for range askers {
			wg.Go(func() {
				n := 0
				for time.Now().Before(end) {
					if err := ask(); err != nil {
						b.Error(err)
						return
					}
					n++
				}
				mu.Lock()
				defer mu.Unlock()
				count += n
			})
		}
		wg.Wait()
		return count
	}
	storm(r.ask) // connections, caches
	storm(bare.ask)
	asked, tripped, rounds := 0, 0, 0
	for b.Loop() {
		asked += storm(r.ask)
		tripped += storm(bare.ask)
		rounds++
	}
	seconds := float64(rounds) * round.Seconds()
	b.ReportMetric(float64(asked)/float64(tripped), "of-floor")
	b.ReportMetric(float64(asked)/seconds, "asks/s")
	b.ReportMetric(float64(tripped)/seconds, "trips/s")
}

// fill writes entries like a year's decisions, many in one transaction.
func (r *register) fill(b *testing.B, total int) {
	b.Helper()
	r.halt()
	keys, err := openKeys(filepath.Join(r.dir, "state"), "", "r1")
	if err != nil {
		b.Fatal(err)
	}
	clock, err := newBootClock()
	if err != nil {
		b.Fatal(err)
	}
	s, err := journal.Open(context.Background(), journal.Options{
		Path: filepath.Join(r.dir, "state", journalFile), Stamp: clock.Stamp, Chain: "test", Store: "0001", Register: "r1",
		Key: keys.signer, PublicKey: keys.verifier, MaxSize: 4 << 30,
	})
	if err != nil {
		b.Fatal(err)
	}
	const at = 5000
	batch := make([]entry.Entry, at)
	for done := 0; done < total; done += at {
		for i := range batch {
			batch[i] = entry.Entry{
				Kind: entry.KindDecision, Session: 10, Operator: strconv.Itoa(1000 + (done+i)%40), Person: "someone",
				Function: "pos.sale.item", FunctionID: 1101, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule,
				Rule:   &entry.Rule{WorkGroup: groupSales, Function: "pos.sale", Mark: "check"},
				Source: "socket:pos uid=1000", Method: entry.MethodPOS, Policy: &entry.PolicyRef{Epoch: 1},
			}
		}
		if _, err := s.Append(context.Background(), false, batch...); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkReady compares starts: the time until the daemon serves, with
// 1,000,000 entries and with a new journal, in turn.
func BenchmarkReady(b *testing.B) {
	more := "[journal]\nmax_mib = 4096\n"
	full, empty := newRegister(b, more), newRegister(b, more)
	for _, r := range []*register{full, empty} {
		r.config = strings.Replace(r.config, `log = "debug"`, `log = "error"`, 1)
		r.start().staffed().halt()
	}
	full.fill(b, 1_000_000)
	var subject, least []time.Duration
	timed := func(r *register, list *[]time.Duration) {
		began := time.Now()
		r.start()
		*list = append(*list, time.Since(began))
		r.halt()
	}
	timed(full, new([]time.Duration)) // once for the state file to catch up
	for b.Loop() {
		timed(full, &subject)
		timed(empty, &least)
	}
	s, l := median(subject), median(least)
	b.ReportMetric(float64(s)/float64(l), "x-floor")
	b.ReportMetric(s.Seconds()*1000, "ms/ready")
	b.ReportMetric(l.Seconds()*1000, "ms/floor")
}

// BenchmarkAskBesideRemoval removes 100,000 old entries as the daemon does, once it is two
// years later, while somebody asks one question after the other. x-p99 is the longest that
// one of them waited meanwhile, against the 99th percentile of a second's without.
func BenchmarkAskBesideRemoval(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1)) // as the daemon does
	const old = 100_000
	var took time.Duration
	var alone, beside []time.Duration
	for b.Loop() {
		b.StopTimer()
		r := newRegister(b, "rate = 1e6\nburst = 1000000\n[journal]\nmax_mib = 4096\n")
		r.config = strings.Replace(r.config, `log = "debug"`, `log = "error"`, 1)
		r.start().staffed()
		r.fill(b, old)
		r.start().signOn("1001")
		ask := func(done <-chan struct{}) (waits []time.Duration) {
			for {
				select {
				case <-done:
					return waits
				default:
				}
				t0 := time.Now()
				if err := r.ask(); err != nil {
					b.Error(err)
					return waits
				}
				waits = append(waits, time.Since(t0))
			}
		}
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		alone = append(alone, ask(stop)...)
		stop = make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { beside = append(beside, ask(stop)...) })
		before := r.d.journal.Last()
		now := r.d.clock.Stamp()
		now.Wall += int64(2 * 365 * 24 * time.Hour)
		now.Clock = entry.ClockSynchronised
		b.StartTimer()
		t0 := time.Now()
		r.d.retain(b.Context(), now)
		took += time.Since(t0)
		b.StopTimer()
		close(stop)
		wg.Wait()
		if _, err := r.d.journal.Get(b.Context(), before.First+old-1000); !errors.Is(err, journal.ErrRemoved) {
			b.Fatal(err)
		}
		r.halt()
		b.StartTimer()
	}
	slices.Sort(alone)
	slices.Sort(beside)
	p99, worst := alone[len(alone)*99/100], beside[len(beside)-1]
	b.ReportMetric(took.Seconds()/float64(b.N), "s/100k")
	b.ReportMetric(p99.Seconds()*1000, "p99-ms")
	b.ReportMetric(beside[len(beside)*99/100].Seconds()*1000, "beside-p99-ms")
	b.ReportMetric(alone[len(alone)-1].Seconds()*1000, "alone-worst-ms")
	b.ReportMetric(worst.Seconds()*1000, "beside-worst-ms")
	b.ReportMetric(float64(worst)/float64(p99), "x-p99")
}

// BenchmarkReadAll reads 1,000,000 entries of a running register over its socket, as they
// are stored, and within the process, in turn.
func BenchmarkReadAll(b *testing.B) {
	r := newRegister(b, "[journal]\nmax_mib = 4096\n")
	r.config = strings.Replace(r.config, `log = "debug"`, `log = "error"`, 1)
	r.start().staffed().halt()
	r.fill(b, 1_000_000)
	r.start()
	var subject, least []time.Duration
	for b.Loop() {
		began, n := time.Now(), 0
		d := journal.NewDecoder()
		var e entry.Entry
		if err := r.tech.JournalStored(b.Context(), api.JournalStored{}, func(stored []byte) error { n++; return d.Decode(stored, &e) }); err != nil || n < 1_000_000 {
			b.Fatal(n, err)
		}
		subject = append(subject, time.Since(began))
		began = time.Now()
		if err := r.d.journal.Each(b.Context(), journal.Filter{}, func(*entry.Entry) error { return nil }); err != nil {
			b.Fatal(err)
		}
		least = append(least, time.Since(began))
	}
	s, l := median(subject), median(least)
	b.ReportMetric(float64(s)/float64(l), "x-floor")
	b.ReportMetric(s.Seconds(), "s/1M")
	b.ReportMetric(l.Seconds(), "s/floor")
}

// BenchmarkIdle starts the real binary without devices, asks a few hundred
// times, leaves it alone, and reads what the kernel says of its memory and of how
// often its threads woke up.
func BenchmarkIdle(b *testing.B) {
	r := newRegister(b, "")
	binary := filepath.Join(r.dir, "tillwardend")
	build := exec.Command("go", "build", "-o", binary, "tillwarden/cmd/tillwardend")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building the daemon: %v\n%s", err, out)
	}
	r.config = strings.Replace(r.config, `log = "debug"`, `log = "error"`, 1)
	r.start().staffed().halt()
	daemon := exec.Command(binary, "--config", r.path("tillwarden.toml"))
	daemon.Stderr = os.Stderr
	if err := daemon.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	r.pos = api.NewClient(filepath.Join(r.dir, "run", "pos.sock"))
	b.Cleanup(r.pos.Close)
	until(b, "the daemon serves", func() bool { _, err := r.pos.Status(b.Context()); return err == nil })
	for range 500 {
		if _, err := r.pos.Ask(b.Context(), question); err != nil {
			b.Fatal(err)
		}
	}
	r.pos.Close()
	proc := filepath.Join("/proc", strconv.Itoa(daemon.Process.Pid))
	const settle, watch = 20 * time.Second, 30 * time.Second
	for b.Loop() {
		time.Sleep(settle)
		before := switches(b, proc)
		time.Sleep(watch)
		woke := switches(b, proc) - before
		b.ReportMetric(float64(woke)/watch.Seconds(), "wake-ups/s")
		b.ReportMetric(float64(field(b, filepath.Join(proc, "smaps_rollup"), "Anonymous:"))/1024, "MiB-anonymous")
	}
}

// switches counts how often all threads gave up the processor by themselves.
func switches(b *testing.B, proc string) (sum int) {
	b.Helper()
	tasks, err := filepath.Glob(filepath.Join(proc, "task", "*", "status"))
	if err != nil || len(tasks) == 0 {
		b.Fatalf("no threads under %s: %v", proc, err)
	}
	for _, t := range tasks {
		sum += field(b, t, "voluntary_ctxt_switches:")
	}
	return sum
}

// field reads a number of a file of /proc.
func field(b *testing.B, file, name string) int {
	b.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("%s has no %s", file, name)
	return 0
}
