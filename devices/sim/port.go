package sim

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// printerPort is the printer's end of its line.
type printerPort struct {
	line       cable
	printer    *Printer
	speed      int
	ignoreBusy bool
	held       atomic.Bool // the line takes nothing, whatever the printer could
	out        chan []byte
	lost       atomic.Int64  // answers that the host did not fetch
	came       chan struct{} // there is something to work on
}

const (
	// tick is how often a slow printer works, and how often a stopped line is
	// looked at.
	tick = 20 * time.Millisecond
	// maxAnswers is how many answers wait for a host that does not read.
	maxAnswers = 256
)

func newPrinterPort(line cable, o StationOptions) *printerPort {
	port := &printerPort{
		line: line, speed: o.Printer.BytesPerSecond, ignoreBusy: o.IgnoreBusy,
		out: make(chan []byte, maxAnswers), came: make(chan struct{}, 1),
	}
	o.Printer.Send = port.answer
	port.printer = NewPrinter(o.Printer)
	return port
}

// answer queues what the printer tells its host; it never waits for the host.
func (p *printerPort) answer(data []byte) {
	select {
	case p.out <- data:
	default:
		p.lost.Add(1)
	}
}

func (p *printerPort) run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { p.tell(ctx) })
	if p.speed > 0 {
		work.Go(func() { p.pace(ctx) })
	}
	p.hear(ctx)
	work.Wait()
}

// hear reads no more than the printer has room for: what the host writes then
// stays in the line, as behind a busy signal.
func (p *printerPort) hear(ctx context.Context) {
	buf := make([]byte, 4096)
	for ctx.Err() == nil {
		if ready, err := p.line.Wait(-1); err != nil {
			return
		} else if !ready {
			continue
		}
		room := len(buf)
		if !p.ignoreBusy {
			room = min(room, p.printer.Room())
		}
		if room == 0 || p.held.Load() {
			sleep(ctx, tick)
			continue
		}
		n, err := p.line.Read(buf[:room])
		if err != nil {
			return
		}
		p.printer.Receive(buf[:n])
		select {
		case p.came <- struct{}{}:
		default:
		}
	}
}

// tell writes the printer's answers.
func (p *printerPort) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case data := <-p.out:
			if _, err := p.line.Write(data); err != nil {
				p.lost.Add(1)
			}
		}
	}
}

// pace lets a slow printer work at its speed.
func (p *printerPort) pace(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.came:
		}
		last, credit := time.Now(), 0.0
		for p.printer.Waiting() > 0 && sleep(ctx, tick) {
			now := time.Now()
			credit = min(credit+now.Sub(last).Seconds()*float64(p.speed), float64(p.speed))
			last = now
			credit -= float64(p.printer.Process(int(credit)))
		}
	}
}

// sleep reports whether the time passed; the context ending ends it sooner.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
