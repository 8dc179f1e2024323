// What a process writes: its log, one JSON line for each event, on stderr, by pino; and sinks for lines that come
// by the thousand. The only importer of pino. Worker threads hand their lines to the main thread, so that lines never mix.

import { constants, fstatSync, openSync, type Stats, statSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

type Pino = typeof import('pino').pino;
type Destination = ReturnType<Pino['destination']>;

/** Loaded by who writes: most commands write no log, and would start a fifth later. */
const loadPino = (): Pino => (require('pino') as typeof import('pino')).pino;

/** Log levels, least severe first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** How much is logged: this level and what is more severe. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What each line has by itself: a field of the same name would stand there twice, and readers of JSON keep one of the two. */
type LineKey = 'level' | 'time' | 'name' | 'msg';

/** Values that go with a log line, by name. No secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes one log line. */
export type Log = (level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields & { readonly [key in LineKey]?: never }) => void;

/** The log of this process; `name` is on each line, so that the lines of a fleet can be told apart. */
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

/** Standard error for the log. A full disk or a slow reader behind it costs lines, and neither the process nor its end. */
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
  // At an error that is not EPIPE pino throws.
  stream.removeAllListeners('error').on('error', () => {
    hasFailed = true;
  });
  stream.on('write', () => {
    hasFailed = false;
  });
  // What pino calls when the process exits; where writing fails it would try for ever.
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

/** Where lines go that come by the thousand: written without waiting, within bounded memory. */
export interface LineSink {
  /** Takes a line with its `\n`. It is written within about a second; or it is dropped, and that is told. */
  write(line: string): void;
  /** For rotation, after the file was moved away: the next lines go to a new file of the old name. No line is lost or doubled. */
  reopen(): void;
  /** Writes what is left, for a second at most; what is left then is lost. Lines that still come are dropped. */
  close(): Promise<void>;
}

/** Lines are gathered before they are handed over, or the stream would copy all it holds at each of them; at most for FLUSH_MS. */
const GATHERED_BYTES = 16 << 10;
const FLUSH_MS = 1000;
/** Of one write. A busy process comes to writing but once in a while, and must not fall behind then. */
const WRITE_BYTES = 256 << 10;
/** While the disk or the reader is slow so much is kept; lines beyond it are dropped. */
const KEPT_BYTES = 8 << 20;

/**
 * What others write to too, and is no file, takes no more than this in one piece: PIPE_BUF of pipe(7). A line that is
 * longer can be torn by theirs.
 */
const ONE_PIECE_BYTES = 4096;

const CLOSE_MS = 1000;
/** A file that was moved away is given longer: a slow disk has up to KEPT_BYTES to take. */
const MOVED_CLOSE_MS = 30_000;

/** Pauses before a full pipe is tried again, the first and the longest. */
const RETRY_MS = 5;
const MAX_RETRY_MS = 500;

/**
 * Opens a file for lines, to append to; an empty name is standard output, which cannot be opened anew.
 * Whatever becomes of the file or its reader, `write` neither throws nor waits; each line that is dropped is told by
 * `onDrop`. Throws the system's error when the file cannot be opened; when a `reopen` cannot, the old file stays.
 * A process that exits without `close` loses what was not written yet.
 * @param isShared other processes write there too: lines must not mix
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

/** One open file, pipe or terminal. All that can go wrong with it ends here. */
class LineFile {
  readonly #fd: number;
  readonly #stream: Destination;
  readonly #closed: Promise<void>;
  readonly #onDrop: () => void;
  readonly #flushing: NodeJS.Timeout;
  /** So much is handed over at once. */
  readonly #pieceBytes: number;
  #gathered = '';
  #gatheredLines = 0;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  /** Nobody will ever read what is written. */
  #isBroken = false;
  #isEnding = false;
  #isGivenUp = false;

  constructor(file: string, onDrop: () => void, isShared: boolean) {
    this.#fd = openForLines(file);
    // A file takes every write in one piece.
    const isPieced = isShared && !fstatSync(this.#fd).isFile();
    this.#pieceBytes = isPieced ? ONE_PIECE_BYTES : GATHERED_BYTES;
    this.#onDrop = onDrop;
    this.#stream = loadPino().destination({
      // With a minLength of 0 it would ignore our flush.
      dest: this.#fd,
      sync: false,
      minLength: 1,
      maxLength: KEPT_BYTES,
      maxWrite: isPieced ? ONE_PIECE_BYTES : WRITE_BYTES,
      // Its own retry waits 100 ms whenever a pipe is full, which a quick reader never deserves.
      retryEAGAIN: () => false,
    });
    // What pino does at an error: silence the stream without a word, or throw.
    this.#stream.removeAllListeners('error').on('error', (error: NodeJS.ErrnoException) => this.#failed(error));
    // What pino calls when the process exits: on a full disk it would try for ever.
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

  /** Whether the file of this name is this one, so that opening it anew would change nothing. */
  isAt(file: string): boolean {
    if (this.#isBroken) return false;
    const named = statOf(file);
    const own = fstatSync(this.#fd);
    return named?.ino === own.ino && named.dev === own.dev;
  }

  /** Writes what is left and closes; resolves after `timeoutMs` at the latest. A second call may shorten it. */
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

  /** Gives the stream what is gathered; if it has too much already, it says `drop` at once. */
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

  /** A write has failed; the stream keeps what it was to write, for the next write or flush. */
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
      // It has ended, though not well: closing the file failed.
    }
  }
}

const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDWR, O_WRONLY } = constants;

/** Opens what lines go to so that a write never blocks one of Node's few threads for files. */
function openForLines(file: string): number {
  if (file === '') return openStandardOutput();
  // Open for reading too, a FIFO waits for no reader, and outlives those that come and go.
  const isFifo = statOf(file)?.isFIFO() === true;
  return openSync(file, isFifo ? O_RDWR | O_NONBLOCK : O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK, 0o640);
}

/** A pipe or terminal is opened once more, since others who hold it may want it to block. */
function openStandardOutput(): number {
  try {
    const stats = fstatSync(1);
    if (stats.isFIFO() || stats.isCharacterDevice()) return openSync('/dev/stdout', O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
  } catch {
    // Not every pipe may be opened by its name; where there is no standard output at all, each write will say so.
  }
  // Looking at it is enough: Node then takes care that a socket (and such a pipe) does not block.
  return process.stdout.fd;
}

function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}
