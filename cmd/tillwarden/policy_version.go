package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/source"
)

// A policy that is looked at, and not signed or loaded, may come from anywhere:
// sources, a bundle, the register, the presets.
const (
	activePolicy  = "@active"
	presetsPolicy = "@presets"
)

// policiesHelp says what can stand for a policy.
const policiesHelp = `A policy is .hcl files or a folder of them, a bundle (its signatures are not
verified), @active for what this register has loaded, or @presets for what is
shipped.`

// policyAt reads a policy for looking at: where nothing is named, the presets.
func (a *app) policyAt(ctx context.Context, names []string, withPresets bool) (source.Version, error) {
	label := strings.Join(names, " ")
	for _, name := range names {
		if !strings.HasPrefix(name, "@") {
			continue
		}
		if len(names) > 1 || withPresets {
			return source.Version{}, usagef("%s is a whole policy: nothing can be added to it", name)
		}
		switch name {
		case activePolicy:
			return a.active(ctx)
		case presetsPolicy:
			withPresets, names = true, nil
		default:
			return source.Version{}, usagef("there is no policy %q", name).hint("@active is this register's, @presets the shipped one")
		}
	}
	if len(names) == 0 {
		label, withPresets = presetsPolicy, true
	}
	files, err := readSources(names)
	if err != nil {
		return source.Version{}, err
	}
	sources, _ := source.Split(files)
	if len(files) > 0 && len(sources) == 0 {
		return source.Version{}, usagef("%s: there are tests only", label).hint("name the policy too: its sources, a bundle, @active or @presets")
	}
	for name, content := range files {
		if !isBundle(content) {
			continue
		}
		if len(files) > 1 || withPresets {
			return source.Version{}, usagef("%s is a bundle, and so a whole policy: nothing can be added to it", name)
		}
		return inBundle(name, content)
	}
	p, err := a.sound(compileSources(files, withPresets))
	if err != nil {
		return source.Version{}, fmt.Errorf("%s: %w", label, err)
	}
	return source.Version{Name: label, Compiled: p.compiled, Sidecar: p.sidecar}, nil
}

// lintable reads a policy with what is wrong with it, and with tests among its
// files, whatever they come to. One that is compiled
// already has nothing that keeps it from being compiled.
func (a *app) lintable(ctx context.Context, names []string, withPresets bool) (*loadedPolicy, error) {
	if len(names) == 1 && names[0] == presetsPolicy {
		return readPolicy(nil, true)
	}
	whole := slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "@") })
	if !whole {
		files, err := readSources(names)
		if err != nil {
			return nil, err
		}
		for _, content := range files {
			whole = whole || isBundle(content)
		}
		if !whole {
			p := compileSources(files, withPresets)
			if _, tests := source.Split(files); p.compiled != nil && len(tests) > 0 {
				_, wrong := source.Test(source.Version{Compiled: p.compiled}, tests)
				p.findings = p.findings.With(wrong)
			}
			return p, nil
		}
	}
	v, err := a.policyAt(ctx, names, withPresets)
	if err != nil {
		return nil, err
	}
	return &loadedPolicy{compiled: v.Compiled, sidecar: v.Sidecar}, nil
}

// isBundle tells a bundle from a policy source, none of which begins like this.
func isBundle(content []byte) bool { return bytes.HasPrefix(content, []byte("{")) }

// inBundle takes a policy out of a bundle.
func inBundle(name string, file []byte) (source.Version, error) {
	m, blob, err := bundle.Content(file)
	if err != nil {
		return source.Version{}, refusedf("%s: %w", name, err)
	}
	if m.Type != bundle.TypePolicy {
		return source.Version{}, refusedf("%s: it is a bundle with a %s, a policy is wanted", name, m.Type)
	}
	c, err := policy.Decode(blob)
	if err != nil {
		return source.Version{}, refusedf("%s: %w", name, err)
	}
	return source.Version{Name: fmt.Sprintf("%s (epoch %d)", name, m.Epoch), Compiled: c}, nil
}

// active asks the register for the policy that it has loaded.
func (a *app) active(ctx context.Context) (source.Version, error) {
	client, err := a.dial(ctx, api.RoleTechnician)
	if err != nil {
		return source.Version{}, err
	}
	defer client.Close()
	c, epoch, err := loadedBy(ctx, client)
	if err != nil {
		return source.Version{}, err
	}
	return source.Version{Name: fmt.Sprintf("%s (epoch %d)", activePolicy, epoch), Compiled: c}, nil
}

// loadedBy is the policy that a register has loaded, and its epoch.
func loadedBy(ctx context.Context, client *api.Client) (*policy.Compiled, uint64, error) {
	answer, err := client.CompiledPolicy(ctx)
	if err != nil {
		return nil, 0, err
	}
	c, err := policy.Decode(answer.Compiled)
	if err != nil {
		return nil, 0, failedf("the register's policy: %w", err).hint("is its tillwardend of another version? tillwarden status says so")
	}
	if d := c.Digest(); hex.EncodeToString(d[:]) != answer.Digest {
		return nil, 0, failedf("the register's policy has another digest than it says")
	}
	return c, answer.Epoch, nil
}

// completePolicies completes arguments with what can stand for a policy.
func completePolicies(_ *cobra.Command, _ []string, part string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if strings.HasPrefix(part, "@") {
		return []cobra.Completion{
			cobra.CompletionWithDesc(activePolicy, "what this register has loaded"),
			cobra.CompletionWithDesc(presetsPolicy, "what is shipped"),
		}, cobra.ShellCompDirectiveNoFileComp
	}
	return []cobra.Completion{"hcl", "twb"}, cobra.ShellCompDirectiveFilterFileExt
}
