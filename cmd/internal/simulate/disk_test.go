package simulate

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// dataFolder is the folder of documents on each drive.
const dataFolder = "/data"

// departure describes how a process ended.
type departure struct {
	served map[feed.Name]feed.Head
	saved  bool // the process reported that all served documents were on disk, and this was true
	// flushing is set if the disk may not have some of these documents yet, so they do not survive a power failure.
	flushing bool
}

// departure describes the current state, as if the process ended now.
func (p *process) departure() departure {
	d := departure{served: map[feed.Name]feed.Head{}}
	for _, h := range p.replica.Heads() {
		d.served[h.Feed] = h
	}
	if p.drive != nil {
		behind, err := p.replica.Saved()
		d.saved = behind.IsZero() && err == nil && p.drive.unharmed()
		d.flushing = p.drive.isFlushing()
	}
	return d
}

// openDisk opens the disk. A process that cannot open it ends, and is started again.
func (p *process) openDisk(owner string) {
	for {
		p.mount = p.drive.mount(p.w, owner)
		disk, err := serve.OpenDiskOn(p.mount, dataFolder)
		if err == nil {
			p.disk = disk
			return
		}
		if errors.Is(err, feed.ErrLocked) {
			p.w.violation("cannot open the disk of %s: %v", owner, err)
		}
		p.w.count("start without a data folder")
		p.mount.kill()
		time.Sleep(time.Second)
		owner += "'"
	}
}

// checkLoaded checks that the documents on disk are those that the process served before it ended, or later ones.
func (p *process) checkLoaded() {
	if p.drive == nil {
		return
	}
	saved := p.last.saved && p.drive.unharmed()
	p.drive.mu.Lock()
	p.drive.damaged = false
	p.drive.mu.Unlock()
	for name, before := range p.last.served {
		if h, _ := p.replica.Head(name); saved && before.Later(h) {
			p.w.violation("%s%d has an older version of %s on disk than it has served", p.id, p.run, name)
		}
	}
}

// serve makes the process answer readers once it has read the store, as package hosting does. If the store replies,
// serve checks that no document is older than the one that the process served before it was restarted.
func (p *process) serve() {
	select {
	case <-p.replica.CaughtUp():
	case <-time.After(2 * time.Second):
	}
	p.mu.Lock()
	p.serving, p.started = p.replica, p.run
	p.mu.Unlock()
	select {
	case <-p.replica.CaughtUp():
	default:
		return
	}
	if p.replica.Store() != nil || p.w.plan.lossy {
		return
	}
	for name, before := range p.last.served {
		if h, _ := p.replica.Head(name); before.Later(h) {
			p.w.violation("%s%d serves an older version of %s after its restart", p.id, p.run, name)
		}
	}
}

// checkSaved checks that the process has saved what it serves.
func (p *process) checkSaved() {
	if p.drive == nil {
		return
	}
	if behind, err := p.documents().Saved(); err != nil || !behind.IsZero() {
		p.w.violation("%s has not saved its documents since %v: %v", p.id, behind, err)
	}
}

// checkDisk checks that a server that is started without a store serves the committed documents from its disk, even
// after a power failure.
func (p *process) checkDisk() {
	if p.drive == nil {
		return
	}
	p.drive.powerFailure(newRandom(p.w.seed, "power"+p.id))
	p.openDisk(p.id + " at the end")
	alone := p.w.connect(p.id + " alone")
	alone.kill()
	replica := serve.NewReplica(serve.ReplicaConfig{
		Source: alone, Log: slog.New(slog.DiscardHandler), Now: p.now, Disk: p.disk,
	})
	replica.Load()
	heads, err := p.w.site.Heads(context.Background())
	if err != nil {
		p.w.violation("heads: %v", err)
	}
	for _, want := range heads {
		got, _ := replica.Head(want.Feed)
		if !slices.EqualFunc(got.Documents, want.Documents, feed.DocumentRef.Equal) {
			p.w.violation("%s has %s with token %d on disk, but the store has it with token %d", p.id, want.Feed, got.Token, want.Token)
		}
		for _, d := range got.Documents {
			if _, ok := replica.Blob(d.Hash); !ok {
				p.w.violation("%s: document %s of %s cannot be read", p.id, d.Path, want.Feed)
			}
		}
	}
	if err := p.disk.Close(); err != nil {
		p.w.violation("cannot close the disk of %s: %v", p.id, err)
	}
}

// harm injects a fault into a drive.
func (w *world) harm(r *random, p *process) {
	d := p.drive
	switch r.n(8) {
	case 0:
		w.count("disk full for a while")
		d.fail(&d.full, r.between(time.Second, 15*time.Second))
	case 1:
		w.count("disk read-only for a while")
		d.fail(&d.readOnly, r.between(time.Second, 15*time.Second))
	case 2:
		w.count("disk slow for a while")
		d.fail(&d.slow, r.between(time.Second, 15*time.Second))
	case 3:
		w.count("data folder removed")
		d.vanish(dataFolder)
	case 4:
		w.count("part of the data folder removed")
		d.vanish(dataFolder + []string{"/documents", "/heads", "/histories", "/lock"}[r.n(4)])
	case 5:
		w.count("file damaged")
		d.damage(r)
		w.restart(r, p)
	case 6:
		w.count("power failure")
		if newRandom(w.seed, "flush").n(2) == 0 {
			d.awaitWrite(20 * time.Second)
		}
		w.restart(r, p)
	default:
		w.count("disk full, then a crash")
		d.fail(&d.full, 20*time.Second)
		time.Sleep(r.between(0, 10*time.Second))
		w.restart(r, p)
	}
}

// restart ends a process with a power failure, and starts it again.
func (w *world) restart(r *random, p *process) {
	p.crash()
	p.drive.powerFailure(r)
	done := p.hold()
	if p.last.flushing {
		w.count("power failure during a flush")
		p.last.saved = false
	}
	done()
	time.Sleep(r.between(0, 5*time.Second))
	p.start()
}
