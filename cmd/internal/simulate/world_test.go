package simulate

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/fleet"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/feed/serve"
	"feedpub/store"
	"feedpub/store/memstore"
)

// plan holds the properties of a schedule that its seed determines.
type plan struct {
	folder    bool // one process with a store that loses derived data when the process ends, else a shared store
	processes int
	builders  int
	lossy     bool // the store loses its latest writes, as a server without synchronous writes does
	formats   []feed.Format
	limit     int
	archives  bool
	writes    int           // number of writes of each writer
	duration  time.Duration // time during which faults happen
	rate      int           // probability of a fault per call, in thousandths
	events    int
	disk      bool // the processes keep documents on a drive
	errors    int  // probability that a write to a drive fails, in thousandths
	harm      bool // drives fill up, vanish and lose files
	deadly    bool // some posts crash the process that reads them
	keepSkew  bool // the clocks of processes stay wrong after all other faults have ended
	heartbeat bool // leases are bound to a heartbeat, as in a server whose store is not a Cluster
	restored  bool // at the end, the store is replaced by an older copy while no process is running
}

func newPlan(seed uint64) plan {
	r := newRandom(seed, "plan")
	p := plan{
		folder: r.n(3) == 0, processes: 1 + r.n(3), lossy: r.n(6) == 0,
		formats: [][]feed.Format{{feed.JSON}, {feed.RSS}, {feed.Atom}, {feed.RSS, feed.JSON}}[r.n(4)],
		limit:   2 + r.n(3), archives: r.n(4) > 0, writes: 4 + r.n(10),
		duration: time.Duration(10+r.n(40)) * time.Second,
		rate:     []int{0, 5, 20, 60}[r.n(4)], events: 2 + r.n(7), disk: r.n(2) == 0, keepSkew: r.n(2) == 0,
		errors: []int{0, 0, 2, 20}[r.n(4)], harm: r.n(2) == 0, deadly: r.n(3) == 0,
	}
	p.builders = 1 + r.n(p.processes)
	p.heartbeat = !p.folder && newRandom(seed, "heartbeat").n(4) > 0
	if p.folder {
		p.processes, p.builders, p.rate, p.lossy = 1, 1, 0, false
	} else if r.n(20) == 0 {
		p.restored, p.disk, p.lossy = true, true, true
		p.errors, p.harm = 0, false
	}
	return p
}

// random is a sequence of random numbers.
type random struct{ state uint64 }

func newRandom(seed uint64, use string) *random { return &random{hash(seed, use)} }

// n returns a number from 0 to limit-1.
func (r *random) n(limit int) int {
	r.state = mix(r.state)
	return int(r.state >> 11 % uint64(limit)) //nolint:gosec // less than limit
}

// between returns a duration from low to high.
func (r *random) between(low, high time.Duration) time.Duration {
	return low + time.Duration(r.n(int(high-low)))
}

// world is the state of one simulated schedule.
type world struct {
	seed uint64
	plan plan
	log  *slog.Logger

	site      *memstore.Site
	config    feed.Site
	catalog   feed.Catalog
	processes []*process
	operator  *conn // without faults
	posts     *ledger
	reading   *readers

	mu         sync.Mutex
	late       int           // number of calls that the store will execute later
	lateDone   *sync.Cond    // uses mu; late has become 0
	offset     time.Duration // offset of the store's clock
	trace      uint64        // sum of the hashes of all calls with their times
	calls      []string      // the calls; nil unless recorded
	counts     map[string]int
	violations []string
	deleted    []string        // posts that were ever deleted
	healed     bool            // all faults have ended
	deaths     int             // number of processes that a post has crashed
	tried      map[string]bool // posts that were read in a process of their own
	asks       map[int]*ask
	asked      int
}

// ask is a rebuild that an operator has requested.
type ask struct {
	at       time.Time
	answered bool
}

// reader is shared by all schedules, since creating one takes longer than running a schedule.
var reader = sync.OnceValue(func() *attribution.Reader {
	r, err := attribution.New(attribution.Options{})
	if err != nil {
		panic(err)
	}
	return r
})

func newWorld(seed uint64, log *slog.Logger) *world { return newWorldOf(seed, newPlan(seed), log) }

func newWorldOf(seed uint64, p plan, log *slog.Logger) *world {
	w := &world{
		seed: seed, plan: p, log: log, counts: map[string]int{}, asks: map[int]*ask{}, tried: map[string]bool{},
		config: feed.Site{
			ID: "main", Title: "A Blog", Language: "en", BaseURL: "https://feeds.example", HomeURL: "https://blog.example/",
			Since: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), Limit: p.limit, TTL: time.Hour,
		},
		catalog: feed.Catalog{
			Feeds: map[feed.Name]feed.Channel{feed.Main: {Formats: p.formats, Archives: p.archives}},
			Families: map[feed.Family]feed.Channel{
				feed.Tags: {Formats: p.formats, Archives: p.archives}, feed.Authors: {Formats: p.formats},
				feed.Sources: {Formats: p.formats},
			},
			Selections: []feed.Selection{{Name: "picked", Criteria: feed.Criteria{Tags: []string{"go"}}}},
		},
	}
	w.lateDone = sync.NewCond(&w.mu)
	w.catalog.Feeds["picked"] = feed.Channel{Formats: p.formats[:1]}
	w.site = memstore.New(w.storeNow)
	w.operator = w.connect("operator")
	w.posts = newLedger()
	w.reading = newReaders()
	r := newRandom(seed, "skew")
	for i := range p.processes {
		process := &process{
			w: w, id: string(rune('A' + i)), builds: i < p.builders, life: make(chan struct{}, 1),
		}
		process.offset = []time.Duration{0, 0, time.Second, -3 * time.Second, 5 * time.Second, -time.Minute, time.Minute,
			time.Hour}[r.n(8)]
		if p.disk {
			process.drive = newDrive(p.errors)
		}
		w.processes = append(w.processes, process)
	}
	return w
}

// storeNow returns the time of the store. A folder uses the clock of its only process.
func (w *world) storeNow() time.Time {
	if w.plan.folder {
		return w.processes[0].now()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// isHealed reports whether all faults have ended.
func (w *world) isHealed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.healed
}

// stepStore sets the clock of the store.
func (w *world) stepStore(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += by
}

// note adds a call to the trace, which does not depend on the order of calls at the same time.
func (w *world) note(texts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace += hash(uint64(time.Now().UnixNano()), texts...)
	if w.calls != nil {
		w.calls = append(w.calls, fmt.Sprintf("%s %q", time.Now().Format("15:04:05.000000000"), texts))
	}
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

// violation reports a broken promise.
func (w *world) violation(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.log.Error("VIOLATION", "text", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.violations, text) {
		w.violations = append(w.violations, text)
	}
}

// later calls f after d, even if the process that requested it has ended.
func (w *world) later(d time.Duration, f func()) {
	w.mu.Lock()
	w.late++
	w.mu.Unlock()
	go func() {
		time.Sleep(d)
		f()
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.late--; w.late == 0 {
			w.lateDone.Broadcast()
		}
	}()
}

// awaitLate waits until no call is left that the store will execute later. It cannot be a WaitGroup, because a process
// may add a call at the same time.
func (w *world) awaitLate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.late > 0 {
		w.lateDone.Wait()
	}
}

// process is a server, which may be stopped and started again.
type process struct {
	w      *world
	id     string
	builds bool

	mu      sync.Mutex
	offset  time.Duration  // offset of its clock; guarded by mu
	serving *serve.Replica // what readers read; nil if a post has crashed the process; guarded by mu
	started int            // value of run when serving was set; guarded by mu

	life      chan struct{} // held to start or end the process, and guards the fields below
	run       int           // number of starts
	up        bool
	conn      *conn
	replica   *serve.Replica
	publisher *publish.Publisher
	drive     *drive // nil if there is none
	mount     *mount
	disk      *serve.Disk
	last      departure
	ctx       context.Context
	stop      context.CancelFunc
	ended     chan struct{}
}

func (p *process) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.offset)
}

func (p *process) step(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offset += by
}

// start starts the process as cmd/internal/hosting does, unless it is running.
func (p *process) start() {
	defer p.hold()()
	p.startNow()
}

// startAll starts all processes at the same time.
func (w *world) startAll() {
	var all sync.WaitGroup
	for _, p := range w.processes {
		all.Go(p.start)
	}
	all.Wait()
}

// hold waits until no other goroutine is starting or ending the process, and keeps others from doing so until the
// returned function is called.
func (p *process) hold() (done func()) {
	p.life <- struct{}{}
	return func() { <-p.life }
}

// connection, documents and context return those of the last run of the process.
func (p *process) connection() *conn {
	defer p.hold()()
	return p.conn
}

func (p *process) documents() *serve.Replica {
	defer p.hold()()
	return p.replica
}

func (p *process) context() context.Context {
	defer p.hold()()
	return p.ctx
}

func (p *process) startNow() {
	if p.up {
		return
	}
	w := p.w
	p.run++
	owner := fmt.Sprintf("%s%d", p.id, p.run)
	log := w.log.With("process", owner)
	c := w.connect(owner)
	if !w.isHealed() {
		c.faults = w.plan.rate
	}
	replica := serve.ReplicaConfig{Source: c, Log: log, Now: p.now}
	if p.drive != nil {
		p.openDisk(owner)
		replica.Disk = p.disk
	}
	building := publish.Config{
		Site: w.config, Catalog: w.catalog, Store: c, Intake: intake.New(w.config, reader()), Renderer: render.New(),
		Canonical: reader().Canonical, Owner: owner, Clock: p.now, Logger: log, OnChange: true, Try: w.try,
	}
	var members *fleet.Fleet
	if w.plan.folder {
		building.Lease = publish.LeaseAlone
		p.replica = serve.NewReplica(replica)
	} else {
		replica.Restorer, replica.Reporter = c, c
		p.replica = serve.NewReplica(replica)
		members = w.fleet(p, building, owner, c, log)
		building.Fleet = members
	}
	if w.plan.heartbeat {
		building.Heartbeat = publish.NewHeartbeat(c, "process "+owner, log)
	}
	building.Replica = p.replica
	p.publisher = publish.New(building)
	p.replica.Load()
	p.checkLoaded()
	p.conn, p.up, p.ended = c, true, make(chan struct{})
	c.die = p.deathOf(p.run, p.replica)
	p.ctx, p.stop = context.WithCancel(context.Background())
	go p.work(p.ctx, p.replica, p.publisher, members, building.Heartbeat, p.ended)
	p.serve()
}

func (w *world) fleet(p *process, c publish.Config, owner string, conn *conn, log *slog.Logger) *fleet.Fleet {
	return fleet.New(fleet.Config{
		Store: conn,
		Self: feed.Member{
			ID: owner, Builds: p.builds, Serves: true, Program: "simulated", Schema: store.SchemaVersion,
			Renderer: feed.Versions{Oldest: render.Version, Newest: render.Version}, Intake: intake.Version,
			Config: publish.Fingerprint(c.Site, c.Catalog) + "-" + c.Intake.Fingerprint(),
		},
		Initial:   feed.Schema{Version: store.SchemaVersion, Reader: store.SchemaVersion, Writer: store.SchemaVersion},
		Documents: p.replica, Log: log, Clock: p.now,
	})
}

// work runs the process until ctx is done.
func (p *process) work(
	ctx context.Context, replica *serve.Replica, publisher *publish.Publisher, members *fleet.Fleet,
	heartbeat *publish.Heartbeat, ended chan<- struct{},
) {
	defer close(ended)
	// The heartbeat ends last.
	var beat errgroup.Group
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	if heartbeat != nil && p.builds {
		beat.Go(func() error { return heartbeat.Run(beating) })
	}
	defer func() {
		stop()
		_ = beat.Wait() // Run returns no error
	}()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return replica.Run(ctx) })
	if members != nil {
		g.Go(func() error { return members.Run(ctx) })
	}
	if p.builds {
		g.Go(func() error {
			select {
			case <-replica.Checked():
				return publisher.Run(ctx)
			case <-ctx.Done():
				return nil
			}
		})
	}
	if err := g.Wait(); err != nil {
		p.w.violation("process %s has ended: %v", p.id, err)
	}
}

// crash ends the process at once: nothing that it does afterwards has an effect on the store or the disk.
func (p *process) crash() {
	defer p.hold()()
	p.crashNow()
}

func (p *process) crashNow() {
	if !p.up {
		return
	}
	p.last = p.departure()
	p.conn.kill()
	if p.mount != nil {
		p.mount.kill()
	}
	p.end()
	if p.w.plan.folder {
		p.w.restartStore()
	}
}

// restartStore restarts the store of a folder.
func (w *world) restartStore() {
	w.mu.Lock()
	deleted := slices.Clone(w.deleted)
	w.mu.Unlock()
	w.site.Restart(deleted...)
}

// shutDown ends the process as SIGTERM does.
func (p *process) shutDown() {
	defer p.hold()()
	if !p.up {
		return
	}
	p.end()
	p.last = p.departure()
	if p.w.plan.folder {
		p.w.restartStore()
	}
}

func (p *process) end() {
	p.up = false
	p.stop()
	<-p.ended
	if p.disk != nil {
		if err := p.disk.Close(); err != nil {
			p.w.violation("disk of %s not closed: %v", p.id, err)
		}
		p.disk = nil
	}
}

// rebuild requests a rebuild, and checks that the result matches the reply.
func (w *world) rebuild(ctx context.Context) {
	w.mu.Lock()
	w.asked++
	n, a := w.asked, &ask{at: time.Now()}
	w.asks[n] = a
	w.mu.Unlock()
	withdrawn := w.posts.withdrawn()
	report, err := publish.Ask(ctx, w.operator, nil)
	if ctx.Err() != nil { // the folder's process, which holds the requests, has ended
		w.mu.Lock()
		delete(w.asks, n)
		w.mu.Unlock()
		return
	}
	w.mu.Lock()
	a.answered = true
	w.mu.Unlock()
	w.count("rebuilds")
	if err != nil {
		w.log.Info("rebuild failed", "error", err)
		w.count("failed rebuilds")
		return
	}
	w.checkWithdrawn(withdrawn, report)
}

// waiting returns the number of unanswered rebuilds, and how long the first has waited.
func (w *world) waiting() (n int, first time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.asks {
		if !a.answered {
			n++
			first = max(first, time.Since(a.at))
		}
	}
	return n, first
}

func (w *world) summary() string {
	var parts []string
	for _, p := range w.processes {
		parts = append(parts, fmt.Sprintf("%s(builds %t, clock %+v)", p.id, p.builds, p.offset))
	}
	return fmt.Sprintf("%+v %s", w.plan, strings.Join(parts, " "))
}
