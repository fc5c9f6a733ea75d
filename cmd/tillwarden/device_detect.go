package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tillwarden/daemon"
	"tillwarden/devices/find"
)

// detected is a device that is there, or that the configuration names.
type detected struct {
	find.Device
	Name string `json:"name"`
	// UsedAs is what the configuration has it for, as "printer receipt".
	UsedAs string `json:"used_as,omitempty"`
	// Missing is one that the configuration names and that is not there.
	Missing bool `json:"missing,omitempty"`
}

func (a *app) detectCommand() *cobra.Command {
	var root, config string
	c := &cobra.Command{
		Use:   "detect",
		Short: "list the devices that are there, and what the configuration uses",
		Long: `Lists serial lines, USB printers, and USB readers and keypads that type, by the names
that stay the same from one plugging in to the next. Opens none of them: to open a
serial line may open a drawer. MOSTLY is what a device's maker mostly makes; what
hangs on a serial line cannot be seen.`,
		Example: "  tillwarden device detect\n  tillwarden device detect --json",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			m := newMachine(root)
			file := config
			if file == "" {
				file = m.at(defaultConfigFile)
			}
			c, err := daemon.LoadConfig(file)
			if err != nil {
				c = nil
				if config != "" {
					return failedf("%w", err)
				}
			}
			list := detect(root, c)
			if a.json {
				return a.printJSON(struct {
					Devices []detected `json:"devices"`
				}{list})
			}
			if len(list) == 0 {
				a.say("no devices")
				return nil
			}
			rows := [][]string{{"DEVICE", "KIND", "MOSTLY", "USED AS", "PATH"}}
			for i := range list {
				d := &list[i]
				name, kind := d.Name, string(d.Kind)
				if d.Missing {
					name, kind = "(not there)", "-"
				}
				rows = append(rows, []string{cut(name, 32), kind, orDash(d.Likely), orDash(d.UsedAs), d.Path})
			}
			return table(a.out, rows)
		},
	}
	a.rootFlag(c, &root, "list the devices of the machine whose files are in this `folder` (or TILLWARDEN_ROOT)")
	c.Flags().StringVar(&config, "config", "", "the daemon's configuration `file`, instead of "+defaultConfigFile)
	return c
}

// detect lists what is there, and behind it what is configured and not there.
func detect(root string, c *daemon.Config) []detected {
	list := []detected{}
	found := find.Devices(root)
	own := configured(c)
	seen := map[string]bool{}
	for i := range found {
		d := detected{Device: found[i], Name: found[i].Name()}
		for _, o := range own {
			dev := deviceOf(root, found[i:i+1], o.path)
			if dev != nil {
				d.UsedAs, seen[o.path] = o.table+" "+o.name, true
			}
		}
		list = append(list, d)
	}
	for _, o := range own {
		if seen[o.path] || !strings.HasPrefix(o.path, "/") {
			continue
		}
		if _, err := filepath.EvalSymlinks(filepath.Join(root, o.path)); err == nil {
			// A simulated one, or one that only its own driver knows.
			list = append(list, detected{Device: find.Device{Kind: find.Serial, Path: o.path, Node: o.path}, Name: "unknown", UsedAs: o.table + " " + o.name})
			continue
		}
		list = append(list, detected{Device: find.Device{Path: o.path}, UsedAs: o.table + " " + o.name, Missing: true})
	}
	return list
}
