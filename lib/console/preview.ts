// What becomes of a pool's hosts when one is taken out or let in again: its load goes to, or comes from, the others in
// proportion to their capacity, as picks spread it. Pure. It is an estimate: caches, queues and affinity are left out.

/** A host of the pool, as it is now. Figures are null while they are unknown. */
export interface PreviewHost {
  readonly name: string;
  /** Whether it gets requests: it is not down, and neither an operator nor this balancer has taken it out. */
  readonly isUsable: boolean;
  /** CPU in use as a fraction of `cores`. */
  readonly cpu: number | null;
  readonly cores: number | null;
  /** What it can do, in ms of work per ms, and how fast it does one request alone, in the same unit. */
  readonly capacity: number | null;
  readonly speed: number | null;
  /** Requests in flight from the whole fleet. */
  readonly inflight: number;
}

/** The load of a host as a fraction of what it can do; null while it is unknown. */
export interface PreviewEffect {
  readonly host: string;
  readonly loadBefore: number | null;
  readonly loadAfter: number | null;
}

/** What an act on a host does. */
export interface HostPreview {
  readonly effects: readonly PreviewEffect[];
  /** Whether the pool would have no usable host any more. */
  readonly isLast: boolean;
  /** The highest load after it; null while none is known. */
  readonly highestLoad: number | null;
}

/** At this load a request waits ten times as long as it is served (M/M/1: 1 / (1 − load)). */
export const FULL_LOAD = 0.9;

/** The effects of taking a usable host out of its pool; none for one that is out already. */
export function previewRemoval(hosts: readonly PreviewHost[], target: string): HostPreview {
  const removed = hosts.find(({ name, isUsable }) => name === target && isUsable);
  const others = hosts.filter(({ name, isUsable }) => name !== target && isUsable);
  if (removed === undefined) return { effects: [], isLast: false, highestLoad: null };
  const total = sizesOf(others).reduce((sum, size) => sum + size, 0);
  const moved = busyOf(removed);
  return previewOf(
    others.map((host, index) => {
      const size = sizesOf(others)[index] as number;
      return effectOf(host, moved === null ? null : (moved * size) / total);
    }),
    others.length === 0,
  );
}

/** The effects of letting a host in again: it takes a part of the others' load. */
export function previewReturn(hosts: readonly PreviewHost[], target: string): HostPreview {
  const returned = hosts.find(({ name, isUsable }) => name === target && !isUsable);
  const others = hosts.filter(({ name, isUsable }) => name !== target && isUsable);
  if (returned === undefined) return { effects: [], isLast: false, highestLoad: null };
  const sizes = sizesOf([...others, returned]);
  const share = (sizes[others.length] as number) / sizes.reduce((sum, size) => sum + size, 0);
  const busy = others.map(busyOf);
  const moved = busy.includes(null) ? null : busy.reduce<number>((sum, each) => sum + (each as number) * share, 0);
  return previewOf(
    [
      ...others.map((host, index) => {
        const own = busy[index] as number | null;
        return effectOf(host, own === null ? null : -own * share);
      }),
      effectOf(returned, others.length === 0 ? null : moved),
    ],
    false,
  );
}

function previewOf(effects: readonly PreviewEffect[], isLast: boolean): HostPreview {
  const known = effects.flatMap(({ loadAfter }) => loadAfter ?? []);
  return { effects, isLast, highestLoad: known.length === 0 ? null : Math.max(...known) };
}

/** A host's load, and the same with so many more busy cores. */
function effectOf(host: PreviewHost, more: number | null): PreviewEffect {
  const [busy, size] = [busyOf(host), roomOf(host)];
  if (busy === null || size === null) return { host: host.name, loadBefore: null, loadAfter: null };
  return { host: host.name, loadBefore: busy / size, loadAfter: more === null ? null : Math.max(0, busy + more) / size };
}

/** Cores in use: as its agent says, or else as many as its requests in flight would use at full speed. */
function busyOf({ cpu, cores, speed, inflight }: PreviewHost): number | null {
  if (cpu !== null && cores !== null) return cpu * cores;
  return speed === null ? null : inflight * speed;
}

/** What {@link busyOf} is compared with. */
function roomOf({ cpu, cores, capacity }: PreviewHost): number | null {
  return cpu !== null && cores !== null ? cores : capacity;
}

/** What picks go by; where the capacity of one is unknown, all count as equal. */
function sizesOf(hosts: readonly PreviewHost[]): number[] {
  const capacities = hosts.map(({ capacity }) => capacity);
  return capacities.every((capacity) => capacity !== null && capacity > 0) ? (capacities as number[]) : hosts.map(() => 1);
}
