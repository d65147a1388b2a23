package model

import "time"

// Config is what a machine is made with. Use Defaults or Embedded and change
// what differs; a zero Config is not usable.
type Config struct {
	Cluster  string
	Protocol int
	Term     Term // the term of this machine, above every earlier one
	// Journal says that records are kept. Without it no Append is given.
	Journal bool

	MaxFailures      int           // attempts of a task that may fail by its own fault (R21)
	Deterministic    bool          // equal failures on two workers end the job at once (R22)
	ElsewhereWait    time.Duration // how long a failed task waits for another worker (R21, R36)
	MaxInfra         int           // infrastructure failures of one task (R23)
	BackoffMin       time.Duration
	BackoffMax       time.Duration
	StorageBackoff   time.Duration // longest back-off while storage is unavailable
	StorageWait      time.Duration // and how long until the job fails
	CrashWorkers     int           // workers lost under a task before it runs alone (R24)
	CrashLosses      int           // and how many more fail it
	NoProgressKill   time.Duration // a task whose counters stand still (R26); 0: never
	ExecutorWait     time.Duration // executor absent (R16)
	WaitProcess      time.Duration // locality waits (R11)
	WaitNode         time.Duration
	ResultBytes      int64
	Lease            time.Duration // 0: infinite, nobody renews (R28)
	Renew            time.Duration
	LeaseMargin      time.Duration // least lease left for a launch (R14)
	StartWait        time.Duration // Launch without TaskStarted (R28); 0: never
	ProbeEvery       time.Duration
	ProbeWait        time.Duration // stream down and probes unanswered (R31)
	FlapHalf         time.Duration // half-life of the flapping score (R35)
	FlapWait         time.Duration
	FlapMax          time.Duration
	EdgeBan          time.Duration // reader and owner kept apart (R46)
	EdgeWindow       time.Duration
	VerifyWait       time.Duration
	NoProgress       int // episodes of a stage without a success (R44)
	Episodes         int // episodes of a stage in all
	OutputGone       int // losses of one map task's output, owner alive
	Generations      int // of a stage (R51)
	PublishTries     int
	PublishWindow    time.Duration
	CollectAgain     time.Duration
	Ending           time.Duration // longest wait for acknowledgements (R63)
	DriverLease      time.Duration // 0: infinite (R64)
	NoWorker         time.Duration // demanded but nowhere to run, attached (R38); 0: for ever
	ExcludeStage     int           // tasks of one stage failed on a worker (R36)
	ExcludeCluster   int           // failures of several jobs on a worker (R36); 0: never
	ExcludeFor       time.Duration // how long at first, and within which they count
	ExcludeMost      time.Duration
	EarlyBelow       time.Duration // tasks are launched before there is a slot if they take less (R16); 0: never
	EarlyPerSlot     int           // so many for each slot of a worker,
	EarlyWait        time.Duration // or as many as take so long,
	EarlyMost        int           // and no more at one worker
	Speculation      bool
	SpecRate         float64
	SpecQuantile     float64
	SpecMultiple     float64
	SpecMin          time.Duration
	SpecShare        float64
	MaxJobs          int // R67
	MaxActions       int // running, per job
	MaxTasks         int // per stage
	MaxTotalTasks    int
	MaxUnstarted     int  // Launches per worker without an answer
	MaxSlots         int  // per worker; more are not believed
	MaxValue         int  // bytes of a value stage's result
	IndeterminateBad bool // fail instead of rolling back (R52)
	Pools            []Pool

	DrainDeadline time.Duration // how long a draining worker's tasks may run (R39)
	WaitRack      time.Duration // locality wait

	BarrierSlots time.Duration // how long a gang may be larger than the cluster (R59)
	BarrierRound time.Duration // longest wait at a barrier (R60)
	InlineResult int           // bytes up to which workers send results inline
}

// Mode is how jobs share a pool.
type Mode uint8

// The modes.
const (
	FIFO Mode = iota // by priority, then submission
	Fair             // by what each has running
)

// Pool is a share of the cluster (R15).
type Pool struct {
	Name     string
	Mode     Mode
	Weight   int // 0 is 1
	MinShare int
	MaxShare int // 0: none
	// Preempt would let the pool take slots back when below MinShare for this
	// long. It is refused for now.
	Preempt time.Duration
}

// DefaultPool is the pool of a job that names none.
const DefaultPool = "default"

// Defaults returns the configuration of a cluster's master.
func Defaults(cluster string, term Term) Config {
	return Config{
		Cluster: cluster, Protocol: 1, Term: term, Journal: true,
		MaxFailures: 4, Deterministic: true, ElsewhereWait: 10 * time.Second, MaxInfra: 20,
		BackoffMin: 100 * time.Millisecond, BackoffMax: 5 * time.Second,
		StorageBackoff: 15 * time.Second, StorageWait: 10 * time.Minute,
		CrashWorkers: 3, CrashLosses: 4, NoProgressKill: 10 * time.Minute, ExecutorWait: 30 * time.Second,
		WaitProcess: 3 * time.Second, WaitNode: time.Second, WaitRack: 500 * time.Millisecond,
		ResultBytes: 1 << 30,
		Lease:       10 * time.Second, Renew: 2 * time.Second, LeaseMargin: 2 * time.Second,
		StartWait: 5 * time.Second, ProbeEvery: 500 * time.Millisecond, ProbeWait: 2 * time.Second,
		FlapHalf: 10 * time.Minute, FlapWait: 5 * time.Second, FlapMax: 10 * time.Minute,
		EdgeBan: time.Minute, EdgeWindow: 30 * time.Second, VerifyWait: 5 * time.Second,
		NoProgress: 4, Episodes: 32, OutputGone: 5, Generations: 3,
		PublishTries: 8, PublishWindow: 2 * time.Minute, CollectAgain: 2 * time.Minute,
		Ending: 30 * time.Second, DriverLease: 30 * time.Second, NoWorker: 10 * time.Minute,
		DrainDeadline: 5 * time.Minute,
		ExcludeStage:  3, ExcludeCluster: 5, ExcludeFor: 5 * time.Minute, ExcludeMost: time.Hour,
		EarlyBelow: 50 * time.Millisecond, EarlyPerSlot: 2, EarlyWait: 10 * time.Millisecond, EarlyMost: 16,
		Speculation: true, SpecRate: 0.3, SpecQuantile: 0.75, SpecMultiple: 2,
		SpecMin: 500 * time.Millisecond, SpecShare: 0.05,
		BarrierSlots: time.Minute, BarrierRound: 10 * time.Minute,
		MaxJobs: 1000, MaxActions: 16, MaxTasks: 1_000_000, MaxTotalTasks: 5_000_000,
		MaxUnstarted: 64, MaxSlots: 4096, MaxValue: 1 << 20, InlineResult: 256 << 10,
		Pools: []Pool{{Name: DefaultPool, Weight: 1}},
	}
}

// Embedded returns the configuration of the engine inside a user's process: one
// worker that cannot be lost, no journal, no second attempts, no waits.
func Embedded() Config {
	c := Defaults("embedded", 1)
	c.Journal, c.MaxFailures, c.Deterministic, c.Speculation = false, 1, false, false
	c.ElsewhereWait, c.WaitProcess, c.WaitNode, c.WaitRack = 0, 0, 0, 0
	c.Lease, c.LeaseMargin, c.StartWait, c.DriverLease, c.NoProgressKill = 0, 0, 0, 0, 0
	c.EarlyBelow = 0 // a launch costs next to nothing here
	c.NoWorker, c.MaxUnstarted, c.CollectAgain, c.ExcludeCluster = 0, 0, 0, 0
	c.PublishTries, c.PublishWindow = 3, 2*time.Second // somebody waits at a prompt
	return c
}
