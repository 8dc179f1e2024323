// Virtual time, advanced only explicitly: tasks run in time order, and in scheduling order for equal times.

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock and its tasks. */
export class VirtualTime {
  #nowMs = 0;
  #scheduled = 0;
  /** A binary heap: the next task is the first. */
  readonly #tasks: Task[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs `run` after `delayMs` (0 or more). */
  after(delayMs: number, run: () => void): void {
    const tasks = this.#tasks;
    tasks.push({ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#scheduled++, run });
    for (let child = tasks.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!isBefore(tasks[child] as Task, tasks[parent] as Task)) break;
      swap(tasks, child, parent);
      child = parent;
    }
  }

  /** Lets time pass; tasks due within it run at their moments. */
  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let next = this.#tasks[0]; next !== undefined && next.atMs <= endMs; next = this.#tasks[0]) {
      this.#removeFirst();
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = endMs;
  }

  #removeFirst(): void {
    const tasks = this.#tasks;
    const last = tasks.pop() as Task;
    if (tasks.length === 0) return;
    tasks[0] = last;
    for (let parent = 0; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < tasks.length && isBefore(tasks[child] as Task, tasks[least] as Task)) least = child;
      }
      if (least === parent) return;
      swap(tasks, parent, least);
      parent = least;
    }
  }
}

const isBefore = (a: Task, b: Task) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function swap(tasks: Task[], a: number, b: number): void {
  [tasks[a], tasks[b]] = [tasks[b] as Task, tasks[a] as Task];
}
