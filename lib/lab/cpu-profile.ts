// Reads the output of `node --cpu-prof`: a call tree, and the function that ran at each sample. The profile starts with
// the process, so it is cut to the time of the load. Format: `Profiler.Profile` of the DevTools protocol.

/** A function in a profile. */
export interface ProfileFrame {
  readonly functionName: string;
  /** A file URL, `node:…`, or empty for native functions and pseudo functions such as `(idle)`. */
  readonly url: string;
  /** Zero-based. */
  readonly lineNumber: number;
}

/** A node of the call tree. */
export interface ProfileNode {
  readonly id: number;
  readonly callFrame: ProfileFrame;
  readonly children?: readonly number[];
}

/** A profile; times in microseconds of CLOCK_MONOTONIC. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Time between the previous sample and this one. */
  readonly timeDeltas: readonly number[];
}

/** Time spent in a function itself; `callers` are the functions on the stack, nearest first. */
export interface SelfTime {
  readonly frame: ProfileFrame;
  readonly callers: readonly ProfileFrame[];
  readonly micros: number;
}

/**
 * Self time of each function between two times of CLOCK_MONOTONIC in microseconds. Every sample counts as one median
 * interval: a longer gap means that the thread was not running.
 */
export function selfTimes({ nodes, startTime, samples, timeDeltas }: CpuProfile, fromMicros: number, toMicros: number): SelfTime[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const sorted = timeDeltas.toSorted((one, other) => one - other);
  const interval = sorted[sorted.length >> 1] ?? 0;
  const micros = new Map<number, number>();
  let atMicros = startTime;
  for (const [index, id] of samples.entries()) {
    atMicros += timeDeltas[index] ?? 0;
    if (atMicros < fromMicros || atMicros >= toMicros) continue;
    micros.set(id, (micros.get(id) ?? 0) + interval);
  }
  return [...micros].flatMap(([id, own]) => {
    const node = byId.get(id);
    if (node === undefined) return [];
    const callers: ProfileFrame[] = [];
    for (let at = parents.get(id); at !== undefined; at = parents.get(at)) {
      const caller = byId.get(at);
      if (caller !== undefined) callers.push(caller.callFrame);
    }
    return [{ frame: node.callFrame, callers, micros: own }];
  });
}
