// Output of a process: its log, one JSON line per event, on stderr, written by pino; and sinks for high-volume lines.
// The only importer of pino. Worker threads pass their lines to the main thread, so that lines never interleave.

import { fstatSync } from 'node:fs';
import { createRequire } from 'node:module';
import { openForLines, statOf } from './open-for-lines.js';
import { UnwrittenLines } from './unwritten-lines.js';

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

/**
 * How a sink fares: the system's error of a write that failed; `slow` when lines are dropped since the disk or the
 * reader does not keep up; null when everything kept since has been written.
 */
export type SinkHealth = NodeJS.ErrnoException | 'slow' | null;

/** A sink for high-volume lines: non-blocking, with bounded memory. */
export interface LineSink {
  /** Takes a line with its `\n`. It is written within about a second, or dropped and reported to `onDrop`. */
  write(line: string): void;
  /** For rotation, after the file was renamed: further lines go to a new file of the old name. No line is lost or duplicated. */
  reopen(): void;
  /** Flushes for at most a second; what remains then is lost and reported to `onDrop`. Further lines are dropped. */
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
 * Whatever happens to the file or its reader, `write` neither throws nor blocks; `onDrop` is called for each line that
 * is lost. Throws the system's error if the file cannot be opened; if a `reopen` fails, the old file stays in use.
 * A process that exits without `close` loses the lines not yet written.
 * @param isShared other processes write there too: lines must not interleave
 * @param onHealth called when writing begins to fail, with the reason, and when it works again
 */
export function openLineSink(
  file: string,
  onDrop: () => void,
  isShared = false,
  onHealth: (health: SinkHealth) => void = () => undefined,
): LineSink {
  let isFailing = false;
  const note = (from: LineFile, health: SinkHealth): void => {
    // What becomes of a rotated file does not matter here.
    if (from !== current || isFailing === (health !== null)) return;
    isFailing = health !== null;
    onHealth(health);
  };
  let current = new LineFile(file, onDrop, isShared, note);
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
        current = new LineFile(file, onDrop, isShared, note);
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
  readonly #onHealth: (from: LineFile, health: SinkHealth) => void;
  readonly #flushing: NodeJS.Timeout;
  /** Size of a chunk passed to the stream. */
  readonly #pieceBytes: number;
  #gathered = '';
  #gatheredLines = 0;
  readonly #unwritten = new UnwrittenLines();
  /** Bytes still to be written before writing counts as working again. */
  #owedBytes = 0;
  #isRefused = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  /** The reader is gone for good. */
  #isBroken = false;
  #isEnding = false;
  #isGivenUp = false;

  constructor(file: string, onDrop: () => void, isShared: boolean, onHealth: (from: LineFile, health: SinkHealth) => void) {
    this.#fd = openForLines(file);
    // Writes to a regular file are atomic.
    const isPieced = isShared && !fstatSync(this.#fd).isFile();
    this.#pieceBytes = isPieced ? ONE_PIECE_BYTES : GATHERED_BYTES;
    this.#onDrop = onDrop;
    this.#onHealth = onHealth;
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
    this.#stream.on('drop', () => this.#refused()).on('write', (bytes: number) => this.#written(bytes));
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
        this.#drop(this.#unwritten.giveUp());
        resolve();
      }, timeoutMs);
    });
    await Promise.race([this.#closed, timeout]);
    clearTimeout(timer);
  }

  /** Passes the batch to the stream; if its buffer is full, it emits `drop` at once. */
  #handOver(): void {
    const lines = this.#gatheredLines;
    if (lines === 0) return;
    this.#isRefused = this.#isBroken;
    if (!this.#isBroken) {
      // Before the write, which may be done at once.
      this.#unwritten.push(lines, Buffer.byteLength(this.#gathered));
      this.#stream.write(this.#gathered);
    }
    if (this.#isRefused) this.#drop(lines);
    this.#gathered = '';
    this.#gatheredLines = 0;
  }

  /** Handles that the stream's buffer is full. */
  #refused(): void {
    this.#isRefused = true;
    this.#unwritten.pop();
    this.#owedBytes = this.#unwritten.bytes;
    this.#onHealth(this, 'slow');
  }

  #drop(lines: number): void {
    for (let i = 0; i < lines; i++) this.#onDrop();
  }

  #written(bytes: number): void {
    clearTimeout(this.#retry);
    this.#retryMs = RETRY_MS;
    this.#unwritten.wrote(bytes);
    this.#owedBytes -= bytes;
    if (this.#owedBytes <= 0) this.#onHealth(this, null);
  }

  /** Handles a failed write; the stream keeps the data for the next write or flush. */
  #failed(error: NodeJS.ErrnoException): void {
    if (this.#isBroken) return;
    clearTimeout(this.#retry);
    const { code } = error;
    // A full pipe is none of the faults: its reader may only be slow. When lines are lost, that is told.
    if (code !== 'EAGAIN') {
      this.#owedBytes = this.#unwritten.bytes;
      this.#onHealth(this, error);
    }
    if (code === 'EPIPE' || this.#isGivenUp) {
      this.#isBroken = true;
      this.#drop(this.#unwritten.giveUp());
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
