// Output of a process: its log, one JSON line per event, on stderr, written by pino; and sinks for high-volume lines.
// The only importer of pino. Worker threads pass their lines to the main thread, so that lines never interleave.

import { constants, fstatSync, openSync, type Stats, statSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

type Pino = typeof import('pino').pino;
type Destination = ReturnType<Pino['destination']>;

/** Loaded lazily: most commands write no log, and loading pino makes a start 20 % slower. */
const loadPino = (): Pino => (require('pino') as typeof import('pino')).pino;

/** Log levels, least severe first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Log threshold: this level and more severe ones are logged. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What each line has by itself: a field of the same name would stand there twice, and readers of JSON keep one of the two. */
type LineKey = 'level' | 'time' | 'name' | 'msg';

/** Named values of a log line. No secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes one log line. */
export type Log = (level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields & { readonly [key in LineKey]?: never }) => void;

/** Creates the log of this process; each line carries `name`, to distinguish the processes of a fleet. */
export function createLog(level: LogLevel, name: string): Log {
  const pino = loadPino();
  const logger = pino(
    {
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    openStandardError(pino),
  );
  return (lineLevel, message, fields = {}) => logger[lineLevel](fields, message);
}

/** Opens standard error for the log. A full disk or a slow reader loses lines, but never blocks the process or its exit. */
function openStandardError(pino: Pino): Destination {
  let hasFailed = false;
  let isExiting = false;
  // Not synchronous: a slow reader must not hold up requests.
  const stream = pino.destination({
    dest: 2,
    sync: false,
    maxLength: KEPT_BYTES,
    maxWrite: ONE_PIECE_BYTES,
    retryEAGAIN: () => !isExiting,
  });
  // pino throws on errors other than EPIPE.
  stream.removeAllListeners('error').on('error', () => {
    hasFailed = true;
  });
  stream.on('write', () => {
    hasFailed = false;
  });
  // Called by pino on process exit; if writes fail it would retry forever.
  const flushSync = stream.flushSync.bind(stream);
  stream.flushSync = () => {
    isExiting = true;
    if (hasFailed) return;
    try {
      flushSync();
    } catch {
      // The pipe is full.
    }
  };
  return stream;
}

/** A sink for high-volume lines: non-blocking, with bounded memory. */
export interface LineSink {
  /** Takes a line with its `\n`. It is written within about a second, or dropped and reported to `onDrop`. */
  write(line: string): void;
  /** For rotation, after the file was renamed: further lines go to a new file of the old name. No line is lost or duplicated. */
  reopen(): void;
  /** Flushes for at most a second; what remains then is lost. Further lines are dropped. */
  close(): Promise<void>;
}

/** Lines are batched, for at most FLUSH_MS: the stream would copy its whole buffer for each line. */
const GATHERED_BYTES = 16 << 10;
const FLUSH_MS = 1000;
/** Maximum size of one write. A busy process gets to write only now and then, and must not fall behind. */
const WRITE_BYTES = 256 << 10;
/** Maximum bytes buffered while the disk or the reader is slow; further lines are dropped. */
const KEPT_BYTES = 8 << 20;

/**
 * The largest atomic write to a shared pipe: PIPE_BUF of pipe(7). Output of other processes can split longer lines.
 */
const ONE_PIECE_BYTES = 4096;

const CLOSE_MS = 1000;
/** Longest close of a rotated file: a slow disk may have up to KEPT_BYTES left to write. */
const MOVED_CLOSE_MS = 30_000;

/** The first and the longest delay before retrying a full pipe. */
const RETRY_MS = 5;
const MAX_RETRY_MS = 500;

/**
 * Opens a file for appending lines; an empty name means standard output, which cannot be reopened.
 * Whatever happens to the file or its reader, `write` neither throws nor blocks; `onDrop` is called for each dropped
 * line. Throws the system's error if the file cannot be opened; if a `reopen` fails, the old file stays in use.
 * A process that exits without `close` loses the lines not yet written.
 * @param isShared other processes write there too: lines must not interleave
 */
export function openLineSink(file: string, onDrop: () => void, isShared = false): LineSink {
  let current = new LineFile(file, onDrop, isShared);
  const moved = new Set<LineFile>();
  let isClosed = false;
  return {
    write(line) {
      if (isClosed) onDrop();
      else current.write(line);
    },
    reopen() {
      if (isClosed || file === '' || current.isAt(file)) return;
      const old = current;
      try {
        current = new LineFile(file, onDrop, isShared);
      } catch {
        return;
      }
      moved.add(old);
      void old.end(MOVED_CLOSE_MS).then(() => moved.delete(old));
    },
    async close() {
      isClosed = true;
      await Promise.all([current, ...moved].map((lineFile) => lineFile.end(CLOSE_MS)));
    },
  };
}

/** One open file, pipe or terminal. All its errors are handled here. */
class LineFile {
  readonly #fd: number;
  readonly #stream: Destination;
  readonly #closed: Promise<void>;
  readonly #onDrop: () => void;
  readonly #flushing: NodeJS.Timeout;
  /** Size of a chunk passed to the stream. */
  readonly #pieceBytes: number;
  #gathered = '';
  #gatheredLines = 0;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  /** The reader is gone for good. */
  #isBroken = false;
  #isEnding = false;
  #isGivenUp = false;

  constructor(file: string, onDrop: () => void, isShared: boolean) {
    this.#fd = openForLines(file);
    // Writes to a regular file are atomic.
    const isPieced = isShared && !fstatSync(this.#fd).isFile();
    this.#pieceBytes = isPieced ? ONE_PIECE_BYTES : GATHERED_BYTES;
    this.#onDrop = onDrop;
    this.#stream = loadPino().destination({
      // With a minLength of 0 the stream ignores flush().
      dest: this.#fd,
      sync: false,
      minLength: 1,
      maxLength: KEPT_BYTES,
      maxWrite: isPieced ? ONE_PIECE_BYTES : WRITE_BYTES,
      // Its own retry waits 100 ms on each full pipe, too long for a fast reader.
      retryEAGAIN: () => false,
    });
    // Replaces pino's handler, which silently disables the stream, or throws.
    this.#stream.removeAllListeners('error').on('error', (error: NodeJS.ErrnoException) => this.#failed(error));
    // Called by pino on process exit: on a full disk it would retry forever.
    this.#stream.flushSync = () => undefined;
    this.#stream.on('drop', () => this.#dropGathered()).on('write', () => this.#written());
    this.#closed = new Promise((resolve) => this.#stream.once('close', resolve));
    this.#flushing = setInterval(() => this.#handOver(), FLUSH_MS).unref();
  }

  write(line: string): void {
    if (this.#isBroken) return this.#onDrop();
    if (this.#gathered.length + line.length > this.#pieceBytes) this.#handOver();
    this.#gathered += line;
    this.#gatheredLines++;
  }

  /** Whether this name still refers to this file, so that reopening would change nothing. */
  isAt(file: string): boolean {
    if (this.#isBroken) return false;
    const named = statOf(file);
    const own = fstatSync(this.#fd);
    return named?.ino === own.ino && named.dev === own.dev;
  }

  /** Flushes and closes; resolves within `timeoutMs`. A second call may shorten the timeout. */
  async end(timeoutMs: number): Promise<void> {
    clearInterval(this.#flushing);
    this.#handOver();
    if (!this.#isEnding && !this.#isBroken) this.#stream.end();
    this.#isEnding = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#isGivenUp = true;
        resolve();
      }, timeoutMs);
    });
    await Promise.race([this.#closed, timeout]);
    clearTimeout(timer);
  }

  /** Passes the batch to the stream; if its buffer is full, it emits `drop` at once. */
  #handOver(): void {
    if (this.#gatheredLines === 0) return;
    if (this.#isBroken) this.#dropGathered();
    else this.#stream.write(this.#gathered);
    this.#gathered = '';
    this.#gatheredLines = 0;
  }

  #dropGathered(): void {
    for (let i = 0; i < this.#gatheredLines; i++) this.#onDrop();
  }

  #written(): void {
    clearTimeout(this.#retry);
    this.#retryMs = RETRY_MS;
  }

  /** Handles a failed write; the stream keeps the data for the next write or flush. */
  #failed({ code }: NodeJS.ErrnoException): void {
    if (this.#isBroken) return;
    clearTimeout(this.#retry);
    if (code === 'EPIPE' || this.#isGivenUp) {
      this.#isBroken = true;
      this.#stream.destroy();
      return;
    }
    this.#retry = setTimeout(() => this.#tryAgain(), this.#retryMs).unref();
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
  }

  #tryAgain(): void {
    try {
      this.#stream.flush();
    } catch {
      // The stream has ended, but closing the file failed.
    }
  }
}

const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDWR, O_WRONLY } = constants;

/** Opens the sink's target so that a write never blocks a thread of Node's small file I/O pool. */
function openForLines(file: string): number {
  if (file === '') return openStandardOutput();
  // Opened read-write, a FIFO does not wait for a reader and survives readers that come and go.
  const isFifo = statOf(file)?.isFIFO() === true;
  return openSync(file, isFifo ? O_RDWR | O_NONBLOCK : O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK, 0o640);
}

/** Reopens a pipe or terminal: O_NONBLOCK on a shared descriptor would affect other processes. */
function openStandardOutput(): number {
  try {
    const stats = fstatSync(1);
    if (stats.isFIFO() || stats.isCharacterDevice()) return openSync('/dev/stdout', O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
  } catch {
    // Not every pipe can be opened by name; without any standard output, each write fails.
  }
  // The access alone makes Node set a socket (and such a pipe) non-blocking.
  return process.stdout.fd;
}

function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}
