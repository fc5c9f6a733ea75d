package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tillwarden/enforcer/journal/entry"
)

// Reload reads the configuration again and takes over what a running daemon
// can. A file with an error in it changes nothing.
func (d *Daemon) Reload(ctx context.Context) error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.notify.reloading()
	defer d.notify.ready()
	next, err := LoadConfig(d.opt.ConfigFile)
	if err != nil {
		d.log.Error("the configuration was not taken over", "err", err)
		e := entry.Entry{Kind: entry.KindConfig, Outcome: entry.OutcomeError, Reason: entry.ReasonMalformed, Source: "daemon", Text: "not taken over: it has errors"}
		d.note(e)
		return err
	}
	live, restart := changes(d.config(), next)
	merged := merge(d.config(), next)
	var errs []error
	if slices.ContainsFunc(live, func(k string) bool { return strings.HasPrefix(k, "signon.") || strings.HasPrefix(k, "override.") }) {
		errs = append(errs, d.startService(ctx, merged))
	}
	if slices.ContainsFunc(live, func(k string) bool { return strings.HasPrefix(k, "printer[") }) {
		errs = append(errs, d.reprofile(merged))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("take the configuration over: %w", err)
	}
	d.cfg.Store(merged)
	if level, err := parseLevel(merged.Log); err == nil && d.opt.Level != nil {
		d.opt.Level.Set(level)
	}
	d.loadConfigured(ctx)
	text := "nothing changed"
	if len(live) > 0 {
		text = "taken over: " + strings.Join(live, ", ")
	}
	if len(restart) > 0 {
		d.log.Warn("some changes of the configuration need a restart", "keys", strings.Join(restart, ", "))
		text += "; needs a restart: " + strings.Join(restart, ", ")
	}
	d.log.Info("configuration read again", "result", text)
	d.note(entry.Entry{Kind: entry.KindConfig, Outcome: entry.OutcomeAllowed, Source: "daemon", Text: text})
	d.notify.status(d.statusLine())
	return nil
}
