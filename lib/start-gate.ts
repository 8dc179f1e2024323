// When a new balancer begins to serve: once the fleet thread knows what can be known, and the hosts that it knows
// may be picked. The wait is bounded; until then requests wait, since without hosts they could only fail.

/** Longest wait for the fleet thread. */
const OPEN_WITHIN_MS = 3000;

/** The same where hosts are named on the command line: they are known without Redis, and only a machine that is short of CPU needs longer. */
const OPEN_WITH_STATICS_WITHIN_MS = 15_000;

/** Longest wait for Redis to say whether an operator took out one of the hosts that are known. */
const WORDS_WITHIN_MS = 500;

/** The gate of one balancer; it opens once. */
export class StartGate {
  /** Resolves when the balancer is to serve. */
  readonly opened: Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #open: () => void = () => undefined;
  /** Announcements of hosts that the candidates' list does not contain yet. */
  #unlisted = 0;
  #isSynced = false;

  constructor(hasStatics: boolean) {
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
    this.#timer = setTimeout(this.#open, hasStatics ? OPEN_WITH_STATICS_WITHIN_MS : OPEN_WITHIN_MS);
    void this.opened.then(() => clearTimeout(this.#timer));
  }

  /** The fleet thread has announced hosts; the answer to it is on its way. */
  onAnnounced(): void {
    this.#unlisted++;
    setTimeout(() => this.onSynced(), WORDS_WITHIN_MS).unref();
  }

  /** The hosts of one announcement may be picked. */
  onListed(): void {
    this.#unlisted--;
    this.#look();
  }

  /** Nothing more can be known for now. */
  onSynced(): void {
    this.#isSynced = true;
    this.#look();
  }

  /** The fleet thread died: what it had announced is not listed by it any more. */
  onThreadDeath(): void {
    this.#unlisted = 0;
  }

  #look(): void {
    if (this.#isSynced && this.#unlisted === 0) this.#open();
  }
}
