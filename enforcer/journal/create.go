package journal

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"

	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal/entry"
)

// seqGap is how far a new file's numbers jump ahead where the old one's last
// number is not known for certain: no number may ever be used twice.
const seqGap = 10_000_000

// known is what can be told of a journal that is damaged or gone.
type known struct {
	why        string
	file       string // where it was moved to, empty where it was missing
	last       entry.Seq
	exact      bool // last is its last entry's, and not only an earlier one's
	root       *tlog.Hash
	checkpoint int64 // size of its last checkpoint
	origin     string
}

// next is the number for the first entry of the file that follows.
func (k *known) next() entry.Seq {
	if k.exact {
		return k.last + 1
	}
	return k.last + 1 + seqGap
}

// entry is the first entry of the file that follows.
func (k *known) entry(seq entry.Seq, stamp entry.Stamp) entry.Entry {
	var b strings.Builder
	if k.file != "" {
		fmt.Fprintf(&b, "the journal was damaged and is kept as %s: %s;", k.file, k.why)
	} else {
		fmt.Fprintf(&b, "the journal was missing: %s;", k.why)
	}
	certain := "at least"
	if k.exact {
		certain = "exactly"
	}
	fmt.Fprintf(&b, " its last entry was %s %d, its last known checkpoint covered %d entries of %q", certain, k.last, k.checkpoint, k.origin)
	e := entry.Entry{
		Seq: seq, Kind: entry.KindRecovered, Stamp: stamp, Reason: entry.ReasonDamaged, Source: "journal",
		About: k.last, Count: uint64(k.checkpoint), Subject: k.file, Text: b.String(),
	}
	if k.root != nil {
		e.Digest = k.root[:]
	}
	clean(&e)
	return e
}

// create makes a new, empty journal file, complete before it has its name.
// Where it follows another one it begins with what is known of that.
func create(o *Options, k *known) (err error) {
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("creating the journal: %w", err)
	}
	stamp := o.Stamp()
	h := header{
		Version: headerVersion, Origin: KeyName(o.Chain, o.Store, o.Register) + "/" + hex.EncodeToString(id),
		First: 1, Block: uint32(o.tweak.block), Key: o.PublicKey, Created: stamp.Wall,
	}
	if k != nil {
		h.First = k.next()
	}
	head, err := h.encode()
	if err != nil {
		return err
	}
	temp := o.Path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("creating the journal: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
			err = fmt.Errorf("creating the journal: %w", err)
		}
	}()
	if err := fillNew(o, temp, head, &h, k, stamp); err != nil {
		return err
	}
	file, err := os.Open(temp)
	if err != nil {
		return err
	}
	err = errors.Join(file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return durable.Name(temp, o.Path)
}

func fillNew(o *Options, temp string, head []byte, h *header, k *known, stamp entry.Stamp) (err error) {
	defer guardWrite(&err)()
	db, err := bbolt.Open(temp, 0o600, &bbolt.Options{
		Timeout: o.LockTimeout, PageSize: o.tweak.pageSize, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
	})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketBlocks, bucketCheckpoints, bucketEntries, bucketHeader} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		if k != nil {
			w := writer{header: *h, next: h.First}
			rec, err := w.add([]entry.Entry{k.entry(h.First, stamp)})
			if err != nil {
				return err
			}
			if err := w.put(tx, rec, nil); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketHeader).Put(keyHeader, head)
	})
	return errors.Join(err, db.Close())
}

// lockDir keeps two processes from creating the same journal at once.
func lockDir(path string, wait time.Duration) (release func(), err error) {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("opening the journal's folder: %w", err)
	}
	if err := lock(d, wait); err != nil {
		_ = d.Close()
		return nil, err
	}
	return func() { _ = d.Close() }, nil
}

// moveAside renames a damaged file, gives its reserve back, and tells the new name.
func moveAside(o *Options, last entry.Seq) (string, error) {
	at := o.Stamp().Time().Format("20060102T150405Z")
	name := fmt.Sprintf("%s.damaged-%s-%d", o.Path, at, last)
	for i := 2; ; i++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			break
		}
		name = fmt.Sprintf("%s.damaged-%s-%d-%d", o.Path, at, last, i)
	}
	if info, err := os.Stat(o.Path); err == nil {
		// What is allocated beyond the end goes back to the file system.
		_ = unix.Truncate(o.Path, info.Size())
	}
	if err := os.Rename(o.Path, name); err != nil {
		return "", fmt.Errorf("moving the damaged journal aside: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(o.Path)); err != nil {
		return "", fmt.Errorf("moving the damaged journal aside: %w", err)
	}
	return filepath.Base(name), nil
}

// learn finds out what it can of a file that cannot be used.
func learn(o *Options, why error) *known {
	k := &known{why: cut(why.Error(), 300)}
	if h, ok := readHead(o.Path); ok {
		k.last, k.checkpoint, k.origin = h.Last, h.Size, h.Origin
	}
	_ = readCopy(o.Path, func(data []byte) error {
		m, spare, err := metas(data)
		if err != nil {
			return err
		}
		im, err := newImage(data, m.pageSize, m.high)
		if err != nil {
			return err
		}
		v, err := newView(im, m.root)
		if err != nil {
			return err
		}
		k.origin = v.header.Origin
		if v.last() >= k.last {
			k.last, k.exact = v.last(), spare
		}
		if size, _, err := v.lastCheckpoint(); err == nil {
			k.checkpoint = max(k.checkpoint, size)
		}
		if root, err := tlog.TreeHash(v.size, v); err == nil {
			k.root = &root
		}
		return nil
	})
	return k
}

// head is the file beside the journal that remembers its last checkpoint, in
// case the journal itself can no longer tell.
type head struct {
	Origin     string    `json:"origin"`
	Size       int64     `json:"size"`
	Last       entry.Seq `json:"last"` // number of the last entry that it covers
	Checkpoint string    `json:"checkpoint"`
}

func readHead(path string) (h head, ok bool) {
	raw, err := os.ReadFile(path + ".head")
	if err != nil || len(raw) > 1<<16 {
		return h, false
	}
	if err := json.Unmarshal(raw, &h); err != nil || h.Size < 0 || h.Last >= 1<<48 {
		return head{}, false
	}
	return h, true
}

// writeHead replaces the head file as a whole.
func writeHead(path string, h head) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("writing the journal's head: %w", err)
	}
	if err := durable.Replace(path+".head", raw, 0o600); err != nil {
		return fmt.Errorf("writing the journal's head: %w", err)
	}
	return nil
}
