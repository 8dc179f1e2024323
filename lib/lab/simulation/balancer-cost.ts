// What balancers and Redis need of CPU in a scenario, and how clients reach balancers. Absent: nothing, and evenly.

/** CPU of a balancer. Its threads share a quota. */
export interface BalancerCost {
  /** Cores that all threads of a balancer may use together. */
  readonly cores: number;
  /** Length of the quota's period, as in the kernel; 0: a processor of that speed. */
  readonly periodMs: number;
  /** CPU of the traffic thread for a request, in µs, and the share (0..1) of it after the host's answer. */
  readonly requestMicros: number;
  readonly afterShare: number;
  /** CPU of the traffic thread beside that, in µs, to go on with cold caches after it has not run, and how fast they cool. */
  readonly coldMicros: number;
  readonly coolMs: number;
  /** To accept a connection, in µs, and how many clients open at most to each balancer. */
  readonly connectMicros: number;
  readonly connectionLimit: number;
  /** Requests that may wait for the traffic thread before others are refused with 503. Infinity: all wait, in the kernel's buffers. */
  readonly queueLimit: number;
  /** Share of a core that a balancer needs at rest, for timers, and what the master needs beside it. */
  readonly idleCores: number;
  readonly masterIdleCores: number;
  /** To wake the fleet thread, which waits for messages. */
  readonly wakeMicros: number;
  /** For a load message sent, and for each host in it; for a table applied, and for each row in it. */
  readonly loadMicros: number;
  readonly tableMicros: number;
  readonly rowMicros: number;
  /** Of the master: for a load message, for each host in it, for a table published, and for a report of an agent. */
  readonly masterLoadMicros: number;
  readonly masterHostMicros: number;
  readonly masterTableMicros: number;
  readonly reportMicros: number;
  /** Requests for which each simulated one stands: rows of messages are charged as if all of them had changed hosts. */
  readonly standsFor: number;
}

/** CPU of Redis, in µs. */
export interface RedisCost {
  /** To wake it when it is idle, */
  readonly wakeMicros: number;
  /** for each message published, and for each receiver of it. */
  readonly publishMicros: number;
  readonly receiverMicros: number;
  /** For each row of a table, and each receiver of it. */
  readonly rowMicros: number;
}

/** How clients find a balancer. */
export const CLIENT_WAYS = ['even', 'dns', 'anycast', 'front'] as const;

/** One of `CLIENT_WAYS`. */
export type ClientWay = (typeof CLIENT_WAYS)[number];

/** How much more some clients ask than others. */
export const CLIENT_RATES = ['equal', 'zipf', 'lognormal'] as const;

/** One of `CLIENT_RATES`. */
export type ClientRates = (typeof CLIENT_RATES)[number];

/** The clients. */
export interface ClientRules {
  readonly count: number;
  readonly by: ClientWay;
  readonly rates: ClientRates;
  /** Exponent of `zipf`, and sigma of `lognormal`. */
  readonly skew: number;
  /** For `dns`: how long a client keeps an address; dead balancers are still listed until they are checked. */
  readonly ttlMs: number;
  /** For `dns` and `front`: interval at which balancers are checked. */
  readonly checkMs: number;
  /** For `anycast`: mean time for which a client keeps a connection (exponential), */
  readonly connectionMs: number;
  /** and whether hashes of those balancers stay that are not concerned when one dies (consistent hashing). */
  readonly isConsistent: boolean;
}

/** The search for the highest load of fleets of different sizes, in place of the comparison of policies. */
export interface ScalingRules {
  /** Numbers of hosts; their mix is that of the scenario. */
  readonly hosts: readonly number[];
  /** Whole cores for each balancer, and the cores of one shared by all. */
  readonly cpu: readonly ('whole' | 'total')[];
  /** Ways of clients beside the scenario's, for whole cores and the fewest hosts. */
  readonly ways: readonly ClientWay[];
}
