// The observations of a chaos run, and the invariants that they are checked against. Pure: observations in, violations out.

/** A balancer's health page at one moment. */
export interface Observation {
  readonly atMs: number;
  readonly balancer: string;
  /** Differs for every start of its process. */
  readonly life: number;
  readonly role: string;
  readonly table: { readonly term: number; readonly mastership: string; readonly seq: number };
}

/** A master's table as it was published. */
export interface Publication {
  readonly atMs: number;
  readonly term: number;
  readonly mastership: string;
  readonly seq: number;
}

/** All observations, in order. */
export class History {
  readonly violations: string[] = [];
  /** Requests answered by balancers that were neither dead nor frozen. */
  requests = 0;
  readonly #lines: string[] = [];
  readonly #applied = new Map<string, Observation>();
  /** The mastership that stamped each (term, seq). */
  readonly #stamps = new Map<string, string>();
  readonly #published = new Map<string, number>();
  #publishedAtMs = 0;
  #longestGapMs = 0;

  /** Records an action of the run, as context for violations. */
  note(atMs: number, text: string): void {
    this.#lines.push(`${(atMs / 1000).toFixed(2)} ${text}`);
  }

  /** One mastership per stamp: no balancer applies what another mastership stamped, under a term that is in force elsewhere. */
  applied(each: Observation): void {
    const { atMs, balancer, life, role, table } = each;
    const before = this.#applied.get(balancer);
    this.#applied.set(balancer, each);
    if (before?.life !== life || before.role !== role) this.note(atMs, `${balancer} is ${role}, table ${describe(table)}`);
    if (table.term === 0) return;
    const key = `${table.term}.${table.seq}`;
    const owner = this.#stamps.get(key) ?? table.mastership;
    this.#stamps.set(key, owner);
    if (owner !== table.mastership) this.#violate(atMs, `stamp ${key} is of two masterships, ${owner} and ${table.mastership}`);
    if (before === undefined || before.life !== life) return;
    const { table: old } = before;
    const isOlder =
      table.term < old.term || (table.term === old.term && old.term > 0 && (table.mastership !== old.mastership || table.seq < old.seq));
    if (isOlder) this.#violate(atMs, `${balancer} went back from table ${describe(old)} to ${describe(table)}`);
  }

  /** A mastership numbers its tables upwards. */
  published({ atMs, term, mastership, seq }: Publication): void {
    const key = `${term} ${mastership}`;
    const last = this.#published.get(key);
    if (last === undefined) this.note(atMs, `first table of term ${term}, mastership ${mastership.slice(0, 12)}`);
    if (last !== undefined && seq <= last) this.#violate(atMs, `mastership ${mastership} published ${seq} after ${last}`);
    this.#published.set(key, seq);
    this.#longestGapMs = Math.max(this.#longestGapMs, atMs - this.#publishedAtMs);
    this.#publishedAtMs = atMs;
  }

  /** The longest time without a master's table since the last call, including a gap that is still open. */
  takeLongestGapMs(atMs: number): number {
    const gapMs = Math.max(this.#longestGapMs, atMs - this.#publishedAtMs);
    this.#longestGapMs = 0;
    return gapMs;
  }

  /** Records another violation. */
  fail(atMs: number, what: string): void {
    this.#violate(atMs, what);
  }

  /** The masterships so far, by their first tables. */
  get masterships(): number {
    return this.#published.size;
  }

  #violate(atMs: number, what: string): void {
    this.note(atMs, `VIOLATION: ${what}`);
    this.violations.push(`${what}\n${this.#lines.slice(-40).join('\n')}`);
  }
}

const describe = ({ term, mastership, seq }: Observation['table']): string => `${term}.${seq} of ${mastership || 'nobody'}`;
