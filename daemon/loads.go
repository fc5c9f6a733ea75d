package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// functionPublish is what an operator needs to hand in a policy.
const functionPublish = "backoffice.security.publish"

// nextPolicyFile is a verified policy on its way in: it is written before the
// journal raises the floor, so that no crash in between leaves the register
// with nothing that it may load.
const nextPolicyFile = policyFile + ".next"

// readKeys reads the public keys that policies may be signed with.
func readKeys(files []string) ([]bundle.PublicKey, error) {
	var keys []bundle.PublicKey
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a policy key: %w", err)
		}
		k, err := bundle.ParsePublic(text)
		if err != nil {
			return nil, fmt.Errorf("policy key %s: %w", file, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// opened is a bundle that passed every check.
type opened struct {
	manifest bundle.Manifest
	policy   *policy.Compiled
}

// verify checks a bundle against what this register takes now.
func (d *Daemon) verify(file []byte) (*opened, error) {
	epoch, digest := d.gate.EpochFloor(enforcer.BundlePolicy)
	c := d.config()
	m, blob, err := bundle.Open(file, bundle.Expect{
		Type: bundle.TypePolicy, Chain: c.Chain, Store: c.Store, Keys: d.policyKeys, Threshold: c.Policy.Threshold,
		MinEpoch: epoch, SameDigest: digest, MaxSize: api.MaxBundle,
	})
	if err != nil {
		return nil, err
	}
	p, err := policy.Decode(blob)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	return &opened{m, p}, nil
}

// install makes a verified policy the one that decides, and keeps it for the
// next start.
func (d *Daemon) install(ctx context.Context, o *opened, file []byte, name string) error {
	next, kept := filepath.Join(d.config().State, nextPolicyFile), filepath.Join(d.config().State, policyFile)
	ref := entry.PolicyRef{Epoch: o.manifest.Epoch, Digest: o.policy.Digest()}
	if was, err := os.ReadFile(kept); err == nil && bytes.Equal(was, file) {
		return d.gate.Load(ctx, o.policy, ref, name) // as at each start, which takes no space
	}
	if err := durable.Replace(next, file, 0o600); err != nil {
		return err
	}
	if err := d.gate.Load(ctx, o.policy, ref, name); err != nil {
		if d.gate.Snapshot().Ref != ref {
			os.Remove(next)
		}
		return err
	}
	if err := durable.Name(next, kept); err != nil {
		return fmt.Errorf("the policy is loaded, but cannot be kept for the next start: %w", err)
	}
	return nil
}

// loadAtStart loads the policy that was loaded last, and then the configured
// file if that is newer. Without any the register runs, and denies everything.
func (d *Daemon) loadAtStart(ctx context.Context) {
	for _, name := range []string{nextPolicyFile, policyFile} {
		path := filepath.Join(d.config().State, name)
		if err := d.loadFile(ctx, path, name); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			d.log.Error("the policy that was loaded last cannot be loaded", "file", path, "err", err)
		}
	}
	d.loadConfigured(ctx)
	if d.gate.Snapshot().Policy == nil {
		d.log.Warn("no policy is loaded: everything is denied until one is handed in (tillwarden policy load)")
	}
}

// loadConfigured loads policy.file, unless it is what is loaded already.
func (d *Daemon) loadConfigured(ctx context.Context) {
	path := d.config().Policy.File
	if path == "" {
		return
	}
	if err := d.loadFile(ctx, path, filepath.Base(path)); err != nil {
		d.log.Error("the configured policy was not loaded", "file", path, "err", err)
	}
}

// loadFile loads a bundle from a file. What is loaded already is left alone.
func (d *Daemon) loadFile(ctx context.Context, path, name string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s: others may write it (mode %04o)", path, st.Mode().Perm())
	}
	if st.Size() > api.MaxBundle {
		return fmt.Errorf("%s: larger than %d bytes", path, api.MaxBundle)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d.loading.Lock()
	defer d.loading.Unlock()
	o, err := d.verify(file)
	if err != nil {
		if refused := d.gate.LoadRefused(ctx, bundle.ReasonOf(err), name, err.Error()); refused != nil {
			d.log.Error("a refused policy could not be journaled", "err", refused)
		}
		return err
	}
	s := d.gate.Snapshot()
	if s.Policy != nil && s.Ref.Epoch == o.manifest.Epoch && s.Ref.Digest == o.policy.Digest() {
		return nil
	}
	if err := d.install(ctx, o, file, name); err != nil {
		return err
	}
	d.log.Info("policy loaded", "file", path, "epoch", o.manifest.Epoch, "digest", hexOf(o.policy.Digest()))
	return nil
}

// Load takes a bundle that somebody hands in. One that is refused changes
// nothing.
func (d *Daemon) Load(ctx context.Context, c api.Caller, l *api.LoadRequest) (*api.LoadAnswer, error) {
	if l.Type != bundle.TypePolicy && l.Type != bundle.TypeMode {
		return nil, api.Errorf(api.CodeInvalid, "there are no bundles of type %q here", shorten(l.Type)).WithHint(`type is "policy" or "mode"`)
	}
	if l.Name == "" || len(l.Name) > 128 {
		return nil, api.Errorf(api.CodeInvalid, "name is missing or too long").WithHint("name is what the journal calls it: the file's name")
	}
	if l.Type == bundle.TypeMode {
		return d.loadMode(ctx, c, l)
	}
	if _, err := d.acting(ctx, c, l.By, functionPublish, l.Name, true); err != nil {
		return nil, err
	}
	d.loading.Lock()
	defer d.loading.Unlock()
	o, err := d.verify(l.Bundle)
	if err != nil {
		reason := bundle.ReasonOf(err)
		if refused := d.gate.LoadRefused(ctx, reason, l.Name, err.Error()); refused != nil {
			return nil, d.cannotDecide(refused)
		}
		return nil, api.Errorf(api.CodeInvalid, "the policy was refused: %s", sayReason(reason)).WithReason(reason.String()).WithHint(err.Error())
	}
	if err := d.install(ctx, o, l.Bundle, l.Name); err != nil {
		if errors.Is(err, enforcer.ErrEpoch) || errors.Is(err, enforcer.ErrDigest) {
			return nil, api.Errorf(api.CodeInvalid, "the policy was refused: %v", err).WithReason(entry.ReasonEpoch.String())
		}
		return nil, d.cannotDecide(err)
	}
	debug.FreeOSMemory() // a bundle is large and rare
	s := d.gate.Snapshot()
	return &api.LoadAnswer{
		Say: fmt.Sprintf("policy with epoch %d is loaded", s.Ref.Epoch), Policy: policyStatus(s, false),
	}, nil
}

// Policy says which policy is loaded, with its work groups.
func (d *Daemon) Policy(context.Context, api.Caller) (*api.PolicyStatus, error) {
	p := policyStatus(d.gate.Snapshot(), true)
	if p == nil {
		return nil, noPolicy()
	}
	return p, nil
}

// CompiledPolicy gives the loaded policy itself.
func (d *Daemon) CompiledPolicy(context.Context, api.Caller) (*api.CompiledPolicy, error) {
	s := d.gate.Snapshot()
	if s.Policy == nil {
		return nil, noPolicy()
	}
	compiled, err := s.Policy.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("compiled policy: %w", err)
	}
	return &api.CompiledPolicy{Epoch: s.Ref.Epoch, Digest: hexOf(s.Ref.Digest), Compiled: compiled}, nil
}

func noPolicy() *api.Error {
	return api.Errorf(api.CodeNotFound, "no policy is loaded").WithReason(entry.ReasonNoPolicy.String()).
		WithHint("compile one with tillwarden policy compile, and hand it in with tillwarden policy load")
}

func policyStatus(s *enforcer.Snapshot, groups bool) *api.PolicyStatus {
	if s.Policy == nil {
		return nil
	}
	p := &api.PolicyStatus{Epoch: s.Ref.Epoch, Digest: hexOf(s.Ref.Digest), Functions: len(s.Policy.Functions())}
	if !groups {
		return p
	}
	restricted := map[string]bool{}
	for _, r := range s.Policy.Restrictions() {
		restricted[r.WorkGroup] = true
	}
	for _, g := range s.Policy.WorkGroups() {
		p.WorkGroups = append(p.WorkGroups, api.WorkGroupInfo{
			Name: g.Name, Scope: g.Scope.String(), SignOn: g.SignOn.String(), Approve: g.Approve.String(), Restricted: restricted[g.Name],
		})
	}
	return p
}

func hexOf(digest [32]byte) string { return hex.EncodeToString(digest[:]) }

// shorten keeps what somebody sent from filling an answer.
func shorten(s string) string {
	if len(s) > 32 {
		return s[:32] + "…"
	}
	return s
}
