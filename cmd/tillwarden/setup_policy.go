package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tillwarden/daemon"
	"tillwarden/enforcer/bundle"
)

// Where setup puts what policies are verified with, and the first policy.
const (
	configDir    = "/etc/tillwarden"
	presetKey    = configDir + "/policy.pub"
	policyBundle = configDir + "/policy.twb"
)

// newFile is a file that setup is going to write.
type newFile struct {
	path    string
	content []byte
	mode    fs.FileMode
	what    string
	outside bool // of the machine's root, and the technician's own
	kept    bool // by undo: what the policy that was loaded is verified with
}

// policyFiles are the files of a policy's start, and the configuration that names them.
// Nothing is made where a policy is there already.
func (a *app) policyFiles(m *machine, s *setupAnswers, c *daemon.Config) (files []newFile, fragment string, err error) {
	switch {
	case s.Preset:
		return a.presetFiles(m, s, c)
	case len(s.Keys) == 0 && s.Policy == "":
		return nil, "", nil
	}
	keys := c.Policy.Keys
	if len(s.Keys) > 0 {
		keys = nil
	}
	var publics []bundle.PublicKey
	for _, file := range s.Keys {
		text, err := readFile(file, "the public key")
		if err != nil {
			return nil, "", err
		}
		k, err := bundle.ParsePublic(text)
		if err != nil {
			if _, private := bundle.ParsePrivate(text); private == nil {
				clear(text)
				return nil, "", refusedf("%s is a private key, which does not belong on a register", file).hint("name its public part: %s.pub", file)
			}
			return nil, "", refusedf("%s: %w", file, err)
		}
		publics = append(publics, k)
		at := filepath.Join(configDir, filepath.Base(file))
		keys = append(keys, at)
		files = append(files, newFile{path: at, content: text, mode: 0o644, what: "public key " + k.ID(), kept: true})
	}
	var b strings.Builder
	b.WriteString("[policy]\n")
	if len(s.Keys) > 0 {
		b.WriteString("keys = [" + quoteAll(keys) + "]\n")
	} else {
		for _, path := range keys {
			text, err := readFile(m.at(path), "the public key")
			if err != nil {
				return nil, "", err
			}
			k, err := bundle.ParsePublic(text)
			if err != nil {
				return nil, "", refusedf("%s: %w", path, err)
			}
			publics = append(publics, k)
		}
	}
	if s.Policy != "" {
		file, err := readFile(s.Policy, "the policy")
		if err != nil {
			return nil, "", classify(err).hint("tillwarden policy compile makes one; leave policy out where it comes later (tillwarden load FILE)")
		}
		if _, _, err := bundle.Open(file, bundle.Expect{
			Type: bundle.TypePolicy, Chain: c.Chain, Store: c.Store, Keys: publics, Threshold: c.Policy.Threshold, MaxSize: int64(len(file)),
		}); err != nil {
			return nil, "", refusedf("%s: %w", s.Policy, err).hint("tillwarden policy inspect %s says whose it is", s.Policy)
		}
		files = append(files, newFile{path: policyBundle, content: file, mode: 0o644, what: "the policy", kept: true})
		b.WriteString("file = " + quote(policyBundle) + "\n")
	}
	return files, b.String(), nil
}

// presetFiles are the shipped work groups, signed with a new key.
func (a *app) presetFiles(m *machine, s *setupAnswers, c *daemon.Config) (files []newFile, fragment string, err error) {
	fragment = "[policy]\nkeys = [" + quote(presetKey) + "]\nfile = " + quote(policyBundle) + "\n"
	public, err := m.read(presetKey)
	if err != nil {
		return nil, "", err
	}
	made, err := m.read(policyBundle)
	if err != nil {
		return nil, "", err
	}
	if public != nil && made != nil {
		k, err := bundle.ParsePublic(public)
		if err != nil {
			return nil, "", refusedf("%s: %w", presetKey, err)
		}
		if _, _, err := bundle.Open(made, bundle.Expect{
			Type: bundle.TypePolicy, Chain: c.Chain, Store: c.Store, Keys: []bundle.PublicKey{k}, Threshold: 1, MaxSize: int64(len(made)),
		}); err != nil {
			return nil, "", refusedf("%s: %w", policyBundle, err).hint("another policy was there before: sign yours for this chain and store, or move the file away")
		}
		return nil, fragment, nil
	}
	if public != nil {
		return nil, "", refusedf("%s is there already: policies are signed with that key", presetKey).hint("leave preset out, and sign a policy with it: tillwarden policy compile --presets")
	}
	k, err := bundle.NewKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	sources, err := presetsWith(s.NoSales)
	if err != nil {
		return nil, "", err
	}
	p, err := a.sound(compileSources(sources, false))
	if err != nil {
		return nil, "", err
	}
	blob, err := p.compiled.MarshalBinary()
	if err != nil {
		return nil, "", failedf("compiling: %w", err)
	}
	now := time.Now()
	epoch, err := strconv.ParseUint(now.Format("20060102")+"01", 10, 64)
	if err != nil {
		return nil, "", err
	}
	sealed, err := bundle.Seal(bundle.Manifest{Type: bundle.TypePolicy, Chain: c.Chain, Store: c.Store, Epoch: epoch, Created: now.Unix()}, blob, k)
	if err != nil {
		return nil, "", failedf("sealing the policy: %w", err)
	}
	if s.PrivateKey != "" {
		files = append(files, newFile{path: s.PrivateKey, content: k.Text(), mode: 0o600, what: "the private key: take it off this register", outside: true})
	} else {
		a.note("the private key is kept nowhere: another policy will need another key")
	}
	return append(files,
		newFile{path: presetKey, content: k.Public().Text(), mode: 0o644, what: "public key " + k.Public().ID(), kept: true},
		newFile{path: policyBundle, content: sealed, mode: 0o644, what: fmt.Sprintf("the shipped work groups, epoch %d", epoch), kept: true}), fragment, nil
}

func quoteAll(list []string) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(s))
	}
	return b.String()
}

// same reports whether a file has this content already.
func (m *machine) same(f *newFile) (bool, error) {
	if f.outside {
		return false, nil
	}
	now, err := m.read(f.path)
	return now != nil && bytes.Equal(now, f.content), err
}
