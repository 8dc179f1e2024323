// How far a run is, and how long it still takes: from what its turns have taken, and from estimates of the other parts.

/** Tells on stderr how far a run is. */
export class TurnProgress {
  readonly #say: (line: string) => void;
  #turns: number;
  #done = 0;
  #turnMs: number;
  #laterSeconds: number;
  #startMs: number | undefined;

  /** @param turnMs estimate until there are turns to go by; @param laterSeconds estimate of what follows the turns */
  constructor(say: (line: string) => void, turns: number, turnMs: number, laterSeconds: number) {
    this.#say = say;
    this.#turns = turns;
    this.#turnMs = turnMs;
    this.#laterSeconds = laterSeconds;
  }

  /** Corrects the number of turns that are still to come. */
  expect(turns: number): void {
    this.#turns = this.#done + turns;
  }

  /** A turn begins. */
  begin(): void {
    this.#startMs = performance.now();
  }

  /** A turn has ended. */
  end(line: string): void {
    this.#done++;
    // The latest turns count most.
    if (this.#startMs !== undefined) this.#turnMs += (performance.now() - this.#startMs - this.#turnMs) / Math.min(this.#done, 10);
    this.#turns = Math.max(this.#turns, this.#done);
    const seconds = ((this.#turns - this.#done) * this.#turnMs) / 1000 + this.#laterSeconds;
    this.#say(`${this.#done}/${this.#turns}, ${shownTime(seconds)} left: ${line}`);
  }
}

/** `1 min 20 s`, in steps of ten seconds; `45 s` below a minute. */
export function shownTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const tens = Math.round(whole / 10) * 10;
  return tens % 60 === 0 ? `${tens / 60} min` : `${Math.floor(tens / 60)} min ${tens % 60} s`;
}
